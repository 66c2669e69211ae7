package sim_test

import (
	"slices"
	"testing"

	"trial/clock"
	"trial/engine"
)

// What Soon is given comes before any other event, even one of the same instant
// that another node has waiting.
func TestSoonComesBeforeTheNextEvent(t *testing.T) {
	w := newStorm(1, false, nil).World
	w.Start(1)
	w.Start(2)
	w.RunUntil(clock.Instant(clock.Second))
	var order []string
	note := func(what string) func() { return func() { order = append(order, what) } }
	at := clock.Instant(2 * clock.Second)
	w.At(at, func() {
		w.Call(1, func(engine.Host) {
			note("event of n1")()
			w.Soon(func() { note("soon")(); w.Soon(note("soon of soon")) })
			note("end of the event")()
		})
		w.Call(2, func(engine.Host) { note("event of n2")() })
		w.Soon(note("before both"))
	})
	w.RunUntil(at.Add(clock.Second))
	want := []string{"before both", "event of n1", "end of the event", "soon", "soon of soon", "event of n2"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	w.Soon(note("from outside"))
	w.Call(1, func(engine.Host) { note("later")() })
	w.RunUntil(at.Add(2 * clock.Second))
	if got := order[len(want):]; !slices.Equal(got, []string{"from outside", "later"}) {
		t.Errorf("order %q, want what comes from outside first", got)
	}
}
