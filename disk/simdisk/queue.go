package simdisk

import (
	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
)

// queue holds the operations under way on one file, or on the names of a volume,
// in order. The first one is being worked on.
type queue struct {
	v          *Volume
	head, tail *engine.DiskOp
	task       virtual.ID
}

// Start starts an operation at the given instant, which is not before now.
func (v *Volume) Start(op *engine.DiskOp, at clock.Instant) {
	op.Next = nil
	op.N, op.Err = 0, nil
	if op.Kind == engine.OpReadAt {
		v.startRead(op, at)
		return
	}
	q := &v.names
	if onFile(op.Kind) {
		if f := v.file(op.File); f != nil {
			q = &f.queue
		}
		// A bad handle fails in the queue of the names: nothing orders it.
	}
	if q.head == nil {
		q.head, q.tail = op, op
		q.begin(at)
		return
	}
	q.tail.Next = op
	q.tail = op
}

// begin works on the first operation of the queue.
func (q *queue) begin(at clock.Instant) {
	q.task = q.v.tl.Add(at.Add(q.v.cost(q.head)), q)
}

// Fire completes the first operation.
func (q *queue) Fire() {
	op := q.head
	q.task = 0
	q.head = op.Next
	op.Next = nil
	if q.head == nil {
		q.tail = nil
	}
	q.v.do(op)
	if q.head != nil {
		q.begin(q.v.tl.Now())
	}
	q.v.sink.DiskDone(op)
}

// drop empties the queue.
func (q *queue) drop() {
	if q.task != 0 {
		q.v.tl.Remove(q.task)
		q.task = 0
	}
	for op := q.head; op != nil; {
		op, op.Next = op.Next, nil
	}
	q.head, q.tail = nil, nil
}

// onFile reports whether a kind of operation works on a handle.
func onFile(kind engine.DiskOpKind) bool {
	switch kind {
	case engine.OpClose, engine.OpAppend, engine.OpWriteAt, engine.OpReadAt, engine.OpTruncate,
		engine.OpPreallocate, engine.OpSyncFile:
		return true
	}
	return false
}

func (v *Volume) cost(op *engine.DiskOp) clock.Duration {
	c := &v.cfg.Climate
	switch op.Kind {
	case engine.OpAppend, engine.OpWriteAt:
		return v.draw(&c.Write, int64(len(op.Data)))
	case engine.OpTruncate, engine.OpPreallocate, engine.OpClose:
		return v.draw(&c.Write, 0)
	case engine.OpSyncFile:
		if f := v.file(op.File); f != nil {
			return v.draw(&c.Sync, f.data.size-f.firstUnsynced())
		}
		return v.draw(&c.Sync, 0)
	case engine.OpSyncDir:
		return v.draw(&c.Sync, 0)
	}
	return v.draw(&c.Name, 0)
}

// readTask is one read under way; reads wait for nobody.
type readTask struct {
	v    *Volume
	op   *engine.DiskOp
	life uint64
	next *readTask
}

func (v *Volume) startRead(op *engine.DiskOp, at clock.Instant) {
	r := v.freeReads
	if r == nil {
		r = &readTask{v: v}
	} else {
		v.freeReads = r.next
	}
	r.op, r.life = op, v.life
	v.tl.Add(at.Add(v.draw(&v.cfg.Climate.Read, int64(len(op.Data)))), r)
}

// Fire completes the read, unless its process is gone.
func (r *readTask) Fire() {
	v, op := r.v, r.op
	r.op = nil
	r.next, v.freeReads = v.freeReads, r
	if r.life != v.life {
		return
	}
	v.do(op)
	v.sink.DiskDone(op)
}
