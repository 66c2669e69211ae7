package quorum

import (
	"trial/clock"
	"trial/engine"
)

// Voter is a member of the metadata quorum and the address of its controller listener.
type Voter struct {
	ID   int32
	Addr string
}

// Config holds the quorum's settings under Kafka's names and defaults
// (QuorumConfig). A zero duration stands for the default.
type Config struct {
	NodeID    int32
	ClusterID string
	Voters    []Voter
	Volume    engine.VolumeID // holds the quorum-state file
	Dir       string          // beside the metadata log

	ElectionTimeout    clock.Duration // controller.quorum.election.timeout.ms, 1000
	FetchTimeout       clock.Duration // controller.quorum.fetch.timeout.ms, 2000
	ElectionBackoffMax clock.Duration // controller.quorum.election.backoff.max.ms, 1000
	RequestTimeout     clock.Duration // controller.quorum.request.timeout.ms, 2000
	RetryBackoff       clock.Duration // controller.quorum.retry.backoff.ms, 20
	FetchMaxWait       clock.Duration // KafkaRaftClient.MAX_FETCH_WAIT_MS, 500

	Mutant string
}

func (c Config) normal() Config {
	or := func(d *clock.Duration, ms int64) {
		if *d <= 0 {
			*d = clock.Ms(ms)
		}
	}
	or(&c.ElectionTimeout, 1000)
	or(&c.FetchTimeout, 2000)
	or(&c.ElectionBackoffMax, 1000)
	or(&c.RequestTimeout, 2000)
	or(&c.RetryBackoff, 20)
	or(&c.FetchMaxWait, 500)
	return c
}

func (c *Config) isVoter(id int32) bool {
	for _, v := range c.Voters {
		if v.ID == id {
			return true
		}
	}
	return false
}

func (c *Config) majority() int { return len(c.Voters)/2 + 1 }
