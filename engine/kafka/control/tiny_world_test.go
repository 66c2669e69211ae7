package control

// A small deterministic world for the tests of this package: machines with a disk
// each, connections between them, one timeline. The whole simulator lies above the
// engine; the engine's own tests need something beside it. No event reaches a dead
// incarnation; a power failure keeps what was synced, or that and an arbitrary part
// of the rest; a kill keeps what operations completed.

import (
	"container/heap"
	"fmt"

	"trial/clock"
	"trial/engine"
)

// tinyWorld is the timeline and everything on it.
type tinyWorld struct {
	// OnFact hears every fact that a node emits. Nodes are observed if it is set.
	OnFact func(node engine.NodeID, f engine.Fact)
	// OnLog hears the log lines of nodes; nil drops them.
	OnLog func(node engine.NodeID, line string)

	rng   *engine.Stream
	now   clock.Instant
	seq   uint64
	queue eventQueue
	nodes []*machine
	cut   map[[2]engine.NodeID]bool
	seed  uint64

	SyncMax clock.Duration // syncs take up to that long
	Probes  map[string]int
	Events  int
}

type tinyEvent struct {
	at    clock.Instant
	seq   uint64
	node  *machine // nil: the world's own
	inc   engine.Incarnation
	run   func()
	index int
}

type eventQueue []*tinyEvent

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i]; q[i].index, q[j].index = i, j }

// Push implements heap.Interface.
func (q *eventQueue) Push(x any) { e := x.(*tinyEvent); e.index = len(*q); *q = append(*q, e) }

// Pop implements heap.Interface.
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	e.index = -1
	return e
}

// newTinyWorld makes an empty world.
func newTinyWorld(seed uint64) *tinyWorld {
	return &tinyWorld{SyncMax: 2 * clock.Millisecond, rng: engine.NewStream(seed, "tinyworld"), seed: seed, cut: map[[2]engine.NodeID]bool{}, Probes: map[string]int{}}
}

// Now is the instant of the current event.
func (w *tinyWorld) Now() clock.Instant { return w.now }

// Rand is the stream from which a test may draw its faults.
func (w *tinyWorld) Rand() *engine.Stream { return w.rng }

func (w *tinyWorld) at(t clock.Instant, n *machine, run func()) *tinyEvent {
	w.seq++
	e := &tinyEvent{at: t, seq: w.seq, node: n, run: run}
	if n != nil {
		e.inc = n.inc
	}
	heap.Push(&w.queue, e)
	return e
}

// After runs f after d.
func (w *tinyWorld) After(d clock.Duration, f func()) { w.at(w.now.Add(d), nil, f) }

// Step does the next event; false if there is none.
func (w *tinyWorld) Step() bool {
	if len(w.queue) == 0 {
		return false
	}
	e := heap.Pop(&w.queue).(*tinyEvent)
	w.now = e.at
	w.Events++
	if e.node != nil && (!e.node.alive || e.inc != e.node.inc) {
		return true
	}
	if e.node != nil && e.node.paused {
		e.at = e.at.Add(10 * clock.Millisecond)
		heap.Push(&w.queue, e)
		return true
	}
	e.run()
	return true
}

// Run goes on for d.
func (w *tinyWorld) Run(d clock.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && w.queue[0].at <= end {
		w.Step()
	}
	w.now = end
}

// Until runs until cond holds, at most for d; it reports whether it held.
func (w *tinyWorld) Until(d clock.Duration, cond func() bool) bool {
	end := w.now.Add(d)
	for !cond() {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.now = end
			return cond()
		}
		w.Step()
	}
	return true
}

// Add makes a node "n<id>" that runs what boot returns. It is not started.
func (w *tinyWorld) Add(id engine.NodeID, boot func() engine.Program) *machine {
	n := &machine{w: w, id: id, boot: boot, disk: newDisk()}
	w.nodes = append(w.nodes, n)
	return n
}

// Cut stops everything from a to b until Heal.
func (w *tinyWorld) Cut(a, b engine.NodeID) { w.cut[[2]engine.NodeID{a, b}] = true }

// Isolate cuts a node off from all others.
func (w *tinyWorld) Isolate(id engine.NodeID) {
	for _, o := range w.nodes {
		if o.id != id {
			w.Cut(id, o.id)
			w.Cut(o.id, id)
		}
	}
}

// Heal restores all links.
func (w *tinyWorld) Heal() { clear(w.cut) }

func (w *tinyWorld) byAddr(addr string) (*machine, engine.ListenerID) {
	for _, n := range w.nodes {
		for l := range engine.ListenerID(2) {
			if addr == tinyAddr(n.id, l) {
				return n, l
			}
		}
	}
	return nil, 0
}

// tinyAddr is the address of a node's listener.
func tinyAddr(id engine.NodeID, l engine.ListenerID) string {
	return fmt.Sprintf("n%d:%d", id, 9092+int(l))
}
