package simnet

import "trial/clock"

// QuietUntil is an instant before which the network brings nothing to the
// machine, if nothing else happens anywhere before next: what is on its way
// arrives at a known instant, and what is sent later takes at least the least
// latency of a link. Timeouts of the machine's own connections are not counted:
// they may strike at next already.
func (m *Machine) QuietUntil(next clock.Instant) clock.Instant {
	if len(m.ends) == 0 {
		return clock.Never
	}
	least := clock.Duration(0)
	for i, from := range m.net.machines {
		if base := from.net.links[from.index][m.index].climate.Base; i == 0 || base < least {
			least = base
		}
	}
	quiet := next.Add(least)
	for _, e := range m.ends {
		p := &e.peer.out
		if p.arrival == 0 {
			continue
		}
		at := m.net.tl.At(p.arrival)
		if p.flight.at(0).at < at { // it was sent again, and what ends the connection may hurry it
			at = min(at, next)
		}
		quiet = min(quiet, at)
	}
	return quiet
}

// Unsent is the number of bytes that were sent on e and that the program at the
// other end has not taken yet.
func (e *End) Unsent() int64 {
	n := e.out.inFlight
	for i := range e.out.queue.n {
		n += int64(e.out.queue.at(i).n)
	}
	return n
}
