package invariant

import (
	"math/bits"

	"trial/engine/kafka/view"
)

// onAcked judges W12.
func (j *Judge) onAcked(n int, f *view.ProduceAcked) {
	p := j.part(&f.TP)
	r := p.rep(n)
	if f.Acks != -1 || f.LeaderEpoch < p.era {
		return
	}
	j.r.w12.Evaluated++
	fail := func(format string, args ...any) {
		args = append([]any{j.id(n), f.LeaderEpoch, p.name, f.Batch.Base}, args...)
		j.r.w12.Fail(-1, j.now, p.where(f.Batch.Base), "n%d (leader epoch %d) acknowledged the batch at %s@%d with acks=all although "+format, args...)
	}
	mine, there := batchAt(r.log, f.Batch.Base)
	repeat := p.dups[f.Batch.Base]
	delete(p.dups, f.Batch.Base)
	switch {
	case !f.StillThere:
		fail("it is no longer at its offset")
	case !there || mine.Base != f.Batch.Base || mine.Last != f.Batch.Last:
		fail("its log has no such batch (it ends at %d)", r.end)
	case !repeat && mine.CRC != f.Batch.CRC:
		fail("its log holds the batch %s there", show(mine))
	case f.HW <= f.Batch.Last:
		fail("its high watermark is only %d", f.HW)
	case p.trueHW <= f.Batch.Last:
		fail("the records are committed only below %d", p.trueHW)
	case len(f.MaximalISR) < p.needed():
		fail("the in-sync replicas %v are fewer than the %d needed", f.MaximalISR, p.needed())
	default:
		i := p.committedAt(f.Batch.Base)
		if p.committed[i].Batch != mine {
			fail("what is committed there is the batch %s", show(p.committed[i].Batch))
		} else if c := bits.OnesCount64(p.committed[i].copies); c < p.needed() {
			fail("only %d replicas ever had it and %d are needed", c, p.needed())
		}
	}
}

// onServed judges W6 and the white-box part of L7 on an answer with records.
func (j *Judge) onServed(n int, f *view.FetchServed) {
	p := j.part(&f.TP)
	r := p.rep(n)
	j.r.w6.Evaluated++
	if f.Follower >= 0 {
		if f.End > f.LEO || r.seen && f.End > r.end {
			j.r.w6.Fail(-1, j.now, p.where(f.End), "n%d served %s to follower n%d up to %d, beyond its log end %d",
				j.id(n), p.name, f.Follower, f.End, min(f.LEO, r.end))
		}
		return
	}
	if f.End == f.From && f.End <= f.HW {
		return
	}
	hw := min(f.HW, f.Bound)
	if r.open {
		hw = min(hw, r.hw)
	}
	switch {
	case f.End > hw:
		j.r.w6.Fail(-1, j.now, p.where(f.End), "n%d (leader epoch %d) served %s to a consumer up to %d, beyond its high watermark %d",
			j.id(n), f.LeaderEpoch, p.name, f.End, hw)
	case f.LeaderEpoch >= p.era && f.End > p.trueHW:
		j.r.w6.Fail(-1, j.now, p.where(f.End), "n%d (leader epoch %d) served %s to a consumer up to %d, but only what lies below %d is committed",
			j.id(n), f.LeaderEpoch, p.name, f.End, p.trueHW)
	}
}

// onApplied judges W21: an answer is used only in the state in which it was asked for.
func (j *Judge) onApplied(n int, f *view.FetchApplied) {
	j.r.w21.Evaluated++
	if f.AskedEpoch != f.NowEpoch || f.AskedOffset != f.NowOffset {
		p := j.part(&f.TP)
		j.r.w21.Fail(-1, j.now, p.where(f.NowOffset),
			"n%d used a fetch answer for %s that it had asked for at offset %d in leader epoch %d, while it is at offset %d in leader epoch %d",
			j.id(n), p.name, f.AskedOffset, f.AskedEpoch, f.NowOffset, f.NowEpoch)
	}
}
