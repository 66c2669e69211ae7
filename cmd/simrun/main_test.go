package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"trial/internal/mutant"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = execute(args, &out, &err)
	return code, out.String(), err.String()
}

func TestWrongUsageExitsTwoAndSaysWhatWouldBeRight(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.plan")
	if err := os.WriteFile(bad, []byte("plan 1\nbrokers many\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"rum"}, "known are run, replay"},
		{[]string{"run", "extra"}, "takes no argument"},
		{[]string{"run", "--seeds", "0"}, "at least one seed"},
		{[]string{"run", "--seeds", "many"}, "invalid"},
		{[]string{"run", "--seed", "5"}, "unknown flag"},
		{[]string{"run", "--first-seed", "0xzz"}, "not a number of 64 bits"},
		{[]string{"run", "--for", "30"}, "write a number and a unit"},
		{[]string{"run", "--for", "0s"}, "more than 0s"},
		{[]string{"run", "--for", "99h"}, "at most"},
		{[]string{"run", "--brokers", "0"}, "at least 1"},
		{[]string{"run", "--brokers", "77"}, "a cluster has 1 to"},
		{[]string{"run", "--mode", "wild"}, "neither budget nor unbounded"},
		{[]string{"run", "--scenario", "none"}, "known are mixed"},
		{[]string{"run", "--acks", "2"}, "none of 0, 1, all"},
		{[]string{"run", "--set", "min.insync.replicas"}, "config=value"},
		{[]string{"run", "--set", "min.insync.replicas=two"}, "min.insync.replicas"},
		{[]string{"run", "--set", "no.such.key=1"}, "no.such.key"},
		{[]string{"run", "--set", "segment.ms=soon"}, "segment.ms"},
		{[]string{"run", "--jobs", "0"}, "at least one run"},
		{[]string{"run", "--mutant", "REP-99"}, "REP-01"},
		{[]string{"replay"}, "takes one argument"},
		{[]string{"replay", "no-such-file"}, "neither a seed nor a readable plan"},
		{[]string{"replay", bad}, "line 2"},
		{[]string{"replay", "1", "--until", "soon"}, "number of an event"},
		{[]string{"shrink", "1", "--budget", "0"}, "at least one run"},
		{[]string{"serve", "--log-level", "loud"}, "none of debug, info, warn, error"},
		{[]string{"serve", "--listen", "nowhere"}, "host:port"},
		{[]string{"serve", "--brokers", "2", "--racks", "r1"}, "one rack a broker"},
		{[]string{"serve", "--set", "num.partitions=none"}, "num.partitions"},
	} {
		code, out, errs := run(t, c.args...)
		if code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("simrun %s: exit %d, want %d with %q; it said %s%s", strings.Join(c.args, " "), code, exitUsage, c.want, out, errs)
		}
	}
}

// A binary without planted bugs refuses to hunt one, and says how to build one with.
func TestMutantsNeedTheirBuildTag(t *testing.T) {
	if mutant.Enabled {
		t.Skip("this binary carries them")
	}
	code, out, errs := run(t, "run", "--seeds", "1", "--mutant", mutant.REP01)
	if code != exitUsage || !strings.Contains(errs, "-tags mutants") || out != "" {
		t.Errorf("exit %d, want %d with how to build it; it said %s%s", code, exitUsage, out, errs)
	}
}

func TestJSONHasOneObjectASeedWithThePromisedFields(t *testing.T) {
	code, out, errs := run(t, "run", "--seeds", "3", "--for", "5s", "--scenario", "calm", "--json", "--first-seed", "0x10")
	if code != exitPass {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines for 3 seeds:\n%s", len(lines), out)
	}
	hex := regexp.MustCompile(`^0x[0-9a-f]{16}$`)
	for i, l := range lines {
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"events", "virtualMs", "wallMs", "acked", "delivered", "lost", "duplicated", "faults"} {
			if n, ok := o[k].(float64); !ok || n != float64(int64(n)) {
				t.Errorf("field %s is %v, want an integer", k, o[k])
			}
		}
		for _, k := range []string{"seed", "hash"} {
			if s, ok := o[k].(string); !ok || !hex.MatchString(s) {
				t.Errorf("field %s is %v, want 0x and 16 digits", k, o[k])
			}
		}
		if _, ok := o["rules"].([]any); !ok || o["verdict"] != "pass" {
			t.Errorf("rules %v, verdict %v; want an array and pass", o["rules"], o["verdict"])
		}
		if want := []string{"0x0000000000000010", "0x0000000000000011", "0x0000000000000012"}[i]; o["seed"] != want {
			t.Errorf("line %d is seed %v, want %s: results come in the order of the seeds", i, o["seed"], want)
		}
	}
}

func TestSummaryAndReplaySayTheSame(t *testing.T) {
	code, out, errs := run(t, "run", "--seeds", "2", "--for", "5s", "--scenario", "calm", "--verify")
	if code != exitPass || !strings.Contains(out, "2 pass of 2 seeds") || !strings.Contains(out, "records acknowledged") {
		t.Fatalf("exit %d:\n%s%s", code, out, errs)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	code, out, errs = run(t, "replay", "1", "--for", "5s", "--scenario", "calm", "--trace", trace)
	if code != exitPass || !strings.HasSuffix(strings.TrimSpace(out), "pass") {
		t.Fatalf("exit %d:\n%s%s", code, out, errs)
	}
	b, err := os.ReadFile(trace)
	if err != nil || !bytes.Contains(b, []byte("n1 boot")) {
		t.Errorf("the trace has %d bytes and no boot of n1: %v", len(b), err)
	}
	plan := filepath.Join(t.TempDir(), "a.plan")
	if err := os.WriteFile(plan, []byte(out[:strings.Index(out, "\nhash")]), 0o644); err != nil {
		t.Fatal(err)
	}
	_, again, _ := run(t, "replay", plan)
	if again != out {
		t.Errorf("the printed plan replays differently:\n%s\nthen\n%s", out, again)
	}
}

func TestReplayStopsAtAnEvent(t *testing.T) {
	code, out, errs := run(t, "replay", "1", "--for", "5s", "--until", "500")
	if code != exitPass || !strings.Contains(out, "hash 0x") {
		t.Fatalf("exit %d:\n%s%s", code, out, errs)
	}
}

func TestScenariosAndCompletionPrint(t *testing.T) {
	if code, out, _ := run(t, "scenarios"); code != 0 || !strings.Contains(out, "mixed") {
		t.Errorf("scenarios: exit %d\n%s", code, out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, errs := run(t, "completion", shell); code != 0 || !strings.Contains(out, "simrun") {
			t.Errorf("completion %s: exit %d\n%s", shell, code, errs)
		}
	}
}
