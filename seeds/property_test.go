package seeds

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trial/clock"
	"trial/sim/cluster"
	"trial/sim/simtest/gen"
)

// drawnChecks is how many drawn plans are run; -rapid.checks=1000 runs more, and
// -rapid.failfile=FILE replays one that rapid has shrunk.
const drawnChecks = 25

// passes is the property: a plan, whatever it is, reads back as printed, runs the
// same twice and breaks no rule.
func passes(t *rapid.T) {
	p := gen.Plan(gen.Options{For: 8 * clock.Second}).Draw(t, "plan")
	back, err := cluster.ParsePlan(p.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Fatalf("the plan does not read back as printed (-want +got):\n%s", diff)
	}
	if r := cluster.Verify(p, cluster.RunOptions{}); r.Failed() {
		t.Fatalf("%s\nreplay: simrun replay FILE, with this in it:\n%s", r.Sentence(), p)
	}
}

func TestDrawnPlansBreakNoRule(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if was := checks.Value.String(); was == checks.DefValue {
		n := drawnChecks
		if testing.Short() {
			n = 5
		}
		_ = checks.Value.Set(strconv.Itoa(n))
		defer func() { _ = checks.Value.Set(was) }()
	}
	// The same plans every time, unless somebody asks for others: what fails in CI must
	// fail here, too.
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == seed.DefValue && os.Getenv("SIM_RUNS") == "" {
		_ = seed.Value.Set("1")
		defer func() { _ = seed.Value.Set(seed.DefValue) }()
	}
	rapid.Check(t, passes)
}

// go test -fuzz FuzzPlan -fuzzminimizetime 1x ./seeds: the same, drawn from the bytes
// of Go's fuzzer. Left to its default, the fuzzer spends a minute on making every
// input that reaches something new smaller.
func FuzzPlan(f *testing.F) {
	f.Add(make([]byte, 8<<10)) // the tamest plan
	f.Fuzz(rapid.MakeFuzz(passes))
}

// A corpus that draws no plan fuzzes nothing.
func TestTheFuzzersCorpusDrawsPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/fuzz/FuzzPlan/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(b), "\n")
		text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "[]byte("), ")"))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		faults := -1
		t.Run(filepath.Base(file), func(t *testing.T) {
			rapid.MakeFuzz(func(t *rapid.T) {
				faults = len(gen.Plan(gen.Options{For: 8 * clock.Second}).Draw(t, "plan").Faults)
			})(t, []byte(text))
		})
		if faults < 1 {
			t.Errorf("%s draws %d faults", file, faults)
		}
	}
}
