package invariant

import (
	"slices"
	"strconv"

	"trial/engine/kafka/view"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// onPartition takes in a committed change of a partition: W8, W9, W15, then W3.
func (j *Judge) onPartition(n int, f *view.PartitionRegistered) {
	p := j.part(&f.TP)
	if !j.sameRecord(n, p, f) {
		return // another node has shown this record, or an older one
	}
	j.metaSeen = max(j.metaSeen, f.Offset)
	was := p.reg
	p.reg = registration{
		known: !f.Removed, offset: f.Offset, leader: f.Leader, leaderEpoch: f.LeaderEpoch, partitionEpoch: f.PartitionEpoch,
		replicas: slices.Clone(f.Replicas), isr: slices.Clone(f.ISR), elr: slices.Clone(f.ELR), uncleanEpoch: was.uncleanEpoch,
	}
	p.accepted = slices.DeleteFunc(p.accepted, func(a acceptedISR) bool { return a.partitionEpoch <= f.PartitionEpoch })
	j.fencing = true
	if f.Removed {
		return
	}
	if was.known {
		j.epochsGrow(p, &was)
		if f.Leader >= 0 && f.LeaderEpoch != was.leaderEpoch && (f.Unclean || !has(was.isr, f.Leader) && !has(was.elr, f.Leader)) {
			p.reg.uncleanEpoch, p.before, p.unresolved, p.alive = f.LeaderEpoch, slices.Concat(was.isr, was.elr), true, -1
			p.lastKnown = j.cfg.ELR && f.Leader == p.lastLeader
		}
	}
	if f.Leader >= 0 {
		p.lastLeader = f.Leader
	}
	j.admission(p, &was)
	for _, m := range p.reg.isr {
		j.complete(p, j.node(m), "a change of the ISR")
	}
}

// sameRecord judges half of W15: a metadata record is the same on every node. It
// reports whether the record is new to the judge.
func (j *Judge) sameRecord(n int, p *partition, f *view.PartitionRegistered) bool {
	h := hashRegistration(f)
	i, found := slices.BinarySearchFunc(p.regs, f.Offset, func(a applied, o int64) int { return cmp64(a.offset, o) })
	j.r.w15.Evaluated++
	if found {
		if a := p.regs[i]; a.hash != h {
			j.r.w15.Fail(-1, j.now, []string{p.name}, "n%d and n%d applied different changes of %s at metadata offset %d (n%d: leader %d, leader epoch %d, partition epoch %d, ISR %v)",
				j.id(int(a.node)), j.id(n), p.name, f.Offset, j.id(n), f.Leader, f.LeaderEpoch, f.PartitionEpoch, f.ISR)
		}
		return false
	}
	newest := i == len(p.regs) // else a node shows single steps that another took at once
	p.regs = slices.Insert(p.regs, i, applied{f.Offset, h, int32(n)})
	return newest
}

func hashRegistration(f *view.PartitionRegistered) uint64 {
	h := uint64(14695981039346656037)
	mix := func(v int64) { h = (h ^ uint64(v)) * 1099511628211 }
	mix(int64(f.Leader))
	mix(int64(f.LeaderEpoch))
	mix(int64(f.PartitionEpoch))
	for _, list := range [3][]int32{f.Replicas, f.ISR, f.ELR} {
		mix(int64(len(list)))
		for _, b := range list {
			mix(int64(b))
		}
	}
	if f.Recovering {
		mix(1)
	}
	if f.Removed {
		mix(2)
	}
	return h
}

// epochsGrow judges W8 on a partition.
func (j *Judge) epochsGrow(p *partition, was *registration) {
	j.r.w8.Evaluated++
	now := &p.reg
	switch {
	case now.partitionEpoch <= was.partitionEpoch:
		j.r.w8.Fail(-1, j.now, []string{p.name}, "the change of %s at metadata offset %d has partition epoch %d after partition epoch %d",
			p.name, now.offset, now.partitionEpoch, was.partitionEpoch)
	case now.leaderEpoch < was.leaderEpoch:
		j.r.w8.Fail(-1, j.now, []string{p.name}, "the change of %s at metadata offset %d takes the leader epoch back from %d to %d",
			p.name, now.offset, was.leaderEpoch, now.leaderEpoch)
	case now.leader != was.leader && now.leaderEpoch == was.leaderEpoch:
		j.r.w8.Fail(-1, j.now, []string{p.name}, "the change of %s at metadata offset %d moves the leader from n%d to n%d within leader epoch %d",
			p.name, now.offset, was.leader, now.leader, now.leaderEpoch)
	}
}

// admission judges W9 on those whom a change lets in or lets lead.
func (j *Judge) admission(p *partition, was *registration) {
	for _, m := range p.reg.isr {
		n := j.node(m)
		r := p.rep(n)
		b := &j.nodes[n]
		elected := p.reg.uncleanEpoch == p.reg.leaderEpoch && p.reg.leader == m // W2 judges that
		if !was.known || !b.unclean || elected || !j.cfg.ELR && len(p.reg.isr) == 1 {
			r.admitted = b.epoch
			continue
		}
		if has(was.isr, m) && !(p.reg.leader == m && was.leader != m) {
			continue
		}
		j.r.w9.Evaluated++
		if r.admitted != b.epoch {
			j.r.w9.Fail(-1, j.now, []string{p.name}, "n%d is let into the ISR %v of %s or leads it (partition epoch %d), but its process ended uncleanly and has not fetched to the high watermark and the leader epoch's start since (broker epoch %d)",
				m, p.reg.isr, p.name, p.reg.partitionEpoch, b.epoch)
			r.admitted = b.epoch
		}
	}
}

// onBroker takes in a committed change of a broker: W8, W9.
func (j *Judge) onBroker(n int, f *view.BrokerRegistered) {
	b := &j.nodes[j.node(f.ID)]
	if f.Offset <= b.regOffset {
		return
	}
	b.regOffset = f.Offset
	j.metaSeen = max(j.metaSeen, f.Offset)
	if f.Removed {
		b.registered, b.fenced = false, true
		j.fencing = true
		return
	}
	j.r.w8.Evaluated++
	fresh := !b.registered || f.Epoch != b.epoch
	if fresh {
		who, taken := j.brokers[f.Epoch]
		switch {
		case taken && who != (brokerName{f.ID, f.Incarnation}):
			j.r.w8.Fail(-1, j.now, nil, "broker epoch %d was given to n%d and again to n%d (metadata offset %d)", f.Epoch, who.id, f.ID, f.Offset)
		case f.Epoch < b.epoch:
			j.r.w8.Fail(-1, j.now, nil, "the broker epoch of n%d went back from %d to %d (metadata offset %d)", f.ID, b.epoch, f.Epoch, f.Offset)
		}
		j.brokers[f.Epoch] = brokerName{f.ID, f.Incarnation}
		// Only the active controller knows f.Clean; the others say false. A process
		// that was asked to stop may have ended cleanly before it died.
		b.unclean = b.registered && b.crashed && !b.stopped && !f.Clean
		b.doubtful = b.registered && !f.Clean
		b.crashed, b.stopped = false, false
	} else if f.Incarnation != b.incarnID {
		j.r.w8.Fail(-1, j.now, nil, "two incarnations of n%d share broker epoch %d (metadata offset %d)", f.ID, f.Epoch, f.Offset)
	}
	unfenced := b.fenced && !f.Fenced && b.registered
	b.registered, b.epoch, b.incarnID, b.fenced, b.stopping = true, f.Epoch, f.Incarnation, f.Fenced, f.Stopping
	j.fencing = true
	if unfenced || fresh {
		j.admissionOf(f.ID, unfenced)
	}
}

// admissionOf judges W9 on a broker that comes back: it is in no ISR but as the
// last member.
func (j *Judge) admissionOf(id int32, unfenced bool) {
	n := j.node(id)
	b := &j.nodes[n]
	for _, p := range j.parts {
		if !has(p.reg.isr, id) {
			continue
		}
		r := p.rep(n)
		if !b.unclean || !j.cfg.ELR && len(p.reg.isr) == 1 {
			r.admitted = b.epoch
			continue
		}
		if !unfenced {
			continue // the change that takes it out comes in the same batch
		}
		j.r.w9.Evaluated++
		if r.admitted != b.epoch {
			j.r.w9.Fail(-1, j.now, []string{p.name}, "n%d is unfenced with broker epoch %d while in the ISR %v of %s, but its process ended uncleanly and has not caught up since",
				id, b.epoch, p.reg.isr, p.name)
			r.admitted = b.epoch
		}
	}
}

// onAccepted judges W8 and W9 on an ISR change as the active controller saw it.
func (j *Judge) onAccepted(n int, f *view.AlterPartitionAccepted) {
	p := j.part(&f.TP)
	j.r.w8.Evaluated++
	if f.AskedLeaderEpoch != f.LeaderEpoch || f.AskedPartitionEpoch != f.PartEpochNow {
		j.r.w8.Fail(-1, j.now, []string{p.name}, "controller n%d accepted the ISR change of n%d for %s made at leader epoch %d and partition epoch %d, while it is at %d and %d",
			j.id(n), f.Broker, p.name, f.AskedLeaderEpoch, f.AskedPartitionEpoch, f.LeaderEpoch, f.PartEpochNow)
	}
	if f.PartEpochNow >= p.reg.partitionEpoch {
		p.accepted = append(p.accepted, acceptedISR{f.PartEpochNow + 1, f.ISR})
	}
	for _, m := range f.ISR {
		j.r.w9.Evaluated++
		if b := j.broker(m.Broker); b != nil && b.registered && m.Epoch >= 0 && m.Epoch < b.epoch {
			j.r.w9.Fail(-1, j.now, []string{p.name}, "controller n%d accepted n%d with broker epoch %d into the ISR of %s, but its broker epoch is %d",
				j.id(n), m.Broker, m.Epoch, p.name, b.epoch)
		}
	}
}

// onMetadata judges W15, and W10 once a whole batch has been applied.
func (j *Judge) onMetadata(n int, f *view.MetadataApplied) {
	j.r.w15.Evaluated++
	if f.Offset > j.meta.trueHW {
		j.r.w15.Fail(-1, j.now, nil, "n%d applied metadata records up to offset %d, but only those below %d are committed", j.id(n), f.Offset, j.meta.trueHW)
	}
	if im, found := j.images[f.Offset]; !found {
		j.images[f.Offset] = image{f.Hash, int32(n)}
	} else if im.hash != f.Hash {
		j.r.w15.Fail(-1, j.now, nil, "n%d and n%d hold different metadata at offset %d (image hashes %016x and %016x)",
			j.id(int(im.node)), j.id(n), f.Offset, im.hash, f.Hash)
	}
	if !j.fencing || f.Offset <= j.metaSeen {
		return
	}
	j.fencing = false
	for _, p := range j.parts {
		if !p.reg.known {
			continue
		}
		j.resolve(p)
		for _, m := range p.reg.isr {
			j.eligible(p, m)
		}
	}
}

// eligible judges W10.
func (j *Judge) eligible(p *partition, m int32) {
	b := j.broker(m)
	if b == nil {
		return
	}
	j.r.w10.Evaluated++
	if b.registered && !b.fenced && !b.stopping {
		return
	}
	if !j.cfg.ELR && len(p.reg.isr) == 1 && p.reg.leader == -1 {
		return
	}
	state := "fenced"
	if !b.registered {
		state = "not registered"
	} else if b.stopping && !b.fenced {
		state = "stopping"
	}
	j.r.w10.Fail(-1, j.now, []string{p.name}, "n%d is %s but in the ISR %v of %s (leader %d, partition epoch %d)",
		m, state, p.reg.isr, p.name, p.reg.leader, p.reg.partitionEpoch)
}
