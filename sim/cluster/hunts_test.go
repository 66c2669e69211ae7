package cluster

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"trial/internal/mutant"
)

// huntsFile holds what TestPublish has measured; the table for people is made of it.
const (
	huntsFile = "testdata/hunts.json"
	tableFile = "../../docs/MUTANTS.md"
)

// measured is the record of one planted bug.
type measured struct {
	ID        string `json:"id"`
	FirstSeed uint64 `json:"firstSeed"` // of the trials
	Trials    int    `json:"trials"`    // that a correct engine passes
	Reached   int    `json:"reached"`
	Infected  int    `json:"infected"`
	Found     int    `json:"found"`
	Other     int    `json:"other"` // another rule fired first
	Seed      uint64 `json:"seed"`  // the first that found it
	Median    int    `json:"median"`
	First     []hits `json:"first"` // rules that fired first, when found
	All       []hits `json:"all"`   // rules that fired at all

	// To the first detection, median over the hunts.
	Events     int64   `json:"events"`
	VirtualSec int64   `json:"virtualSeconds"`
	CPUSec     float64 `json:"cpuSeconds"`

	BlackTrials int    `json:"blackTrials"`
	BlackFound  int    `json:"blackFound"`
	BlackFirst  []hits `json:"blackFirst"`

	Shrunk shrunk `json:"shrunk"`
}

type hits struct {
	Rule  string `json:"rule"`
	Times int    `json:"times"`
}

// shrunk is what became of one failing schedule.
type shrunk struct {
	Seed   uint64  `json:"seed"`
	Rule   string  `json:"rule"`
	Before int     `json:"before"` // faults
	After  int     `json:"after"`
	Runs   int     `json:"runs"`
	CPUSec float64 `json:"cpuSeconds"`
}

func loadHunts(t *testing.T) []measured {
	t.Helper()
	b, err := os.ReadFile(huntsFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []measured
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatalf("%s: %v", huntsFile, err)
	}
	return list
}

// oneIn is the expected number of seeds to a detection.
func (m *measured) oneIn() float64 { return float64(m.Trials) / float64(max(m.Found, 1)) }

// wilson is the 95 % score interval of a share.
func wilson(hits, n int) (lo, hi float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.96
	p, N := float64(hits)/float64(n), float64(n)
	mid := p + z*z/(2*N)
	off := z * math.Sqrt(p*(1-p)/N+z*z/(4*N*N))
	return max(0, (mid-off)/(1+z*z/N)), min(1, (mid+off)/(1+z*z/N))
}

func TestWilsonIntervals(t *testing.T) {
	for _, c := range []struct {
		hits, n int
		lo, hi  float64
	}{{0, 100, 0, 0.0370}, {5, 100, 0.0215, 0.1118}, {50, 100, 0.4038, 0.5962}, {100, 100, 0.9630, 1}, {0, 0, 0, 1}} {
		if lo, hi := wilson(c.hits, c.n); math.Abs(lo-c.lo) > 1e-4 || math.Abs(hi-c.hi) > 1e-4 {
			t.Errorf("%d of %d: [%.4f, %.4f], want [%.4f, %.4f]", c.hits, c.n, lo, hi, c.lo, c.hi)
		}
	}
}

// The hunt knows every planted bug of this build, and nothing else.
func TestEveryMutantIsHunted(t *testing.T) {
	var ids []string
	for _, q := range Quarries {
		ids = append(ids, q.ID)
		if q.What == "" || len(q.Rules) == 0 {
			t.Errorf("%s: it must say what it is and which rules may find it", q.ID)
		}
		for _, a := range q.Added {
			if a.Why == "" || slices.Contains(q.Rules, a.Rule) {
				t.Errorf("%s: rule %s is added without a reason", q.ID, a.Rule)
			}
		}
		if q.Scenario != "" && q.Difficulty != Hard {
			t.Errorf("%s: only bugs that are hard have a climate of their own", q.ID)
		}
	}
	want := slices.Sorted(slices.Values(mutant.All()))
	if got := slices.Sorted(slices.Values(ids)); !slices.Equal(got, want) {
		t.Errorf("hunted are %v, planted are %v", got, want)
	}
}

// Without the build tag a plan with a mutant is refused, with what would be right.
func TestMutantsNeedTheirTag(t *testing.T) {
	_, err := Draw(1, Options{Mutant: mutant.REP01})
	if mutant.Enabled != (err == nil) {
		t.Fatalf("planted bugs enabled: %v; drawing a plan with one: %v", mutant.Enabled, err)
	}
	if err != nil && !strings.Contains(err.Error(), "-tags mutants") {
		t.Errorf("error %q does not say how to build with planted bugs", err)
	}
	if _, err := Draw(1, Options{Mutant: "REP-99"}); err == nil || !strings.Contains(err.Error(), mutant.REP01) {
		t.Errorf("error %v does not list the mutants there are", err)
	}
}

// docs/MUTANTS.md is made of what was measured, and half of the failing schedules
// shrink to five faults or fewer within the budget.
func TestTableOfMutantsIsWhatWasMeasured(t *testing.T) {
	list := loadHunts(t)
	got, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := table(list); string(got) != want {
		t.Errorf("%s is not what %s says; make it again: SIM_PUBLISH=1 go test -tags mutants -run TestPublish ./sim/cluster", tableFile, huntsFile)
	}
	small := 0
	for i := range list {
		m := &list[i]
		if m.Found == 0 {
			t.Errorf("%s was not found", m.ID)
		}
		if m.Shrunk.After <= 5 && m.Shrunk.Runs <= ShrinkBudget {
			small++
		}
	}
	if 2*small < len(list) {
		t.Errorf("%d of %d failing schedules shrink to 5 faults or fewer within %d runs, want half of them", small, len(list), ShrinkBudget)
	}
}

const tableHead = `# Planted bugs, and how long they take to find

Each row is a real, historical defect put back into the engine or the client, one at a time, as one small switch
(build tag ` + "`mutants`, `simrun run --mutant ID`" + `). Rows that begin with SYN are invented, for rules that no historical
bug of the catalogue makes speak, and carry the rule in their name. The table is generated; do not edit it:

    SIM_PUBLISH=1 go test -tags mutants -timeout 4h -run TestPublish ./sim/cluster           # all
    SIM_PUBLISH=1 go test -tags mutants -timeout 1h -run TestPublish/REP-07 ./sim/cluster    # one

How to read it:

- All bugs are hunted in the same generic mix: scenario ` + "`mixed`" + `, odd seeds in budget mode, even seeds in unbounded mode.
  No schedule is made for a bug.
- **Found** counts seeds in which a rule that the catalogue names for the bug, or one added below with its reason, fired
  *first*, and which the correct engine passes. The interval is Wilson's, 95 %. *Seeds* is the expected number of seeds to
  a detection, *median* the median over consecutive hunts. Where another rule fired first, the seed counts as not found.
- **Reached, infected** are the shares of seeds in which the mutated branch ran, and in which it is known to have made a
  difference (– where that is not cheap to know).
- **Black box** is the share of seeds in which a rule that needs nothing but clients (L, LIN, P1, V5, V8) fires when the
  white-box judges are switched off; this alone compares with a test of a system that tells no facts.
- **Shrunk** is one failing schedule: faults before and after, and the candidate runs that took.

`

// table renders docs/MUTANTS.md.
func table(list []measured) string {
	var b strings.Builder
	b.WriteString(tableHead)
	b.WriteString("| bug | what it is | found | 95 % | seeds | median | first rules | reached | infected | black box | its rules | shrunk |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	var small, black, found int
	for i := range list {
		m := &list[i]
		q, _ := FindQuarry(m.ID)
		lo, hi := wilson(m.Found, m.Trials)
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %s–%s %% | %s | %d | %s | %s | %s | %d of %d | %s | %d → %d in %d |\n",
			m.ID, q.What, m.Found, m.Trials, percent(lo), percent(hi), short(m.oneIn()), m.Median, rules(m.First),
			share(m.Reached, m.Trials), infected(m), m.BlackFound, m.BlackTrials, rules(m.BlackFirst),
			m.Shrunk.Before, m.Shrunk.After, m.Shrunk.Runs)
		if m.Shrunk.After <= 5 && m.Shrunk.Runs <= ShrinkBudget {
			small++
		}
		if m.BlackFound > 0 {
			black++
		}
		if m.Found > 0 {
			found++
		}
	}
	fmt.Fprintf(&b, "\n%d of %d bugs are found, %d of them by clients alone. %d of %d failing schedules shrink to 5 faults or fewer within %d runs.\n",
		found, len(list), black, small, len(list), ShrinkBudget)
	b.WriteString("\n## Cost of a first detection\n\nMedians over consecutive hunts; CPU seconds are those of the machine that measured.\n\n")
	b.WriteString("| bug | events | virtual s | CPU s | CPU s to shrink |\n|---|---|---|---|---|\n")
	for _, m := range list {
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f | %.1f |\n", m.ID, m.Events, m.VirtualSec, m.CPUSec, m.Shrunk.CPUSec)
	}
	b.WriteString("\n## Rules added to the catalogue's\n\n")
	for _, q := range Quarries {
		for _, a := range q.Added {
			fmt.Fprintf(&b, "- %s, %s: %s.\n", q.ID, a.Rule, a.Why)
		}
	}
	b.WriteString("\n## Which rule fired at all\n\nA run ends soon after a white-box rule has fired, so that later rules stay silent.\n\n| bug | rules, with the seeds in which they fired |\n|---|---|\n")
	for _, m := range list {
		fmt.Fprintf(&b, "| %s | %s |\n", m.ID, rules(m.All))
	}
	return b.String()
}

func rules(list []hits) string {
	if len(list) == 0 {
		return "–"
	}
	var out []string
	for _, h := range list {
		out = append(out, fmt.Sprintf("%s %d", h.Rule, h.Times))
	}
	return strings.Join(out, ", ")
}

func percent(x float64) string {
	if x < 0.0995 {
		return fmt.Sprintf("%.1f", 100*x)
	}
	return fmt.Sprintf("%.0f", 100*x)
}

func share(n, of int) string { return percent(float64(n)/float64(max(of, 1))) + " %" }

func infected(m *measured) string {
	if m.Infected < m.Found {
		return "–"
	}
	return share(m.Infected, m.Trials)
}

func short(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
