package cluster

import (
	"strings"

	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// Mixed is the default scenario.
const Mixed = "mixed"

// Scenario is a named shape of plans: what the drawn plan is bent to.
type Scenario struct {
	Name string
	Doc  string // one line for people

	calm    bool // no faults
	shape   func(p *Plan, s *engine.Stream)
	climate func(c *faults.Climate, s *engine.Stream)
}

// Scenarios lists the scenarios, the default first.
var Scenarios = []Scenario{
	{Name: Mixed, Doc: "mixed workload (acks 0, 1, all; idempotent and not), every kind of fault, swarm-drawn"},
	{Name: "calm", Doc: "the mixed workload without any fault: nothing may be lost, duplicated or reordered", calm: true},
	{Name: "light", Doc: "3 brokers and 6 clients at 10 records/s of 100 bytes each, no faults: how fast virtual time passes", calm: true, shape: light},
	{Name: "acks-all", Doc: "every producer asks for acks=all with idempotence: nothing acknowledged may be lost", shape: func(p *Plan, _ *engine.Stream) {
		producers(p, func(c *Client) { c.Acks, c.Idempotent = -1, 1 })
	}},
	{Name: "acks-one", Doc: "every producer asks for acks=1: the ledger counts what the setting allows to be lost", shape: func(p *Plan, _ *engine.Stream) {
		producers(p, func(c *Client) { c.Acks, c.Idempotent = 1, 0 })
	}},
	{Name: "elections", Doc: "leaders are killed, cut off and paused again and again, with short timeouts", shape: quick, climate: only(
		faults.Weight{Action: faults.Kill, Share: 4}, faults.Weight{Action: faults.Cut, Share: 6}, faults.Weight{Action: faults.Pause, Share: 4},
		faults.Weight{Action: faults.Hold, Share: 6}, faults.Weight{Action: faults.Reset, Share: 2})},
	{Name: "power", Doc: "power failures and slow or failing disks", shape: quick, climate: only(
		faults.Weight{Action: faults.Power, Share: 10}, faults.Weight{Action: faults.SlowSync, Share: 4}, faults.Weight{Action: faults.Kill, Share: 3},
		faults.Weight{Action: faults.FailAppend, Share: 2}, faults.Weight{Action: faults.ShortAppend, Share: 2}, faults.Weight{Action: faults.FailSync, Share: 1})},
	{Name: "network", Doc: "cuts, one-way cuts, clogs, slow links and broken connections only", climate: only(
		faults.Weight{Action: faults.Cut, Share: 8}, faults.Weight{Action: faults.Clog, Share: 3}, faults.Weight{Action: faults.Slow, Share: 3},
		faults.Weight{Action: faults.Reset, Share: 4}, faults.Weight{Action: faults.Hold, Share: 4})},
}

// FindScenario finds a scenario by name.
func FindScenario(name string) (*Scenario, bool) {
	for i := range Scenarios {
		if Scenarios[i].Name == name {
			return &Scenarios[i], true
		}
	}
	return nil, false
}

func scenarioNames() string {
	names := make([]string, len(Scenarios))
	for i, s := range Scenarios {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func producers(p *Plan, f func(*Client)) {
	for i := range p.Clients {
		if p.Clients[i].Role == workload.Producer {
			f(&p.Clients[i])
		}
	}
}

// light is the workload of the speed target: Kafka's defaults, six producers.
func light(p *Plan, _ *engine.Stream) {
	p.Settings = nil
	p.Topics = []Topic{{Name: "t", Partitions: 3, Replicas: min(3, p.Brokers)}}
	p.Clients = nil
	for _, name := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
		c := Client{name, workload.Default(workload.Producer)}
		c.Rate, c.RecordBytes, c.Partitions = 10, 100, 3
		p.Clients = append(p.Clients, c)
	}
}

// quick shortens every timeout, so that much happens in little time.
func quick(p *Plan, _ *engine.Stream) {
	p.Set("replica.lag.time.max.ms", "1500")
	p.Set("broker.session.timeout.ms", "2000")
	p.Set("broker.heartbeat.interval.ms", "200")
	p.Set("controller.quorum.election.timeout.ms", "300")
	p.Set("controller.quorum.fetch.timeout.ms", "1000")
	for i := range p.Clients {
		p.Clients[i].RequestMs = 2000
	}
}

func only(ws ...faults.Weight) func(*faults.Climate, *engine.Stream) {
	return func(c *faults.Climate, s *engine.Stream) {
		c.Weights = ws
		c.Gap = clock.Ms(s.Between(300, 1500))
	}
}
