package ownengine

import (
	"testing"

	"trial/engine"
	"trial/sim/trialrun"
)

// small draws a history of a few operations on one key, some of them impossible.
func small(s *engine.Stream) *History {
	h := &History{}
	var open []int
	values := []string{""}
	for n := s.Between(2, 7); n > 0 || len(open) > 0; {
		if n > 0 && (len(open) == 0 || s.Chance(1, 2)) {
			n--
			isPut, value := s.Chance(1, 2), ""
			if isPut {
				value = string(rune('a' + len(h.Ops)))
				values = append(values, value)
			}
			open = append(open, h.Begin(1, isPut, "k", value, 0))
			continue
		}
		i := s.Pick(len(open))
		op := open[i]
		open = append(open[:i], open[i+1:]...)
		if s.Chance(4, 5) { // otherwise nobody is told
			h.End(op, values[s.Pick(len(values))], 0)
		}
	}
	return h
}

// possible tries every order of the operations.
func possible(ops []Op) bool {
	var try func(value string, used int) bool
	try = func(value string, used int) bool {
		left := false
		for i, o := range ops {
			if used&(1<<i) != 0 || o.Void {
				continue
			}
			left = left || o.Ended != never
			first := true
			for k, p := range ops {
				if used&(1<<k) == 0 && k != i && !p.Void && p.Ended < o.Began {
					first = false // p must come before
				}
			}
			if !first || !o.Put && o.Value != value {
				continue
			}
			if try(o.Value, used|1<<i) {
				return true
			}
		}
		return !left // what is left was never answered and need not have happened
	}
	return try("", 0)
}

func TestLinearAgreesWithTryingEveryOrder(t *testing.T) {
	draw := engine.NewStream(1, "histories")
	var good, bad int
	for range 20_000 {
		h := small(draw)
		var out trialrun.Findings
		(&Linear{h}).End(trialrun.End{}, &out)
		want := possible(h.Ops)
		if got := len(out.Violations()) == 0; got != want {
			t.Fatalf("judge: %v, every order: %v\n%v\n%v", got, want, h.Ops, out.Violations())
		}
		if want {
			good++
		} else {
			bad++
		}
	}
	if good < 2000 || bad < 2000 {
		t.Errorf("%d possible histories and %d impossible ones: the comparison means little", good, bad)
	}
}
