package sim

import (
	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/net/simnet"
)

// node is a simulated machine.
type node struct {
	w       *World
	spec    NodeSpec
	index   int
	id      engine.NodeID
	machine *simnet.Machine
	volumes []*simdisk.Volume

	proc *proc // nil while no process runs
	inc  engine.Incarnation

	inbox   inbox
	busy    clock.Instant // until then the node works on its last event
	hot     bool          // is in World.hot
	armed   bool          // a wake is on the timeline
	running bool          // a program is being called
	paused  bool
	slow    int64 // service times are multiplied by it

	wall  clock.Duration // added to the wall clock
	drift drift

	exit struct {
		ended bool
		err   error
	}
}

// workKind says what an entry of the inbox is.
type workKind uint8

const (
	workBoot workKind = iota + 1
	workStop
	workEnd   // a connection has something to tell
	workTimer // a timer is due
	workDisk  // an operation has completed
	workJob   // a job is due
	workCall  // somebody outside wants a word
)

// work is an event that waits for the node.
type work struct {
	kind  workKind
	gen   uint64 // of a timer
	end   *simnet.End
	timer *timerTask
	op    *engine.DiskOp
	job   *engine.Job
	fn    func(h engine.Host)
}

// inbox is a queue of work.
type inbox struct {
	buf  []work // length is a power of two
	head int
	n    int
}

func (q *inbox) push(v work) {
	if q.n == len(q.buf) {
		grown := make([]work, max(8, 2*len(q.buf)))
		for i := range q.n {
			grown[i] = q.buf[(q.head+i)&(len(q.buf)-1)]
		}
		q.buf, q.head = grown, 0
	}
	q.buf[(q.head+q.n)&(len(q.buf)-1)] = v
	q.n++
}

func (q *inbox) pop() work {
	p := &q.buf[q.head]
	v := *p
	*p = work{}
	q.head = (q.head + 1) & (len(q.buf) - 1)
	q.n--
	return v
}

func (q *inbox) clear() {
	clear(q.buf)
	q.head, q.n = 0, 0
}

// post puts work into the inbox and sees to it that it is done.
func (n *node) post(v work) {
	n.inbox.push(v)
	n.rouse()
}

// rouse has the node work as soon as it is free.
func (n *node) rouse() {
	if n.paused || n.hot || n.armed || n.inbox.n == 0 {
		return
	}
	if n.busy > n.w.tl.Now() {
		n.armed = true
		n.w.tl.Add(n.busy, n)
		return
	}
	n.hot = true
	n.w.hot = append(n.w.hot, n)
}

// Fire is the end of the node's service time.
func (n *node) Fire() {
	n.armed = false
	n.rouse()
}

// work does one event, if the node is free.
func (n *node) work() {
	if n.paused || n.busy > n.w.tl.Now() {
		n.rouse()
		return
	}
	for n.inbox.n > 0 && n.proc != nil {
		if n.proc.deliver(n.inbox.pop()) {
			break
		}
	}
	n.rouse()
}

// serve accounts for the service time of an event that carries so many bytes.
func (n *node) serve(bytes int) {
	s := &n.w.opt.Service
	d := s.Base + s.PerKiB*clock.Duration(bytes)>>10
	n.busy = n.w.tl.Now().Add(d * clock.Duration(n.slow))
}

// Ready is called by the network.
func (n *node) Ready(e *simnet.End) { n.post(work{kind: workEnd, end: e}) }

// ReadRegion is called by the network.
func (n *node) ReadRegion(file engine.FileID, pos int64, b []byte) error {
	v := int(simdisk.VolumeOf(file))
	if n.proc == nil || v >= len(n.volumes) {
		return engine.ErrBadFile
	}
	return n.volumes[v].ReadRegion(file, pos, b)
}

// DiskDone is called by a disk.
func (n *node) DiskDone(op *engine.DiskOp) {
	if op.Kind == engine.OpAppend || op.Kind == engine.OpWriteAt {
		n.machine.Appends -= int64(len(op.Data))
		n.machine.Fed()
	}
	n.post(work{kind: workDisk, op: op})
}

// BeforeTruncate is called by a disk.
func (n *node) BeforeTruncate(v *simdisk.Volume, file engine.FileID, size int64) {
	n.machine.CutRegions(func(f engine.FileID, pos int64, bytes int) bool {
		return v.SameFile(f, file) && pos+int64(bytes) > size
	})
}

// drift is how a node's monotonic clock runs against the timeline. The zero
// drift is none.
type drift struct {
	ppm    int64 // fast by so many millionths
	global clock.Instant
	local  clock.Instant
}

func (d *drift) toLocal(g clock.Instant) clock.Instant {
	if d.ppm == 0 && d.global == d.local {
		return g
	}
	span := int64(g - d.global)
	return d.local + clock.Instant(span+span/1_000_000*d.ppm+span%1_000_000*d.ppm/1_000_000)
}

// toGlobal is the first instant at which the local clock shows at least l.
func (d *drift) toGlobal(l clock.Instant) clock.Instant {
	if d.ppm == 0 && d.global == d.local || l == clock.Never {
		return l
	}
	span, rate := int64(l-d.local), 1_000_000+d.ppm
	g := d.global + clock.Instant(span/rate*1_000_000+span%rate*1_000_000/rate)
	for d.toLocal(g) < l {
		g++
	}
	return g
}
