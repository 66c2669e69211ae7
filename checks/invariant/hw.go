package invariant

import (
	"fmt"

	"trial/engine/kafka/view"
)

func (j *Judge) onHW(n int, f *view.HWMoved) {
	p := j.part(&f.TP)
	r := p.rep(n)
	j.r.w6.Evaluated++
	if f.To > f.End || f.To > r.end && r.seen {
		j.r.w6.Fail(-1, j.now, p.where(f.To), "n%d moved the high watermark of %s to %d, above its log end %d", j.id(n), p.name, f.To, min(f.End, max(r.end, 0)))
	}
	if f.To < r.start {
		j.r.w6.Fail(-1, j.now, p.where(f.To), "n%d moved the high watermark of %s to %d, below its log start %d", j.id(n), p.name, f.To, r.start)
	}
	j.r.w5.Evaluated++
	switch {
	case f.Leader && (f.To < f.From || f.To < r.hw):
		j.r.w5.Fail(-1, j.now, p.where(f.To), "n%d, leader of %s in leader epoch %d, moved its high watermark back from %d to %d",
			j.id(n), p.name, f.LeaderEpoch, max(f.From, r.hw), f.To)
	case !f.Leader && f.To < f.From && r.hwGiven:
		j.r.w5.Fail(-1, j.now, p.where(f.To), "n%d, follower of %s in leader epoch %d, moved its high watermark back from %d to %d without a new epoch, truncation or restart",
			j.id(n), p.name, f.LeaderEpoch, f.From, f.To)
	}
	r.hw = f.To
	if !f.Leader && f.To > f.From && p.leaderHas(f.LeaderEpoch, f.To) {
		r.hwGiven = true // from now on it follows its leader, which never goes back
	}
	if f.Leader && f.To > f.From {
		j.advanced(n, p, r, f)
	}
}

// leaderHas reports whether the leader of that epoch has the high watermark. An
// answer of the leader before it may still be on its way through a follower's disk.
func (p *partition) leaderHas(epoch int32, hw int64) bool {
	for i := range p.reps {
		if l := &p.reps[i]; l.leading && l.epoch == epoch {
			return l.hw >= hw
		}
	}
	return false
}

// advanced judges a leader's step forward: W4, strict W12, W2, W3.
func (j *Judge) advanced(n int, p *partition, r *replica, f *view.HWMoved) {
	j.quorumSuperset(n, p, r, f)
	if !j.cfg.LooseHW {
		j.r.w12.Evaluated++
		if len(f.MaximalISR) < p.needed() {
			j.r.w12.Fail(-1, j.now, p.where(f.To), "n%d moved the high watermark of %s to %d with in-sync replicas %v, fewer than the %d needed",
				j.id(n), p.name, f.To, f.MaximalISR, p.needed())
		}
	}
	if f.LeaderEpoch < p.era || f.To <= p.trueHW {
		return // an ended era goes on in a leader that has not heard yet; nothing new is committed
	}
	j.r.w2.Evaluated++
	if r.match < p.trueHW {
		j.r.w2.Fail(-1, j.now, p.where(r.match),
			"n%d, leader of %s in leader epoch %d, moved its high watermark to %d, but its log agrees with the committed log only below %d of %d",
			j.id(n), p.name, f.LeaderEpoch, f.To, r.match, p.trueHW)
		p.endEra(r.match, f.LeaderEpoch)
	}
	p.commit(r, f.LeaderEpoch, f.To)
	for _, m := range f.MaximalISR {
		if o := p.rep(j.node(m)); o.open {
			o.crashed = false
		}
	}
	for i := range p.reps {
		if i != n {
			j.complete(p, i, fmt.Sprintf("n%d moved the high watermark", j.id(n)))
		}
	}
}

// quorumSuperset judges W4.
func (j *Judge) quorumSuperset(n int, p *partition, r *replica, f *view.HWMoved) {
	j.r.w4.Evaluated++
	for _, m := range f.MaximalISR {
		if m != j.id(n) {
			j.fetchedPast(n, p, r, f, m, "maximal ISR")
		}
	}
	if p.reg.leader != j.id(n) || p.reg.leaderEpoch != f.LeaderEpoch || len(p.reg.isr) < p.needed() {
		return
	}
	for _, list := range [2][]int32{p.reg.isr, p.reg.elr} {
		for _, m := range list {
			if !has(f.MaximalISR, m) && p.member(m) {
				j.r.w4.Fail(-1, j.now, p.where(f.To),
					"n%d moved the high watermark of %s to %d counting replicas %v, but the controller's in-sync replicas (partition epoch %d) include n%d",
					j.id(n), p.name, f.To, f.MaximalISR, p.reg.partitionEpoch, m)
			}
		}
	}
}

func (j *Judge) fetchedPast(n int, p *partition, r *replica, f *view.HWMoved, m int32, why string) {
	i := j.node(m)
	switch {
	case i >= len(r.fetched) || !r.fetched[i].valid:
		j.r.w4.Fail(-1, j.now, p.where(f.To),
			"n%d moved the high watermark of %s from %d to %d although n%d, in its %s, has not fetched in leader epoch %d",
			j.id(n), p.name, f.From, f.To, m, why, f.LeaderEpoch)
	case r.fetched[i].offset < f.To:
		j.r.w4.Fail(-1, j.now, p.where(f.To),
			"n%d moved the high watermark of %s from %d to %d although n%d, in its %s, has fetched only up to %d in leader epoch %d",
			j.id(n), p.name, f.From, f.To, m, why, r.fetched[i].offset, f.LeaderEpoch)
	}
}

func (j *Judge) onFetched(n int, f *view.FollowerFetched) {
	p := j.part(&f.TP)
	r := p.rep(n)
	if !r.leading || r.epoch != f.LeaderEpoch {
		return
	}
	j.r.w4.Evaluated++
	if f.AskedEpoch != -1 && f.AskedEpoch != f.LeaderEpoch {
		// A fetch of another epoch proves nothing about this one (KIP-320): the log of
		// that follower may have parted from this leader's.
		j.r.w4.Fail(-1, j.now, p.where(f.Offset),
			"n%d, leader of %s in leader epoch %d, counts a fetch of n%d up to %d that was meant for leader epoch %d",
			j.id(n), p.name, f.LeaderEpoch, f.Follower, f.Offset, f.AskedEpoch)
		return
	}
	m := j.node(f.Follower)
	for len(r.fetched) <= m {
		r.fetched = append(r.fetched, fetchNote{})
	}
	r.fetched[m] = fetchNote{f.Offset, f.BrokerEpoch, true}
	if f.Offset >= r.hw && f.Offset >= r.epochStart {
		e := f.BrokerEpoch
		if e < 0 {
			e = j.nodes[m].epoch
		}
		// A leader that hung may count a fetch of an incarnation before.
		p.rep(m).admitted = max(p.rep(m).admitted, e)
	}
}

// onProposed judges W11.
func (j *Judge) onProposed(n int, f *view.ISRProposed) {
	p := j.part(&f.TP)
	r := p.rep(n)
	for _, a := range f.Added {
		j.r.w11.Evaluated++
		m := j.node(a.Broker)
		start := max(f.EpochStart, r.epochStart)
		switch {
		case m >= len(r.fetched) || !r.fetched[m].valid:
			j.r.w11.Fail(-1, j.now, p.where(a.End), "n%d proposed n%d for the ISR of %s although n%d has not fetched in leader epoch %d",
				j.id(n), a.Broker, p.name, a.Broker, f.LeaderEpoch)
		case min(a.End, r.fetched[m].offset) < start:
			j.r.w11.Fail(-1, j.now, p.where(a.End), "n%d proposed n%d at offset %d for the ISR of %s, below offset %d where leader epoch %d began",
				j.id(n), a.Broker, min(a.End, r.fetched[m].offset), p.name, start, f.LeaderEpoch)
		case min(a.End, r.fetched[m].offset) < f.HW:
			j.r.w11.Fail(-1, j.now, p.where(a.End), "n%d proposed n%d at offset %d for the ISR of %s, below the high watermark %d (leader epoch %d)",
				j.id(n), a.Broker, min(a.End, r.fetched[m].offset), p.name, f.HW, f.LeaderEpoch)
		default:
			for _, e := range f.ISR {
				if e.Broker == a.Broker && e.Epoch >= 0 && r.fetched[m].brokerEpoch >= 0 && e.Epoch != r.fetched[m].brokerEpoch {
					j.r.w11.Fail(-1, j.now, p.where(a.End), "n%d proposed n%d with broker epoch %d for the ISR of %s, but the fetch that qualified it came with broker epoch %d",
						j.id(n), a.Broker, e.Epoch, p.name, r.fetched[m].brokerEpoch)
				}
			}
		}
	}
}
