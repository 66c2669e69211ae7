package cluster

import (
	"fmt"
	"strconv"

	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka"
	"trial/engine/kafka/control/configs"
	"trial/faults"
	"trial/sim/climate"
)

// Options are what a caller fixes of a plan; the seed draws the rest.
type Options struct {
	Scenario string
	Mode     Mode
	For      clock.Duration
	Brokers  int32
	Acks     string // "", "0", "1" or "all": of every producer
	Set      []Setting
	Mutant   string
	// Topics, if any, are there instead of drawn ones. What they set is kept against Set.
	Topics []Topic
	// NoClients leaves the drawn clients out, for a Stage whose caller brings his own.
	NoClients bool
}

// Defaults of Options.
const (
	DefaultFor     = 30 * clock.Second
	DefaultBrokers = 3
)

// HoldClasses are the requests that a hold fault can name, with their API keys.
var HoldClasses = []HoldClass{
	{"produce", 0}, {"fetch", 1}, {"vote", 52}, {"alter-partition", 56}, {"registration", 62}, {"heartbeat", 63},
}

// HoldClass is a class of requests; their answers are the class NAME-answer.
type HoldClass struct {
	Name string
	Key  int16
}

func holdNames() []string {
	var out []string
	for _, c := range HoldClasses {
		out = append(out, c.Name, c.Name+"-answer")
	}
	return out
}

// Draw expands a seed into a plan. Every component draws from a stream of its own
// name, so that a knob added here moves no fault there.
func Draw(seed uint64, o Options) (Plan, error) {
	if o.Scenario == "" {
		o.Scenario = Mixed
	}
	sc, ok := FindScenario(o.Scenario)
	if !ok {
		return Plan{}, fmt.Errorf("unknown scenario %q; known are %s", o.Scenario, scenarioNames())
	}
	p := Plan{
		Seed: seed, Scenario: o.Scenario, Mode: o.Mode, For: o.For, Brokers: o.Brokers, Mutant: o.Mutant,
	}
	if p.Mode == "" {
		p.Mode = Budget
	}
	if p.For == 0 {
		p.For = DefaultFor
	}
	if p.Brokers == 0 {
		p.Brokers = DefaultBrokers
	}
	p.drawClimate(engine.NewStream(seed, "plan/climate"))
	p.drawSettings(engine.NewStream(seed, "plan/settings"))
	p.drawTopics(engine.NewStream(seed, "plan/topics"))
	p.fixTopics(o.Topics)
	p.drawClients(engine.NewStream(seed, "plan/clients"))
	p.drawCodecs(engine.NewStream(seed, "plan/codecs"))
	p.drawChurn(engine.NewStream(seed, "plan/churn"))
	if sc.shape != nil {
		sc.shape(&p, engine.NewStream(seed, "plan/scenario"))
	}
	p.fixTopics(o.Topics)
	if err := p.override(o); err != nil {
		return p, err
	}
	for i, t := range o.Topics {
		for _, c := range t.Configs {
			p.Topics[i].Configs = set(p.Topics[i].Configs, c.Key, c.Value)
		}
	}
	if o.NoClients {
		p.Clients = nil
	}
	if !sc.calm {
		p.drawFaults(engine.NewStream(seed, "plan/faults"), sc)
	}
	return p, p.Validate()
}

func (p *Plan) drawClimate(s *engine.Stream) {
	p.Buggify = s.Chance(3, 4)
	p.ELR = s.Chance(2, 3)
	p.Net, p.Disk = climate.DrawNet(s), climate.DrawDisk(s)
	p.Linger = s.Chance(1, 10)
}

// ms draws a span in milliseconds: Kafka's default in one run of four, else
// anything in [lo, hi].
func ms(s *engine.Stream, def, lo, hi int64) string {
	if s.Chance(1, 4) {
		return strconv.FormatInt(def, 10)
	}
	return strconv.FormatInt(s.Between(lo, hi), 10)
}

func (p *Plan) drawSettings(s *engine.Stream) {
	// Kafka's 30 s of replica lag would let hardly any run see an ISR change.
	p.Set("replica.lag.time.max.ms", ms(s, 6000, 1500, 10_000))
	p.Set("replica.fetch.wait.max.ms", ms(s, 500, 50, 500))
	p.Set("replica.fetch.backoff.ms", ms(s, 1000, 50, 1000))
	p.Set("broker.session.timeout.ms", ms(s, 9000, 2000, 9000))
	p.Set("broker.heartbeat.interval.ms", ms(s, 500, 200, 600))
	p.Set("controller.quorum.election.timeout.ms", ms(s, 1000, 200, 1500))
	// A fetch may wait 500 ms at the leader and be late by two tails of latency.
	p.Set("controller.quorum.fetch.timeout.ms", ms(s, 2000, 1000, 3000))
	p.Set("internal.segment.bytes", ms(s, 1_048_576, 4_096, 65_536))
	p.Set("auto.create.topics.enable", "true")
	if s.Chance(1, 2) { // a leadership alone moves back to its preferred broker, soon or not at all
		p.Set("leader.imbalance.check.interval.seconds", strconv.FormatInt(s.Between(1, 10), 10))
	}
	if p.Mode == Unbounded && s.Chance(1, 3) {
		p.Set("unclean.leader.election.enable", "true")
	}
	if s.Chance(1, 8) {
		p.Set("log.flush.interval.messages", "1")
		if p.Disk.Sync > 4*clock.Millisecond {
			// A fetch gives a piece of one segment, and costs a sync now: with small
			// segments no follower would keep up with its leader.
			p.Set("internal.segment.bytes", "1048576")
		}
	}
}

func (p *Plan) drawTopics(s *engine.Stream) {
	rf := min(3, p.Brokers)
	minISR := min(2, rf)
	if p.Mode == Unbounded && s.Chance(1, 3) {
		minISR = 1
	}
	p.Topics = []Topic{{
		Name: "t", Partitions: int32(s.Between(1, s.Between(2, 6))), Replicas: rf,
		Configs: []Setting{{"min.insync.replicas", strconv.Itoa(int(minISR))}},
	}}
}

func (p *Plan) drawClients(s *engine.Stream) {
	add := func(role workload.Role) *Client {
		c := Client{"c" + strconv.Itoa(len(p.Clients)+1), workload.Default(role)}
		c.Topics, c.Partitions = len(p.Topics), int(p.Topics[0].Partitions)
		c.RequestMs = int(s.Between(1000, 15_000))
		c.RetryMs, c.MetadataAgeMs = int(s.Between(20, 300)), int(s.Between(1000, 60_000))
		p.Clients = append(p.Clients, c)
		return &p.Clients[len(p.Clients)-1]
	}
	for i := range 3 {
		c := add(workload.Producer)
		c.Rate, c.RecordBytes = int(s.Between(8, 40)), int(s.Between(40, 400))
		if s.Chance(1, 6) { // so that an election finds something under way
			c.Rate *= 5
		}
		c.MaxInFlight, c.LingerMs = int(s.Between(1, 5)), int(s.Between(0, 40))
		c.BatchBytes = int(s.Between(200, 16384))
		c.DeliveryMs = max(c.RequestMs+c.LingerMs, int(s.Between(5000, 60_000)))
		c.Spread, c.Keys = s.Pick(4), int(s.Between(1, 20))
		switch {
		case i == 0 || s.Chance(1, 3): // acks=all, idempotent
		case s.Chance(1, 2):
			c.Idempotent = 0
		default:
			c.Acks, c.Idempotent = int(s.N(2)), 0
		}
	}
	for range 2 {
		c := add(workload.Consumer)
		c.FetchWaitMs, c.PartitionBytes = int(s.Between(50, 500)), int(s.Between(500, 1<<20))
		if s.Chance(1, 2) {
			c.SessionMs = int(s.Between(2000, 20_000))
		}
	}
	add(workload.Lister).EveryMs = int(s.Between(100, 1000))
}

// drawCodecs lets some producers compress, and some topics have their batches
// encoded again.
func (p *Plan) drawCodecs(s *engine.Stream) {
	for i := range p.Clients {
		if c := &p.Clients[i]; c.Role == workload.Producer && s.Chance(1, 3) {
			c.Codec = client.Codec(s.Between(1, int64(len(client.CodecNames())-1)))
		}
	}
	for i := range p.Topics {
		if s.Chance(1, 6) {
			names := append(client.CodecNames()[1:], "uncompressed")
			p.Topics[i].Configs = set(p.Topics[i].Configs, "compression.type", names[s.Pick(len(names))])
		}
	}
}

// drawChurn lets somebody create and delete topics beside the main ones, again and
// again under the same names, while the faults last.
func (p *Plan) drawChurn(s *engine.Stream) {
	if !s.Chance(1, 6) {
		return
	}
	c := Client{"c" + strconv.Itoa(len(p.Clients)+1), workload.Default(workload.Admin)}
	c.Reuse, c.Records, c.UntilMs = 1, int(s.Between(3, 30)), int(p.For.Ms())
	c.Topics, c.Partitions = len(p.Topics), int(p.Topics[0].Partitions)
	c.Replicas, c.MinISR = int(min(3, p.Brokers)), int(min(2, p.Brokers))
	c.EveryMs, c.RequestMs = int(s.Between(200, 2000)), int(s.Between(1000, 5000))
	c.RetryMs, c.MetadataAgeMs = int(s.Between(20, 300)), int(s.Between(1000, 60_000))
	p.Clients = append(p.Clients, c)
}

// The configs that topics and brokers call by one name, and that this draws.
const (
	minISR          = "min.insync.replicas"
	uncleanElection = "unclean.leader.election.enable"
)

// fixTopics puts the caller's topics in the place of drawn ones.
func (p *Plan) fixTopics(topics []Topic) {
	if len(topics) > 0 {
		p.Topics = Plan{Topics: topics}.Clone().Topics
	}
}

// override applies what the caller fixed.
func (p *Plan) override(o Options) error {
	for _, kv := range o.Set {
		def := configs.Topic(kv.Key)
		ofTopics := def != nil && kafka.Validate(map[string]string{kv.Key: kv.Value}) != nil && kv.Key != minISR && kv.Key != uncleanElection
		if ofTopics { // brokers call it by another name, if at all: the topics get it
			if err := def.Check(kv.Value); err != nil {
				return err
			}
		} else {
			p.Set(kv.Key, kv.Value)
		}
		for i := range p.Topics { // a setting of the command line beats a drawn topic config
			if ofTopics || lookup(p.Topics[i].Configs, kv.Key) != "" {
				p.Topics[i].Configs = set(p.Topics[i].Configs, kv.Key, kv.Value)
			}
		}
	}
	acks := map[string]int{"0": 0, "1": 1, "all": -1, "-1": -1}
	if o.Acks == "" {
		return nil
	}
	a, ok := acks[o.Acks]
	if !ok {
		return fmt.Errorf("acks %q is none of 0, 1, all", o.Acks)
	}
	for i := range p.Clients {
		if c := &p.Clients[i]; c.Role == workload.Producer {
			c.Acks = a
			if a != -1 {
				c.Idempotent = 0
			}
		}
	}
	return nil
}

// faultsFrom is when the first fault may strike: the cluster has formed by then.
const faultsFrom = 3 * clock.Second

func (p *Plan) drawFaults(s *engine.Stream, sc *Scenario) {
	scope := faults.Scope{
		Brokers: p.BrokerNames(), Clients: p.ClientNames(), Classes: holdNames(),
		From: clock.Instant(min(faultsFrom, p.For/4)), Until: clock.Instant(p.For), Hard: p.Mode == Unbounded,
	}
	for _, t := range p.Topics {
		for i := range t.Partitions {
			scope.Partitions = append(scope.Partitions, t.Name+"-"+strconv.Itoa(int(i)))
		}
	}
	c := faults.DrawClimate(s, scope)
	if sc.climate != nil {
		sc.climate(&c, s)
	}
	p.Faults = faults.Draw(s, c, scope)
}

// BrokerNames are the names of the broker nodes: n1, n2 ...
func (p *Plan) BrokerNames() []string {
	out := make([]string, p.Brokers)
	for i := range out {
		out[i] = "n" + strconv.Itoa(i+1)
	}
	return out
}

// ClientNames are the names of the client nodes.
func (p *Plan) ClientNames() []string {
	out := make([]string, len(p.Clients))
	for i := range out {
		out[i] = p.Clients[i].Name
	}
	return out
}
