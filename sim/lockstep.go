package sim

import (
	"fmt"

	"trial/clock"
)

// Divergence is the first event in which two runs of one plan differ.
type Divergence struct{ A, B Record }

func (d *Divergence) Error() string {
	return fmt.Sprintf("not deterministic: one run did\n  %v\nwhere the other did\n  %v", d.A, d.B)
}

// Lockstep runs two worlds that were built alike, step by step, until the given
// instant or until one of them ends. It returns the first event in which they
// differ, or nil. To see what led there, give both a trace.
func Lockstep(a, b *World, until clock.Instant) *Divergence {
	for {
		x, okX := a.NextAt()
		y, okY := b.NextAt()
		if x != y || okX != okY {
			a.nextEvent()
			b.nextEvent()
			return &Divergence{a.Last(), b.Last()}
		}
		if !okX || x > until {
			return nil
		}
		a.Step()
		b.Step()
		if a.hash != b.hash {
			return &Divergence{a.Last(), b.Last()}
		}
	}
}

// nextEvent steps until something is added to the trace.
func (w *World) nextEvent() {
	for n := w.events; w.events == n && w.Step(); {
		continue
	}
}
