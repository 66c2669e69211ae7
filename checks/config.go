package checks

import (
	"trial/checks/history"
	"trial/clock"
)

// Config is what the run was configured with, as far as a judge must know it.
// It comes from the plan, never from the engine.
type Config struct {
	Brokers []int32 // node ids
	Voters  []int32 // of the metadata quorum
	Topics  []Topic // by name
	// Default stands for topics that Topics does not name (created on demand).
	Default Topic
	// Later, if not nil, knows topics that are created in the middle of a run.
	Later func(name string) (Topic, bool)
	// ELR says that eligible leader replicas (KIP-966) are on. Off: classic mode,
	// in which the last ISR member stays in the ISR whatever it lost.
	ELR bool
	// LooseHW says that the high watermark may move while ISR < min ISR, as before
	// KAFKA-15583. Off is strict.
	LooseHW bool
	// FirstAlone says that every idempotent producer waits for its first batch in a
	// partition to land before it sends the next one. Brokers take any first sequence
	// (KAFKA-14359), so only then may no log begin in the middle of a producer.
	FirstAlone bool
	Timeouts   Timeouts
}

// Topic is the configuration of one topic.
type Topic struct {
	Name        string
	Partitions  int32
	Replication int32
	MinISR      int32
	// Unclean is unclean.leader.election.enable.
	Unclean bool
	// FlushEach says that every message is forced before it is acknowledged
	// (flush.messages=1), which closes cases C1 and E of the ledger.
	FlushEach bool
	// Compacted, Retention and Transactional say that offsets may be absent from
	// the final log, or its start may move, without anything being lost.
	Compacted, Retention, Transactional bool
}

// Contiguous reports whether every offset between log start and log end holds a
// record that a consumer can see.
func (t Topic) Contiguous() bool { return !t.Compacted && !t.Transactional }

// Needed is the number of replicas that must hold a record before it counts as
// committed: min.insync.replicas, bounded by the replication factor.
func (t Topic) Needed() int32 {
	n := max(t.MinISR, 1)
	if t.Replication > 0 {
		n = min(n, t.Replication)
	}
	return n
}

// Topic returns the configuration of the topic of that name.
func (c *Config) Topic(name string) Topic {
	for i := range c.Topics {
		if c.Topics[i].Name == name {
			return c.Topics[i]
		}
	}
	if c.Later != nil {
		if t, ok := c.Later(name); ok {
			return t
		}
	}
	t := c.Default
	t.Name = name
	return t
}

// Timeouts are the configured spans from which the liveness deadlines are summed.
// Zero fields take Kafka's defaults.
type Timeouts struct {
	ElectionMax   clock.Duration // controller.quorum.election.timeout.ms plus its jitter
	FetchTimeout  clock.Duration // controller.quorum.fetch.timeout.ms
	BrokerSession clock.Duration // broker.session.timeout.ms
	Recovery      clock.Duration // longest log recovery after a restart
	ReplicaLag    clock.Duration // replica.lag.time.max.ms
	CatchUp       clock.Duration // missing bytes / bandwidth
	Request       clock.Duration // request.timeout.ms of clients
	LongestClient clock.Duration // delivery.timeout.ms or the longest other client timeout
	Slack         clock.Duration
	// Elections is how many split votes in a row are borne before V1 is missed.
	Elections int64
}

// WithDefaults fills the zero fields.
func (t Timeouts) WithDefaults() Timeouts {
	def := func(d *clock.Duration, v clock.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&t.ElectionMax, 2*clock.Second)
	def(&t.FetchTimeout, 2*clock.Second)
	def(&t.BrokerSession, 9*clock.Second)
	def(&t.Recovery, 5*clock.Second)
	def(&t.ReplicaLag, 30*clock.Second)
	def(&t.CatchUp, 5*clock.Second)
	def(&t.Request, 30*clock.Second)
	def(&t.LongestClient, 120*clock.Second)
	def(&t.Slack, 2*clock.Second)
	if t.Elections == 0 {
		t.Elections = 10
	}
	return t
}

// Part names a partition for the judges of histories. The id decides; names are
// for people and come from the metadata log.
type Part struct {
	Topic     history.TopicID
	Partition int32
}
