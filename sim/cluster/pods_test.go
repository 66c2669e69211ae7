package cluster

import (
	"fmt"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// podPlan bends a drawn plan into one of pods: roles apart or together, racks,
// several volumes, some of them ephemeral, and besides its faults those of pods.
func podPlan(t *testing.T, seed uint64, mode Mode) Plan {
	t.Helper()
	p, err := Draw(seed, Options{Mode: mode, Brokers: 6})
	if err != nil {
		t.Fatal(err)
	}
	s := engine.NewStream(seed, "test/pods")
	apart := s.Chance(1, 2)
	for id := int32(1); id <= p.Brokers; id++ {
		n := Node{ID: id, Volumes: int32(s.Between(1, 2)), Rack: string(rune('a' + id%3))}
		if apart {
			n.Roles = BrokerOnly
			if id <= 3 {
				n.Roles = ControllerOnly
			}
		}
		for range n.Volumes {
			n.Storage = append(n.Storage, []string{Persistent, Ephemeral, Ephemeral}[s.Pick(3)])
		}
		p.Nodes = append(p.Nodes, n)
	}
	targets := []string{"n1", "n2", "n5", "controller", "leader of t-0", "follower of t-0", "zone a", "zone b", "n1, n2, n3", "rest"}
	for range s.Between(1, 3) {
		line := fmt.Sprintf("%v %s %s for %v", clock.Ms(s.Between(4000, 25_000)), []string{"replace", "lose", "roll"}[s.Pick(3)],
			targets[s.Pick(len(targets))], clock.Ms(s.Between(100, 12_000)))
		f, err := faults.ParseFault(line)
		if err != nil {
			t.Fatal(err)
		}
		p.Faults = append(p.Faults, f)
	}
	p.Faults = p.Faults.Sorted()
	return p
}

// No rule may speak on the correct engine when pods come and go with their volumes,
// beside every other fault; and what happens depends on the plan alone.
func TestPodsComeAndGoWithoutFalseAlarms(t *testing.T) {
	emptied, forgot := 0, 0
	for _, mode := range []Mode{Budget, Unbounded} {
		for _, seed := range seeds(t, 6) {
			p := podPlan(t, seed, mode)
			again, err := ParsePlan(p.String())
			if err != nil {
				t.Fatalf("seed %s: the plan does not read back: %v\n%s", SeedString(seed), err, p)
			}
			r := Verify(again, RunOptions{})
			if r.Failed() {
				t.Errorf("%s seed %s: %s\n%s", mode, SeedString(seed), r.Sentence(), p)
			}
			if mode == Budget && r.Lost > 0 && r.Acked == r.Lost {
				t.Errorf("seed %s: everything was lost within the budget", SeedString(seed))
			}
			emptied += len(r.Emptied)
			if r.Forgot != "" {
				forgot++
			}
		}
	}
	t.Logf("%d pods came back with empty volumes, %d clusters forgot their metadata", emptied, forgot)
	if emptied == 0 {
		t.Error("no volume was ever emptied")
	}
}

func TestNodesOfAPlan(t *testing.T) {
	p := podPlan(t, 1, Budget)
	p.Nodes = []Node{
		{ID: 1, Roles: ControllerOnly}, {ID: 2, Roles: BothRoles, Zone: "x", Storage: []string{Ephemeral}},
		{ID: 3, Roles: BrokerOnly, Rack: "a", Volumes: 2, Storage: []string{Persistent, Ephemeral}},
	}
	p.Faults = nil
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	text := p.String()
	for _, line := range []string{
		"node     n1 roles=controller\n", "node     n2 roles=broker,controller zone=x storage=ephemeral\n",
		"node     n3 roles=broker rack=a volumes=2 storage=persistent,ephemeral\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the plan lacks %q:\n%s", line, text)
		}
	}
	again, err := ParsePlan(text)
	if err != nil || again.String() != text {
		t.Errorf("it does not read back: %v\n%s", err, again)
	}
	if got := fmt.Sprint(p.voters(), p.hosts(), p.Zones(), p.zone("a")); got != "[1 2 4 5] [2 3 4 5 6] [a x] [n3]" {
		t.Error(got) // n4 to n6 say nothing of roles: as ever, the first five nodes vote
	}
	for line, want := range map[string]string{
		"node n9":                                       "the nodes are n1 to n6",
		"node x1":                                       "is no node",
		"node n1 roles=boss":                            "none of broker, controller",
		"node n1 volumes=99":                            "1 to 16",
		"node n1 volumes=2 storage=ephemeral,x":         "neither persistent nor ephemeral",
		"node n1 volumes=3 storage=ephemeral,x":         "storage names 2 volumes",
		"node n1 color=red":                             "known are roles, rack",
		"node n1\nnode n1":                              "there twice",
		"node n1 rack=a\nfaults\n1s lose zone b for 1s": "no node stands in zone b",
	} {
		bad, _, _ := strings.Cut(text, "node ")
		rest := text[strings.Index(text, "topic "):]
		rest, _, _ = strings.Cut(rest, "faults")
		// unordered: each line is a case of its own
		if _, err := ParsePlan(bad + rest + line + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
