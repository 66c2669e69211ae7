package cluster

import (
	"slices"

	"trial/client/workload"
	"trial/clock"
	"trial/faults"
	"trial/sim/climate"
)

// Mode says what the fault injector may do.
type Mode string

// The modes.
const (
	// Budget injects only what the promised guarantees must survive: whatever was
	// acknowledged with acks=all must be there at the end.
	Budget Mode = "budget"
	// Unbounded injects anything; the judges account for what the configuration
	// permits to be lost.
	Unbounded Mode = "unbounded"
)

// Plan is everything that a run depends on: a seed expands into one, text files
// keep one, shrinking edits one. A seed is good for one commit; a plan outlives
// changes of the code.
type Plan struct {
	Seed     uint64
	Scenario string
	Mode     Mode
	For      clock.Duration // the fault phase
	Brokers  int32          // the nodes n1, n2 ...: brokers, controllers or both, see Nodes
	Mutant   string
	Buggify  bool
	Linger   bool // the healed cluster is watched until the last deadline, not only until all is well
	ELR      bool // eligible leader replicas (KIP-966), as new Kafka clusters have them

	Nodes    []Node    // those that are not the default
	Settings []Setting // broker configs, by Kafka's names, sorted by name
	Topics   []Topic
	Clients  []Client
	Net      Net
	Disk     Disk
	Faults   faults.Schedule
}

// Setting is one configuration key with its value, as Kafka writes them.
type Setting struct{ Key, Value string }

// Topic is a topic that the run creates before its clients start.
type Topic struct {
	Name       string
	Partitions int32
	Replicas   int32
	Configs    []Setting
}

// Client is one client node: what it does and with which settings.
type Client struct {
	Name string
	workload.Config
}

// Net is the climate of the links.
type Net = climate.Net

// Disk is the climate of the disks.
type Disk = climate.Disk

// Clone returns a copy that shares nothing with p.
func (p Plan) Clone() Plan {
	p.Nodes = slices.Clone(p.Nodes)
	p.Settings = slices.Clone(p.Settings)
	p.Topics = slices.Clone(p.Topics)
	for i := range p.Topics {
		p.Topics[i].Configs = slices.Clone(p.Topics[i].Configs)
	}
	p.Clients = slices.Clone(p.Clients)
	p.Faults = slices.Clone(p.Faults)
	return p
}

// Setting returns the value of a broker config, or "".
func (p *Plan) Setting(key string) string { return lookup(p.Settings, key) }

// Set puts a broker config into the plan, keeping the order of names.
func (p *Plan) Set(key, value string) { p.Settings = set(p.Settings, key, value) }

// Config returns the value of a topic config: the topic's own, else the broker's
// of the same name, else "".
func (p *Plan) Config(t *Topic, key string) string {
	if v := lookup(t.Configs, key); v != "" {
		return v
	}
	return p.Setting(key)
}

func lookup(s []Setting, key string) string {
	for _, e := range s {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

func set(s []Setting, key, value string) []Setting {
	for i := range s {
		if s[i].Key == key {
			s[i].Value = value
			return s
		}
		if s[i].Key > key {
			return slices.Insert(s, i, Setting{key, value})
		}
	}
	return append(s, Setting{key, value})
}
