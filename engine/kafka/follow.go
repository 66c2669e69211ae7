package kafka

import (
	"slices"

	"trial/engine/kafka/control/image"
	"trial/engine/kafka/replica"
)

// follow is the fetcher of all partitions that one broker leads for us, with
// its connection.
type follow struct {
	leader  int32
	fetcher *replica.Fetcher
	link    *link
	parts   int
}

// followOf finds the fetcher of a leader; nil if there is none.
func (b *Broker) followOf(leader int32) *follow {
	for _, f := range b.follows {
		if f.leader == leader {
			return f
		}
	}
	return nil
}

// follow adds a partition to the fetcher of its leader. In a new leader epoch it
// is added again, even to the same leader: the fetcher then starts over
// (ReplicaManager.applyLocalFollowersDelta).
func (b *Broker) follow(p *hosted, reg *image.Partition) {
	f := b.followOf(reg.Leader)
	if f == nil {
		f = &follow{leader: reg.Leader, link: newLink(b, reg.Leader)}
		f.fetcher = replica.NewFetcher(b.env(), b.cfg.NodeID, reg.Leader, f.link, b.fetcherConfig())
		b.follows = append(b.follows, f)
	}
	if p.following != nil && p.followEpoch == reg.LeaderEpoch {
		return
	}
	if p.following == nil {
		p.following = f
		f.parts++
	}
	p.followEpoch = reg.LeaderEpoch
	f.fetcher.Add(p.part)
}

// unfollowUnless takes a partition from its fetcher unless that is the leader's.
func (b *Broker) unfollowUnless(p *hosted, leader int32) {
	if p.following != nil && p.following.leader != leader {
		b.unfollow(p)
	}
}

// unfollow takes a partition from its fetcher; the last one closes it.
func (b *Broker) unfollow(p *hosted) {
	f := p.following
	if f == nil {
		return
	}
	p.following = nil
	f.fetcher.Remove(p.part)
	if f.parts--; f.parts > 0 {
		return
	}
	f.fetcher.Close()
	f.link.close()
	if i := slices.Index(b.follows, f); i >= 0 {
		b.follows = slices.Delete(b.follows, i, i+1)
	}
}

func (b *Broker) fetcherConfig() replica.FetcherConfig {
	return replica.FetcherConfig{
		MaxWaitMs:         int32(b.settings.long("replica.fetch.wait.max.ms")),
		MinBytes:          int32(b.settings.long("replica.fetch.min.bytes")),
		MaxBytes:          int32(b.settings.long("replica.fetch.response.max.bytes")),
		PartitionMaxBytes: int32(b.settings.long("replica.fetch.max.bytes")),
		Backoff:           b.settings.ms("replica.fetch.backoff.ms"),
		Mutant:            b.cfg.Mutant,
	}
}
