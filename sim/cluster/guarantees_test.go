package cluster

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trial/checks"
	"trial/checks/history"
	"trial/checks/panel"
)

// docs/GUARANTEES.md has a row for every rule that is judged and for no other, and
// names as planted bugs those that the hunt expects the rule to find.
func TestGuaranteesListEveryRuleAndItsMutants(t *testing.T) {
	text, err := os.ReadFile("../../docs/GUARANTEES.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	id := regexp.MustCompile(`[A-Z]{3}-[0-9]{2}`)
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 7 && strings.Contains(cells[4], "`checks/") {
			named[strings.TrimSpace(cells[1])] = id.FindAllString(cells[5], -1)
		}
	}
	var judged []string
	judges := panel.New(checks.Config{})
	judges.OnFault(&checks.FaultEvent{Kind: checks.HealAll}, nil)
	for _, e := range judges.End(panel.End{History: &history.History{}, Quiescent: true}).Evaluations {
		judged = append(judged, e.Rule)
	}
	if len(judged) < 30 {
		t.Fatalf("the panel knows only the rules %v", judged)
	}
	for _, rule := range judged {
		got, ok := named[rule]
		if !ok {
			t.Errorf("rule %s has no row", rule)
		}
		var want []string
		for i := range Quarries {
			if slices.Contains(Quarries[i].Rules, rule) || slices.ContainsFunc(Quarries[i].Added, func(a AddedRule) bool { return a.Rule == rule }) {
				want = append(want, Quarries[i].ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("rule %s: the table names %v, the hunt expects %v", rule, got, want)
		}
	}
	for rule := range named {
		if !slices.Contains(judged, rule) {
			t.Errorf("the table has a row for %s, which nobody judges", rule)
		}
	}
}
