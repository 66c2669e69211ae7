package sim

import (
	"trial/clock"
	"trial/engine"
)

// QuietUntil is an instant before which no event reaches the program of a node
// that has neither timers nor disks, unless somebody outside calls it: until then
// only other nodes do something. A driver that keeps the world in step with
// another clock may leave the world behind until then. A timeout of one of the
// node's own connections may come earlier, by less than the least latency.
func (w *World) QuietUntil(id engine.NodeID) clock.Instant {
	next, ok := w.NextAt()
	if !ok {
		return clock.Never
	}
	n := w.node(id)
	if n.inbox.n > 0 && !n.paused {
		return max(n.busy, w.tl.Now())
	}
	return n.machine.QuietUntil(next)
}

// Unsent is the number of bytes that a node sent on a connection and that the
// program at the other end has not taken yet; 0 if the connection is closed.
func (w *World) Unsent(id engine.NodeID, c engine.ConnID) int64 {
	p := w.node(id).proc
	if p == nil {
		return 0
	}
	if e := p.end(c); e != nil {
		return e.Unsent()
	}
	return 0
}

// SetReading says whether a node takes what arrives on a connection or leaves it
// unread, as a slow reader does: the sender's window closes.
func (w *World) SetReading(id engine.NodeID, c engine.ConnID, on bool) {
	if p := w.node(id).proc; p != nil {
		if e := p.end(c); e != nil {
			e.SetReading(on)
		}
	}
}
