package liveness

import (
	"testing"

	"trial/checks"
	"trial/clock"
)

// V11: an isolated controller steps down in time; nobody else owes anything.
func TestIsolatedControllerMustStepDown(t *testing.T) {
	at := func(ms int64) clock.Instant { return clock.Instant(clock.Ms(ms)) }
	times := checks.Timeouts{FetchTimeout: 1500 * clock.Millisecond} // 2.5 s in all
	for _, c := range []struct {
		name  string
		looks []Isolated // one a second, from 1 s on
		fails int64
	}{
		{"steps down in time", []Isolated{{1, at(1000), true}, {1, at(1000), true}, {1, at(1000), true}, {1, at(1000), false}, {1, at(1000), false}}, 0},
		{"never leads", []Isolated{{1, at(1000), false}, {1, at(1000), false}, {1, at(1000), false}, {1, at(1000), false}}, 0},
		{"heard the others in between", []Isolated{{1, at(1000), true}, {1, at(1000), true}, {1, at(3000), true}, {1, at(3000), true}, {1, at(3000), true}}, 0},
		{"lingers", []Isolated{{1, at(1000), true}, {1, at(1000), true}, {1, at(1000), true}, {1, at(1000), true}, {1, at(1000), true}}, 1},
		{"lingers twice", []Isolated{{1, at(0), true}, {1, at(0), true}, {1, at(0), true}, {1, at(500), true}, {1, at(500), true}}, 2},
		{"votes from before make it the leader in the middle", []Isolated{{1, at(0), false}, {1, at(0), false}, {1, at(0), true}, {1, at(0), true}, {1, at(0), false}}, 0},
		{"the same, and it lingers", []Isolated{{1, at(0), false}, {1, at(0), true}, {1, at(0), true}, {1, at(0), true}, {1, at(0), true}}, 1},
	} {
		q := NewQuorum(times)
		for i, v := range c.looks {
			q.Observe(at(int64(i+1)*1000), []Isolated{v})
		}
		if got := q.Findings().Rule("V11").Failed; got != c.fails {
			t.Errorf("%s: V11 fired %d times, want %d", c.name, got, c.fails)
		}
	}
}
