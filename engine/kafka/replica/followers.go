package replica

import (
	"slices"

	"trial/clock"
	"trial/engine/kafka/view"
)

const (
	// longAgo is the time of an event that never was.
	longAgo clock.Instant = -1 << 61
	// noEpoch stands for the broker epoch of a follower that has not fetched yet;
	// -1 is that of a fetch from before broker epochs were sent (Fetch < v15).
	noEpoch int64 = -2
)

// follower is what a leader knows of one follower (Kafka's Replica), all of it
// from fetches within the current leader epoch.
type follower struct {
	id           int32
	leo          int64 // the offset it fetched last; -1 unknown
	logStart     int64
	leaderEnd    int64 // our log end offset at that fetch; -1 unknown
	fetchedAt    clock.Instant
	lastCaughtUp clock.Instant
	brokerEpoch  int64 // that of its last fetch, noEpoch, or -1
}

func newFollower(id int32) follower {
	return follower{
		id: id, leo: -1, logStart: -1, leaderEnd: -1,
		fetchedAt: longAgo, lastCaughtUp: longAgo, brokerEpoch: noEpoch,
	}
}

// resetFollowers starts a leader epoch: members of the ISR have
// replica.lag.time.max.ms to make their first fetch.
func (p *Partition) resetFollowers(isr []int32) {
	p.followers = p.followers[:0]
	for _, id := range p.replicas {
		if id == p.self {
			continue
		}
		f := newFollower(id)
		if slices.Contains(isr, id) {
			f.lastCaughtUp = p.h.Now()
		}
		p.followers = append(p.followers, f)
	}
}

// setReplicas changes the assignment within a leader epoch: followers that stay
// keep what is known of them.
func (p *Partition) setReplicas(replicas []int32) {
	p.replicas = replicas
	next := make([]follower, 0, len(replicas))
	for _, id := range replicas {
		if id == p.self {
			continue
		}
		if f := p.follower(id); f != nil {
			next = append(next, *f)
		} else {
			next = append(next, newFollower(id))
		}
	}
	p.followers = next
}

func (p *Partition) follower(id int32) *follower {
	for i := range p.followers {
		if p.followers[i].id == id {
			return &p.followers[i]
		}
	}
	return nil
}

// caughtUp is Kafka's ReplicaState.isCaughtUp.
func (f *follower) caughtUp(leaderEnd int64, now clock.Instant, lag clock.Duration) bool {
	return f.leo == leaderEnd || now.Sub(f.lastCaughtUp) <= lag
}

// noteFetch takes note of a follower's fetch; end is our log end offset from
// before the read (Replica.updateFetchStateOrThrow). A follower is caught up as of
// this fetch if it asks at our end, and as of its previous fetch if it asks at
// what was our end then: so one that is always one round behind stays in sync.
func (p *Partition) noteFetch(f *follower, a *FetchArgs, end int64) {
	now := p.h.Now()
	if a.Offset >= end {
		f.lastCaughtUp = max(f.lastCaughtUp, now)
	} else if f.leaderEnd >= 0 && a.Offset >= f.leaderEnd {
		f.lastCaughtUp = max(f.lastCaughtUp, f.fetchedAt)
	}
	moved := f.leo != a.Offset
	f.leo, f.logStart = a.Offset, a.FollowerLogStart
	f.leaderEnd = max(f.leaderEnd, end)
	f.fetchedAt = now
	f.brokerEpoch = a.FollowerEpoch
	if p.h.Observed() {
		p.h.Emit(view.FollowerFetched{
			TP: p.tp, LeaderEpoch: p.leaderEpoch, Follower: f.id,
			BrokerEpoch: a.FollowerEpoch, Offset: a.Offset, AskedEpoch: a.CurrentEpoch,
		})
	}
	p.maybeExpand(f)
	if moved {
		p.advanceHW()
	}
}
