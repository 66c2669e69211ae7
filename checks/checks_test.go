package checks

import (
	"slices"
	"strings"
	"testing"

	"trial/clock"
)

func TestRulesAreOrderedAsPeopleOrderThem(t *testing.T) {
	rules := []string{"W12", "L10", "C1", "LIN", "L2", "W2", "V1"}
	slices.SortFunc(rules, CompareRules)
	if got := strings.Join(rules, " "); got != "C1 L2 L10 LIN V1 W2 W12" {
		t.Error(got)
	}
}

func TestViolationsAreBoundedButAllAreCounted(t *testing.T) {
	var f Findings
	r := f.Rule("L1")
	f.Rule("L2")
	for i := range 100 {
		r.Evaluated++
		r.Fail(int64(i), clock.Instant(100-i), nil, "number %d", i)
	}
	v := f.Violations()
	if len(v) != keepPerRule || r.Failed != 100 || !f.Failed() {
		t.Errorf("%d kept of %d", len(v), r.Failed)
	}
	if !slices.IsSortedFunc(v, func(a, b Violation) int { return int(a.At - b.At) }) {
		t.Error("not ordered by time")
	}
	e := MergeEvaluations(f.Evaluations(), f.Evaluations())
	if len(e) != 2 || e[0] != (Evaluation{"L1", 200, 200}) || e[1] != (Evaluation{"L2", 0, 0}) {
		t.Error(e)
	}
	if s := v[0].String(); !strings.Contains(s, "L1 at") || !strings.Contains(s, "number 7") {
		t.Error(s)
	}
}

func TestAnEraEndCoversExactlyItsRanges(t *testing.T) {
	all := EraEnd{Offset: 5}
	some := EraEnd{Offset: 5, Ranges: []Range{{5, 7}, {9, 10}}}
	for o, want := range map[int64][2]bool{4: {false, false}, 5: {true, true}, 7: {true, false}, 9: {true, true}, 10: {true, false}} {
		if got := [2]bool{all.Covers(o), some.Covers(o)}; got != want {
			t.Errorf("offset %d: %v, want %v", o, got, want)
		}
	}
}

func TestTopicDefaults(t *testing.T) {
	c := Config{Topics: []Topic{{Name: "a", MinISR: 3, Replication: 2}}, Default: Topic{MinISR: 2}}
	if n := c.Topic("a").Needed(); n != 2 {
		t.Error(n)
	}
	if got := c.Topic("b"); got.Needed() != 2 || got.Name != "b" {
		t.Error(got)
	}
	if n := (Topic{}).Needed(); n != 1 {
		t.Error(n)
	}
}
