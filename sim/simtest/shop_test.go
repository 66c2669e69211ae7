package simtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is a user's module with the tests of testdata/shop in it.
func shop(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds a module of its own")
	}
	root, err := filepath.Abs("../..")
	must(t, err)
	dir := t.TempDir()
	mod := string(read(t, filepath.Join(root, "go.mod")))
	mod = regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(mod, "module example.com/shop")
	mod = regexp.MustCompile(`(?ms)^tool \(.*?^\)|^tool .*?$`).ReplaceAllString(mod, "")
	mod += "\nrequire trial v0.0.0\n\nreplace trial => " + root + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "shop_test.go"), read(t, "testdata/shop/shop_test.go"), 0o666))
	return dir
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sh runs a line as a user pastes it, in the module, and returns what it prints.
func sh(t *testing.T, dir, line string) (out string, failed bool) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "SIM_SEED=", "SIM_RUNS=", "SIM_PLAN=")
	b, err := cmd.CombinedOutput()
	return string(b), err != nil
}

// failing is what a line prints that fails; if the test's own seeds find nothing,
// more of them are run.
func failing(t *testing.T, dir, line string) string {
	t.Helper()
	out, failed := sh(t, dir, line)
	if !failed {
		if out, failed = sh(t, dir, "SIM_RUNS=200 "+line); !failed {
			t.Fatalf("nothing was found:\n%s", out)
		}
	}
	return out
}

// find returns the first group of the first match.
func find(t *testing.T, in, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(in)
	if m == nil {
		t.Fatalf("nothing matches %s in:\n%s", pattern, in)
	}
	return m[1]
}

// story is what a failure says up to its replay line.
const story = `(?s)\.go:\d+: (\S.*?)\n\s+replay: `

func TestAFailureOfAUsersTestReplaysFromItsLineAndFromItsPlan(t *testing.T) {
	t.Parallel() // most of it is waiting for the go command
	dir := shop(t)
	out := failing(t, dir, "go test -artifacts -run '^TestOrders$' .")
	told := find(t, out, story)
	find(t, told, `^(shop_test\.go:\d+: waited 2m0s in vain for: all acknowledged records of shop delivered to audit \(\d+ are missing\))`)
	if n := strings.Count(told[:strings.Index(told, "calm")], "\n") - 2; n < 1 || n > 3 {
		t.Errorf("%d faults are left:\n%s", n, told)
	}
	replay := find(t, out, `replay: (SIM_SEED=0x[0-9a-f]{16} go test -run '\^TestOrders\$' example\.com/shop)\n`)
	again, failed := sh(t, dir, replay)
	if got := find(t, again, story); !failed || got != told {
		t.Errorf("the replay line told\n%s\ninstead of\n%s", got, told)
	}
	for _, file := range []string{find(t, out, `SIM_PLAN=(\S+\.plan)`), find(t, out, `trace:\s+(\S+\.trace)`)} {
		if st, err := os.Stat(file); err != nil || st.Size() == 0 {
			t.Errorf("%s was not kept: %v", file, err)
		}
	}
	fromPlan, failed := sh(t, dir, find(t, out, `or:\s+(SIM_PLAN=.*)`))
	verdict, _, _ := strings.Cut(told, "\n")
	if !failed || !strings.Contains(fromPlan, verdict) {
		t.Errorf("the plan came to\n%s\ninstead of %s", fromPlan, verdict)
	}
}

func TestAPlantedBugIsFoundByAUsersTestAndReplays(t *testing.T) {
	t.Parallel() // most of it is waiting for the go command
	dir := shop(t)
	out := failing(t, dir, "go test -tags mutants -run '^TestPlantedBug$' .")
	told := find(t, out, story)
	rule := find(t, told, `^rule ([A-Z]+\d*): `)
	replay := find(t, out, `replay: (SIM_SEED=\S+ go test -tags mutants -run \S+ example\.com/shop)\n`)
	again, failed := sh(t, dir, replay)
	if got := find(t, again, story); !failed || got != told {
		t.Errorf("rule %s: the replay line told\n%s\ninstead of\n%s", rule, got, told)
	}
	find(t, told, `(?m)(shrunk to [1-4] in \d+ runs:)$`)
	if out, _ := sh(t, dir, "go test -run '^TestPlantedBug$' ."); !strings.Contains(out, "build it with: go build -tags mutants") {
		t.Errorf("a binary without planted bugs says:\n%s", out)
	}
}

func TestWhatAUserSeesOfATestThatIsNotDeterministicAndOfOneThatIsFine(t *testing.T) {
	dir := shop(t)
	out, failed := sh(t, dir, "go test -run 'TestMapOrder' .")
	if !failed || !strings.Contains(out, "two runs of one seed differ") || !strings.Contains(out, "no order of a map") {
		t.Errorf("it says:\n%s", out)
	}
	out, failed = sh(t, dir, "go test -v -run TestFine .")
	if failed || strings.Count(out, "--- PASS: TestFine/0x") != 2 || !strings.Contains(out, "pass: 1 records acknowledged") {
		t.Errorf("it says:\n%s", out)
	}
	if out, failed = sh(t, dir, "SIM_RUNS=4 go test -v -run TestFine ."); failed || strings.Count(out, "--- PASS: TestFine/0x") != 4 {
		t.Errorf("SIM_RUNS=4:\n%s", out)
	}
}
