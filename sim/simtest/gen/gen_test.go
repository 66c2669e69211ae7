package gen

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trial/faults"
	"trial/sim/cluster"
)

func TestDrawnPlansAreValidAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Plan(Options{Faults: 30}).Draw(t, "plan")
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		back, err := cluster.ParsePlan(p.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, p)
		}
		if diff := cmp.Diff(p, back); diff != "" {
			t.Fatalf("a plan does not read back as printed (-want +got):\n%s", diff)
		}
	})
}

// The plans are the same ones each time: how many are needed until an action
// comes up is luck, and a test must not depend on it.
func TestEveryActionIsDrawnSoon(t *testing.T) {
	g, seen := Plan(Options{Faults: 30}), map[faults.Action]bool{}
	for seed := range 100 {
		for _, f := range g.Example(seed).Faults {
			seen[f.Action] = true
		}
	}
	for _, f := range forms {
		if !seen[f.action] {
			t.Errorf("none of 100 plans contains the action %s", f.action)
		}
	}
}

func TestEveryActionCanBeDrawn(t *testing.T) {
	pods := []faults.Action{faults.Replace, faults.Lose, faults.Roll} // a drawn plan has no pods
	for _, a := range faults.Actions() {
		if !slices.Contains(pods, a) && !slices.ContainsFunc(forms[:], func(f form) bool { return f.action == a }) {
			t.Errorf("no form draws the action %s", a)
		}
	}
}

// What the fuzzer begins with is the tamest plan that there is.
func TestZeroDrawsAreTame(t *testing.T) {
	ran := false
	rapid.MakeFuzz(func(t *rapid.T) {
		ran = true
		p := Plan(Options{}).Draw(t, "plan")
		if p.Brokers != 1 || len(p.Faults) != 0 || p.Mode != cluster.Budget || p.Buggify || len(p.Topics) != 1 || len(p.Clients) != 3 || p.Net.TailOneIn != 0 {
			t.Errorf("not the tamest plan:\n%s", p)
		}
	})(t, make([]byte, 8<<10))
	if !ran {
		t.Error("eight KiB of zeros draw no plan")
	}
}
