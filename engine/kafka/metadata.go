package kafka

import (
	"slices"

	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/replica"
	"trial/engine/kafka/view"
)

// onImage takes a new committed image. Until the broker has caught up with its
// own registration the past is only remembered: acting on it would delete the
// directory of a topic that was since created again under its name.
func (b *Broker) onImage(_, new *image.Image, delta image.Delta) {
	if b.stopped {
		return
	}
	b.image = new
	b.lifecycle.onImage()
	if len(delta.Resources)+len(delta.TopicsAdded)+len(delta.TopicsRemoved) > 0 {
		b.onConfigs()
	}
	if !b.caughtUp {
		return
	}
	for i := range delta.Partitions {
		d := &delta.Partitions[i]
		b.onPartition(d.TP, d.New)
		b.logISR(d)
	}
	b.logRoles()
}

// metadataOffset is the last metadata record that is in our image.
func (b *Broker) metadataOffset() int64 { return b.image.Offset() - 1 }

// onCaughtUp is told when the image holds our registration: from now on the
// image decides what we host.
func (b *Broker) onCaughtUp() {
	b.caughtUp = true
	for _, t := range b.image.Topics() {
		for i, p := range t.Partitions {
			b.onPartition(view.TP{Topic: t.Name, ID: t.ID, Partition: int32(i)}, p)
		}
	}
	b.removeStrays()
	b.maybeReady()
	b.logRoles()
}

// removeStrays removes the directories found at boot that no partition took:
// their topic was deleted, or the replica moved, while we were away.
func (b *Broker) removeStrays() {
	for i := range b.volumes {
		v := &b.volumes[i]
		for j := range v.found {
			if f := &v.found[j]; !f.claimed && !v.offline {
				f.claimed = true
				b.discardDir(v.id, f.name)
			}
		}
		v.found = nil
	}
}

// maybeReady asks to be unfenced once every log that the image gave us is open.
func (b *Broker) maybeReady() {
	if b.caughtUp && b.opening == 0 {
		b.lifecycle.ready()
	}
}

// onPartition acts on the newest registration of a partition, nil if it is gone.
func (b *Broker) onPartition(tp view.TP, reg *image.Partition) {
	p := b.parts.get(tp.ID, tp.Partition)
	ours := reg != nil && slices.Contains(reg.Replicas, b.cfg.NodeID)
	switch {
	case p == nil && ours:
		b.host(tp, reg)
	case p != nil && !ours:
		b.unhost(p)
	case p != nil:
		p.reg = reg
		switch p.phase {
		case online:
			b.applyRegistration(p)
		case failed:
			b.assignments.check(p)
		}
	}
}

// applyRegistration makes an open partition what its registration says.
func (b *Broker) applyRegistration(p *hosted) {
	reg, was := p.reg, p.part.LeaderEpoch()
	b.assignments.check(p)
	b.unfollowUnless(p, reg.Leader)
	p.part.Apply(replica.Registration{
		Leader: reg.Leader, LeaderEpoch: reg.LeaderEpoch, PartitionEpoch: reg.PartitionEpoch,
		Replicas: reg.Replicas, ISR: reg.ISR, ELR: reg.ELR, Recovering: reg.RecoveryState != 0,
	})
	if reg.LeaderEpoch != was {
		b.noteRole(p, reg)
	}
	if reg.Leader >= 0 && reg.Leader != b.cfg.NodeID {
		b.follow(p, reg)
	}
}

// noteRole counts a new role for the operator's line.
func (b *Broker) noteRole(p *hosted, reg *image.Partition) {
	switch {
	case reg.Leader == b.cfg.NodeID:
		b.newRoles.leading++
	case reg.Leader >= 0:
		b.newRoles.following++
	default:
		b.newRoles.leaderless++
	}
	b.h.Logf(engine.Debug, "%s: leader %d in leader epoch %d, we end at %d", p.dir, reg.Leader, reg.LeaderEpoch, p.log.End())
}

// roleCounts are the partitions whose role changed since the last operator's line.
type roleCounts struct{ leading, following, leaderless int }

func (b *Broker) logRoles() {
	if n := b.newRoles; n != (roleCounts{}) {
		b.newRoles = roleCounts{}
		b.h.Logf(engine.Info, "now leading %d partitions, following %d, without a leader %d", n.leading, n.following, n.leaderless)
	}
}

// logISR counts and reports a change of an ISR that we lead.
func (b *Broker) logISR(d *image.PartitionDelta) {
	if d.Old != nil && d.New != nil && d.New.Leader == b.cfg.NodeID && !slices.Equal(d.Old.ISR, d.New.ISR) {
		if len(d.New.ISR) > len(d.Old.ISR) {
			b.metrics.ISRExpands++
		} else {
			b.metrics.ISRShrinks++
		}
		b.h.Logf(engine.Info, "ISR of %s-%d went from %v to %v", d.Topic, d.Partition, d.Old.ISR, d.New.ISR)
	}
}
