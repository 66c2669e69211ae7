package seeds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trial/internal/mutant"
)

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("*.plan")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plan in this folder: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".plan"), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !mutant.Enabled && strings.Contains(string(b), "\nmutant") {
				t.Skip("needs the planted bugs: go test -tags mutants ./seeds")
			}
			f, err := Parse(string(b))
			if err != nil {
				t.Fatalf("seeds/%s: %v", name, err)
			}
			if err := f.Run(); err != nil {
				t.Errorf("%v\nreplay: simrun replay seeds/%s", err, name)
			}
		})
	}
}

// Every row that the judges must count silently is used by a canary.
func TestCanariesCoverTheLedger(t *testing.T) {
	files, err := filepath.Glob("*.plan")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nmutant") {
			continue // its plan reads back only where the bug is compiled in
		}
		f, err := Parse(string(b))
		if err != nil {
			t.Fatalf("seeds/%s: %v", name, err)
		}
		for _, c := range f.Loses {
			seen[c] = true
		}
	}
	for _, c := range []string{"B", "C1", "C2", "C3", "D", "E", "H", "I"} {
		if !seen[c] {
			t.Errorf("no plan shows row %s of the ledger: simrun shrink SEED --mode unbounded --loses %s -o FILE writes one", c, c)
		}
	}
}

// minimal is a plan in which nobody sends anything, so that its verdict is empty.
const minimal = "plan 1\nscenario mixed\nmode unbounded\nfor 1s\nbrokers 1\n" +
	"net latency=0.001s jitter=0s tail.one.in=0 tail=0s bytes.per.ms=100000 tcp.timeout=10s\n" +
	"disk latency=0.0001s jitter=0s sync=0.001s bytes.per.ms=100000\n" +
	"topic t partitions=1 replicas=1\n"

func TestTheRunnerSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plan 1\n# expect pass\n", "line 1 is"},
		{"# expect pass\n" + minimal, "must tell what failed"},
		{"# A story.\n" + minimal, "no line says what to expect"},
		{"# A story.\n# expect\n" + minimal, "names nothing"},
		{"# A story.\n# expect pass\n# loses X9\n" + minimal, "the ledger has no such row; it has A, B"},
		{"# A story.\n# expect W2\n# loses B\n" + minimal, "for plans that pass"},
		{"# A story.\n# expect pass\nplan 1\nbrokers many\n", "line 4"},
		{"# A story.\n# expect pass\n" + minimal, "first was empty, want pass"},
		{"# A story.\n# expect empty\n" + minimal, ""},
	} {
		f, err := Parse(c.text)
		if err == nil {
			err = f.Run()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	calm := "# A story.\n# expect pass\n# %s\n" + minimal + "client c1 lister partitions=1\nclient c2 producer partitions=1 rate=5\n"
	for directive, want := range map[string]string{
		"loses B": "row B of the ledger was not used; used were none", "reaches no.such": "probe no.such was not reached; reached were",
	} {
		f, err := Parse(strings.Replace(calm, "%s", directive, 1))
		if err == nil {
			err = f.Run()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", directive, err, want)
		}
	}
}
