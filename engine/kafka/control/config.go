package control

import (
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/control/quorum"
)

// Voter is a member of the metadata quorum and the address of its controller listener.
type Voter = quorum.Voter

// Config says who a node is and how its quorum and controller behave. A zero
// duration or count stands for Kafka's default.
type Config struct {
	NodeID    int32
	ClusterID string
	Voters    []Voter
	Volume    engine.VolumeID // holds the metadata log and its quorum-state file
	Dir       string          // of the metadata log; default __cluster_metadata-0

	ElectionTimeout    clock.Duration // controller.quorum.election.timeout.ms, 1000
	FetchTimeout       clock.Duration // controller.quorum.fetch.timeout.ms, 2000
	ElectionBackoffMax clock.Duration // controller.quorum.election.backoff.max.ms, 1000
	RequestTimeout     clock.Duration // controller.quorum.request.timeout.ms, 2000
	RetryBackoff       clock.Duration // controller.quorum.retry.backoff.ms, 20
	SessionTimeout     clock.Duration // broker.session.timeout.ms, 9000
	MaxIdleInterval    clock.Duration // metadata.max.idle.interval.ms, 500; negative: no NoOp records
	LeaderImbalance    clock.Duration // leader.imbalance.check.interval.seconds, 300; negative: auto.leader.rebalance.enable=false
	UncleanCheck       clock.Duration // unclean.leader.election.interval.ms, 300000

	// Settings are the node's static broker configs by Kafka's names: the defaults
	// of topic configs, num.partitions, default.replication.factor.
	Settings map[string]string
	// Features are finalized by the first controller of a fresh cluster.
	Features []image.Feature
	// ELR finalizes eligible.leader.replicas.version=1 on a fresh cluster
	// (KIP-966). The finalized feature decides, not this field.
	ELR bool

	Mutant string
}

func (c Config) normal() Config {
	or := func(d *clock.Duration, def clock.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&c.SessionTimeout, 9*clock.Second)
	or(&c.MaxIdleInterval, 500*clock.Millisecond)
	or(&c.LeaderImbalance, 300*clock.Second)
	or(&c.UncleanCheck, 300*clock.Second)
	or(&c.RequestTimeout, 2*clock.Second)
	or(&c.RetryBackoff, 20*clock.Millisecond)
	if c.Dir == "" {
		c.Dir = "__cluster_metadata-0"
	}
	if len(c.Features) == 0 {
		c.Features = []image.Feature{{Name: "metadata.version", Level: 30}}
	}
	return c
}
