package ownengine

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"trial/sim/trialrun"
)

// number reads an environment variable: SIM_SEED replays one seed, SIM_RUNS says
// how many to try.
func number(t *testing.T, name string, otherwise uint64) (n uint64, set bool) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise, false
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number; write 0x2a or 42", name, text)
	}
	return n, true
}

// report shows a failure as somebody needs it who is to mend it.
func report(t *testing.T, sys *trialrun.System, r trialrun.Result) {
	t.Helper()
	small, last, runs := sys.Shrink(r.Plan, trialrun.ShrinkBudget, nil)
	t.Errorf("%s\nreplay: SIM_SEED=%s go test -run %s\nshrunk in %d runs, %s\n%s",
		r.Sentence(), trialrun.SeedString(r.Plan.Seed), t.Name(), runs, last.Sentence(), small)
}

// TestTheStoreSurvives runs the correct engine: SIM_PLAN=file runs one plan,
// SIM_SEED one seed, SIM_RUNS so many seeds.
func TestTheStoreSurvives(t *testing.T) {
	sys := System(false)
	if file := os.Getenv("SIM_PLAN"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sys.ParsePlan(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if r := sys.Verify(p, trialrun.RunOptions{}); r.Failed() {
			t.Error(r.Sentence())
		}
		return
	}
	runs := uint64(300)
	if testing.Short() {
		runs = 30
	}
	runs, _ = number(t, "SIM_RUNS", runs)
	first, one := number(t, "SIM_SEED", 1)
	if one {
		runs = 1
	}
	h, err := sys.Hunt(first, int(runs), trialrun.HuntOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range h.Failed {
		report(t, sys, r)
	}
	t.Logf("%d seeds: %d events in %v of virtual time, %d faults, rules %v", h.Seeds, h.Events, h.Virtual, h.Faults, h.Evaluations)
	for _, rule := range []string{"LIN", "KEPT", trialrun.RuleLiveness} {
		i := slices.IndexFunc(h.Evaluations, func(e trialrun.Evaluation) bool { return e.Rule == rule })
		if h.Seeds >= 30 && (i < 0 || h.Evaluations[i].Evaluated == 0) {
			t.Errorf("rule %s was never evaluated: passing means nothing", rule)
		}
	}
}

// A judge is trusted only after it has spoken: both find the planted bug, the
// failure shrinks to a line or two, replays from its text, and is gone without
// the bug.
func TestThePlantedBugIsFoundAndShrunk(t *testing.T) {
	for _, c := range []struct {
		rule     string
		blackBox bool
	}{{"KEPT", false}, {"LIN", true}} {
		t.Run(c.rule, func(t *testing.T) {
			sys := System(c.blackBox)
			h, err := sys.Hunt(1, 400, trialrun.HuntOptions{Options: trialrun.Options{Mutant: AckBeforeSync}})
			if err != nil {
				t.Fatal(err)
			}
			if len(h.Failed) == 0 || h.Failed[0].First() != c.rule {
				t.Fatalf("%d seeds and rule %s has not spoken: %v", h.Seeds, c.rule, h.Failed)
			}
			found := h.Failed[0]
			small, r, runs := sys.Shrink(found.Plan, trialrun.ShrinkBudget, nil)
			t.Logf("found by seed %d: %s\n%d faults shrunk to %d in %d runs: %s\n%s",
				h.Seeds, found.Sentence(), len(found.Plan.Faults), len(small.Faults), runs, r.Sentence(), small)
			if len(small.Faults) > 3 || r.First() != c.rule {
				t.Errorf("the shrunk plan has %d faults and fails with %s", len(small.Faults), r.First())
			}
			again, err := sys.ParsePlan(small.String())
			if err != nil {
				t.Fatal(err)
			}
			if v := sys.Verify(again, trialrun.RunOptions{}); v.Hash != r.Hash || v.First() != c.rule {
				t.Errorf("read back from its text the plan gives hash %#x and %s, not %#x and %s", v.Hash, v.First(), r.Hash, c.rule)
			}
			again.Mutant = ""
			if v := sys.Run(again, trialrun.RunOptions{}); v.Failed() {
				t.Errorf("the correct engine fails the same plan: %s", v.Sentence())
			}
		})
	}
}

// The judge of facts sees more, and changes nothing: the run is the same.
func TestJudgesChangeNothing(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		p, err := System(false).Draw(seed, trialrun.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := System(false).Run(p, trialrun.RunOptions{}), System(true).Run(p, trialrun.RunOptions{}); a.Hash != b.Hash {
			t.Errorf("seed %d: hash %#x with both judges and %#x with one", seed, a.Hash, b.Hash)
		}
	}
}

// Faults may be aimed at roles: the server that knows the newest value loses its
// power, twice.
func TestFaultsAimAtRoles(t *testing.T) {
	sys := System(false)
	p, err := sys.ParsePlan("plan 1\nsystem quorum\nseed 7\nfor 8s\nfaults\n2s power leader of k0 for 1s\n5s power leader of k0 for 1s\n")
	if err != nil {
		t.Fatal(err)
	}
	if r := sys.Verify(p, trialrun.RunOptions{}); r.Failed() || r.Faults != 2 {
		t.Errorf("%s, %d faults struck", r.Sentence(), r.Faults)
	}
}
