package replica

import (
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// FetchArgs is one partition of a fetch request.
type FetchArgs struct {
	Offset           int64
	MaxBytes         int
	MinOne           bool  // return one batch even if it is larger than MaxBytes
	CurrentEpoch     int32 // current_leader_epoch, -1 absent
	LastFetchedEpoch int32 // -1 absent
	Follower         int32 // node id of a replica, -1 for a consumer
	FollowerEpoch    int64 // its broker epoch, -1 unknown
	FollowerLogStart int64
	Committed        bool // isolation level read_committed
	ReadOnly         bool // a waiting fetch is looked at again: note no progress
	ToEnd            bool // LOG-10: FetchResult.AtEnd when it was looked at first
}

// FetchResult is the answer. LeaderID and LeaderEpoch are set always (KIP-951),
// the rest only with Code 0, and no records with Diverging.
type FetchResult struct {
	Code             int16
	Slice            plog.Slice
	Bytes            int
	HW, LSO          int64
	LogStart         int64
	Diverging        *Diverging
	LeaderID         int32
	LeaderEpoch      int32
	ReachedReadBound bool // nothing more can be read now
	AtEnd            bool // LOG-10: the bound was the end of the log
}

// Diverging tells a follower where its log leaves ours (KIP-595): the largest
// leader epoch of ours that is not above its last one, and where that ends.
type Diverging struct {
	Epoch int32
	End   int64
}

// checkEpoch fences a request by its current leader epoch (KIP-320) and lets only
// a leader answer.
func (p *Partition) checkEpoch(epoch int32) int16 {
	switch {
	case p.Offline():
		return codeStorage
	case epoch >= 0 && epoch < p.leaderEpoch:
		return codeFencedEpoch
	case epoch >= 0 && epoch > p.leaderEpoch:
		return codeUnknownEpoch
	case p.role != RoleLeader:
		return codeNotLeader
	}
	return 0
}

// Fetch reads for a consumer up to the high watermark, for a follower up to the
// log end, and takes note of a follower's progress. What it notes lets the high
// watermark move; the answer carries the one from before, as Kafka's does.
func (p *Partition) Fetch(a FetchArgs) FetchResult {
	r := FetchResult{HW: -1, LSO: -1, LogStart: -1, LeaderID: p.leaderID, LeaderEpoch: p.leaderEpoch}
	epoch := a.CurrentEpoch
	if mutant.Enabled && p.mutant == mutant.REP03 && epoch >= 0 {
		p.h.Probe("mutant.reached")
		if epoch != p.leaderEpoch {
			p.h.Probe("mutant.infected")
		}
		epoch = -1
	}
	if r.Code = p.checkEpoch(epoch); r.Code != 0 {
		p.noteFailed(&a)
		return r
	}
	var f *follower
	if a.Follower >= 0 {
		if f, r.Code = p.checkFollower(&a); r.Code != 0 {
			return r
		}
	}
	note := f != nil && !a.ReadOnly
	end := p.log.End() // before the read
	if mutant.Enabled && p.mutant == mutant.REP11 && note {
		p.h.Probe("mutant.reached")
		p.noteFetch(f, &a, end)
		note = false
	}
	p.read(&a, &r, end)
	if note && r.Code == 0 && r.Diverging == nil {
		p.noteFetch(f, &a, end)
	} else if note && r.Code != 0 {
		p.noteFailed(&a)
	}
	p.finish()
	return r
}

// noteFailed is the planted bug REP-17 (KAFKA-8400): of a read that failed, whose
// result says -1 everywhere, the leader takes note as of any other.
func (p *Partition) noteFailed(a *FetchArgs) {
	if !mutant.Enabled || p.mutant != mutant.REP17 || p.role != RoleLeader || p.Offline() || a.ReadOnly {
		return
	}
	if f := p.follower(a.Follower); f != nil {
		p.h.Probe("mutant.reached")
		p.h.Probe("mutant.infected")
		failed := *a
		failed.Offset = -1
		p.noteFetch(f, &failed, -1)
		p.finish()
	}
}

// checkFollower finds the follower that fetches. One that is not assigned may
// know newer metadata than we do: UNKNOWN_LEADER_EPOCH makes it try again. A
// fetch of an earlier incarnation of its broker is refused (KIP-903).
func (p *Partition) checkFollower(a *FetchArgs) (*follower, int16) {
	f := p.follower(a.Follower)
	if f == nil {
		if a.CurrentEpoch >= 0 {
			return nil, codeUnknownEpoch
		}
		return nil, codeNotLeader
	}
	if epoch, _ := p.env.Eligible(a.Follower); a.FollowerEpoch != -1 && epoch > a.FollowerEpoch {
		p.h.Probe("replica.fetch.stale-broker-epoch")
		return nil, codeNotLeader
	}
	return f, 0
}

func (p *Partition) read(a *FetchArgs, r *FetchResult, end int64) {
	if a.Offset < p.log.Start() {
		r.Code = codeOutOfRange
		return
	}
	if a.LastFetchedEpoch >= 0 {
		if r.Diverging, r.Code = p.diverging(a); r.Code != 0 {
			return
		}
	}
	r.HW, r.LSO, r.LogStart = p.hw, p.lso(), p.log.Start()
	if r.Diverging != nil {
		return
	}
	if a.Offset > end {
		r.Code = codeOutOfRange
		return
	}
	bound := p.readBound(a, end)
	r.AtEnd = bound == end
	if a.Offset >= bound {
		r.ReachedReadBound = true
		return
	}
	s, err := p.log.Locate(a.Offset, a.MaxBytes, bound, a.MinOne)
	if err != nil {
		r.Code = codeOutOfRange
		return
	}
	if s.Len > 0 && p.siteShort.Hit() {
		// Legal: less than asked, but at least one batch.
		if one, err := p.log.Locate(a.Offset, 1, bound, true); err == nil {
			s = one
		}
	}
	r.Slice, r.Bytes = s, s.Len
	if s.Len > 0 && p.h.Observed() {
		p.h.Emit(view.FetchServed{
			TP: p.tp, LeaderEpoch: p.leaderEpoch, From: s.Base, End: s.Next,
			Bound: p.lawfulBound(a, end), HW: p.hw, LEO: end, Follower: a.Follower, Committed: a.Committed,
		})
	}
}

// lso is the last stable offset: the high watermark while no transaction is open.
func (p *Partition) lso() int64 { return p.hw }

// lawfulBound is the offset that an answer may not pass.
func (p *Partition) lawfulBound(a *FetchArgs, end int64) int64 {
	switch {
	case a.Follower >= 0:
		return end
	case a.Committed:
		return p.lso()
	}
	return p.hw
}

func (p *Partition) readBound(a *FetchArgs, end int64) int64 {
	bound := p.lawfulBound(a, end)
	if mutant.Enabled && p.mutant == mutant.REP25 && a.Follower < 0 {
		p.h.Probe("mutant.reached")
		if early := min(p.acks1End, end); early > bound {
			p.h.Probe("mutant.infected")
			return early
		}
	}
	if mutant.Enabled && p.mutant == mutant.LOG10 && a.Follower < 0 && a.ToEnd {
		// KAFKA-9835: where the high watermark was the end of the log, the end is
		// taken for the bound, and looked up again after a concurrent append.
		p.h.Probe("mutant.reached")
		if end > bound {
			p.h.Probe("mutant.infected")
		}
		return end
	}
	return bound
}

// diverging compares a follower's (or a consumer's) last fetched epoch with ours
// (KIP-595, before KIP-279 by OffsetsForLeaderEpoch).
func (p *Partition) diverging(a *FetchArgs) (*Diverging, int16) {
	epoch, end := p.log.EndOffsetFor(a.LastFetchedEpoch)
	if epoch < 0 || end < 0 {
		return nil, codeOutOfRange
	}
	if mutant.Enabled && p.mutant == mutant.REP02 {
		p.h.Probe("mutant.reached")
		if epoch < a.LastFetchedEpoch {
			p.h.Probe("mutant.infected")
		}
		epoch = a.LastFetchedEpoch
	}
	if epoch < a.LastFetchedEpoch || end < a.Offset {
		return &Diverging{Epoch: epoch, End: end}, 0
	}
	return nil, 0
}
