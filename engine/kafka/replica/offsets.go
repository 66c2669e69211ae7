package replica

import "trial/internal/mutant"

// The special timestamps of ListOffsets.
const (
	QueryLatest        int64 = -1
	QueryEarliest      int64 = -2
	QueryMaxTimestamp  int64 = -3 // KIP-734
	QueryEarliestLocal int64 = -4 // KIP-405
)

// ListOffsets answers an offset query (Partition.fetchOffsetForTimestamp). Bound
// is the high watermark, the last stable offset (committed), or the log end (a
// follower). Done may be called within the call. After an election the high
// watermark may lag behind what earlier leaders have shown: a client gets
// OFFSET_NOT_AVAILABLE rather than a latest offset that goes backwards (KIP-207).
func (p *Partition) ListOffsets(query int64, currentEpoch int32, committed, follower bool,
	done func(code int16, offset, ts int64, epoch int32)) {
	if code := p.checkEpoch(currentEpoch); code != 0 {
		done(code, -1, -1, -1)
		return
	}
	bound := p.hw
	if follower {
		bound = p.log.End()
	} else if committed {
		bound = p.lso()
	}
	lagging := !follower && p.hw < p.epochStart
	if mutant.Enabled && p.mutant == mutant.REP18 && lagging {
		p.h.Probe("mutant.reached")
		p.h.Probe("mutant.infected")
		lagging = false
	}
	switch {
	case query == QueryLatest && lagging, query == QueryMaxTimestamp && lagging:
		p.h.Probe("replica.offset-not-available")
		done(codeNotAvailable, -1, -1, -1)
	case query == QueryLatest:
		done(0, bound, -1, p.leaderEpoch)
	case query == QueryEarliest, query == QueryEarliestLocal:
		done(0, p.log.Start(), -1, p.earliestEpoch())
	case query == QueryMaxTimestamp:
		p.log.MaxTimestamp(bound, p.lookupDone(false, done))
	case query >= 0:
		p.log.LookupTimestamp(query, bound, p.lookupDone(lagging, done))
	default:
		done(codeUnsupported, -1, -1, -1)
	}
}

// lookupDone answers with what a search found, if we still lead in the same
// epoch. While lagging, nothing found says nothing.
func (p *Partition) lookupDone(lagging bool, done func(code int16, offset, ts int64, epoch int32)) func(int64, int64, int32, error) {
	asked := p.leaderEpoch
	return func(offset, ts int64, epoch int32, err error) {
		switch {
		case p.Offline():
			done(codeStorage, -1, -1, -1)
		case err != nil, p.role != RoleLeader, p.leaderEpoch != asked, p.closed:
			done(codeNotLeader, -1, -1, -1)
		case offset < 0 && lagging:
			p.h.Probe("replica.offset-not-available")
			done(codeNotAvailable, -1, -1, -1)
		default:
			done(0, offset, ts, epoch)
		}
	}
}

// earliestEpoch is the leader epoch of the log start offset, -1 unknown.
func (p *Partition) earliestEpoch() int32 {
	if b, ok := p.log.BatchAt(p.log.Start()); ok {
		return b.LeaderEpoch
	}
	if epoch, ok := p.log.LastEpoch(); ok {
		return epoch
	}
	return -1
}

// OffsetForLeaderEpoch tells the largest leader epoch of ours that is not above
// the one asked for, and where it ends; -1, -1 if there is none (KIP-101, KIP-279).
func (p *Partition) OffsetForLeaderEpoch(currentEpoch, epoch int32, follower bool) (code int16, e int32, end int64) {
	_ = follower // followers and consumers get the same answer
	if code := p.checkEpoch(currentEpoch); code != 0 {
		return code, -1, -1
	}
	e, end = p.log.EndOffsetFor(epoch)
	if mutant.Enabled && p.mutant == mutant.REP02 && e >= 0 {
		p.h.Probe("mutant.reached")
		e = epoch
	}
	return 0, e, end
}
