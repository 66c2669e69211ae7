package sim

import (
	"trial/clock"
	"trial/engine"
)

// pairs calls f for every ordered pair of a node in a and another one in b.
func (w *World) pairs(a, b []engine.NodeID, f func(from, to *node)) {
	for _, x := range a {
		for _, y := range b {
			if x != y {
				f(w.node(x), w.node(y))
			}
		}
	}
}

// Cut lets nothing pass between the nodes of a and those of b, in both directions.
func (w *World) Cut(a, b []engine.NodeID) {
	w.CutOneWay(a, b)
	w.CutOneWay(b, a)
}

// CutOneWay lets nothing pass from the nodes of a to those of b.
func (w *World) CutOneWay(a, b []engine.NodeID) {
	w.pairs(a, b, func(from, to *node) {
		w.fault(from.id, "cut", int64(to.id))
		w.net.Cut(from.index, to.index)
	})
}

// Heal undoes Cut, CutOneWay and Clog between the nodes of a and those of b, in
// both directions.
func (w *World) Heal(a, b []engine.NodeID) {
	heal := func(from, to *node) {
		w.fault(from.id, "heal", int64(to.id))
		w.net.Heal(from.index, to.index)
		w.net.Unclog(from.index, to.index)
	}
	w.pairs(a, b, heal)
	w.pairs(b, a, heal)
}

// HealAll undoes every cut, clog, slow link, hold and alteration of the network.
func (w *World) HealAll() {
	w.fault(0, "heal-all")
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			w.net.Slow(a.index, b.index, 1)
			w.net.Delay(a.index, b.index, 0)
			w.net.Heal(a.index, b.index)
			w.net.Unclog(a.index, b.index)
		}
	}
	for _, release := range w.holds {
		release()
	}
	w.holds = nil
}

// Clog makes everything from the nodes of a to those of b wait; connections
// survive that, however long it takes.
func (w *World) Clog(a, b []engine.NodeID) {
	w.pairs(a, b, func(from, to *node) {
		w.fault(from.id, "clog", int64(to.id))
		w.net.Clog(from.index, to.index)
	})
}

// Unclog undoes Clog.
func (w *World) Unclog(a, b []engine.NodeID) {
	w.pairs(a, b, func(from, to *node) {
		w.fault(from.id, "unclog", int64(to.id))
		w.net.Unclog(from.index, to.index)
	})
}

// SlowLink multiplies the latency from a to b; 1 is its own speed.
func (w *World) SlowLink(a, b engine.NodeID, factor int64) {
	w.fault(a, "slow-link", int64(b), factor)
	w.net.Slow(w.node(a).index, w.node(b).index, factor)
}

// DelayLink makes everything from a to b take that much longer; 0 ends that.
func (w *World) DelayLink(a, b engine.NodeID, by clock.Duration) {
	w.fault(a, "delay-link", int64(b), int64(by))
	w.net.Delay(w.node(a).index, w.node(b).index, by)
}

// ResetConns breaks every connection between a and b, and tells how many.
func (w *World) ResetConns(a, b engine.NodeID) int {
	w.fault(a, "reset", int64(b))
	return w.net.Reset(w.node(a).index, w.node(b).index)
}

// HoldFrames delays every frame that match holds for, from now until the
// returned function is called or HealAll. What follows a frame on its connection
// waits behind it. match must be a function of its arguments.
func (w *World) HoldFrames(match func(from, to engine.NodeID, frame []byte) bool, delay clock.Duration) (release func()) {
	w.fault(0, "hold", int64(delay))
	once := w.net.Hold(match, delay)
	w.holds = append(w.holds, once)
	return func() {
		w.fault(0, "release")
		once()
	}
}

// AlterFrames shows change every frame that is transmitted, from now until the
// returned function is called or HealAll. What it writes into the bytes is what
// arrives. change must draw nothing but from a stream of its own.
func (w *World) AlterFrames(change func(from, to engine.NodeID, frame []byte)) (release func()) {
	w.fault(0, "alter")
	once := w.net.Alter(change)
	w.holds = append(w.holds, once)
	return func() {
		w.fault(0, "release")
		once()
	}
}

// MendOneWay undoes CutOneWay from a to b, and nothing else.
func (w *World) MendOneWay(a, b engine.NodeID) {
	w.fault(a, "mend", int64(b))
	w.net.Heal(w.node(a).index, w.node(b).index)
}
