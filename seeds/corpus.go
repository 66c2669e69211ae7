// Package seeds is the corpus: each file tells its story, pins a plan and says
// what it expects. A regression stays here for ever: the plan wins over the seed,
// since a seed is good for one commit. A canary passes and shows something rare,
// so that a simulator that has become tame is noticed. docs/FAILURES.md says how
// to write a file.
//
// Not here: how plans are drawn and run (sim/cluster).
package seeds

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"trial/sim/cluster"
)

// File is one plan of the corpus with what it expects.
type File struct {
	Story   string   // the first line: what failed, or what is rare, in one sentence
	Expect  []string // the rule that must fire first is one of these, or the verdict: pass
	Loses   []string // rows of the ledger that must be used
	Reaches []string // probes that must be reached
	Plan    cluster.Plan
}

var directive = regexp.MustCompile(`^# (expect|loses|reaches)( .*)?$`)

// Parse reads a file of the corpus. The lines before the plan begin with "# ": the
// story, and in it the directives
//
//	# expect pass         or the rules of which one must fire first
//	# loses C2            a row of the ledger that must be used
//	# reaches PROBE       a probe that must be reached
func Parse(text string) (File, error) {
	var f File
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "#") {
			break
		}
		m := directive.FindStringSubmatch(line)
		if m == nil {
			if i == 0 {
				f.Story = strings.TrimPrefix(line, "# ")
			}
			continue
		}
		words := strings.Fields(m[2])
		if len(words) == 0 {
			return f, fmt.Errorf("line %d: %q names nothing; write for example # expect pass, # loses C2, # reaches replica.duplicate", i+1, line)
		}
		switch m[1] {
		case "expect":
			f.Expect = append(f.Expect, words...)
		case "loses":
			f.Loses = append(f.Loses, words...)
		case "reaches":
			f.Reaches = append(f.Reaches, words...)
		}
	}
	for _, c := range f.Loses {
		if !slices.Contains(rows, c) {
			return f, fmt.Errorf("# loses %s: the ledger has no such row; it has %s", c, strings.Join(rows, ", "))
		}
	}
	switch {
	case f.Story == "":
		return f, fmt.Errorf("line 1 is %q; it must tell what failed, in one sentence, behind a #", lines[0])
	case len(f.Expect) == 0:
		return f, fmt.Errorf("no line says what to expect: # expect pass, or the rules of which one must fire first, as in # expect W2")
	case len(f.Loses)+len(f.Reaches) > 0 && !slices.Equal(f.Expect, []string{"pass"}):
		return f, fmt.Errorf("# loses and # reaches are for plans that pass: # expect pass")
	}
	var err error
	f.Plan, err = cluster.ParsePlan(text)
	return f, err
}

// rows are those of docs/GUARANTEES.md, legal losses.
var rows = []string{"A", "B", "C1", "C2", "C3", "D", "E", "F", "H", "I", "M", "R", "W"}

// Run runs the plan twice and says what is not as expected. The plan of a planted
// bug needs a binary that has it.
func (f *File) Run() error {
	r := cluster.Verify(f.Plan, cluster.RunOptions{})
	if got := r.First(); !slices.Contains(f.Expect, got) {
		return fmt.Errorf("%s\nfirst was %s, want %s", r.Sentence(), got, strings.Join(f.Expect, " or "))
	}
	for _, c := range f.Loses {
		if !r.Shows(c) {
			return fmt.Errorf("row %s of the ledger was not used; used were %s. Is the simulator tamer than it was? If the change is meant, look for another plan (docs/FAILURES.md)",
				c, listed(shown(&r)))
		}
	}
	for _, p := range f.Reaches {
		if !r.Reached(p) {
			var names []string
			for _, q := range r.Probes {
				names = append(names, q.Name)
			}
			return fmt.Errorf("probe %s was not reached; reached were %s. Is the simulator tamer than it was? If the change is meant, look for another plan (docs/FAILURES.md)",
				p, listed(names))
		}
	}
	return nil
}

func shown(r *cluster.Result) []string {
	var list []string
	for _, c := range rows {
		if r.Shows(c) {
			list = append(list, c)
		}
	}
	return list
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
