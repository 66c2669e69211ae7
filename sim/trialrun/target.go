package trialrun

import (
	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/faults"
)

// target is the world as a schedule sees it. What it does to nodes and links it
// tells the judges.
type target struct {
	r      *run
	ids    map[string]engine.NodeID
	nest   map[nestKey]int
	delays map[engine.NodeID]*delays
	flips  *engine.Stream // what a flip damages
}

var _ faults.World = (*target)(nil)

// nestKey names a lasting fault of one kind on one directed pair or node.
type nestKey struct {
	what     faults.Action
	from, to engine.NodeID
}

// delays are how much longer a node's disks take now.
type delays struct{ all, syncs clock.Duration }

func newTarget(r *run) *target {
	t := &target{
		r: r, ids: map[string]engine.NodeID{}, nest: map[nestKey]int{}, delays: map[engine.NodeID]*delays{},
		flips: engine.NewStream(r.plan.Seed, "world/flips"),
	}
	for _, id := range r.everybody() {
		t.ids[Name(id)] = id
		t.delays[id] = &delays{}
	}
	return t
}

func (t *target) tell(a faults.Action, ends bool, node, peer engine.NodeID) {
	t.r.onFault(FaultEvent{Action: a, Ends: ends, Node: node, Peer: peer})
}

// Now is the present instant.
func (t *target) Now() clock.Instant { return t.r.world.Now() }

// Holds and Watch are for anchors, which Validate refuses: what happens in a
// Kafka cluster does not happen here.
func (t *target) Holds(faults.Event) bool { return false }

// Watch calls nobody.
func (t *target) Watch(_, _ faults.Event, _ func()) (stop func()) { return func() {} }

// At puts f on the timeline.
func (t *target) At(at clock.Instant, f func()) { t.r.world.At(at, f) }

// Brokers names the servers.
func (t *target) Brokers() []string { return t.r.plan.ServerNames() }

// Clients names the clients.
func (t *target) Clients() []string { return t.r.plan.ClientNames() }

// Resolve asks the system who plays a role.
func (t *target) Resolve(role, of string) (string, bool) {
	if t.r.sys.Resolve == nil {
		return "", false
	}
	id, ok := t.r.sys.Resolve(t.r.world, t.r.plan, role, of)
	if _, there := t.ids[Name(id)]; !ok || !there {
		return "", false
	}
	return Name(id), true
}

// Up reports whether the node's process runs.
func (t *target) Up(node string) bool { return t.r.world.Running(t.ids[node]) }

// Life counts the node's incarnations.
func (t *target) Life(node string) uint64 { return uint64(t.r.world.Incarnation(t.ids[node])) }

// Paused reports whether the node is frozen.
func (t *target) Paused(node string) bool { return t.r.world.Paused(t.ids[node]) }

// Start boots the next incarnation of a node.
func (t *target) Start(node string) {
	if id := t.ids[node]; t.r.world.Start(id) {
		t.tell(Start, false, id, 0)
	}
}

// Kill ends the process of a node.
func (t *target) Kill(node string) {
	if id := t.ids[node]; t.r.world.Kill(id) {
		t.tell(faults.Kill, false, id, 0)
	}
}

// PowerFail cuts the power of a node.
func (t *target) PowerFail(node string) {
	id, n := t.ids[node], len(t.r.world.Losses())
	t.r.world.PowerFail(id)
	t.r.onFault(FaultEvent{Action: faults.Power, Node: id, Lost: t.r.world.Losses()[n:]})
}

// Stop asks a node for an orderly end.
func (t *target) Stop(node string) {
	if id := t.ids[node]; t.r.world.Stop(id) {
		t.tell(faults.Stop, false, id, 0)
	}
}

// SetPaused freezes a node or lets it go on.
func (t *target) SetPaused(node string, paused bool) {
	id := t.ids[node]
	if paused && t.r.world.Pause(id) || !paused && t.r.world.Resume(id) {
		t.tell(faults.Pause, !paused, id, 0)
	}
}

// toggle nests overlapping faults of one kind: only the first begins it, only the
// last ends it.
func (t *target) toggle(what faults.Action, from, to engine.NodeID, on bool, set func()) {
	k := nestKey{what, from, to}
	if on {
		t.nest[k]++
	} else {
		t.nest[k]--
	}
	if on && t.nest[k] == 1 || !on && t.nest[k] == 0 {
		set()
		t.tell(what, !on, from, to)
	}
}

// Cut lets nothing pass from one node to another.
func (t *target) Cut(from, to string, on bool) {
	a, b := t.ids[from], t.ids[to]
	t.toggle(faults.Cut, a, b, on, func() {
		if on {
			t.r.world.CutOneWay([]engine.NodeID{a}, []engine.NodeID{b})
		} else {
			t.r.world.MendOneWay(a, b)
		}
	})
}

// Clog makes what one node sends to another wait.
func (t *target) Clog(from, to string, on bool) {
	a, b := t.ids[from], t.ids[to]
	t.toggle(faults.Clog, a, b, on, func() {
		if on {
			t.r.world.Clog([]engine.NodeID{a}, []engine.NodeID{b})
		} else {
			t.r.world.Unclog([]engine.NodeID{a}, []engine.NodeID{b})
		}
	})
}

// Slow makes packets from one node to another take that much longer.
func (t *target) Slow(from, to string, by clock.Duration, on bool) {
	a, b := t.ids[from], t.ids[to]
	t.toggle(faults.Slow, a, b, on, func() {
		if !on {
			by = 0
		}
		t.r.world.DelayLink(a, b, by)
	})
}

// ResetConns breaks the connections between two nodes.
func (t *target) ResetConns(a, b string) {
	t.r.world.ResetConns(t.ids[a], t.ids[b])
	t.tell(faults.Reset, false, t.ids[a], t.ids[b])
}

// volumes calls f for every disk of a node; false if it has none.
func (t *target) volumes(id engine.NodeID, f func(v engine.VolumeID)) bool {
	n := t.r.world.Volumes(id)
	for v := range n {
		f(engine.VolumeID(v))
	}
	return n > 0
}

// SlowDisk makes operations of a node's disks take that much longer, or only its
// syncs.
func (t *target) SlowDisk(node string, by clock.Duration, syncOnly, on bool) {
	id := t.ids[node]
	d, what, span := t.delays[id], faults.SlowDisk, &t.delays[id].all
	if syncOnly {
		what, span = faults.SlowSync, &d.syncs
	}
	t.toggle(what, id, 0, on, func() {
		if *span = by; !on {
			*span = 0
		}
		t.volumes(id, func(v engine.VolumeID) { t.r.world.DelayDisk(id, v, d.all, d.syncs) })
	})
}

var diskFaults = [...]struct {
	action faults.Action
	kind   simdisk.FaultKind
}{
	{faults.FailAppend, simdisk.FailAppend}, {faults.ShortAppend, simdisk.ShortAppend}, {faults.FailSync, simdisk.FailSync},
}

// FailNext makes the next append or sync on each disk of a node fail, or takes
// that back.
func (t *target) FailNext(node string, what faults.Action) {
	id := t.ids[node]
	for _, f := range diskFaults {
		if f.action == what {
			t.volumes(id, func(v engine.VolumeID) { t.r.world.FailDisk(id, v, f.kind, 0, 1) })
			t.tell(what, false, id, 0)
			return
		}
	}
	t.volumes(id, func(v engine.VolumeID) {
		t.r.world.RepairDisk(id, v)
		if d := t.delays[id]; *d != (delays{}) { // a repair is not the end of a slow disk
			t.r.world.DelayDisk(id, v, d.all, d.syncs)
		}
	})
}

// Flip damages the next frame from one node to another that System.Damage finds a
// place in, until the instant.
func (t *target) Flip(from, to string, until clock.Instant) {
	a, b, done := t.ids[from], t.ids[to], false
	release := t.r.world.AlterFrames(func(x, y engine.NodeID, frame []byte) {
		if !done && x == a && y == b && t.r.world.Now() < until {
			done = t.r.sys.Damage(frame, t.flips)
		}
	})
	t.tell(faults.Flip, false, a, b)
	t.At(until, release)
}

// Hold makes frames of a class that a node sends wait until the instant.
func (t *target) Hold(node, class string, until clock.Instant) bool {
	if t.r.sys.Class == nil {
		return false
	}
	id := t.ids[node]
	release := t.r.world.HoldFrames(func(from, to engine.NodeID, frame []byte) bool {
		return from == id && t.r.sys.Class(from, to, frame) == class
	}, until.Sub(t.r.world.Now()))
	t.At(until, release)
	t.tell(faults.Hold, false, id, 0)
	return true
}

// allowed is the user's budget.
type allowed struct{ t *target }

// Allow asks the user.
func (a allowed) Allow(action faults.Action, node string) (bool, string) {
	r := a.t.r
	return r.sys.Allow(r.world, r.plan, action, a.t.ids[node])
}
