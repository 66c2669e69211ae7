package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trial/seeds"
)

// What shrink writes is a file of seeds/ as it is: its runner takes it.
func TestShrinkWritesAFileOfTheCorpus(t *testing.T) {
	dir := t.TempDir()
	idle := filepath.Join(dir, "idle.plan") // nobody sends anything: its verdict is empty
	plan := "plan 1\nscenario mixed\nmode unbounded\nfor 5s\nbrokers 1\n" +
		"net latency=0.001s jitter=0s tail.one.in=0 tail=0s bytes.per.ms=100000 tcp.timeout=10s\n" +
		"disk latency=0.0001s jitter=0s sync=0.001s bytes.per.ms=100000\n" +
		"topic t partitions=1 replicas=1\nfaults\n  1s kill n1 for 1s\n"
	if err := os.WriteFile(idle, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.plan")
	if code, said, errs := run(t, "shrink", idle, "-o", out); code != exitFail || !strings.Contains(said, "1 faults shrunk to 0") {
		t.Fatalf("exit %d\n%s%s", code, said, errs)
	}
	f := corpusFile(t, out)
	if f.Story != "empty: no record was acknowledged or delivered" || !slices.Equal(f.Expect, []string{"empty"}) || len(f.Plan.Faults) != 0 {
		t.Errorf("the file says %q, expects %v and has %d faults", f.Story, f.Expect, len(f.Plan.Faults))
	}

	canary := "../../seeds/canary-c3-only-holder-lost.plan"
	code, said, errs := run(t, "shrink", canary, "--loses", "C3", "--keep-times", "--budget", "5", "-o", out)
	if code != exitPass || !strings.Contains(said, "the plan still uses row C3 of the ledger") {
		t.Fatalf("exit %d\n%s%s", code, said, errs)
	}
	if f = corpusFile(t, out); !slices.Equal(f.Loses, []string{"C3"}) || !strings.Contains(f.Story, "committed records were removed") {
		t.Errorf("the file says %q and loses %v", f.Story, f.Loses)
	}
	code, said, _ = run(t, "shrink", canary, "--loses", "D", "-o", filepath.Join(dir, "none.plan"))
	if code != exitFail || !strings.Contains(said, "it does not pass such that it uses row D of the ledger") {
		t.Errorf("exit %d: a plan without a row of the ledger says\n%s", code, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.plan")); err == nil {
		t.Error("a file was written although there was nothing to keep")
	}
}

func corpusFile(t *testing.T, path string) seeds.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := seeds.Parse(string(b))
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if err := f.Run(); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
	return f
}
