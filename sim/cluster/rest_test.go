package cluster

import (
	"strings"
	"testing"

	"trial/checks"
	"trial/clock"
	"trial/faults"
)

// What the faults have begun and healing cannot call back comes to its end before
// the judges of liveness begin to count: an orderly stop, and frames held back.
func TestJudgesCountFromWhenTheFaultsHaveComeToRest(t *testing.T) {
	for _, c := range []struct {
		faults   string
		from, to clock.Duration // when the judges hear of the healing
	}{
		{"5s kill n1 for 1s\n", 10 * clock.Second, 10*clock.Second + slice},
		{"8s hold fetch-answer from n1 for 2s\n", 12 * clock.Second, 12*clock.Second + slice},
		{"9s hold fetch-answer from n1 for 1s\n", 11 * clock.Second, 11*clock.Second + slice},
		{"9.9s stop n2 for 3s\n", 10 * clock.Second, 10*clock.Second + stopsTake},
	} {
		p, err := Draw(3, Options{Scenario: "calm", For: 10 * clock.Second})
		if err != nil {
			t.Fatal(err)
		}
		if p.Faults, err = faults.Parse(c.faults); err != nil {
			t.Fatal(err)
		}
		r := newRun(p, RunOptions{})
		emit := r.log.emit
		at := clock.Instant(-1)
		r.log.emit = func(e checks.FaultEvent) {
			if e.Kind == checks.HealAll {
				at = e.At
				if r.stopsUnderWay() {
					t.Errorf("%s: a broker is still being stopped at %v", strings.TrimSpace(c.faults), at)
				}
			}
			emit(e)
		}
		r.execute()
		if res := r.result(); res.Failed() {
			t.Errorf("%s: %s", strings.TrimSpace(c.faults), res.Sentence())
		}
		if d := clock.Duration(at); d < c.from || d > c.to {
			t.Errorf("%s: the judges count from %v, want %v to %v", strings.TrimSpace(c.faults), at, c.from, c.to)
		}
	}
}
