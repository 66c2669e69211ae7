package control

import (
	"slices"

	"trial/engine/kafka/control/image"
	"trial/internal/mutant"
)

// election says how far the choice of a leader may go.
type election uint8

const (
	electOnline    election = iota // from ISR, else ELR
	electUnclean                   // else any live replica
	electPreferred                 // the first replica if it is in sync
)

// change works out one change of a partition (PartitionChangeBuilder): from a
// wanted ISR to the record that also elects, keeps ELR and ends reassignments.
type change struct {
	topic image.UUID
	id    int32
	p     *image.Partition

	acceptable func(replica int32) bool
	elect      election
	minISR     int
	elr        bool // KIP-966 is on
	crashed    int32
	anyLive    bool // mutant REP-22

	isr       []int32
	recovery  int8
	replicas  []int32
	removing  []int32
	adding    []int32
	targetELR []int32
	lastKnown []int32
}

// newChange starts a change of a partition as it is in the decision so far.
// skip may not lead; image.NoLeader: nobody is skipped.
func (c *controller) newChange(d *decision, t *image.Topic, id int32, p *image.Partition, skip int32) *change {
	im := d.image()
	x := &change{topic: t.ID, id: id, p: p, crashed: image.NoLeader, isr: p.ISR, recovery: p.RecoveryState,
		replicas: p.Replicas, removing: p.Removing, adding: p.Adding, targetELR: p.ELR, lastKnown: p.LastKnownELR}
	x.acceptable = func(r int32) bool {
		b := im.Broker(r)
		return r != skip && b.Active() && dirOnline(b, p, r)
	}
	look := c.lookup(im)
	if look.Bool(t.Name, "unclean.leader.election.enable") {
		x.elect = electUnclean
	}
	if mutant.Enabled && c.cfg.Mutant == mutant.REP22 {
		x.anyLive = true
	}
	x.minISR = int(min(look.Int(t.Name, "min.insync.replicas"), int64(len(p.Replicas))))
	x.elr = im.Feature(elrFeature) > 0
	return x
}

// record is the record of the change, nil if nothing changes.
func (x *change) record(c *controller) *image.PartitionChange {
	rec := image.NewPartitionChange(x.topic, x.id)
	x.completeReassignment()
	x.populateELR()
	x.tryElection(c, rec)
	if rec.Leader == image.NoLeaderChange && !containsAll(x.replicas, x.p.Replicas) {
		rec.Leader = x.p.Leader // the replica set shrinks: new leader epoch
	}
	x.recordELR(rec)
	// Without ELR the last member stays in the ISR although it is offline: nobody
	// else may lead cleanly.
	if rec.ISR == nil && (len(x.isr) > 0 || x.elr) && !slices.Equal(x.isr, x.p.ISR) {
		rec.ISR = nonNil(x.isr)
	}
	x.recordLastKnown(rec)
	if !slices.Equal(x.replicas, x.p.Replicas) {
		rec.Replicas = nonNil(x.replicas)
	}
	if !slices.Equal(x.removing, x.p.Removing) {
		rec.Removing = nonNil(x.removing)
	}
	if !slices.Equal(x.adding, x.p.Adding) {
		rec.Adding = nonNil(x.adding)
	}
	if x.recovery != x.p.RecoveryState {
		rec.RecoveryState = x.recovery
	}
	if rec.Empty() {
		return nil
	}
	return rec
}

// completeReassignment ends a reassignment whose targets are all in sync
// (PartitionReassignmentReplicas.maybeCompleteReassignment).
func (x *change) completeReassignment() {
	if len(x.removing)+len(x.adding) == 0 {
		return
	}
	isr, replicas := without(x.isr, x.removing...), without(x.replicas, x.removing...)
	if len(isr) == 0 || !containsAll(isr, x.adding) || len(replicas) == 0 {
		return
	}
	if len(x.replicas)-len(x.adding) > len(replicas) && !containsAll(isr, replicas) {
		return // the replication factor shrinks: all that stay must be in sync
	}
	x.isr, x.replicas, x.removing, x.adding = isr, replicas, nil, nil
}

// populateELR keeps those who had everything committed when the ISR fell below
// the minimum; from then on the high watermark stands still (KIP-966).
func (x *change) populateELR() {
	if !x.elr {
		return
	}
	if len(x.isr) >= x.minISR {
		x.targetELR, x.lastKnown = nil, nil
		return
	}
	all := slices.Clone(x.targetELR)
	for _, r := range x.p.ISR {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	x.targetELR = nil
	for _, r := range all {
		if !slices.Contains(x.isr, r) && r != x.crashed {
			x.targetELR = append(x.targetELR, r)
		}
	}
}

// choose picks the leader: the present one if it is valid, else the first valid in
// replica order, else by the unclean ways that are open.
func (x *change) choose() (leader int32, unclean bool) {
	valid := func(r int32) bool {
		in := slices.Contains(x.isr, r) || len(x.isr) == 0 && slices.Contains(x.targetELR, r)
		return in && x.acceptable(r)
	}
	if x.elect == electPreferred && valid(x.replicas[0]) {
		return x.replicas[0], false
	}
	if valid(x.p.Leader) {
		return x.p.Leader, false
	}
	for _, r := range x.replicas {
		if valid(r) {
			return r, false
		}
	}
	if x.elr && len(x.targetELR)+len(x.isr) == 0 && len(x.p.LastKnownELR) == 1 && x.acceptable(x.p.LastKnownELR[0]) {
		return x.p.LastKnownELR[0], true
	}
	if x.elect == electUnclean || x.anyLive {
		for _, r := range x.replicas {
			if x.acceptable(r) {
				return r, true
			}
		}
	}
	return image.NoLeader, false
}

func (x *change) tryElection(c *controller, rec *image.PartitionChange) {
	leader, unclean := x.choose()
	if leader == x.p.Leader {
		return
	}
	if x.anyLive && unclean && x.elect != electUnclean {
		c.h.Probe("mutant.reached")
		c.h.Probe("mutant.infected")
	}
	if slices.Contains(x.targetELR, leader) {
		x.isr, x.targetELR = []int32{leader}, without(x.targetELR, leader)
	}
	rec.Leader = leader
	if unclean {
		// Data may be lost: the ISR is the new leader alone, which recovers.
		c.h.Probe("control.unclean-election")
		rec.ISR = []int32{leader}
		if x.p.RecoveryState != image.Recovering {
			rec.RecoveryState = image.Recovering
		}
	}
}

func (x *change) recordELR(rec *image.PartitionChange) {
	if rec.ISR != nil || !x.elr { // unclean, or the feature is off
		x.targetELR = nil
	}
	if !slices.Equal(x.targetELR, x.p.ELR) {
		rec.ELR = nonNil(x.targetELR)
	}
}

// recordLastKnown remembers the leader of a partition whose ISR and ELR are both
// empty (the last known leader, useLastKnownLeaderInBalancedRecovery).
func (x *change) recordLastKnown(rec *image.PartitionChange) {
	if !x.elr {
		return
	}
	known := x.p.LastKnownELR
	switch {
	case rec.ISR != nil && len(rec.ISR) == 0 && x.p.Leader >= 0 && !slices.Equal(known, []int32{x.p.Leader}):
		rec.LastKnownELR = []int32{x.p.Leader}
	case (rec.Leader >= 0 || x.p.Leader >= 0 && rec.Leader != image.NoLeader) && len(known) > 0:
		rec.LastKnownELR = []int32{}
	}
}

func nonNil(v []int32) []int32 { return append([]int32{}, v...) }

func containsAll(set, of []int32) bool {
	for _, r := range of {
		if !slices.Contains(set, r) {
			return false
		}
	}
	return true
}

func without(v []int32, gone ...int32) []int32 {
	var out []int32
	for _, r := range v {
		if !slices.Contains(gone, r) {
			out = append(out, r)
		}
	}
	return out
}

// leaving is a broker that leaves ISRs; unclean, if it is not NoLeader, leaves
// ELRs too because what it had not synced may be lost.
type leaving struct{ remove, unclean int32 }

// leaveAll takes a broker out of the ISR and leadership of every partition.
func (c *controller) leaveAll(d *decision, who leaving) {
	c.eachPartition(d, func(t *image.Topic, id int32, p *image.Partition) {
		if slices.Contains(p.ISR, who.remove) || who.unclean != image.NoLeader && slices.Contains(p.ELR, who.unclean) {
			c.leave(d, t, id, p, who)
		}
	})
}

func (c *controller) leave(d *decision, t *image.Topic, id int32, p *image.Partition, who leaving) {
	x := c.newChange(d, t, id, p, who.remove)
	x.isr, x.crashed = without(p.ISR, who.remove), who.unclean
	if rec := x.record(c); rec != nil {
		d.add(rec)
	}
}

// electLeaderless elects for every partition without a leader.
func (c *controller) electLeaderless(d *decision) {
	c.eachPartition(d, func(t *image.Topic, id int32, p *image.Partition) {
		if p.Leader == image.NoLeader {
			if rec := c.newChange(d, t, id, p, image.NoLeader).record(c); rec != nil {
				d.add(rec)
			}
		}
	})
}

// eachPartition visits all partitions as they were before the visit, in the order
// of topic names.
func (c *controller) eachPartition(d *decision, f func(t *image.Topic, id int32, p *image.Partition)) {
	for _, t := range slices.Clone(d.image().Topics()) {
		for id, p := range slices.Clone(t.Partitions) {
			f(t, int32(id), p)
		}
	}
}
