package cluster

import (
	"os"
	"slices"
	"strings"
	"testing"

	"trial/checks"
	"trial/checks/history"
	"trial/checks/panel"
)

const guarantees = "../../docs/GUARANTEES.md"

// docs/GUARANTEES.md has a row for every rule that is judged and for no other, and
// names as planted bugs those that the hunt expects the rule to find.
// UPDATE_GOLDEN=1 rewrites that column.
func TestGuaranteesListEveryRuleAndItsMutants(t *testing.T) {
	text, err := os.ReadFile(guarantees)
	if err != nil {
		t.Fatal(err)
	}
	judged := judgedRules()
	if len(judged) < 30 {
		t.Fatalf("the panel knows only the rules %v", judged)
	}
	lines := strings.Split(string(text), "\n")
	var rows []string
	for i, line := range lines {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[4], "`checks/") {
			continue
		}
		rule := strings.TrimSpace(cells[1])
		rows = append(rows, rule)
		if want := mutantsOf(rule); strings.TrimSpace(cells[5]) != want {
			cells[5] = " " + want + " "
			lines[i] = strings.Join(cells, "|")
			if os.Getenv("UPDATE_GOLDEN") == "" {
				t.Errorf("row %s must be (UPDATE_GOLDEN=1 writes it)\n%s", rule, lines[i])
			}
		}
	}
	slices.Sort(judged)
	slices.Sort(rows)
	if !slices.Equal(judged, rows) {
		t.Errorf("judged are the rules %v, rows are there for %v", judged, rows)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(guarantees, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// judgedRules are the rules that a whole run evaluates or could.
func judgedRules() []string {
	judges := panel.New(checks.Config{})
	judges.OnFault(&checks.FaultEvent{Kind: checks.HealAll}, nil)
	var rules []string
	for _, e := range judges.End(panel.End{History: &history.History{}, Quiescent: true}).Evaluations {
		rules = append(rules, e.Rule)
	}
	return rules
}

func mutantsOf(rule string) string {
	var ids []string
	for i := range Quarries {
		if Quarries[i].Counts(rule) {
			ids = append(ids, Quarries[i].ID)
		}
	}
	if len(ids) == 0 {
		return "—"
	}
	return strings.Join(ids, ", ")
}
