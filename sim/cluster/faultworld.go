package cluster

import (
	"slices"
	"strconv"
	"strings"

	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/engine/kafka/view"
	"trial/faults"
)

func itoa32(n int32) string { return strconv.Itoa(int(n)) }

// target is the world as a schedule sees it. What it does to nodes it tells the
// fault log, which the judges read.
type target struct {
	*world
	log *faultLog
}

var (
	_ faults.World   = target{}
	_ faults.Watcher = target{}
)

// Brokers names the broker nodes.
func (t target) Brokers() []string { return t.plan.BrokerNames() }

// Clients names the client nodes.
func (t target) Clients() []string {
	names := append(t.plan.ClientNames(), t.guestNames()...)
	for _, h := range t.hands {
		names = append(names, h.name)
	}
	return names
}

// Resolve finds who plays a role, as the brokers that run believe; the newest
// epoch wins.
func (t target) Resolve(role, of string) (string, bool) {
	if role == faults.Controller {
		return t.activeController()
	}
	leader, isr := t.leader(of)
	if leader < 0 {
		return "", false
	}
	if role == faults.Leader {
		return t.name(engine.NodeID(leader)), true
	}
	for _, id := range isr {
		if id != leader {
			return t.name(engine.NodeID(id)), true
		}
	}
	return "", false
}

func (t target) activeController() (string, bool) {
	id, epoch := int32(-1), int32(-1)
	for k := int32(1); k <= t.plan.Brokers; k++ {
		if b := t.broker(k); b != nil {
			if v := b.View(); v.ControllerID >= 0 && v.ControllerEpoch > epoch {
				id, epoch = v.ControllerID, v.ControllerEpoch
			}
		}
	}
	return t.name(engine.NodeID(id)), id >= 0
}

// leader finds the leader of a partition, "t-0", with its ISR; -1 if nobody leads.
func (w *world) leader(of string) (int32, []int32) {
	topic, partition := splitPartition(of)
	id, epoch, isr := int32(-1), int32(-1), []int32(nil)
	w.replicas(func(node int32, r *view.Replica) {
		if r.Topic == topic && r.Partition == partition && r.Leading && r.LeaderEpoch > epoch {
			id, epoch, isr = node, r.LeaderEpoch, r.ISR
		}
	})
	return id, isr
}

// replicas calls f for every replica of every broker that runs.
func (w *world) replicas(f func(node int32, r *view.Replica)) {
	for k := int32(1); k <= w.plan.Brokers; k++ {
		if b := w.broker(k); b != nil {
			v := b.View()
			for i := range v.Partitions {
				f(k, &v.Partitions[i])
			}
		}
	}
}

func splitPartition(of string) (topic string, partition int32) {
	i := strings.LastIndexByte(of, '-')
	if i < 0 {
		return of, -1
	}
	n, err := strconv.ParseInt(of[i+1:], 10, 32)
	if err != nil {
		return of, -1
	}
	return of[:i], int32(n)
}

// Up reports whether the node's process runs.
func (t target) Up(node string) bool { return t.Running(t.id(node)) }

// Life counts the node's incarnations.
func (t target) Life(node string) uint64 { return uint64(t.Incarnation(t.id(node))) }

// Paused reports whether the node is frozen.
func (t target) Paused(node string) bool { return t.World.Paused(t.id(node)) }

// Start boots the next incarnation of a node.
func (t target) Start(node string) {
	id := t.id(node)
	if t.World.Start(id) {
		t.isolation.again(id)
		t.log.restart(id)
		t.happen.tell(faults.Event{What: faults.Restart, Of: node})
	}
}

// Kill ends the process of a node.
func (t target) Kill(node string) {
	id := t.id(node)
	t.log.before(id)
	if t.World.Kill(id) {
		t.crashed(id)
		t.log.kill(id)
		t.happen.tell(faults.Event{What: faults.End, Of: node})
	}
}

// crashed writes into the history that a client's process is gone.
func (t target) crashed(id engine.NodeID) {
	if id >= firstClientID {
		t.clients.Crashed(id, t.Now())
	}
	if h := t.hand(id); h != nil {
		h.crashed()
	}
}

// PowerFail cuts the power of a node.
func (t target) PowerFail(node string) {
	id := t.id(node)
	t.log.before(id)
	n, up := len(t.Losses()), t.Running(id)
	t.World.PowerFail(id)
	t.crashed(id)
	t.log.power(id, t.Losses()[n:])
	if up {
		t.happen.tell(faults.Event{What: faults.End, Of: node})
	}
	if id < firstClientID {
		t.lossy[id-1] = true
	}
}

// Stop asks a node for an orderly end.
func (t target) Stop(node string) {
	id := t.id(node)
	if t.World.Stop(id) {
		if id < firstClientID {
			t.stopped[id-1] = t.Incarnation(id)
		}
		t.log.note(id, 0, "stop")
	}
}

// SetPaused freezes a node or lets it go on.
func (t target) SetPaused(node string, paused bool) {
	id := t.id(node)
	if paused {
		t.World.Pause(id)
		t.log.note(id, 0, "pause")
		return
	}
	t.World.Resume(id)
	t.isolation.again(id)
	t.log.note(id, 0, "resume")
}

// nesting counts overlapping faults of one kind on one directed pair or node.
type nesting map[nestKey]int

type nestKey struct {
	what     faults.Action
	from, to engine.NodeID
}

// enter counts up and reports whether it was the first, leave counts down and
// reports whether it was the last.
func (n nesting) enter(k nestKey) bool { n[k]++; return n[k] == 1 }
func (n nesting) leave(k nestKey) bool { n[k]--; return n[k] == 0 }

func (t target) toggle(k nestKey, on bool, set func(on bool)) {
	if on && t.nesting.enter(k) {
		t.disturbed++
		set(true)
		t.isolation.refresh()
	}
	if !on && t.nesting.leave(k) {
		t.disturbed--
		set(false)
		t.isolation.refresh()
	}
}

// Cut lets nothing pass from one node to another.
func (t target) Cut(from, to string, on bool) {
	a, b := t.id(from), t.id(to)
	t.toggle(nestKey{faults.Cut, a, b}, on, func(on bool) {
		if on {
			t.World.CutOneWay([]engine.NodeID{a}, []engine.NodeID{b})
			t.log.note(a, b, "cut")
		} else {
			t.World.MendOneWay(a, b)
			t.log.note(a, b, "mend")
		}
	})
}

// Clog makes what one node sends to another wait.
func (t target) Clog(from, to string, on bool) {
	a, b := t.id(from), t.id(to)
	t.toggle(nestKey{faults.Clog, a, b}, on, func(on bool) {
		if on {
			t.World.Clog([]engine.NodeID{a}, []engine.NodeID{b})
			t.log.note(a, b, "slow")
		} else {
			t.World.Unclog([]engine.NodeID{a}, []engine.NodeID{b})
		}
	})
}

// Slow makes packets from one node to another take that much longer.
func (t target) Slow(from, to string, by clock.Duration, on bool) {
	a, b := t.id(from), t.id(to)
	t.toggle(nestKey{faults.Slow, a, b}, on, func(on bool) {
		if !on {
			t.World.DelayLink(a, b, 0)
			return
		}
		t.log.note(a, b, "slow")
		t.World.DelayLink(a, b, by)
	})
}

// ResetConns breaks the connections between two nodes.
func (t target) ResetConns(a, b string) {
	t.World.ResetConns(t.id(a), t.id(b))
	t.log.note(t.id(a), t.id(b), "reset")
}

// SlowDisk makes operations of a node's disk take that much longer, or only its
// syncs.
func (t target) SlowDisk(node string, by clock.Duration, syncOnly, on bool) {
	id := t.id(node)
	if t.World.Volumes(id) == 0 {
		return
	}
	t.toggle(nestKey{faults.SlowDisk, id, 0}, on, func(on bool) {
		switch {
		case !on:
			t.World.DelayDisk(id, 0, 0, 0)
			return
		case syncOnly:
			t.World.DelayDisk(id, 0, 0, by)
		default:
			t.World.DelayDisk(id, 0, by, 0)
		}
		t.log.note(id, 0, "slow")
	})
}

// FailNext makes the next append or sync of a node fail.
func (t target) FailNext(node string, what faults.Action) {
	id := t.id(node)
	if t.World.Volumes(id) == 0 {
		return
	}
	kinds := []struct {
		action faults.Action
		kind   simdisk.FaultKind
	}{{faults.FailAppend, simdisk.FailAppend}, {faults.ShortAppend, simdisk.ShortAppend}, {faults.FailSync, simdisk.FailSync}}
	if i := slices.IndexFunc(kinds, func(k struct {
		action faults.Action
		kind   simdisk.FaultKind
	}) bool {
		return k.action == what
	}); i >= 0 {
		t.World.FailDisk(id, 0, kinds[i].kind, 0, 1)
		t.setFailing(id, true)
		t.log.note(id, 0, "disk")
		return
	}
	t.World.RepairDisk(id, 0)
	t.setFailing(id, false)
}

func (t target) setFailing(id engine.NodeID, on bool) {
	if i := int(id) - 1; i < len(t.failing) {
		t.failing[i] = on
	}
}

// Hold makes requests or answers of a class that a node sends wait.
func (t target) Hold(node, class string, until clock.Instant) bool {
	ok := t.held.hold(t.id(node), class, until)
	if ok {
		// What is sent at the last moment arrives as late as the hold is long.
		span := until.Sub(t.Now())
		t.heldUntil, t.longestHold = max(t.heldUntil, until.Add(span)), max(t.longestHold, span)
		t.log.note(t.id(node), 0, "slow")
	}
	return ok
}
