package trialrun

import (
	"strings"
	"testing"

	"trial/clock"
	"trial/faults"
)

// needsTwo is broken by two kinds of faults on two servers, whatever else happens.
func needsTwo(w *watcher, e FaultEvent, out *Findings) {
	on := func(a faults.Action, i int) bool {
		for _, x := range w.did(a, false) {
			if x.Node == ServerID(i) {
				return true
			}
		}
		return false
	}
	out.Hold("TWO", !on(faults.Power, 0) || !on(faults.Kill, 1), "n1 has lost its power and n2 was killed")
}

func TestFailuresAreFoundAndShrunk(t *testing.T) {
	s := pingPong(nil, func(_ *Plan, _ *Cast, w *watcher) { w.fault = needsTwo })
	s.Actions = []faults.Action{faults.Kill, faults.Power, faults.Cut}
	var heard int
	h, err := s.Hunt(1, 200, HuntOptions{Options: Options{For: 20 * clock.Second}, Each: func(*Result) { heard++ }})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Failed) != 1 || h.Failed[0].First() != "TWO" || heard != h.Seeds || h.Failed[0].Plan.Seed != uint64(h.Seeds) {
		t.Fatalf("hunted %d seeds, heard of %d: %+v", h.Seeds, heard, h.Failed)
	}
	found := h.Failed[0]
	small, r, runs := s.Shrink(found.Plan, ShrinkBudget, nil)
	if len(small.Faults) != 2 || r.First() != "TWO" || runs > ShrinkBudget {
		t.Errorf("%d faults left after %d runs, %s\n%s", len(small.Faults), runs, r.Sentence(), small)
	}
	if small.Clients != 0 || small.For > found.Plan.For || small.Knob("size") != 64 || small.Buggify {
		t.Errorf("what the failure does not need is still there:\n%s", small)
	}
	text := small.Faults.String()
	if !strings.Contains(text, "power n1") || !strings.Contains(text, "kill n2") {
		t.Errorf("shrunk to\n%s", text)
	}
	if again, err := s.ParsePlan(small.String()); err != nil || s.Run(again, RunOptions{}).Hash != r.Hash {
		t.Errorf("the shrunk plan does not replay from its text: %v", err)
	}
	if same, r, runs := s.Shrink(draw(t, s, 1, Options{Calm: true}), 10, nil); r.Failed() || runs != 1 || len(same.Faults) != 0 {
		t.Errorf("a plan that passes was shrunk: %d runs, %s", runs, r.Sentence())
	}
}

func TestShrinkingKeepsToItsBudget(t *testing.T) {
	s := pingPong(nil, func(_ *Plan, _ *Cast, w *watcher) { w.fault = needsTwo })
	s.Actions = []faults.Action{faults.Kill, faults.Power, faults.Cut}
	h, err := s.Hunt(1, 200, HuntOptions{Options: Options{For: 20 * clock.Second}})
	if err != nil {
		t.Fatal(err)
	}
	heard := 0
	p, r, runs := s.Shrink(h.Failed[0].Plan, 5, func(used int, best Plan) { heard++ })
	if runs != 5 || heard != 4 || r.First() != "TWO" || s.Run(p, RunOptions{}).Hash != r.Hash {
		t.Errorf("%d runs, heard of %d, %s", runs, heard, r.Sentence())
	}
}

func TestHuntsAddUp(t *testing.T) {
	s := pingPong(nil, func(_ *Plan, _ *Cast, w *watcher) { w.fault = needsTwo })
	s.Actions = []faults.Action{faults.Kill, faults.Power, faults.Cut}
	o := HuntOptions{All: true, VerifyOneIn: 4, Options: Options{For: 20 * clock.Second}}
	var events uint64
	o.Each = func(r *Result) { events += r.Events }
	h, err := s.Hunt(1, 12, o)
	if err != nil {
		t.Fatal(err)
	}
	var two Evaluation
	for _, e := range h.Evaluations {
		if e.Rule == "TWO" {
			two = e
		}
	}
	if h.Seeds != 12 || h.Events != events || h.Faults == 0 || h.Virtual < 12*20*clock.Second/2 || two.Evaluated < 100 || (two.Failed > 0) != (len(h.Failed) > 0) {
		t.Errorf("%+v", h)
	}
	if _, err := s.Hunt(1, 1, HuntOptions{Options: Options{Mutant: "none"}}); err == nil {
		t.Error("a mutant that does not exist was hunted")
	}
}
