package replica

import (
	"errors"

	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/must"
	"trial/internal/mutant"
	"trial/internal/record"
)

// errCorrupt is what a follower makes of records that do not parse or do not
// continue its log.
var errCorrupt = errors.New("replica: records in the fetch response are corrupt")

// fetchable tells whether this replica may fetch from that leader now: it follows
// it, and nothing of its log is under way.
func (p *Partition) fetchable(leader int32) bool {
	return p.role == RoleFollower && p.leaderID == leader && p.ops == 0 && !p.closed && !p.Offline()
}

// lastFetchedEpoch is the epoch of the end of our log, -1 with an empty cache.
func (p *Partition) lastFetchedEpoch() int32 {
	if epoch, ok := p.log.LastEpoch(); ok {
		return epoch
	}
	return -1
}

// validPrefix returns those of the fetched records that may be appended, whose
// bytes the log will check: whole batches from offset on, without what follows the first batch of a leader
// epoch above the one the request was made under (KAFKA-18723: it was written
// after the leader changed, and its place in our epoch cache is not settled).
func validPrefix(data []byte, offset int64, epoch int32) ([]byte, error) {
	rest := data
	for len(rest) > 0 {
		b, next, err := record.Next(rest)
		if errors.Is(err, record.ErrShort) {
			break // a partial batch at the end is legal
		}
		if err != nil {
			return nil, err
		}
		if b.BaseOffset() != offset {
			return nil, errCorrupt
		}
		if b.LeaderEpoch() > epoch {
			break
		}
		offset = b.NextOffset()
		rest = next
	}
	return data[:len(data)-len(rest)], nil
}

// appendFetched submits records that validPrefix has passed. The caller gets
// a.Done and must then call fetchedAppended.
func (p *Partition) appendFetched(a *plog.Append) error {
	if err := p.log.AppendFollower(a); err != nil {
		return err
	}
	p.ops++
	return nil
}

// fetchedAppended ends an append of appendFetched; leaderHW is that of the
// answer, given in that leader epoch. If another one has begun meanwhile, the
// high watermark waits for its leader: that one's may be lower.
func (p *Partition) fetchedAppended(a *plog.Append, leaderHW int64, epoch int32) {
	if a.Err != nil {
		p.MarkOffline()
	} else {
		if p.h.Observed() {
			p.emitAppended(a.Data, false)
		}
		if !p.closed {
			if p.leaderEpoch == epoch {
				p.followHW(leaderHW)
			}
			p.wake(EndChange)
		}
	}
	p.opDone()
	p.finish()
}

// truncateDiverged cuts what the leader does not have
// (AbstractFetcherThread.getOffsetTruncationState). If we do not know the epoch
// that the leader answered with, we cut to the end of the largest smaller one and
// ask again (KIP-279).
func (p *Partition) truncateDiverged(d Diverging, fetched int64) {
	own := p.log.End()
	var to int64
	epoch, end := int32(-1), int64(-1)
	if d.Epoch >= 0 {
		epoch, end = p.log.EndOffsetFor(d.Epoch)
	}
	switch {
	case d.End < 0:
		to = min(fetched, own)
	case epoch < 0 || end < 0:
		to = min(d.End, own)
	case mutant.Enabled && p.mutant == mutant.REP02:
		p.h.Probe("mutant.reached")
		to = min(d.End, own)
	case epoch != d.Epoch:
		p.h.Probe("replica.diverged.step-back")
		to = min(end, own)
	default:
		to = min(end, d.End, own)
	}
	p.truncate(to)
}

// truncate removes everything at or above to. The log's logical state changes at
// once; fetching goes on when the files have followed.
func (p *Partition) truncate(to int64) {
	must.Hold(p.role == RoleFollower, "%v: truncation while not a follower", p.tp)
	to = max(to, p.log.Start())
	end := p.log.End()
	if to < end {
		p.h.Probe("replica.truncated")
	}
	p.ops++
	p.log.TruncateTo(to, p.truncated)
	p.cut(end, false)
}

// truncateFully drops everything and starts anew at start, the leader's log start.
func (p *Partition) truncateFully(start int64) {
	p.h.Probe("replica.truncated.fully")
	end := p.log.End()
	p.ops++
	p.log.TruncateFully(start, p.truncated)
	p.cut(end, true)
}

// cut tells what a truncation has done. Batches are whole, so the log may end
// below the offset that was asked for.
func (p *Partition) cut(end int64, full bool) {
	if p.h.Observed() {
		p.h.Emit(view.Truncated{TP: p.tp, To: p.log.End(), End: end, Full: full, LeaderEpoch: p.leaderEpoch})
	}
	if hw := max(min(p.hw, p.log.End()), p.log.Start()); hw != p.hw {
		p.setHW(hw)
		p.ops++ // nothing is appended before
		if !p.env.LowerCheckpoint(p.tp, hw, func() { p.truncated(nil) }) {
			p.ops--
		}
	}
	p.wakeAll()
}

func (p *Partition) truncated(err error) {
	if err != nil {
		p.MarkOffline()
	}
	p.opDone()
	p.finish()
}

// truncateToHW is the planted bug REP-01 (Kafka before KIP-101): the own high
// watermark lags, so this drops committed records.
func (p *Partition) truncateToHW() {
	p.truncHW = false
	p.h.Probe("mutant.reached")
	if p.hw < p.log.End() {
		p.h.Probe("mutant.infected")
	}
	p.truncate(p.hw)
}
