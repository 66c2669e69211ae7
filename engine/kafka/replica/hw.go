package replica

import (
	"slices"

	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// minISR is the effective min.insync.replicas: never more than there are replicas.
func (p *Partition) minISR() int { return p.minISROf(p.env.Settings(p.tp)) }

func (p *Partition) minISROf(s Settings) int { return min(int(s.MinISR), len(p.replicas)) }

// advanceHW raises a leader's high watermark (Partition.maybeIncrementLeaderHW)
// to the least log end among the maximal ISR and the followers that are about to
// be in it: caught up and eligible. With fewer in-sync replicas than the effective
// min.insync.replicas it stays (KIP-966): members of the ELR must be complete.
func (p *Partition) advanceHW() {
	if p.role != RoleLeader || p.Offline() || p.hw == p.log.End() {
		return
	}
	settings := p.env.Settings(p.tp)
	if len(p.isr.committed) < p.minISROf(settings) {
		if mutant.Enabled && p.mutant == mutant.REP21 {
			p.h.Probe("mutant.reached")
		} else {
			p.h.Probe("replica.hw.min-isr")
			p.refuseWaiting()
			return
		}
	}
	end := p.log.End()
	isr, joining := p.isr.maximal(), true
	if mutant.Enabled && p.mutant == mutant.REP06 && p.isr.prop != nil && p.isr.prop.added >= 0 {
		p.h.Probe("mutant.reached")
		isr, joining = p.isr.committed, false
	}
	to, now, lag := end, p.h.Now(), settings.LagTimeMax
	for i := range p.followers {
		f := &p.followers[i]
		if f.leo >= to {
			continue
		}
		if slices.Contains(isr, f.id) || joining && f.caughtUp(end, now, lag) && p.eligible(f) {
			to = f.leo
		}
	}
	if to > p.hw || p.followsDown(to) {
		p.setHW(max(to, p.log.Start()))
	}
}

// followsDown is the planted bug SYN-W5: a leader's high watermark is whatever its
// in-sync replicas have been seen to have, less than before, too.
func (p *Partition) followsDown(to int64) bool {
	if !mutant.Enabled || p.mutant != mutant.SynW5 {
		return false
	}
	p.h.Probe("mutant.reached")
	if to = max(to, p.log.Start()); to == p.hw {
		return false
	}
	p.h.Probe("mutant.infected")
	return true
}

// refuseWaiting is the planted bug SYN-L5: as soon as too few replicas are in sync,
// produces that wait for them are told that nothing was appended.
func (p *Partition) refuseWaiting() {
	if !mutant.Enabled || p.mutant != mutant.SynL5 {
		return
	}
	p.h.Probe("mutant.reached")
	if !p.waiting.empty() {
		p.h.Probe("mutant.infected")
		p.failWaiting(codeTooFew)
	}
}

// followHW takes over the leader's high watermark: at most our own end, at least
// our log start. It may fall, when a new leader's lags behind.
func (p *Partition) followHW(leaderHW int64) {
	to := max(min(leaderHW, p.log.End()), p.log.Start())
	if to != p.hw {
		p.setHW(to)
	}
}

func (p *Partition) setHW(to int64) {
	from := p.hw
	p.hw = to
	if p.h.Observed() {
		f := view.HWMoved{TP: p.tp, LeaderEpoch: p.leaderEpoch, From: from, To: to, End: p.log.End()}
		if p.role == RoleLeader {
			f.Leader, f.MaximalISR, f.MinISR = true, p.MaximalISR(), int32(p.minISR())
		}
		p.h.Emit(f)
	}
	if p.role == RoleLeader || mutant.Enabled && p.mutant == mutant.REP31 {
		p.completeCovered()
	}
	p.wake(HWChange)
}
