package host

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"trial/clock"
	"trial/engine"
)

// TestTimersFireInOrder compares the heap with a sorted list.
func TestTimersFireInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q timers
		type armed struct {
			at  clock.Instant
			seq uint64
			t   *engine.Timer
		}
		var model []armed
		all := make([]engine.Timer, 12)
		drop := func(x *engine.Timer) {
			model = slices.DeleteFunc(model, func(a armed) bool { return a.t == x })
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			x := &all[rapid.IntRange(0, len(all)-1).Draw(t, "timer")]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				at := clock.Instant(rapid.IntRange(0, 20).Draw(t, "at"))
				q.set(x, at)
				drop(x)
				model = append(model, armed{at, q.seq, x})
			case 2:
				q.stop(x)
				drop(x)
			case 3:
				now := clock.Instant(rapid.IntRange(0, 20).Draw(t, "now"))
				slices.SortFunc(model, func(a, b armed) int {
					if a.at != b.at {
						return int(a.at - b.at)
					}
					return int(a.seq) - int(b.seq)
				})
				var want *engine.Timer
				if len(model) > 0 && model[0].at <= now {
					want = model[0].t
				}
				if got := q.due(now, q.seq); got != want {
					t.Fatalf("due at %v: %p, want %p of %v", now, got, want, model)
				}
				if want != nil {
					drop(want)
				}
			}
			if x.Armed() != slices.ContainsFunc(model, func(a armed) bool { return a.t == x }) {
				t.Fatalf("armed is %v", x.Armed())
			}
			if len(q.heap) != len(model) {
				t.Fatalf("%d timers in the heap, want %d", len(q.heap), len(model))
			}
		}
	})
}
