package kafka

import (
	"container/heap"
	"fmt"
	"testing"

	"trial/clock"
	"trial/engine"
)

// world is a small deterministic machine room for these tests: nodes with
// in-memory disks that keep everything, and a network without faults but for
// killed nodes and cut pairs.
type world struct {
	t     testing.TB
	now   clock.Instant
	seq   uint64
	queue eventHeap
	nodes map[engine.NodeID]*node
	addrs map[string]listenerAddr
	disks map[engine.NodeID][]*memDisk
	cut   map[[2]engine.NodeID]bool
}

type listenerAddr struct {
	node engine.NodeID
	l    engine.ListenerID
}

type event struct {
	at  clock.Instant
	seq uint64
	fn  func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func newWorld(t testing.TB) *world {
	return &world{t: t, nodes: map[engine.NodeID]*node{}, addrs: map[string]listenerAddr{},
		disks: map[engine.NodeID][]*memDisk{}, cut: map[[2]engine.NodeID]bool{}}
}

func (w *world) after(d clock.Duration, fn func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, fn})
}

func (w *world) step() {
	e := heap.Pop(&w.queue).(event)
	w.now = e.at
	e.fn()
}

// until runs until ok, and fails the test if that takes longer than limit.
func (w *world) until(what string, limit clock.Duration, ok func() bool) {
	w.t.Helper()
	end := w.now.Add(limit)
	for !ok() {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.t.Fatalf("%s: not within %s (now %s)", what, limit, w.now)
		}
		w.step()
	}
}

// run lets time pass.
func (w *world) run(d clock.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && w.queue[0].at <= end {
		w.step()
	}
	w.now = end
}

func (w *world) isCut(a, b engine.NodeID) bool { return w.cut[[2]engine.NodeID{min(a, b), max(a, b)}] }

func (w *world) cutPair(a, b engine.NodeID) { w.cut[[2]engine.NodeID{min(a, b), max(a, b)}] = true }

// node is one machine.
type node struct {
	w        *world
	id       engine.NodeID
	life     *life
	lives    engine.Incarnation
	volumes  int
	failDisk func(op *engine.DiskOp) error
}

// life is one incarnation of a node; it is the engine.Host of its program.
type life struct {
	*node
	n         engine.Incarnation
	prog      engine.Program
	dead      bool
	exit      error
	exited    bool
	streams   map[string]*engine.Stream
	pool      engine.Pool
	listening map[engine.ListenerID]bool
	conns     map[engine.ConnID]*end
	nextConn  engine.ConnID
	files     map[engine.FileID]*memFile
	nextFile  engine.FileID
	timerSeq  uint64
	probes    map[string]int
	lent      int // buffers out with the program
}

func (w *world) addNode(id engine.NodeID, volumes int, addrs ...string) *node {
	n := &node{w: w, id: id, volumes: volumes}
	w.nodes[id] = n
	for i, a := range addrs {
		w.addrs[a] = listenerAddr{id, engine.ListenerID(i)}
	}
	for range volumes {
		w.disks[id] = append(w.disks[id], &memDisk{files: map[string]*memFile{}, dirs: map[string]bool{".": true}})
	}
	return n
}

func (n *node) start(p engine.Program) *life {
	n.lives++
	l := &life{node: n, n: n.lives, prog: p, streams: map[string]*engine.Stream{}, listening: map[engine.ListenerID]bool{},
		conns: map[engine.ConnID]*end{}, files: map[engine.FileID]*memFile{}, probes: map[string]int{}}
	l.pool.Poison = true
	n.life = l
	l.event(0, func() { p.Boot(l) })
	return l
}

// kill ends the process; its disks keep everything.
func (n *node) kill() { n.life.die() }

func (l *life) die() {
	l.dead = true
	for id := engine.ConnID(1); id <= l.nextConn; id++ {
		if e := l.conns[id]; e != nil {
			e.shut(engine.ErrReset)
		}
	}
}

func (l *life) event(d clock.Duration, fn func()) {
	l.w.after(d, func() {
		if !l.dead {
			fn()
		}
	})
}

func (l *life) Node() engine.NodeID             { return l.id }
func (l *life) Incarnation() engine.Incarnation { return l.n }
func (l *life) Now() clock.Instant              { return l.w.now }
func (l *life) WallMs() int64                   { return 1_700_000_000_000 + l.w.now.Ms() }
func (l *life) Stream(name string) *engine.Stream {
	if l.streams[name] == nil {
		l.streams[name] = engine.NewStream(uint64(l.id)<<32|uint64(l.n), name)
	}
	return l.streams[name]
}

func (l *life) SetTimer(t *engine.Timer, at clock.Instant) {
	l.timerSeq++
	seq := l.timerSeq
	at = max(at, l.w.now)
	t.Host = engine.HostTimer{At: at, Seq: seq, Index: 1}
	l.event(at.Sub(l.w.now), func() {
		if t.Host.Seq == seq && t.Armed() {
			t.Host = engine.HostTimer{}
			t.Fire()
		}
	})
}
func (l *life) StopTimer(t *engine.Timer)   { t.Host = engine.HostTimer{} }
func (l *life) Listen(id engine.ListenerID) { l.listening[id] = true }
func (l *life) Buf(n int) *engine.Buf       { l.lent++; return l.pool.Get(n) }
func (l *life) Release(b *engine.Buf)       { l.lent--; l.pool.Put(b) }
func (l *life) Volumes() int                { return l.volumes }
func (l *life) Offload(j *engine.Job)       { l.event(latency, func() { j.Run(); j.Done() }) }
func (l *life) Observed() bool              { return true }
func (l *life) Emit(engine.Fact)            {}
func (l *life) Site(string) *engine.Site    { return nil }
func (l *life) Probe(name string)           { l.probes[name]++ }
func (l *life) Logf(level engine.Level, format string, args ...any) {
	line := fmt.Sprintf("%s n%d %s", l.w.now, l.id, fmt.Sprintf(format, args...))
	if testing.Verbose() && level >= engine.Info {
		l.w.t.Log(line)
	}
}
func (l *life) Exit(err error) {
	l.exited, l.exit = true, err
	l.die()
}
