package cluster

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/client/workload"
	"trial/faults"
)

func TestPlansPrintAndParseBack(t *testing.T) {
	for seed := uint64(0); seed < 200; seed++ {
		for _, sc := range Scenarios {
			o := Options{Scenario: sc.Name, Mode: [...]Mode{Budget, Unbounded}[seed%2]}
			want, err := Draw(seed, o)
			if err != nil {
				t.Fatalf("seed %d, scenario %s: %v", seed, sc.Name, err)
			}
			got, err := ParsePlan(want.String())
			if err != nil {
				t.Fatalf("seed %d, scenario %s: %v\n%s", seed, sc.Name, err, want)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d, scenario %s: a plan does not read back as printed (-want +got):\n%s", seed, sc.Name, d)
			}
		}
		if testing.Short() && seed > 10 {
			break
		}
	}
}

func TestParsePlanSaysWhatIsWrongAndWhere(t *testing.T) {
	p, err := Draw(1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := p.String()
	for _, c := range []struct{ old, new, want string }{
		{"plan     1", "plan     2", "line 1: plan: this build reads plans of version 1"},
		{"plan     1\n", "", "a plan begins with the line"},
		{"brokers  3", "brokers  0", "a cluster has 1 to"},
		{"brokers  3", "brokers  many", "line 6: brokers"},
		{"mode     budget", "mode     reckless", "neither budget nor unbounded"},
		{"buggify", "bugify", "line 7: bugify: unknown key"},
		{"client   c1 producer", "client   c1 dancer", "role \"dancer\""},
		{"rate=", "acks=7 rate=", "none of -1"},
		{"rate=", "rats=", "no setting is called"},
		{"replicas=3", "replicas=4", "with 3 brokers 1 to 3"},
		{"latency=", "latency=x", "duration"},
		{"set      broker.session.timeout.ms=", "set      broker.session.timeout.ms=x", "broker.session.timeout.ms"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("the plan has no %q:\n%s", c.old, good)
		}
		if _, err := ParsePlan(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want one that says %q", c.new, c.old, err, c.want)
		}
	}
	text := good + "  1s kill n7 for 1s\n"
	if _, err := ParsePlan(text); err == nil || !strings.Contains(err.Error(), "n7") {
		t.Errorf("a fault on a node that is not there: error %v", err)
	}
	text = good + "  1s kil n1 for 1s\n"
	line := strings.Count(text, "\n")
	if _, err := ParsePlan(text); err == nil || !strings.Contains(err.Error(), "line "+strconv.Itoa(line)) {
		t.Errorf("error %v does not name line %d", err, line)
	}
}

func TestOverridesReachThePlan(t *testing.T) {
	p, err := Draw(5, Options{Acks: "1", Set: []Setting{{"min.insync.replicas", "1"}, {"broker.session.timeout.ms", "7777"}}, Brokers: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Clients {
		if c.Role == workload.Producer && (c.Acks != 1 || c.Idempotent != 0) {
			t.Errorf("client %s has acks=%d idempotent=%d; want 1 and 0", c.Name, c.Acks, c.Idempotent)
		}
	}
	if got := p.Config(&p.Topics[0], "min.insync.replicas"); got != "1" {
		t.Errorf("min.insync.replicas = %q, want 1", got)
	}
	if got := p.Setting("broker.session.timeout.ms"); got != "7777" {
		t.Errorf("broker.session.timeout.ms = %q, want 7777", got)
	}
	for _, o := range []Options{{Acks: "2"}, {Scenario: "none"}, {Brokers: 99}, {Mutant: "REP-99"}, {Set: []Setting{{"no.such.config", "1"}}}} {
		if _, err := Draw(1, o); err == nil {
			t.Errorf("options %+v are accepted", o)
		}
	}
}

func TestSchedulesOfSmallClustersNameOnlyTheirNodes(t *testing.T) {
	for seed := uint64(0); seed < 50; seed++ {
		p, err := Draw(seed, Options{Brokers: 1 + int32(seed%3), Mode: Unbounded})
		if err != nil {
			t.Fatal(err)
		}
		if err := faults.Check(p.Faults, p.BrokerNames(), p.ClientNames()); err != nil {
			t.Fatal(err)
		}
	}
}
