package cluster

import (
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// A voter is isolated exactly while faults keep it from hearing a majority.
func TestIsolationFollowsTheLinks(t *testing.T) {
	w := &world{plan: &Plan{Brokers: 5}, nesting: nesting{}}
	w.World = newWorld(&Plan{Brokers: 5, Topics: []Topic{{Name: "t", Partitions: 1, Replicas: 3}}, Net: Net{BytesPerMs: 1000, TCPTimeout: clock.Second}, Disk: Disk{BytesPerMs: 1000}},
		RunOptions{}, hooks{}).World
	w.isolation = newIsolation(w)
	check := func(what string, isolated ...int) {
		t.Helper()
		w.isolation.refresh()
		for k, since := range w.isolation.since {
			want := false
			for _, n := range isolated {
				want = want || n == k+1
			}
			if got := since != clock.Never; got != want {
				t.Errorf("%s: n%d isolated: %v, want %v", what, k+1, got, want)
			}
		}
	}
	block := func(a faults.Action, from, to engine.NodeID, on bool) {
		if k := (nestKey{a, from, to}); on {
			w.nesting.enter(k)
		} else {
			w.nesting.leave(k)
		}
	}
	check("all links up")
	block(faults.Cut, 2, 1, true)
	block(faults.Clog, 3, 1, true)
	check("n1 hears n4 and n5")
	block(faults.Cut, 4, 1, true)
	check("n1 hears n5 alone", 1)
	block(faults.Cut, 1, 5, true)
	check("what n1 sends does not matter", 1)
	block(faults.Clog, 3, 1, false)
	check("n3 is heard again")
}

// A quorum leader that is cut off steps down; the judge has looked.
func TestIsolatedControllersAreWatched(t *testing.T) {
	p, err := Draw(3, Options{Scenario: "calm"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Faults, err = faults.Parse("5s cut controller | rest for 15s\n"); err != nil {
		t.Fatal(err)
	}
	r := Run(p, RunOptions{})
	if r.Failed() {
		t.Errorf("the correct engine: %s", r.Sentence())
	}
	for _, e := range r.Evaluations {
		if e.Rule == "V11" && e.Evaluated == 0 {
			t.Error("V11 was never evaluated")
		}
	}
}
