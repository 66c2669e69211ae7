// Package seeds runs the corpus: each file tells its story, pins a plan and says
// what it expects. A regression stays here for ever: the plan wins over the seed,
// since a seed is good for one commit.
//
// Not here: how plans are drawn and run (sim/cluster).
package seeds

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trial/internal/mutant"
	"trial/sim/cluster"
)

// expectation reads the line "# expect pass" or "# expect RULE [RULE ...]".
func expectation(text string) (rules []string, ok bool) {
	for _, line := range strings.Split(text, "\n") {
		if rest, found := strings.CutPrefix(line, "# expect "); found {
			return strings.Fields(rest), true
		}
	}
	return nil, false
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("*.plan")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plan in this folder: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(f, ".plan"), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want, ok := expectation(string(b))
			if !ok || !strings.HasPrefix(string(b), "# ") {
				t.Fatalf("%s must begin with its story and say what it expects: # expect pass, or the rules that must fire", f)
			}
			if !mutant.Enabled && strings.Contains(string(b), "\nmutant") {
				t.Skip("needs the planted bugs: go test -tags mutants ./seeds")
			}
			p, err := cluster.ParsePlan(string(b))
			if err != nil {
				t.Fatal(err)
			}
			r := cluster.Verify(p, cluster.RunOptions{})
			if got := r.First(); !slices.Contains(want, got) {
				t.Errorf("%s\nfirst was %s, want one of %s\nreplay: simrun replay seeds/%s", r.Sentence(), got, strings.Join(want, ", "), f)
			}
		})
	}
}
