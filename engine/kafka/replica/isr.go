package replica

import (
	"slices"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// alterBackoff is the pause before an ISR change is sent again
// (AlterPartitionManager schedules the next attempt after 50 ms).
const alterBackoff = 50 * clock.Millisecond

// isrState is a leader's view of its ISR: the committed one and, while an
// AlterPartition has no known outcome, the proposed one (CommittedPartitionState,
// PendingExpandIsr, PendingShrinkIsr).
type isrState struct {
	committed []int32 // ascending
	prop      *proposal
	timer     engine.Timer // sends prop again
}

// proposal is an ISR change whose outcome is not known.
type proposal struct {
	req     AlterRequest
	added   int32   // the newcomer of an expansion, -1 of a shrink
	maximal []int32 // committed and proposed together, ascending
}

// maximal is the ISR that high watermark and acknowledgements rely on: with the
// newcomer while an expansion is pending, still the old one while a shrink is,
// so that a lost or refused AlterPartition exposes nothing early (KIP-497).
func (s *isrState) maximal() []int32 {
	if s.prop != nil {
		return s.prop.maximal
	}
	return s.committed
}

func (s *isrState) commit(h engine.Host, isr []int32) {
	s.drop(h)
	s.committed = isr
}

func (s *isrState) drop(h engine.Host) {
	s.committed, s.prop = nil, nil
	h.StopTimer(&s.timer)
}

// eligible tells whether a follower may join: unfenced, not in controlled
// shutdown, and alive in the incarnation that fetched from us (KIP-841, KIP-903).
func (p *Partition) eligible(f *follower) bool {
	epoch, ok := p.env.Eligible(f.id)
	legal := ok && f.brokerEpoch != noEpoch && (f.brokerEpoch == -1 || f.brokerEpoch == epoch)
	if mutant.Enabled && p.mutant == mutant.REP09 {
		p.h.Probe("mutant.reached")
		if !legal {
			p.h.Probe("mutant.infected")
		}
		return true
	}
	return legal
}

// maybeExpand proposes a follower that has reached the high watermark and the
// start of our leader epoch. The latter because our high watermark may lag behind
// the true one after an election (KAFKA-7128).
func (p *Partition) maybeExpand(f *follower) {
	if p.isr.prop != nil || slices.Contains(p.isr.committed, f.id) || f.leo < p.hw || !p.eligible(f) {
		return
	}
	if f.leo < p.epochStart {
		if mutant.Enabled && p.mutant == mutant.REP04 {
			p.h.Probe("mutant.reached")
			p.h.Probe("mutant.infected")
		} else {
			p.h.Probe("replica.expand.epoch-start")
			return
		}
	}
	if p.siteLate.Hit() {
		return
	}
	isr := append(slices.Clone(p.isr.committed), f.id)
	slices.Sort(isr)
	p.propose(isr, f.id, isr)
}

// TickISR looks for members of the ISR that have not caught up for
// replica.lag.time.max.ms and proposes to drop them. To be called every half of
// that time.
func (p *Partition) TickISR() {
	if p.role != RoleLeader || p.closed || p.Offline() {
		return
	}
	p.advanceHW() // a follower that was about to join may have fallen behind
	if p.isr.prop == nil && !p.siteLate.Hit() {
		p.shrink()
	}
	p.finish()
}

func (p *Partition) shrink() {
	now, lag, end := p.h.Now(), p.env.Settings(p.tp).LagTimeMax, p.log.End()
	keep := make([]int32, 0, len(p.isr.committed))
	for _, id := range p.isr.committed {
		f := p.follower(id)
		if id == p.self || f != nil && f.caughtUp(end, now, lag) {
			keep = append(keep, id)
		}
	}
	if len(keep) < len(p.isr.committed) {
		p.propose(keep, -1, p.isr.committed)
	}
}

func (p *Partition) propose(isr []int32, added int32, maximal []int32) {
	req := AlterRequest{
		TP: p.tp, LeaderEpoch: p.leaderEpoch, PartitionEpoch: p.partitionEpoch,
		ISR: make([]view.ISRMember, 0, len(isr)),
	}
	for _, id := range isr {
		m := view.ISRMember{Broker: id, Epoch: -1}
		if id == p.self {
			m.Epoch = p.env.BrokerEpoch()
		} else if f := p.follower(id); f != nil && f.brokerEpoch != noEpoch {
			m.Epoch = f.brokerEpoch
		}
		req.ISR = append(req.ISR, m)
	}
	p.isr.prop = &proposal{req: req, added: added, maximal: maximal}
	if p.h.Observed() {
		fact := view.ISRProposed{
			TP: p.tp, LeaderEpoch: req.LeaderEpoch, PartitionEpoch: req.PartitionEpoch,
			HW: p.hw, EpochStart: p.epochStart, ISR: slices.Clone(req.ISR),
		}
		if f := p.follower(added); f != nil {
			fact.Added = []view.AddedReplica{{Broker: added, End: f.leo}}
		}
		p.h.Emit(fact)
	}
	p.sendAlter()
}

func (p *Partition) sendAlter() {
	prop := p.isr.prop
	p.env.AlterPartition(prop.req, func(r AlterResult) { p.onAltered(prop, r) })
}

func (p *Partition) retryAlter() {
	if p.isr.prop != nil {
		p.sendAlter()
	}
}

// onAltered takes the outcome of a proposal, unless metadata has overtaken it.
func (p *Partition) onAltered(prop *proposal, r AlterResult) {
	if p.isr.prop != prop {
		return
	}
	switch {
	case r.Err != nil:
		p.h.SetTimer(&p.isr.timer, p.h.Now().Add(alterBackoff))
	case r.Code == 0:
		p.onAccepted(r)
	case r.Code == codeNotAttempted || r.Code == codeIneligibleReplica:
		// Refused for certain: the committed ISR stands.
		p.isr.commit(p.h, p.isr.committed)
		p.advanceHW()
	case r.Code == codeUnknownTopic || r.Code == codeUnknownTopicID || r.Code == codeFencedEpoch ||
		r.Code == codeBadUpdate || r.Code == codeInvalidRequest || r.Code == codeNewLeader:
		// The controller knows more than we do; it may even have accepted an earlier
		// attempt. Stay pending until new metadata tells.
		p.h.Probe("replica.alter.stuck")
	default:
		p.h.SetTimer(&p.isr.timer, p.h.Now().Add(alterBackoff))
	}
	p.finish()
}

func (p *Partition) onAccepted(r AlterResult) {
	if r.LeaderEpoch != p.leaderEpoch || r.PartitionEpoch < p.partitionEpoch {
		p.h.Probe("replica.alter.stuck")
		return // an answer of another epoch decides nothing here: metadata will
	}
	p.partitionEpoch = r.PartitionEpoch
	isr := slices.Clone(r.ISR)
	slices.Sort(isr)
	p.isr.commit(p.h, isr)
	p.advanceHW()
}
