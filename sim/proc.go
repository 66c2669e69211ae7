package sim

import (
	"fmt"

	"trial/clock"
	"trial/clock/virtual"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/internal/must"
	"trial/net/simnet"
)

// proc is one incarnation of a node's process: the host that its program sees.
type proc struct {
	n       *node
	w       *World
	inc     engine.Incarnation
	program engine.Program
	dead    bool

	conns     []*simnet.End // by the low bits of the connection id
	freeConns []int32
	numConns  uint64

	streams map[string]*engine.Stream
	sites   map[string]*engine.Site
	jobs    *jobTask // recycled

	numTimers uint64
}

// Connection ids are a running number above the slot in proc.conns.
const (
	connBits = 20
	connMask = 1<<connBits - 1
)

func (p *proc) register(e *simnet.End) engine.ConnID {
	var slot int32
	if k := len(p.freeConns); k > 0 {
		slot = p.freeConns[k-1]
		p.freeConns = p.freeConns[:k-1]
		p.conns[slot] = e
	} else {
		slot = int32(len(p.conns))
		must.Hold(slot < connMask, "sim: node %d has %d connections", p.n.id, slot)
		p.conns = append(p.conns, e)
	}
	p.numConns++
	e.ID = engine.ConnID(p.numConns<<connBits | uint64(slot))
	return e.ID
}

// end returns the end behind an id, or nil if it is closed.
func (p *proc) end(c engine.ConnID) *simnet.End {
	if slot := int(c & connMask); slot < len(p.conns) {
		if e := p.conns[slot]; e != nil && e.ID == c {
			return e
		}
	}
	return nil
}

func (p *proc) unregister(c engine.ConnID) {
	slot := int32(c & connMask)
	p.conns[slot] = nil
	p.freeConns = append(p.freeConns, slot)
}

// deliver calls the program with one event. It returns false if there was none
// after all: a timer was stopped meanwhile, a connection closed.
func (p *proc) deliver(v work) bool {
	n, w := p.n, p.w
	switch v.kind {
	case workEnd:
		return p.deliverEnd(v.end)
	case workTimer:
		t := v.timer
		if t.gen != v.gen {
			return false
		}
		n.serve(0)
		w.note(n.id, kindTimer, t.number, 0, 0, 0)
		timer := t.timer
		timer.Host.Index = 0
		n.running = true
		timer.Fire()
	case workDisk:
		p.deliverDisk(v.op)
	case workJob:
		n.serve(0)
		w.note(n.id, kindJob, uint64(v.job.Bytes), 0, 0, 0)
		n.running = true
		v.job.Done()
	case workBoot:
		n.serve(0)
		w.note(n.id, kindBoot, uint64(p.inc), 0, 0, 0)
		n.running = true
		p.program.Boot(p)
	case workStop:
		n.serve(0)
		w.note(n.id, kindStop, uint64(p.inc), 0, 0, 0)
		n.running = true
		p.program.Stop()
	case workCall:
		n.serve(0)
		w.note(n.id, kindCall, 0, 0, 0, 0)
		n.running = true
		v.fn(p)
	}
	n.running = false
	return true
}

func (p *proc) deliverEnd(e *simnet.End) bool {
	n, w := p.n, p.w
	ev, ok := e.Take()
	if !ok {
		return false
	}
	n.running = true
	switch ev.Kind {
	case simnet.Frame:
		size := len(ev.Buf.B)
		n.serve(size)
		w.note(n.id, kindFrame, uint64(e.ID), uint64(size), 0, checksum(ev.Buf.B))
		if w.opt.OnLate != nil && e.PeerGone() {
			w.opt.OnLate(w.Now(), n.id, e.PeerID(), ev.Buf.B)
		}
		e.Handler.Frame(e.ID, ev.Buf)
	case simnet.Accepted:
		n.serve(0)
		id := p.register(e)
		w.note(n.id, kindAccept, uint64(id), uint64(e.Listener), uint64(e.PeerID()), 0)
		e.Handler = p.program.Accept(id, e.Listener, e.Peer())
		if e.Handler == nil && p.end(id) == e {
			p.unregister(id)
			e.Refuse()
		}
	case simnet.Opened:
		n.serve(0)
		w.note(n.id, kindOpened, uint64(e.ID), 0, 0, 0)
		e.Handler.Opened(e.ID)
	case simnet.Closed:
		n.serve(0)
		w.note(n.id, kindClosed, uint64(e.ID), errorCode(ev.Err), 0, 0)
		p.unregister(e.ID)
		e.Handler.Closed(e.ID, ev.Err)
	}
	n.running = false
	if !p.dead {
		e.Next()
	}
	return true
}

func (p *proc) deliverDisk(op *engine.DiskOp) {
	var sum uint64
	moved := 0
	switch op.Kind {
	case engine.OpAppend, engine.OpWriteAt, engine.OpReadAt:
		moved = op.N
		sum = checksum(op.Data[:op.N])
	case engine.OpStat, engine.OpOpen, engine.OpFree:
		sum = uint64(op.Size)
	case engine.OpList:
		for i := range op.Entries {
			sum = fold(sum^checksum([]byte(op.Entries[i].Name)), uint64(op.Entries[i].Size)^k0)
		}
	}
	p.n.serve(moved)
	id := uint64(op.Kind) | errorCode(op.Err)<<8 | uint64(op.File)<<16
	p.w.note(p.n.id, kindDisk, id, uint64(op.Pos), uint64(op.N), sum)
	if op.Done != nil {
		p.n.running = true
		op.Done(op)
	}
}

// Node, Incarnation and the rest are engine.Host.
func (p *proc) Node() engine.NodeID             { return p.n.id }
func (p *proc) Incarnation() engine.Incarnation { return p.inc }
func (p *proc) Now() clock.Instant              { return p.n.drift.toLocal(p.w.tl.Now()) }

func (p *proc) WallMs() int64 {
	return p.w.opt.EpochMs + p.w.tl.Now().Add(p.n.wall).Ms()
}

func (p *proc) Stream(name string) *engine.Stream {
	s := p.streams[name]
	if s == nil {
		s = engine.NewStream(p.w.opt.Seed, fmt.Sprintf("node.%d.%d.%s", p.n.id, p.inc, name))
		p.streams[name] = s
	}
	return s
}

func (p *proc) Listen(l engine.ListenerID) {
	if !p.dead {
		p.n.machine.Listen(l)
	}
}

func (p *proc) Dial(addr string, handler engine.ConnHandler) engine.ConnID {
	if p.dead {
		return 0
	}
	e := p.n.machine.Dial(addr, p.n.busy)
	e.Handler = handler
	return p.register(e)
}

func (p *proc) Send(c engine.ConnID, b *engine.Buf) {
	if e := p.end(c); e != nil && !p.dead {
		e.Send(b, p.n.busy)
		return
	}
	p.w.pool.Put(b)
}

func (p *proc) SendParts(c engine.ConnID, parts []engine.Part) {
	if e := p.end(c); e != nil && !p.dead {
		e.SendParts(parts, p.n.busy)
		return
	}
	for i := range parts {
		p.w.pool.Put(parts[i].Buf)
	}
}

func (p *proc) Unmute(c engine.ConnID) {
	if e := p.end(c); e != nil && !p.dead {
		e.Unmute()
	}
}

func (p *proc) SetWindow(c engine.ConnID, size int) {
	if e := p.end(c); e != nil && !p.dead {
		e.SetWindow(size)
	}
}

func (p *proc) Close(c engine.ConnID) {
	if e := p.end(c); e != nil && !p.dead {
		p.unregister(c)
		e.Close(p.n.busy)
	}
}

func (p *proc) Buf(size int) *engine.Buf { return p.w.pool.Get(size) }
func (p *proc) Release(b *engine.Buf)    { p.w.pool.Put(b) }
func (p *proc) Volumes() int             { return len(p.n.volumes) }

func (p *proc) Disk(op *engine.DiskOp) {
	if p.dead {
		return
	}
	volume := op.Volume
	if op.File != 0 {
		// A handle knows its volume; a bad one fails on any.
		if v := simdisk.VolumeOf(op.File); v >= 0 && int(v) < len(p.n.volumes) {
			volume = v
		}
	}
	must.Hold(volume >= 0 && int(volume) < len(p.n.volumes), "sim: node %d has no volume %d", p.n.id, volume)
	if op.Kind == engine.OpAppend || op.Kind == engine.OpWriteAt {
		p.n.machine.Appends += int64(len(op.Data))
	}
	p.n.volumes[volume].Start(op, p.n.busy)
}

// jobTask is a job on its way.
type jobTask struct {
	p    *proc
	job  *engine.Job
	next *jobTask
}

func (p *proc) Offload(job *engine.Job) {
	if p.dead {
		return
	}
	t := p.jobs
	if t == nil {
		t = &jobTask{p: p}
	} else {
		p.jobs = t.next
	}
	t.job = job
	s := &p.w.opt.Service
	d := 4*s.Base + s.PerKiB*clock.Duration(job.Bytes)>>10
	p.w.tl.Add(p.n.busy.Add(d*clock.Duration(p.n.slow)), t)
}

// Fire runs the job and has its end told, unless the process is gone.
func (t *jobTask) Fire() {
	p, job := t.p, t.job
	t.job = nil
	t.next, p.jobs = p.jobs, t
	if p.dead {
		return
	}
	p.n.running = true
	job.Run()
	p.n.running = false
	p.n.post(work{kind: workJob, job: job})
}

func (p *proc) Observed() bool { return p.w.opt.OnFact != nil || p.w.opt.Trace != nil }

func (p *proc) Emit(f engine.Fact) {
	if p.dead {
		return
	}
	if p.w.opt.OnFact != nil {
		p.w.opt.OnFact(p.w.tl.Now(), p.n.id, p.inc, f)
	}
	if p.w.opt.Trace != nil {
		p.w.line("n%d fact %s %+v", p.n.id, f.FactName(), f)
	}
}

func (p *proc) Probe(name string) { p.w.probes[name]++ }

func (p *proc) Logf(level engine.Level, format string, args ...any) {
	if p.w.opt.OnLog != nil {
		p.w.opt.OnLog(p.w.tl.Now(), p.n.id, level, fmt.Sprintf(format, args...))
	}
	if p.w.opt.Trace != nil {
		p.w.line("n%d log "+format, append([]any{p.n.id}, args...)...)
	}
}

func (p *proc) Exit(err error) {
	if p.dead {
		return
	}
	p.w.note(p.n.id, kindExit, uint64(p.inc), errorCode(err), 0, 0)
	p.n.machine.Exit()
	for _, v := range p.n.volumes {
		v.Stop()
	}
	p.n.exit.ended, p.n.exit.err = true, err
	p.n.end()
	if p.w.opt.OnExit != nil {
		p.w.At(p.w.tl.Now(), func() { p.w.opt.OnExit(p.n.id, p.inc, err) })
	}
}

// end forgets the process.
func (n *node) end() {
	n.proc.dead = true
	n.proc = nil
	n.inbox.clear()
	n.machine.Appends = 0
	n.paused = false
}

var (
	_ engine.Host  = (*proc)(nil)
	_ virtual.Task = (*node)(nil)
)
