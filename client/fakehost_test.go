package client_test

import (
	"container/heap"
	"fmt"
	"testing"

	"trial/clock"
	"trial/engine"
)

// world is a timeline with one client node and the model cluster that it talks
// to: small, single-threaded and deterministic.
type world struct {
	t       tb
	seed    uint64
	now     clock.Instant
	seq     uint64
	queue   events
	rng     *engine.Stream
	cluster *cluster
	hosts   []*host
	probes  map[string]int
	steps   int
}

type event struct {
	at  clock.Instant
	seq uint64
	f   func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any     { o := *e; x := o[len(o)-1]; *e = o[:len(o)-1]; return x }

// tb is what a world needs of a test, so that rapid can stand in.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

func newWorld(t tb, seed uint64, brokers int) *world {
	w := &world{t: t, seed: seed, rng: engine.NewStream(seed, "world"), probes: map[string]int{}}
	w.cluster = newCluster(w, brokers)
	return w
}

func (w *world) after(d clock.Duration, f func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, f})
}

// runUntil drives the world until the instant, or until stop says so.
func (w *world) runUntil(at clock.Instant, stop func() bool) {
	same, last := 0, w.now
	for len(w.queue) > 0 && w.queue[0].at <= at && (stop == nil || !stop()) {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		if w.now == last {
			same++
		} else {
			same, last = 0, w.now
		}
		if same > 100_000 {
			w.t.Fatalf("more than 100,000 events at %v", w.now)
		}
		w.steps++
		e.f()
	}
	if stop == nil || !stop() {
		w.now = max(w.now, at)
	}
}

// host is the client's node.
type host struct {
	w       *world
	node    engine.NodeID
	inc     engine.Incarnation
	dead    bool
	inEvent bool
	streams map[string]*engine.Stream
	conns   map[engine.ConnID]*pipe
	nextID  engine.ConnID
	pool    engine.Pool
	exited  error
	gone    bool
}

func (w *world) host(node engine.NodeID, inc engine.Incarnation) *host {
	h := &host{w: w, node: node, inc: inc, streams: map[string]*engine.Stream{}, conns: map[engine.ConnID]*pipe{}}
	h.pool.Poison = true
	w.hosts = append(w.hosts, h)
	return h
}

// event delivers f as an event of the node.
func (h *host) event(d clock.Duration, f func()) {
	h.w.after(d, func() {
		if h.dead {
			return
		}
		if h.inEvent {
			panic("re-entrant event")
		}
		h.inEvent = true
		f()
		h.inEvent = false
	})
}

// do runs f as an event now.
func (h *host) do(f func()) {
	if h.inEvent {
		panic("re-entrant event")
	}
	h.inEvent = true
	f()
	h.inEvent = false
}

// kill ends the node's life.
func (h *host) kill() {
	h.dead = true
	for _, p := range h.conns {
		p.open = false
	}
}

func (h *host) check() {
	if h.dead || !h.inEvent {
		panic("host called outside an event")
	}
}

func (h *host) Node() engine.NodeID             { return h.node }
func (h *host) Incarnation() engine.Incarnation { return h.inc }
func (h *host) Now() clock.Instant              { return h.w.now }
func (h *host) WallMs() int64                   { return 1_700_000_000_000 + h.w.now.Ms() }

func (h *host) Stream(name string) *engine.Stream {
	if h.streams[name] == nil {
		h.streams[name] = engine.NewStream(h.w.seed, fmt.Sprintf("n%d.%d.%s", h.node, h.inc, name))
	}
	return h.streams[name]
}

func (h *host) SetTimer(t *engine.Timer, at clock.Instant) {
	h.check()
	h.w.seq++
	t.Host.Seq, t.Host.At, t.Host.Index = h.w.seq, at, 1
	seq := t.Host.Seq
	h.event(max(at.Sub(h.w.now), 0), func() {
		if t.Host.Index == 1 && t.Host.Seq == seq {
			t.Host.Index = 0
			t.Fire()
		}
	})
}

func (h *host) StopTimer(t *engine.Timer) { h.check(); t.Host.Index = 0 }

// pipe is a connection to a broker.
type pipe struct {
	h       *host
	id      engine.ConnID
	handler engine.ConnHandler
	broker  *broker
	open    bool
	opened  bool
	pending [][]byte // at the broker, not handled yet
	busy    bool
	out     clock.Instant // when the last frame so far arrives at the broker
	back    clock.Instant // when the last answer so far arrives at the client
}

func (h *host) Dial(addr string, handler engine.ConnHandler) engine.ConnID {
	h.check()
	h.nextID++
	p := &pipe{h: h, id: h.nextID, handler: handler, broker: h.w.cluster.at(addr), open: true}
	h.conns[p.id] = p
	if p.broker == nil || p.broker.down {
		p.close(h.w.latency(), engine.ErrRefused)
		return p.id
	}
	p.out = h.w.now.Add(h.w.latency())
	h.event(p.out.Sub(h.w.now), func() {
		if p.open {
			p.opened = true
			handler.Opened(p.id)
		}
	})
	return p.id
}

func (w *world) latency() clock.Duration {
	return clock.Duration(w.rng.Between(int64(200*clock.Microsecond), int64(2*clock.Millisecond)))
}

// close ends the connection as the client sees it after d.
func (p *pipe) close(d clock.Duration, err error) {
	p.h.event(d, func() {
		if p.open {
			p.open = false
			p.handler.Closed(p.id, err)
		}
	})
}

func (h *host) Send(c engine.ConnID, b *engine.Buf) {
	h.check()
	p := h.conns[c]
	data := append([]byte(nil), b.B...)
	h.pool.Put(b)
	if p == nil || !p.open {
		return
	}
	p.out = max(p.out, h.w.now.Add(h.w.latency()))
	h.w.after(p.out.Sub(h.w.now), func() {
		p.pending = append(p.pending, data)
		p.next()
	})
}

// next lets the broker handle the oldest request: one at a time, as Kafka does.
func (p *pipe) next() {
	if p.busy || len(p.pending) == 0 {
		return
	}
	p.busy = true
	frame := p.pending[0]
	p.pending = p.pending[1:]
	p.broker.handle(p, frame)
}

// answer sends a response after d; nil means that there is none.
func (p *pipe) answer(d clock.Duration, frame []byte) {
	if frame != nil {
		p.back = max(p.back, p.h.w.now.Add(d+p.h.w.latency()))
		p.h.event(p.back.Sub(p.h.w.now), func() {
			if p.open {
				b := p.h.pool.Get(len(frame))
				b.B = append(b.B, frame...)
				p.handler.Frame(p.id, b)
			}
		})
	}
	p.h.w.after(d, func() { p.busy = false; p.next() })
}

func (h *host) Close(c engine.ConnID) {
	h.check()
	if p := h.conns[c]; p != nil {
		p.open = false
	}
}

func (h *host) Buf(n int) *engine.Buf                  { h.check(); return h.pool.Get(n) }
func (h *host) Release(b *engine.Buf)                  { h.check(); h.pool.Put(b) }
func (h *host) Probe(name string)                      { h.w.probes[name]++ }
func (h *host) Site(string) *engine.Site               { return nil }
func (h *host) Observed() bool                         { return false }
func (h *host) Emit(engine.Fact)                       {}
func (h *host) Volumes() int                           { return 0 }
func (h *host) Exit(err error)                         { h.exited, h.gone, h.dead = err, true, true }
func (h *host) Listen(engine.ListenerID)               { panic("a client does not listen") }
func (h *host) SendParts(engine.ConnID, []engine.Part) { panic("a client sends no regions") }
func (h *host) Unmute(engine.ConnID)                   { panic("a client accepts nothing") }
func (h *host) SetWindow(engine.ConnID, int)           { panic("a client accepts nothing") }
func (h *host) Disk(*engine.DiskOp)                    { panic("a client has no disk") }
func (h *host) Offload(*engine.Job)                    { panic("a client has no heavy work") }
func (h *host) Logf(_ engine.Level, format string, args ...any) {
	if testing.Verbose() && h.w.t != nil {
		h.w.t.Logf("%v n%d: "+format, append([]any{h.w.now, h.node}, args...)...)
	}
}
