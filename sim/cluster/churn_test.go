package cluster

import (
	"testing"

	"trial/client/workload"
)

// Some plans have a client that creates and deletes topics under the same names;
// it is the last client, stops with the faults, and survives print and parse.
func TestSomePlansChurnTopics(t *testing.T) {
	with := 0
	for seed := range uint64(120) {
		p, err := Draw(seed, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := p.Clients[len(p.Clients)-1]
		if c.Role != workload.Admin {
			continue
		}
		with++
		back, err := ParsePlan(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if got := back.Clients[len(p.Clients)-1]; got != c || c.Reuse != 1 || c.Records == 0 || int64(c.UntilMs) != p.For.Ms() {
			t.Errorf("seed %d: %+v, parsed %+v", seed, c, got)
		}
	}
	if with < 10 || with > 35 {
		t.Errorf("%d of 120 plans have one, want about a sixth", with)
	}
}
