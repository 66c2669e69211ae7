package simnet

import (
	"slices"

	"trial/clock"
	"trial/engine"
)

// Cut lets nothing pass from machine a to machine b any more. Packets wait and
// are sent again after the heal.
func (n *Net) Cut(a, b int) { n.links[a][b].block(&n.links[a][b].cut, n.tl.Now()) }

// Heal undoes Cut.
func (n *Net) Heal(a, b int) {
	l := n.links[a][b]
	if l.cut {
		l.cut = false
		l.resume()
	}
}

// Clog makes everything from a to b wait, however long, without any timeout.
func (n *Net) Clog(a, b int) { n.links[a][b].block(&n.links[a][b].clog, n.tl.Now()) }

// Unclog undoes Clog.
func (n *Net) Unclog(a, b int) {
	l := n.links[a][b]
	if l.clog {
		l.clog = false
		l.resume()
	}
}

func (l *link) block(flag *bool, now clock.Instant) {
	if !l.blocked() {
		l.since = now
	}
	*flag = true
}

// Cuts reports whether the way from a to b is cut.
func (n *Net) Cuts(a, b int) bool { return n.links[a][b].cut }

// Slow multiplies the latency from a to b; 1 is the climate's own.
func (n *Net) Slow(a, b int, factor int64) { n.links[a][b].factor = max(1, factor) }

// Delay makes every packet from a to b take that much longer; 0 is the climate's
// own latency. Unlike a factor it does not blow up the climate's rare hiccups.
func (n *Net) Delay(a, b int, by clock.Duration) { n.links[a][b].delay = max(0, by) }

// SetClimate changes how the way from a to b behaves.
func (n *Net) SetClimate(a, b int, c Climate) { n.links[a][b].setClimate(c) }

// Hold delays every frame that match holds for when it is transmitted; what
// follows on its connection waits behind it. The returned function ends that.
func (n *Net) Hold(match func(from, to engine.NodeID, frame []byte) bool, delay clock.Duration) (release func()) {
	h := &hold{match, delay}
	n.holds = append(n.holds, h)
	return func() {
		n.holds = slices.DeleteFunc(n.holds, func(x *hold) bool { return x == h })
	}
}

// Alter shows change every frame when it is transmitted; what it writes into the
// bytes is what arrives. The returned function ends that.
func (n *Net) Alter(change func(from, to engine.NodeID, frame []byte)) (release func()) {
	a := &alter{change}
	n.alters = append(n.alters, a)
	return func() {
		n.alters = slices.DeleteFunc(n.alters, func(x *alter) bool { return x == a })
	}
}

// Reset breaks every connection between a and b: what was sent and has not
// arrived is lost, half a frame or not, and both ends are told ErrReset. Some of
// the time one of them is told only much later, or when it sends.
func (n *Net) Reset(a, b int) int {
	count := 0
	for _, e := range n.machines[a].living() {
		if e.peer.m.index != b || e.broken || a == b && e.accepted {
			continue
		}
		if e.state != stateOpen && e.state != stateDialing && e.state != stateClosing {
			continue
		}
		count++
		n.breakUp(e)
	}
	return count
}

func (n *Net) breakUp(e *End) {
	late := -1
	if n.draw.Chance(n.limits.HalfOpen, 1000) {
		late = n.draw.Pick(2)
	}
	ends := [2]*End{e, e.peer}
	for _, x := range ends {
		x.broken = true
		x.out.clear()
		x.out.lastAt = n.tl.Now()
	}
	for i, x := range ends {
		if x.embryo || x.state == stateDead {
			continue
		}
		left := n.tl.Now()
		if i == late {
			left = left.Add(clock.Duration(n.draw.N(int64(n.limits.HalfOpenMax) + 1)))
		}
		x.peer.out.transmit(packet{kind: packetRSTFlush}, left)
	}
}

// hurryReset makes a reset that is still far away arrive after a round trip: the
// end that it is for has sent something.
func (p *pipe) hurryReset() {
	if p.flight.n == 0 || p.stalled || p.arrival == 0 {
		return
	}
	k := p.flight.at(p.flight.n - 1)
	at := p.net().tl.Now().Add(p.link.latency() + p.to.out.link.latency())
	if k.kind == packetRSTFlush && p.flight.n == 1 && at < k.at {
		k.at = at
		p.net().tl.Move(p.arrival, at)
	}
}
