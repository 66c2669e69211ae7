package simtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"trial/clock"
	"trial/sim/cluster"
)

// Config says which cluster a test runs on. The zero value of a field is its
// default; only Topics must be given.
type Config struct {
	Brokers int // 3; each is a controller, too
	Topics  []Topic
	// Set holds configs of brokers, or of all topics, by Kafka's names. Timeouts that
	// it does not name are drawn from the seed; everything else has Kafka's default.
	Set map[string]string

	// Faults has random faults strike beside those of the function.
	Faults Faults
	// FaultsFor is how long they may strike, from the start of the world; 30 s.
	FaultsFor time.Duration

	// Lossless makes a failure also of acknowledged records that were lost as the
	// configuration permits it (acks=1 and a dead leader, say).
	Lossless bool
	// Idle allows a run in which no record was acknowledged or delivered. Without it
	// that is a failure: such a test shows nothing.
	Idle bool

	Seeds      int           // 10; how many seeds, without SIM_RUNS
	ShrinkRuns int           // 100; how many runs shrinking may take
	Limit      time.Duration // 2 min; how long Await waits, in virtual time
	// Mutant plants a bug, in a test binary that is built with the tag mutants.
	Mutant string
	// Plan, if set, has the last word on the plan that a seed was expanded into.
	Plan func(p *cluster.Plan)
}

// Topic is a topic that exists when the function is called.
type Topic struct {
	Name       string
	Partitions int               // 1
	Replicas   int               // 3, or as many as there are brokers
	Set        map[string]string // topic configs by Kafka's names
}

// Faults says which random faults strike.
type Faults string

// The values of Config.Faults. What they mean is what simrun's --mode means.
const (
	NoFaults  Faults = ""
	Budget    Faults = "budget"    // only what Kafka's guarantees must survive
	Unbounded Faults = "unbounded" // any; the judges account for what the configuration permits to be lost
)

func (c Config) withDefaults() Config {
	def := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&c.Brokers, cluster.DefaultBrokers)
	def(&c.Seeds, 10)
	def(&c.ShrinkRuns, 100)
	if c.FaultsFor == 0 {
		c.FaultsFor = time.Duration(cluster.DefaultFor)
	}
	if c.Limit == 0 {
		c.Limit = 2 * time.Minute
	}
	return c
}

// plan expands a seed.
func (c Config) plan(seed uint64) (cluster.Plan, error) {
	if len(c.Topics) == 0 {
		return cluster.Plan{}, fmt.Errorf("the config has no topic; add one, as in: Topics: []simtest.Topic{{Name: \"orders\", Partitions: 3}}")
	}
	o := cluster.Options{Brokers: int32(c.Brokers), For: clock.Duration(c.FaultsFor), Mutant: c.Mutant, Set: settings(c.Set), NoClients: true}
	switch c.Faults {
	case NoFaults:
		o.Scenario = "calm"
	case Budget, Unbounded:
		o.Mode = cluster.Mode(c.Faults)
	default:
		return cluster.Plan{}, fmt.Errorf("faults %q: write simtest.NoFaults, simtest.Budget or simtest.Unbounded", c.Faults)
	}
	for _, t := range c.Topics {
		o.Topics = append(o.Topics, t.topic(c.Brokers))
	}
	p, err := cluster.Draw(seed, o)
	p.Settings = slices.DeleteFunc(p.Settings, func(s cluster.Setting) bool { _, named := c.Set[s.Key]; return !named && weighty(s.Key) })
	if err == nil && c.Plan != nil {
		c.Plan(&p)
		err = p.Validate()
	}
	return p, err
}

// weighty are the configs that change what is promised: nobody wants them drawn.
func weighty(key string) bool {
	return key == "unclean.leader.election.enable" || key == "log.flush.interval.messages"
}

func (t Topic) topic(brokers int) cluster.Topic {
	if t.Partitions == 0 {
		t.Partitions = 1
	}
	if t.Replicas == 0 {
		t.Replicas = min(3, brokers)
	}
	return cluster.Topic{Name: t.Name, Partitions: int32(t.Partitions), Replicas: int32(t.Replicas), Configs: settings(t.Set)}
}

func settings(m map[string]string) []cluster.Setting {
	var out []cluster.Setting
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, cluster.Setting{Key: k, Value: m[k]})
	}
	return out
}
