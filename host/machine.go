package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"trial/clock"
	"trial/clock/real"
	"trial/disk/osdisk"
	"trial/engine"
	"trial/net/tcpnet"
)

// machine is one incarnation's engine.Host and the loop that drives the
// program. Unless marked, its fields belong to the loop.
type machine struct {
	node    *Node
	spec    Spec
	log     *slog.Logger
	program engine.Program

	in        inbox // shared with the edge
	edge      *tcpnet.Edge
	disk      *osdisk.Disk
	jobs      jobs
	listeners []*listener
	edgeTasks sync.WaitGroup // goroutines that accept connections

	clock   *real.Clock
	now     clock.Instant
	fresh   bool // now was read in this event
	timers  timers
	alarm   *time.Timer
	alarmAt clock.Instant

	conns  map[engine.ConnID]*conn
	lastID engine.ConnID
	dirty  []*conn             // with frames to flush
	local  []event             // events that the loop itself has caused
	frames map[*engine.Buf]int // frames that the program owns, with their size
	parts  []tcpnet.Part

	first, last *engine.DiskOp // operations to submit
	streams     map[string]*engine.Stream
	seed        uint64

	exited  bool
	exitErr error
	failed  error // of the host or by a panic

	counts    counts
	published struct{ events, batches, sleeps, framesIn, framesOut atomic.Int64 }
	probeMu   sync.Mutex
	probes    map[string]int64 // guarded by probeMu
}

type counts struct{ events, batches, sleeps, framesIn, framesOut int64 }

func newMachine(n *Node, spec Spec) (*machine, error) {
	if spec.Incarnation == 0 {
		spec.Incarnation = 1
	}
	if spec.Limits.ExitGrace <= 0 {
		spec.Limits.ExitGrace = time.Second
	}
	m := &machine{
		node: n, spec: spec, log: spec.Logger, clock: real.New(),
		conns: make(map[engine.ConnID]*conn), frames: make(map[*engine.Buf]int),
		streams: make(map[string]*engine.Stream), probes: make(map[string]int64),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.in.wake = make(chan struct{}, 1)
	m.jobs.init(m, spec.Limits.Workers)
	if m.seed = spec.Seed; m.seed == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		m.seed = binary.LittleEndian.Uint64(b[:])
	}
	disk, err := osdisk.Open(osdisk.Config{
		Dirs: spec.Volumes, Workers: spec.Limits.DiskWorkers,
		Complete: func(first *engine.DiskOp) { m.in.post(event{kind: evDisk, op: first}) },
	})
	if err != nil {
		return nil, err
	}
	m.disk = disk
	for i, l := range spec.Listeners {
		bound, err := bind(l)
		if err != nil {
			m.closeListeners()
			disk.Close()
			return nil, fmt.Errorf("listener %d: cannot bind %s: %w", i, l.Addr, err)
		}
		m.listeners = append(m.listeners, bound)
	}
	m.edge = tcpnet.NewEdge(spec.Limits.Options)
	m.program = spec.Factory()
	return m, nil
}

func (m *machine) Node() engine.NodeID             { return m.spec.ID }
func (m *machine) Incarnation() engine.Incarnation { return m.spec.Incarnation }

func (m *machine) Now() clock.Instant {
	if !m.fresh {
		m.now, m.fresh = m.clock.Now(), true
	}
	return m.now
}

func (m *machine) WallMs() int64 { return m.clock.WallMs() }

func (m *machine) Stream(name string) *engine.Stream {
	s := m.streams[name]
	if s == nil {
		// A fixed seed gives each node and incarnation streams of their own.
		s = engine.NewStream(m.seed, fmt.Sprintf("%d/%d/%s", m.spec.ID, m.spec.Incarnation, name))
		m.streams[name] = s
	}
	return s
}

func (m *machine) SetTimer(t *engine.Timer, at clock.Instant) { m.timers.set(t, at) }
func (m *machine) StopTimer(t *engine.Timer)                  { m.timers.stop(t) }

func (m *machine) Buf(n int) *engine.Buf { return m.edge.Pool.Get(n) }

func (m *machine) Release(b *engine.Buf) {
	m.disown(b)
	m.edge.Pool.Put(b)
}

// disown notes that the program gives up a buffer, which may have been a frame.
func (m *machine) disown(b *engine.Buf) {
	if size, ok := m.frames[b]; ok {
		delete(m.frames, b)
		m.edge.Budget.Released(size)
	}
}

func (m *machine) Observed() bool { return m.spec.Facts != nil }

func (m *machine) Emit(f engine.Fact) {
	if m.spec.Facts != nil {
		m.spec.Facts(m.spec.ID, f)
	}
}

func (m *machine) Site(string) *engine.Site { return &engine.Site{} }

func (m *machine) Probe(name string) {
	m.probeMu.Lock()
	m.probes[name]++
	m.probeMu.Unlock()
}

var levels = [...]slog.Level{
	engine.Debug: slog.LevelDebug, engine.Info: slog.LevelInfo, engine.Warn: slog.LevelWarn, engine.Error: slog.LevelError,
}

func (m *machine) Logf(level engine.Level, format string, args ...any) {
	at := levels[max(engine.Debug, min(level, engine.Error))]
	if ctx := context.Background(); m.log.Enabled(ctx, at) {
		m.log.LogAttrs(ctx, at, fmt.Sprintf(format, args...), slog.Int("node", int(m.spec.ID)))
	}
}

func (m *machine) Exit(err error) {
	if !m.exited {
		m.exited, m.exitErr = true, err
	}
}
