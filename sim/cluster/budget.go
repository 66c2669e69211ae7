package cluster

import (
	"trial/engine"
	"trial/faults"
)

// budget keeps the promised guarantees survivable in classic mode, where the
// last member of an ISR stays in it whatever it loses: if a node loses unsynced
// bytes while the controller gives up the others one by one, that node is asked
// to lead again without what it lost (ledger case C1). So one node at a time may
// lose bytes, all others running and in reach; and until it is back in every ISR
// nothing may happen to the others.
type budget struct{ w *world }

var _ faults.Budget = budget{}

// Allow is explained at faults.Budget.
func (b budget) Allow(a faults.Action, node string) (bool, string) {
	id := b.w.id(node)
	if id >= firstClientID {
		return true, ""
	}
	b.w.refreshLossy()
	for k := int32(1); k <= b.w.plan.Brokers; k++ {
		if k != int32(id) && b.w.lossy[k-1] {
			return false, "n" + itoa32(k) + " has lost bytes and is not back in sync"
		}
	}
	if a.Loses() {
		return b.mayLose(id)
	}
	return true, ""
}

func (b budget) mayLose(id engine.NodeID) (bool, string) {
	if b.w.disturbed > 0 || b.w.heldUntil > b.w.Now() {
		return false, "links, disks or requests are disturbed at the same time"
	}
	im := b.w.newestImage()
	for k := engine.NodeID(1); int32(k) <= b.w.plan.Brokers; k++ {
		if k != id && (!b.w.Running(k) || b.w.Paused(k)) {
			return false, b.w.name(k) + " is down or frozen"
		}
		if k != id && b.w.failing[k-1] {
			return false, "the next write of " + b.w.name(k) + " is to fail, and its process with it"
		}
		if k != id && b.w.plan.isBroker(int32(k)) && !b.w.serves(im, int32(k)) {
			return false, b.w.name(k) + " is not registered and unfenced in its present life"
		}
	}
	for _, p := range b.w.registered() {
		if len(p.mayLead) == 1 && p.mayLead[0] == int32(id) {
			return false, "it is the last in-sync or eligible replica of " + p.name
		}
	}
	return true, ""
}
