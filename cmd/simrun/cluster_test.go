package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tiny is a cluster of one node with both roles; storage goes in.
func tiny(t *testing.T, storage string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.yaml")
	text := `apiVersion: kafka.strimzi.io/v1
kind: Kafka
metadata: {name: tiny}
spec: {kafka: {version: 4.3.0}, entityOperator: {}}
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaNodePool
metadata: {name: all, labels: {strimzi.io/cluster: tiny}}
spec:
  replicas: 1
  roles: [controller, broker]
  storage: ` + storage + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const persistentClaim = "{type: persistent-claim, size: 1Gi}"

func TestClusterVerdictsAndExitCodes(t *testing.T) {
	file := tiny(t, persistentClaim)
	code, out, errs := run(t, "run", "--cluster", file, "--only", "pod-restart-leader", "--seeds", "1")
	if code != exitPass {
		t.Errorf("a cluster that only blocks exits %d, want %d\n%s%s", code, exitPass, out, errs)
	}
	for _, want := range []string{
		"n1 is tiny-all-0: broker and controller, 1 volume, persistent", "ignored, without meaning here: spec.entityOperator",
		"pod restart, a leader  blocks", "has one replica: while its node is away it has no leader",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	file = tiny(t, "{type: ephemeral}")
	code, out, _ = run(t, "run", "--cluster", file, "--only", "pod-restart-leader", "--seeds", "1")
	if code != exitFail || !strings.Contains(out, "pod restart, a leader  loses") || !strings.Contains(out, "the cluster forgot its topics") {
		t.Errorf("the same on an ephemeral volume exits %d, want %d\n%s", code, exitFail, out)
	}
}

// The replay line works when it is pasted, with -o and without.
func TestClusterReplayLinesWork(t *testing.T) {
	file := tiny(t, "{type: ephemeral}")
	dir := filepath.Join(t.TempDir(), "plans")
	args := []string{"run", "--cluster", file, "--topics", "a:2:1", "--only", "pod-restart-leader,node-restart-controller", "--seeds", "2", "--json"}
	answers := func(args ...string) []answerJSON {
		t.Helper()
		_, out, errs := run(t, args...)
		var list []answerJSON
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			var a answerJSON
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatalf("%q: %v\n%s", line, err, errs)
			}
			list = append(list, a)
		}
		return list
	}
	list := answers(args...)
	if len(list) != 2 || list[1].Question != "pod-restart-leader" || list[1].Verdict != "loses" || list[1].Lost == 0 || list[1].Runs != 2 {
		t.Fatalf("%+v", list)
	}
	for _, a := range list {
		words := strings.Fields(a.Replay)
		again := answers(append(words[1:], "--json")...)
		again[0].Runs, again[0].Replay = a.Runs, a.Replay
		if len(again) != 1 || again[0] != a {
			t.Errorf("%s\ngives %+v, want %+v", a.Replay, again, a)
		}
	}
	for _, a := range answers(append(args, "-o", dir)...) {
		words := strings.Fields(a.Replay)
		if words[1] != "replay" {
			t.Fatalf("with -o the line is %q", a.Replay)
		}
		code, out, errs := run(t, words[1:]...)
		if code != exitPass || a.Lost > 0 && !strings.Contains(out, " lost") {
			t.Errorf("%s: exit %d\n%s%s", a.Replay, code, out, errs)
		}
	}
}

func TestWrongClusterFilesExitTwo(t *testing.T) {
	good := tiny(t, persistentClaim)
	bad := tiny(t, "{type: tape}")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--cluster", "no-such-file.yaml"}, "no-such-file.yaml"},
		{[]string{"--cluster", bad}, bad + `:12: spec.storage.type is "tape"; it must be ephemeral, persistent-claim or jbod`},
		{[]string{"--cluster", good, "--brokers", "3"}, "--brokers has no meaning with --cluster"},
		{[]string{"--cluster", good, "--only", "flood"}, "known are node-restart-leader"},
		{[]string{"--cluster", good, "--topics", "a"}, "name:partitions:replicas"},
		{[]string{"--cluster", good, "--topics", "a:1:2"}, "with 1 brokers 1 to 1 are possible"},
		{[]string{"--cluster", good, "--set", "num.partitions=x"}, "num.partitions"},
		{[]string{"--cluster", good, "--zones", "0"}, "1 to 26"},
		{[]string{"--cluster", good, "--seeds", "0"}, "at least one seed"},
		{[]string{"--zones", "2"}, "--zones needs --cluster"},
	} {
		code, out, errs := run(t, append([]string{"run"}, c.args...)...)
		if code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("simrun run %s: exit %d, want %d with %q; it said %s%s", strings.Join(c.args, " "), code, exitUsage, c.want, out, errs)
		}
	}
}
