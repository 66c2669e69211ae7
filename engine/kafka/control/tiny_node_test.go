package control

import (
	"container/heap"
	"fmt"

	"trial/clock"
	"trial/engine"
)

// machine is a node: it implements engine.Host for its running program.
type machine struct {
	w       *tinyWorld
	id      engine.NodeID
	boot    func() engine.Program
	inc     engine.Incarnation
	alive   bool
	paused  bool
	prog    engine.Program
	disk    *disk
	pool    engine.Pool
	streams map[string]*engine.Stream
	listens map[engine.ListenerID]bool
	conns   map[engine.ConnID]*end
	order   []*end // of conns, for a fixed order
	lastID  engine.ConnID

	ExitErr error
	Exited  bool
}

// ID is the node's id.
func (n *machine) ID() engine.NodeID { return n.id }

// Alive reports whether a program runs.
func (n *machine) Alive() bool { return n.alive }

// Program is the running program.
func (n *machine) Program() engine.Program { return n.prog }

// Start boots a new incarnation.
func (n *machine) Start() {
	if n.alive {
		return
	}
	n.inc++
	n.alive, n.paused, n.Exited, n.ExitErr = true, false, false, nil
	n.streams, n.listens, n.conns, n.order = map[string]*engine.Stream{}, map[engine.ListenerID]bool{}, map[engine.ConnID]*end{}, nil
	n.pool.Poison = true
	n.disk.reopen()
	n.prog = n.boot()
	n.w.at(n.w.now, n, func() { n.prog.Boot(n) })
}

// Kill ends the process; its disk keeps what completed.
func (n *machine) Kill() { n.die(engine.ErrReset) }

// PowerFail ends the machine; its disk keeps what was synced, and with lose false
// an arbitrary part of the rest.
func (n *machine) PowerFail(lose bool) {
	n.die(nil)
	n.disk.powerFail(lose, n.w.rng)
}

// Pause freezes the process; Resume lets it go on.
func (n *machine) Pause() { n.paused = true }

// Resume ends a pause.
func (n *machine) Resume() { n.paused = false }

// Stop asks for an orderly end.
func (n *machine) Stop() {
	if n.alive {
		n.w.at(n.w.now, n, func() { n.prog.Stop() })
	}
}

func (n *machine) die(why error) {
	if !n.alive {
		return
	}
	n.alive = false
	for _, e := range n.order {
		if !e.closed {
			e.closed = true
			e.peerGone(why)
		}
	}
}

// The host's methods.

func (n *machine) Node() engine.NodeID             { return n.id }
func (n *machine) Incarnation() engine.Incarnation { return n.inc }
func (n *machine) Now() clock.Instant              { return n.w.now }
func (n *machine) WallMs() int64                   { return 1_700_000_000_000 + n.w.now.Ms() }

func (n *machine) Stream(name string) *engine.Stream {
	s := n.streams[name]
	if s == nil {
		s = engine.NewStream(n.w.seed, fmt.Sprintf("n%d/%d/%s", n.id, n.inc, name))
		n.streams[name] = s
	}
	return s
}

func (n *machine) SetTimer(t *engine.Timer, at clock.Instant) {
	n.StopTimer(t)
	e := n.w.at(max(at, n.w.now), n, nil)
	e.run = func() {
		t.Host.Index = 0
		t.Fire()
	}
	t.Host = engine.HostTimer{At: at, Index: 1, Owner: e}
}

func (n *machine) StopTimer(t *engine.Timer) {
	if t.Host.Index == 0 {
		return
	}
	if e := t.Host.Owner.(*tinyEvent); e.index >= 0 {
		heap.Remove(&n.w.queue, e.index)
	}
	t.Host.Index = 0
}

func (n *machine) Buf(size int) *engine.Buf     { return n.pool.Get(size) }
func (n *machine) Release(b *engine.Buf)        { n.pool.Put(b) }
func (n *machine) Volumes() int                 { return 1 }
func (n *machine) Observed() bool               { return n.w.OnFact != nil }
func (n *machine) Site(string) *engine.Site     { return nil }
func (n *machine) Probe(name string)            { n.w.Probes[name]++ }
func (n *machine) Listen(l engine.ListenerID)   { n.listens[l] = true }
func (n *machine) Unmute(c engine.ConnID)       { n.answered(c) }
func (n *machine) SetWindow(engine.ConnID, int) {}

func (n *machine) Emit(f engine.Fact) {
	if n.w.OnFact != nil {
		n.w.OnFact(n.id, f)
	}
}

func (n *machine) Logf(l engine.Level, format string, args ...any) {
	if n.w.OnLog != nil {
		n.w.OnLog(n.id, fmt.Sprintf("%v n%d: %s", n.w.now, n.id, fmt.Sprintf(format, args...)))
	}
}

func (n *machine) Offload(j *engine.Job) {
	n.w.at(n.w.now.Add(clock.Microsecond), n, func() {
		j.Run()
		j.Done()
	})
}

func (n *machine) Exit(err error) {
	n.Exited, n.ExitErr = true, err
	n.die(engine.ErrClosed)
}

func (n *machine) Disk(op *engine.DiskOp) {
	lat := clock.Duration(20+n.w.rng.N(100)) * clock.Microsecond
	if op.Kind == engine.OpSyncFile || op.Kind == engine.OpSyncDir {
		lat += clock.Duration(n.w.rng.N(int64(n.w.SyncMax/clock.Microsecond))) * clock.Microsecond
	}
	at := max(n.disk.busy[op.File], n.w.now).Add(lat)
	n.disk.busy[op.File] = at
	inc := n.inc
	n.w.at(at, n, func() {
		if inc == n.inc {
			n.disk.do(op)
			op.Done(op)
		}
	})
}
