package invariant

import (
	"fmt"
	"math/bits"

	"trial/engine/kafka/view"
)

func (j *Judge) onAppended(n int, f *view.Appended) {
	p := j.part(&f.TP)
	r := p.rep(n)
	j.r.w1.Evaluated++
	r.touched = true
	o, other := p.own(n, f.Batch)
	if other != nil {
		j.r.w1.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s the batch %s, but leader epoch and offset already name the batch %s",
			j.id(n), p.name, show(f.Batch), show(other.Batch))
	} else {
		if !o.known {
			o.producer, o.known = f.Producer, true
		}
	}
	if f.AsLeader {
		j.r.w7.Evaluated++
		if e := p.epochLog(f.LeaderEpoch); e.appender == 0 {
			e.appender = int32(n) + 1
		} else if e.appender != int32(n)+1 {
			j.r.w7.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s@%d as leader in leader epoch %d, in which n%d had appended as leader",
				j.id(n), p.name, f.Base, f.LeaderEpoch, j.id(int(e.appender)-1))
		}
	}
	if !r.fits(f.Batch) {
		j.r.w1.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s the batch %s, although its log already ends at %d",
			j.id(n), p.name, show(f.Batch), r.end)
		p.cutLog(r, f.Base)
	}
	r.seen, r.open = true, true
	p.push(r, f.Batch)
	switch {
	case f.AsLeader:
		j.foldAppend(n, p, r, f)
	case r.producers != nil && f.Producer.ID >= 0: // fetched before it led, completed after
		r.producers[f.Producer.ID] = producer{f.Producer.Epoch, f.Producer.Last, f.Last + 1}
	}
}

func (j *Judge) onTruncated(n int, f *view.Truncated) {
	p := j.part(&f.TP)
	r := p.rep(n)
	r.touched, r.hwGiven = true, false
	j.r.w13.Evaluated++
	if f.Leader {
		j.r.w13.Fail(-1, j.now, p.where(f.To), "n%d truncated %s to %d while it was leading leader epoch %d", j.id(n), p.name, f.To, f.LeaderEpoch)
	}
	beyond := f.Full && f.To >= r.end // everything below the leader's log start goes
	if r.match > f.To && !beyond {
		j.r.w13.Fail(-1, j.now, p.where(f.To), "n%d truncated %s from %d to %d and removed committed records from %d on (leader epoch %d)",
			j.id(n), p.name, r.end, f.To, f.To, f.LeaderEpoch)
	}
	if f.Full {
		r.log, r.start, r.end = r.log[:0], f.To, f.To
		r.match = min(f.To, p.trueHW)
		p.follow(r)
	} else {
		p.cutLog(r, f.To)
	}
	r.hw = min(r.hw, max(f.To, r.start))
	r.synced, r.found = min(r.synced, f.To), min(r.found, f.To)
	j.complete(p, n, "it truncated")
}

func (j *Judge) onLeader(n int, f *view.BecameLeader) {
	p := j.part(&f.TP)
	r := p.rep(n)
	r.touched, r.seen, r.open, r.leading, r.hwGiven = true, true, true, true, false
	r.epoch, r.epochStart, r.hw = f.LeaderEpoch, f.Start, f.HW
	r.fetched = r.fetched[:0]
	j.r.w6.Evaluated++
	if f.HW > f.Start {
		j.r.w6.Fail(-1, j.now, p.where(f.HW), "n%d leads %s in leader epoch %d with high watermark %d above its log end %d",
			j.id(n), p.name, f.LeaderEpoch, f.HW, f.Start)
	}
	j.r.w2.Evaluated++
	if need := p.committedBefore(f.LeaderEpoch); r.match < need {
		if why, legal := j.excused(n, p, r, f, need); !legal {
			j.r.w2.Fail(-1, j.now, p.where(r.match),
				"n%d became leader of %s in leader epoch %d with log end %d, but it agrees with the committed log only below %d of %d: %s",
				j.id(n), p.name, f.LeaderEpoch, f.Start, r.match, need, why)
		}
		p.endEra(r.match, f.LeaderEpoch)
	} else if p.unclean(f.LeaderEpoch) {
		p.endEra(p.trueHW, f.LeaderEpoch) // what the leader before commits from now on is of an ended era
	}
	if p.unclean(f.LeaderEpoch) && f.HW > p.trueHW {
		p.commit(r, f.LeaderEpoch, f.HW) // it brings back what an earlier election had given up
	}
	p.led = max(p.led, f.LeaderEpoch)
	j.fold(p, r)
}

// unclean reports whether an unclean election lies between the leader before and
// the one of this epoch. Whom it chose may never have heard of that epoch itself.
func (p *partition) unclean(epoch int32) bool {
	return p.reg.uncleanEpoch > p.led && p.reg.uncleanEpoch <= epoch
}

// excused decides whether a leader may lack committed records: cases D and C1
// (with E) of the ledger, from the metadata log and the world's power failures.
func (j *Judge) excused(n int, p *partition, r *replica, f *view.BecameLeader, need int64) (why string, legal bool) {
	if p.unclean(f.LeaderEpoch) {
		j.resolve(p)
		switch {
		case p.lastKnown && !p.topic.Unclean:
			return j.excusedLastKnown(p, r, need)
		case !p.topic.Unclean:
			return "the election was unclean, which the topic does not allow", false
		case p.alive >= 0:
			return fmt.Sprintf("the election was unclean although n%d, in sync or eligible, was alive", p.alive), false
		}
		return "", true
	}
	switch {
	case j.cfg.ELR:
		return "the election was clean", false
	case !r.lossy:
		return "no power failure took anything from it and the election was clean", false
	case r.lost > r.match || r.lostEnd < need:
		return "more is missing than a power failure took from it", false
	case p.topic.FlushEach && !r.wiped:
		return "every message was forced before it was acknowledged", false
	case len(f.ISR) != 1 || f.ISR[0] != j.id(n):
		return "a power failure took records from it, but it was not the last in-sync replica", false
	case p.fewest(r.match) < p.needed():
		return "the records were committed with fewer copies than min.insync.replicas asks for", false
	}
	return "", true
}

// excusedLastKnown is case C2: ISR and ELR are empty and the last known leader
// leads again. The controller cannot tell a kill from a power failure, so both
// take a replica out of the ELR; at least min ISR of those that had the records
// must have gone that way, and the leader itself must have lost them.
func (j *Judge) excusedLastKnown(p *partition, r *replica, need int64) (why string, legal bool) {
	if !r.lossy || r.lost > r.match || r.lostEnd < need {
		return "it is the last known leader, but no power failure took from it what is missing", false
	}
	crashed := uint64(0)
	for i := range p.reps {
		if p.reps[i].crashed {
			crashed |= 1 << i
		}
	}
	for i := p.committedAt(r.match); i < len(p.committed); i++ {
		if n := bits.OnesCount64(p.committed[i].copies & crashed); n < p.needed() {
			return fmt.Sprintf("it is the last known leader, but only %d of those that had the records crashed and %d would have to", n, p.needed()), false
		}
	}
	return "", true
}

// resolve finds out, once the batch of metadata with an unclean election has been
// applied, whether a member of the ISR or ELR before it was alive, and whether one
// was left at all: who came back uncleanly in that batch was not.
func (j *Judge) resolve(p *partition) {
	if !p.unresolved {
		return
	}
	p.unresolved, p.alive = false, -1
	for _, m := range p.before {
		if b := j.broker(m); b != nil && b.registered && !b.fenced && !b.stopping {
			p.alive = m
		}
		n := j.node(m)
		if b := &j.nodes[n]; !b.doubtful || p.rep(n).admitted == b.epoch {
			p.lastKnown = false
		}
	}
}

func (j *Judge) broker(id int32) *node {
	for i := range j.nodes {
		if j.nodes[i].id == id {
			return &j.nodes[i]
		}
	}
	return nil
}

func (j *Judge) onFollower(n int, f *view.BecameFollower) {
	p := j.part(&f.TP)
	r := p.rep(n)
	r.touched, r.seen, r.open, r.leading, r.hwGiven = true, true, true, false, false
	r.epoch, r.hw = f.LeaderEpoch, f.HW
	r.fetched = r.fetched[:0]
	r.producers = nil
}

// complete judges W3 for one replica.
func (j *Judge) complete(p *partition, n int, when string) {
	if n >= len(p.reps) {
		return
	}
	r := &p.reps[n]
	if !p.member(j.id(n)) || !r.open || r.lossy {
		return
	}
	if p.reg.uncleanEpoch > p.led {
		return // an unclean election is on its way to its leader; W2 judges it there
	}
	j.r.w3.Evaluated++
	if r.match < p.trueHW {
		j.r.w3.Fail(-1, j.now, p.where(r.match),
			"n%d is an in-sync replica of %s (partition epoch %d) but lacks committed records from %d to %d after %s",
			j.id(n), p.name, p.reg.partitionEpoch, r.match, p.trueHW, when)
	}
}
