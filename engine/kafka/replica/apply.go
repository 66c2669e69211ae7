package replica

import (
	"slices"

	"trial/engine/kafka/view"
	"trial/internal/must"
	"trial/internal/mutant"
)

// Apply takes over a registration from the metadata image (Partition.makeLeader
// and makeFollower). One with a lower partition epoch than known is ignored. A
// leadership begins when the log has come to rest, which may be in a later event;
// losing one takes effect at once.
func (p *Partition) Apply(reg Registration) {
	p.Opened(false, -1)
	if p.closed || p.Offline() {
		return
	}
	known, knownLeader := p.partitionEpoch, p.leaderEpoch
	if p.pending != nil {
		known, knownLeader = p.pending.PartitionEpoch, p.pending.LeaderEpoch
	}
	if reg.PartitionEpoch < known || reg.LeaderEpoch < knownLeader {
		return
	}
	reg.Replicas = slices.Clone(reg.Replicas)
	reg.ISR = slices.Clone(reg.ISR)
	slices.Sort(reg.ISR)
	if reg.Leader == p.self {
		p.applyLeader(reg)
	} else {
		p.follow(reg)
	}
	p.finish()
}

func (p *Partition) applyLeader(reg Registration) {
	if p.role == RoleLeader && reg.LeaderEpoch == p.leaderEpoch {
		p.readopt(reg)
		return
	}
	if p.ops > 0 {
		// What is being written belongs to the old epoch: the new one starts where
		// that ends, so its start is not known before.
		p.pending = &reg
		if p.role != RoleLeader {
			p.role, p.leaderID = RoleNone, p.self
			p.wakeAll()
		}
		return
	}
	p.lead(reg)
}

// lead begins a new leader epoch. The epoch cache gets its start even before
// anything is appended (KAFKA-7415). All that was known of followers is
// forgotten: only a fetch within this epoch proves what a follower has (KIP-966;
// Kafka keeps it when the leader stays, which is safe only if no epoch was missed).
func (p *Partition) lead(reg Registration) {
	must.Hold(p.log.Next() == p.log.End(), "%v: leadership begins while appends are under way", p.tp)
	p.role = RoleLeader
	p.leaderID, p.leaderEpoch, p.partitionEpoch = p.self, reg.LeaderEpoch, reg.PartitionEpoch
	p.truncHW = false
	p.epochStart = p.log.End()
	p.log.AssignEpoch(reg.LeaderEpoch, p.epochStart)
	p.replicas = reg.Replicas
	p.resetFollowers(reg.ISR)
	p.isr.commit(p.h, reg.ISR)
	if p.h.Observed() {
		last, ok := p.log.BatchAt(p.log.End() - 1)
		if !ok {
			last = view.Batch{Base: -1, Last: -1, LeaderEpoch: -1}
		}
		p.h.Emit(view.BecameLeader{
			TP: p.tp, LeaderEpoch: p.leaderEpoch, PartitionEpoch: p.partitionEpoch,
			Start: p.epochStart, HW: p.hw, ISR: slices.Clone(reg.ISR), Last: last,
		})
	}
	p.wakeAll()
	p.advanceHW()
	p.drain()
}

// readopt takes over a change within our own leader epoch. With an unchanged
// partition epoch an ISR change may be in flight whose outcome the controller has
// not told: the maximal ISR must stay.
func (p *Partition) readopt(reg Registration) {
	if reg.PartitionEpoch == p.partitionEpoch {
		return
	}
	p.partitionEpoch = reg.PartitionEpoch
	p.setReplicas(reg.Replicas)
	p.isr.commit(p.h, reg.ISR)
	p.advanceHW()
}

// follow makes this a follower, or takes over a change while it is one. It needs
// no rest of the log: the fetcher waits for that.
func (p *Partition) follow(reg Registration) {
	led := p.role == RoleLeader
	newEpoch := reg.LeaderEpoch > p.leaderEpoch || p.role != RoleFollower
	p.pending = nil
	p.role = RoleFollower
	p.leaderID, p.leaderEpoch, p.partitionEpoch = reg.Leader, reg.LeaderEpoch, reg.PartitionEpoch
	p.replicas = reg.Replicas
	p.followers = p.followers[:0]
	p.isr.drop(p.h)
	if !newEpoch {
		return
	}
	if led {
		p.stepDown()
	}
	if p.h.Observed() {
		p.h.Emit(view.BecameFollower{
			TP: p.tp, LeaderEpoch: p.leaderEpoch, PartitionEpoch: p.partitionEpoch,
			Leader: p.leaderID, End: p.log.End(), HW: p.hw,
		})
	}
	p.wakeAll()
	if mutant.Enabled && p.mutant == mutant.REP01 {
		p.truncHW = true
		if p.ops == 0 {
			p.truncateToHW()
		}
	}
	if p.ops == 0 {
		p.kickFetcher()
	}
}

// stepDown fails every waiting produce: what it waits for may be truncated, and
// another record may take its offset.
func (p *Partition) stepDown() {
	if mutant.Enabled && p.mutant == mutant.REP31 {
		p.h.Probe("mutant.reached")
		if !p.waiting.empty() {
			p.h.Probe("mutant.infected")
		}
		return
	}
	if !p.waiting.empty() || !p.landing.empty() {
		p.h.Probe("replica.produce.step-down")
	}
	p.failWaiting(codeNotLeader)
}
