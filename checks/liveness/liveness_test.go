package liveness

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/clock"
)

const heal = clock.Instant(10 * clock.Second)

var end = heal.Add(clock.Hour)

func healthy(at clock.Instant) *View {
	v := &View{At: at}
	for id := int32(1); id <= 3; id++ {
		v.Nodes = append(v.Nodes, Node{ID: id, Up: true, Active: id == 1, Controller: 1, ControllerEpoch: 4, Registered: true, Unfenced: true})
	}
	v.Partitions = []Partition{{
		Name: "t-0", Leader: 1, LeaderEpoch: 3, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, HW: 5, LEO: 5, Idle: true,
		LastProduce: heal + 1, LastFetch: heal + 1, Probed: true,
	}}
	return v
}

func TestEachRuleSpeaksAfterItsDeadlineAndIsSilentBefore(t *testing.T) {
	due := DeadlinesAfter(heal, checks.Timeouts{})
	for name, c := range map[string]struct {
		due   clock.Instant
		spoil func(v *View)
		rules []string
	}{
		"no controller":   {due.V1, func(v *View) { v.Nodes[0].Active = false }, []string{"V1"}},
		"two controllers": {due.V1, func(v *View) { v.Nodes[1].Active = true }, []string{"V1"}},
		"one disagrees":   {due.V1, func(v *View) { v.Nodes[2].Controller = 2 }, []string{"V1"}},
		"fenced":          {due.V2, func(v *View) { v.Nodes[2].Unfenced = false }, []string{"V2"}},
		"not registered":  {due.V2, func(v *View) { v.Nodes[2].Registered = false }, []string{"V2"}},
		"no leader":       {due.V3, func(v *View) { v.Partitions[0].Leader = -1 }, []string{"V3"}},
		"ISR too small":   {due.V4, func(v *View) { v.Partitions[0].ISR = []int32{1} }, []string{"V4"}},
		"ELR left":        {due.V4, func(v *View) { v.Partitions[0].ELR = []int32{2} }, []string{"V4"}},
		"HW stands still": {due.V4, func(v *View) { v.Partitions[0].HW = 4 }, []string{"V4"}},
		"no produce":      {due.V5, func(v *View) { v.Partitions[0].LastProduce = 0 }, []string{"V5"}},
		"no fetch":        {due.V5, func(v *View) { v.Partitions[0].LastFetch = heal }, []string{"V5"}},
		"open operation":  {due.V8, func(v *View) { v.Open = []Op{{ID: 1, Invoked: heal - 1}} }, []string{"V8"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := New(heal, checks.Timeouts{})
			v := healthy(c.due - 1)
			c.spoil(v)
			j.Observe(v)
			if j.Findings().Failed() || j.Settled() {
				t.Errorf("before the deadline: %v, settled %v", j.Findings().Violations(), j.Settled())
			}
			v = healthy(end)
			c.spoil(v)
			j.Observe(v)
			var rules []string
			for _, x := range j.Findings().Violations() {
				t.Log(x)
				rules = append(rules, x.Rule)
			}
			if !slices.Equal(rules, c.rules) {
				t.Errorf("broken rules %v, want %v", rules, c.rules)
			}
		})
	}
}

func TestAHealthyClusterSettlesAtOnceAndStaysSilent(t *testing.T) {
	j := New(heal, checks.Timeouts{})
	for _, at := range []clock.Instant{heal, heal.Add(clock.Minute), end} {
		j.Observe(healthy(at))
		if !j.Settled() {
			t.Error("not settled")
		}
	}
	if j.Findings().Failed() {
		t.Error(j.Findings().Violations())
	}
	for _, e := range j.Findings().Evaluations() {
		if e.Evaluated == 0 {
			t.Errorf("%s was never evaluated", e.Rule)
		}
	}
}

func TestAHighWatermarkThatMovesIsWaitedFor(t *testing.T) {
	j := New(heal, checks.Timeouts{})
	for i := range 200 {
		v := healthy(end.Add(clock.Duration(i) * clock.Second))
		v.Partitions[0].HW, v.Partitions[0].LEO = int64(i), int64(i+1)
		j.Observe(v)
		if j.Settled() {
			t.Error("settled although something is left to commit")
		}
	}
	if j.Findings().Failed() {
		t.Error(j.Findings().Violations())
	}
}

func TestLegallyOfflinePartitionsAreLeftAlone(t *testing.T) {
	j := New(heal, checks.Timeouts{})
	v := healthy(end)
	p := &v.Partitions[0]
	p.LegalOffline, p.Leader, p.ISR, p.LastProduce = true, -1, []int32{1}, 0
	j.Observe(v)
	if j.Findings().Failed() {
		t.Error(j.Findings().Violations())
	}
}

func TestStormsAreNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(i int, v *View)
		bad    bool
	}{
		"controller keeps changing": {func(i int, v *View) {
			for k := range v.Nodes {
				v.Nodes[k].ControllerEpoch = int32(i)
			}
		}, true},
		"leader keeps changing":                 {func(i int, v *View) { v.Partitions[0].LeaderEpoch = int32(i) }, true},
		"one move to the preferred leader only": {func(i int, v *View) { v.Partitions[0].LeaderEpoch = int32(min(i, 1)) }, false},
	} {
		j := New(heal, checks.Timeouts{})
		for i := range 5 {
			v := healthy(end.Add(clock.Duration(i) * clock.Second))
			c.change(i, v)
			j.Observe(v)
		}
		if j.Findings().Failed() != c.bad {
			t.Errorf("%s: %v", name, j.Findings().Violations())
		}
	}
}

func TestAnOperationInvokedLateGetsItsFullTime(t *testing.T) {
	j := New(heal, checks.Timeouts{})
	v := healthy(end)
	v.Open = []Op{{ID: 1, Invoked: end - 1}}
	j.Observe(v)
	if j.Findings().Failed() {
		t.Error(j.Findings().Violations())
	}
}
