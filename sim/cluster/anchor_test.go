package cluster

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
	"trial/faults"
	"trial/internal/mutant"
)

// anchoredPlan is a calm plan with a schedule.
func anchoredPlan(t *testing.T, mode Mode, schedule string) Plan {
	t.Helper()
	p, err := Draw(3, Options{Scenario: "calm", Mode: mode, For: 10 * clock.Second})
	if err != nil {
		t.Fatal(err)
	}
	if p.Faults, err = faults.Parse(schedule); err != nil {
		t.Fatal(err)
	}
	p, err = ParsePlan(p.String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The fault strikes behind the event in which the third acknowledgement was given,
// and before any other event of the world.
func TestAnchoredFaultsStrikeBetweenTwoEvents(t *testing.T) {
	p := anchoredPlan(t, Unbounded, `
		after 3 acks of t-0: kill leader of t-0 for 2s
		when the ISR of t-0 is {1,2,3}, after 2 confirmed sends of c1, 4s later: pause controller for 1s`)
	var trace bytes.Buffer
	acks, third := 0, clock.Instant(0)
	leader := engine.NodeID(0)
	r := Run(p, RunOptions{Trace: &trace, OnFact: func(at clock.Instant, node engine.NodeID, _ engine.Incarnation, f engine.Fact) {
		if f, ok := f.(view.ProduceAcked); ok && f.Topic == "t" && f.Partition == 0 {
			if acks++; acks == 3 {
				third, leader = at, node
			}
		}
	}})
	if r.Failed() || r.Faults != 2 || r.Skipped != 0 {
		t.Errorf("%s; %d faults struck and %d were skipped, want 2 and 0", r.Sentence(), r.Faults, r.Skipped)
	}
	var text []string
	for _, l := range strings.Split(trace.String(), "\n") {
		if l != "" {
			text = append(text, l)
		}
	}
	at := slices.IndexFunc(text, func(l string) bool { return strings.Contains(l, " fault: after 3 acks of t-0: ") })
	if at < 0 || !strings.HasPrefix(text[at], third.String()+" ") {
		t.Fatalf("the trace does not say at %v that the fault struck", third)
	}
	if kill := text[at+1]; !strings.Contains(kill, " n"+itoa32(int32(leader))+" fault kill #") {
		t.Errorf("behind the fault: %q, want the kill of the leader n%d", kill, leader)
	}
	for i := at - 1; ; i-- {
		if strings.Contains(text[i], " fact ack ") && strings.Contains(text[i], "Partition:0}") {
			break
		}
		if !strings.Contains(text[i], " fact ") && !strings.Contains(text[i], " anchor: ") {
			t.Fatalf("between the acknowledgement and the fault: %q", text[i])
		}
	}
	if n := strings.Count(trace.String(), " anchor: "); n != 4 {
		t.Errorf("the trace shows %d steps of anchors, want 4", n)
	}
}

// Anchors change nothing of what makes a run reproducible: neither a second run, nor
// a reader of the trace, nor the choice of judges changes the hash.
func TestAnchoredRunsAreDeterministic(t *testing.T) {
	p := anchoredPlan(t, Unbounded, `
		after 40 leader appends of t-0, before its high watermark moves: kill leader of t-0 for 2s
		when t-0 has no leader: power n1 for 1s
		after 1 unfencing of n1: cut n1 | rest for 1s
		after 1 ISR shrink of t-0, 20ms later: hold fetch from follower of t-0 for 1s
		after 2 controller elections: pause controller for 2s`)
	want := Verify(p, RunOptions{})
	if want.Failed() {
		t.Fatal(want.Sentence())
	}
	if want.Faults < 3 {
		t.Errorf("only %d faults struck", want.Faults)
	}
	for name, o := range map[string]RunOptions{"traced": {Trace: &bytes.Buffer{}}, "black box": {BlackBox: true}} {
		if r := Run(p, o); r.Hash != want.Hash || r.Faults != want.Faults || r.Skipped != want.Skipped {
			t.Errorf("%s: hash %#x, %d faults, %d skipped; want %#x, %d, %d", name, r.Hash, r.Faults, r.Skipped, want.Hash, want.Faults, want.Skipped)
		}
	}
	r := newRun(p, RunOptions{})
	r.happen.record = &recording{}
	r.execute()
	if r.Hash() != want.Hash {
		t.Error("recording what happens changes the run")
	}
}

// The budget speaks when an anchored fault strikes; one whose anchor never comes is
// skipped.
func TestAnchoredFaultsKeepTheBudget(t *testing.T) {
	schedule := `
		after 20 acks of t-0: power n1 for 1s
		after 1 end of n1: power n2 for 1s
		after 99999999 acks of t-0: power n3 for 1s`
	var trace bytes.Buffer
	r := Run(anchoredPlan(t, Budget, schedule), RunOptions{Trace: &trace})
	if r.Failed() || r.Faults != 1 || r.Skipped != 2 {
		t.Errorf("%s; %d faults struck and %d were skipped, want 1 and 2", r.Sentence(), r.Faults, r.Skipped)
	}
	if len(r.Missed) != 2 {
		t.Errorf("the result names %q, want the two skipped faults", r.Missed)
	}
	for _, want := range []string{"over budget: n1 has lost bytes and is not back in sync", "its anchor never came"} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("the trace does not say %q", want)
		}
	}
	if r := Run(anchoredPlan(t, Unbounded, schedule), RunOptions{}); r.Failed() || r.Faults != 2 {
		t.Errorf("unbounded: %s; %d faults struck, want 2", r.Sentence(), r.Faults)
	}
}

// Every word of the language of anchors is spoken by some world.
func TestEveryHappeningHappens(t *testing.T) {
	seen := map[faults.Happening]bool{}
	all := append(faults.Counted(), faults.Leads, faults.IsController, faults.ISRIs, faults.HWReaches, faults.NoLeader)
	missing := func() (out []faults.Happening) {
		for _, w := range all {
			if !seen[w] {
				out = append(out, w)
			}
		}
		return out
	}
	for seed := uint64(1); seed < 12 && len(missing()) > 0; seed++ {
		p, err := Draw(seed, Options{Scenario: "elections", Mode: Unbounded, Set: []Setting{{"min.insync.replicas", "1"}}})
		if err != nil {
			t.Fatal(err)
		}
		r := newRun(p, RunOptions{})
		r.happen.on, r.happen.record = true, &recording{}
		r.execute()
		for _, h := range r.happen.record.happened {
			if err := faults.CheckAnchors(faults.Schedule{{Steps: []faults.Step{{Event: h.Event, Count: 1}}}}, p.BrokerNames(), append(p.ClientNames(), setupName, dumpName), p.partitionNames()); err != nil {
				t.Fatal(err)
			}
			seen[h.What] = true
		}
	}
	if m := missing(); len(m) > 0 {
		t.Errorf("never told: %v", m)
	}
}

// States hold while they do, not only when they begin.
func TestStatesHoldAtTheBound(t *testing.T) {
	p := anchoredPlan(t, Unbounded, "after 6s, when the ISR of t-0 is {n1, n2, n3}: pause n1 for 1s\nafter 6s, when the high watermark of t-0 reaches 5: pause n2 for 1s\n")
	var trace bytes.Buffer
	r := Run(p, RunOptions{Trace: &trace})
	if r.Failed() || r.Faults != 2 {
		t.Fatalf("%s; %d faults struck, want 2", r.Sentence(), r.Faults)
	}
	for _, n := range []string{"n1", "n2"} {
		if !strings.Contains(trace.String(), "\n6s "+n+" fault pause") {
			t.Errorf("%s is not paused at 6s", n)
		}
	}
}

func TestPlansRefuseAnchorsOnNobody(t *testing.T) {
	p := anchoredPlan(t, Budget, "after 1 ack of t-0: kill n1 for 1s")
	for _, c := range []struct{ old, new, want string }{
		{"ack of t-0", "ack of t-99", "there is no partition t-99"},
		{"1 ack", "1 sneeze", "unknown event"},
		{"1 ack of t-0", "1 fencing of n9", "there is no broker n9"},
	} {
		if _, err := ParsePlan(strings.Replace(p.String(), c.old, c.new, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one that says %q", c.new, err, c.want)
		}
	}
}

// foreignClimates are what a plan should survive that is aimed by meaning: other
// networks and disks than those in which it was found.
func foreignClimates(p Plan) []Plan {
	var out []Plan
	add := func(f func(n *Net, d *Disk)) {
		q := p.Clone()
		f(&q.Net, &q.Disk)
		out = append(out, q)
	}
	add(func(n *Net, _ *Disk) { n.Latency, n.Jitter = 3*n.Latency, 2*n.Jitter })
	add(func(n *Net, _ *Disk) { n.Latency += clock.Ms(3) })
	add(func(n *Net, _ *Disk) { n.Jitter = n.Jitter / 3 })
	add(func(n *Net, d *Disk) { n.Latency, d.Sync = clock.Ms(5), clock.Ms(5) })
	add(func(_ *Net, d *Disk) { d.Latency, d.Sync = 3*d.Latency, 3*d.Sync })
	add(func(_ *Net, d *Disk) { d.Sync, d.Jitter = d.Sync/3, 2*d.Jitter })
	add(func(n *Net, d *Disk) { n.Latency, d.Sync = n.Latency+clock.Ms(1), d.Sync+clock.Ms(10) })
	add(func(n *Net, _ *Disk) { n.TailOneIn, n.Tail = 500, 20*clock.Millisecond })
	return out
}

// fails counts the plans on which the rule fires first.
func fails(t *testing.T, plans []Plan, rule string) int {
	t.Helper()
	n := 0
	for i, p := range plans {
		r := Run(p, RunOptions{})
		if r.First() == rule {
			n++
		}
		t.Logf("climate %d: %s", i+1, r.First())
	}
	return n
}

// A failure found at given times, turned into anchors, is there whatever the
// latencies are; at the times it was found it needs those it was found with.
func TestAnchoredPlansOutliveLatencies(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("needs the planted bugs: go test -tags mutants ./sim/cluster")
	}
	for _, c := range []struct{ file, rule string }{{"ctl-04-timed.plan", "W14"}, {"rep-22-timed.plan", "W2"}} {
		t.Run(c.file, func(t *testing.T) { outlives(t, c.file, c.rule) })
	}
}

func outlives(t *testing.T, file, rule string) {
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	timed, err := ParsePlan(string(text))
	if err != nil {
		t.Fatal(err)
	}
	const budget = 200
	most := 0
	anchored, r, used := ShrinkWith(timed, ShrinkOptions{Budget: budget, Progress: func(used int, _ Plan) { most = max(most, used) }})
	if r.First() != rule {
		t.Fatalf("the planted bug is not seen: %s", r.Sentence())
	}
	if used > budget || most > budget {
		t.Errorf("%d runs, %d told; at most %d were allowed", used, most, budget)
	}
	for _, f := range anchored.Faults {
		if !f.Anchored() {
			t.Errorf("%s %s has no anchor", f.When(), f)
		}
	}
	t.Logf("%d faults became %d in %d runs:\n%s", len(timed.Faults), len(anchored.Faults), used, anchored.Faults)
	again, err := ParsePlan(anchored.String())
	if err != nil {
		t.Fatal(err)
	}
	if r := Verify(again, RunOptions{}); r.First() != rule {
		t.Errorf("read back from its text: %s", r.Sentence())
	}
	old, with := fails(t, foreignClimates(timed), rule), fails(t, foreignClimates(anchored), rule)
	if old > 3 || with < 7 {
		t.Errorf("of 8 other climates the timed plan fails in %d and the anchored one in %d; want at most 3 and at least 7", old, with)
	}
	if kept, _, _ := ShrinkWith(timed, ShrinkOptions{Budget: 20, KeepTimes: true}); kept.Faults.Anchored() {
		t.Error("there are anchors although the times were to be kept")
	}
}
