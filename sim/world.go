package sim

import (
	"fmt"
	"runtime"
	"slices"

	"trial/clock"
	"trial/clock/virtual"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/internal/must"
	"trial/net/simnet"
)

// World is all simulated nodes, links, disks and the timeline of one run.
type World struct {
	opt  Options
	tl   virtual.Timeline
	pool engine.Pool
	net  *simnet.Net

	nodes []*node
	byID  map[engine.NodeID]*node
	hot   []*node // have work and are free

	hash    uint64
	events  uint64
	last    last
	lineBuf []byte

	steps     int // at instant stepAt
	stepAt    clock.Instant
	violation *Violation

	probes map[string]uint64
	sites  map[string]*site
	losses []DiskLoss
	holds  []func()
	soon   []func() // to be called before the next event
}

// Violation is why a run ended early.
type Violation struct {
	// Rule is ASSERT for a broken invariant or any panic in a program, STUCK for too
	// many steps at one instant, LIMIT for too many events, or what a judge says.
	Rule        string
	At          clock.Instant
	Node        engine.NodeID
	Incarnation engine.Incarnation
	Reason      string
	Stack       string // of a panic that was no must.Violation
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s at %v on n%d: %s", v.Rule, v.At, v.Node, v.Reason)
}

// New builds a world in which no node runs yet.
func New(opt Options) *World {
	opt.setDefaults()
	w := &World{
		opt: opt, hash: opt.Seed, byID: map[engine.NodeID]*node{},
		probes: map[string]uint64{}, sites: map[string]*site{},
	}
	w.pool.Poison = opt.Poison
	var specs []simnet.Spec
	for i, spec := range opt.Nodes {
		must.Hold(w.byID[spec.ID] == nil, "sim: two nodes with id %d", spec.ID)
		if spec.MaxFrame == 0 {
			spec.MaxFrame = 100 << 20
		}
		n := &node{w: w, spec: spec, index: i, id: spec.ID, slow: 1}
		w.nodes = append(w.nodes, n)
		w.byID[spec.ID] = n
		specs = append(specs, simnet.Spec{
			ID: spec.ID, Listeners: spec.Listeners, MaxFrame: spec.MaxFrame, Budget: spec.Budget, Host: n,
		})
		for v := range spec.Volumes {
			n.volumes = append(n.volumes, simdisk.New(&w.tl, n, simdisk.Config{
				Index: engine.VolumeID(v), Name: fmt.Sprintf("n%d.%d", spec.ID, v), Seed: opt.Seed,
				Climate: opt.Disk, Bytes: spec.VolumeBytes,
			}))
		}
	}
	w.net = simnet.New(&w.tl, &w.pool, opt.Seed, opt.Net, opt.Limits, specs)
	for i, n := range w.nodes {
		n.machine = w.net.Machine(i)
	}
	return w
}

// Now is the present instant of the timeline.
func (w *World) Now() clock.Instant { return w.tl.Now() }

// Hash is the running hash of the trace.
func (w *World) Hash() uint64 { return w.hash }

// Events is the number of events that reached programs, and faults.
func (w *World) Events() uint64 { return w.events }

// Violation is why the run has ended, or nil.
func (w *World) Violation() *Violation { return w.violation }

// Fail ends the run with a judge's verdict. Only the first one counts.
func (w *World) Fail(v Violation) {
	if w.violation == nil {
		v.At = w.tl.Now()
		w.violation = &v
		w.line("n%d %s %s", v.Node, v.Rule, v.Reason)
	}
}

// NextAt is the instant of the next thing to happen; false if nothing will, or
// if the run has ended.
func (w *World) NextAt() (clock.Instant, bool) {
	if w.violation != nil {
		return 0, false
	}
	if len(w.hot) > 0 {
		return w.tl.Now(), true
	}
	return w.tl.NextAt()
}

// Step does the next thing. It returns false if there was none.
func (w *World) Step() bool {
	at, ok := w.NextAt()
	if !ok {
		return false
	}
	w.run(at, 1)
	return true
}

// RunUntil does everything up to and including the given instant and then moves
// time there. It returns false if the run has ended by a violation.
func (w *World) RunUntil(at clock.Instant) bool {
	w.run(at, -1)
	if w.violation == nil {
		w.tl.Advance(at)
	}
	return w.violation == nil
}

// run takes at most steps steps, none later than the limit; it stops at a
// violation.
func (w *World) run(limit clock.Instant, steps int) {
	defer w.catch()
	for ; steps != 0 && w.violation == nil; steps-- {
		w.callSoon()
		if len(w.hot) > 0 {
			w.heat()
			continue
		}
		at, ok := w.tl.NextAt()
		if !ok || at > limit {
			return
		}
		if at != w.stepAt {
			w.stepAt, w.steps = at, 0
		}
		if w.steps++; w.steps > w.opt.MaxSteps {
			w.Fail(Violation{Rule: "STUCK", Reason: fmt.Sprintf("more than %d steps at one instant", w.opt.MaxSteps)})
			return
		}
		w.tl.Next().Fire()
		w.callSoon()
		if len(w.hot) > 0 {
			w.heat()
		}
		if w.opt.MaxEvents > 0 && w.events >= w.opt.MaxEvents {
			w.Fail(Violation{Rule: "LIMIT", Reason: fmt.Sprintf("%d events", w.events)})
		}
	}
}

// heat lets every node that has work and is free do one event.
func (w *World) heat() {
	for i := 0; i < len(w.hot); i++ {
		n := w.hot[i]
		n.hot = false
		n.work()
		w.callSoon()
	}
	w.hot = w.hot[:0]
}

// catch turns a panic of a program into a violation.
func (w *World) catch() {
	r := recover()
	if r == nil {
		return
	}
	v := Violation{Rule: "ASSERT"}
	for _, n := range w.nodes {
		if n.running {
			v.Node, v.Incarnation = n.id, n.inc
		}
	}
	if m, ok := r.(must.Violation); ok {
		v.Reason = m.Reason
	} else {
		stack := make([]byte, 16<<10)
		v.Stack = string(stack[:runtime.Stack(stack, false)])
		v.Reason = fmt.Sprint(r)
	}
	w.Fail(v)
}

// Soon calls f when the event under way has ended, before anything else happens.
// A reader of facts may not touch the world; what it has Soon call may.
func (w *World) Soon(f func()) { w.soon = append(w.soon, f) }

func (w *World) callSoon() {
	for len(w.soon) > 0 {
		f := w.soon[0]
		w.soon = w.soon[1:]
		f()
	}
}

// At calls f at an instant of the timeline, between events.
func (w *World) At(at clock.Instant, f func()) { w.tl.Add(at, task(f)) }

type task func()

func (t task) Fire() { t() }

// Call runs f as an event of the node's running process; false if none runs.
func (w *World) Call(id engine.NodeID, f func(h engine.Host)) bool {
	n := w.node(id)
	if n.proc == nil {
		return false
	}
	n.post(work{kind: workCall, fn: f})
	return true
}

func (w *World) node(id engine.NodeID) *node {
	n := w.byID[id]
	must.Hold(n != nil, "sim: there is no node %d", id)
	return n
}

// Volume returns a disk of a node, for judges and for faults.
func (w *World) Volume(id engine.NodeID, v engine.VolumeID) *simdisk.Volume {
	return w.node(id).volumes[v]
}

// Volumes is the number of disks of a node.
func (w *World) Volumes(id engine.NodeID) int { return len(w.node(id).volumes) }

// Net returns the network, for faults that World has no method for.
func (w *World) Net() *simnet.Net { return w.net }

// Program returns the program that runs on a node, or nil.
func (w *World) Program(id engine.NodeID) engine.Program {
	if p := w.node(id).proc; p != nil {
		return p.program
	}
	return nil
}

// Incarnation is the latest incarnation of a node; 0 before its first start.
func (w *World) Incarnation(id engine.NodeID) engine.Incarnation { return w.node(id).inc }

// Running reports whether a process runs on a node, paused or not.
func (w *World) Running(id engine.NodeID) bool { return w.node(id).proc != nil }

// Paused reports whether a node is paused.
func (w *World) Paused(id engine.NodeID) bool { return w.node(id).paused }

// Count is how often something rare happened.
type Count struct {
	Name  string
	Times uint64
}

// Probes lists the probes that were reached, sorted by name. A buggify site that
// hit counts as the probe "buggify." and its name.
func (w *World) Probes() []Count {
	counts := make([]Count, 0, len(w.probes))
	for name, times := range w.probes { // unordered: sorted below, names differ
		counts = append(counts, Count{name, times})
	}
	slices.SortStableFunc(counts, func(a, b Count) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return counts
}
