package plog

import (
	"fmt"

	"trial/engine"
	"trial/internal/must"
)

// queue keeps the files in the order of what was submitted: appends flow
// through, a job (roll, truncation, close) waits until all writes before it
// have ended and holds up what is behind it.
type queue struct {
	waiting list // submitted, not started: appends and jobs
	flying  list // appends in the host's hands; they end in order
	flushes list // written appends that become visible after a sync
	job     *job // running

	onWritten func(op *engine.DiskOp)
}

// item is a place in a list: an append or a job.
type item struct {
	next *item
	app  *Append
	job  *job
}

// job is work on files that excludes writes.
type job struct {
	item item
	// alone: no sync and no checkpoint may run beside it, because files are closed
	// or cut.
	alone bool
	// run starts the work; it ends with Log.jobDone.
	run func()
	// fail is called instead when the log goes offline before that.
	fail func(err error)
}

type list struct{ head, tail *item }

func (q *list) push(i *item) {
	i.next = nil
	if q.head == nil {
		q.head = i
	} else {
		q.tail.next = i
	}
	q.tail = i
}

func (q *list) pop() *item {
	i := q.head
	if q.head = i.next; q.head == nil {
		q.tail = nil
	}
	i.next = nil
	return i
}

// enqueue adds a job behind everything submitted so far.
func (l *Log) enqueue(j *job) {
	j.item.job = j
	l.queue.waiting.push(&j.item)
	l.pump()
}

// pump starts what may start.
func (l *Log) pump() {
	q := &l.queue
	for q.waiting.head != nil && q.job == nil && l.failure == nil {
		if a := q.waiting.head.app; a != nil {
			q.flying.push(q.waiting.pop())
			l.write(a)
			continue
		}
		j := q.waiting.head.job
		if q.flying.head != nil || j.alone && (l.sync.busy() || l.epochFile.busy) {
			return
		}
		q.waiting.pop()
		q.job = j
		j.run()
		return
	}
}

// jobDone ends the running job.
func (l *Log) jobDone() {
	l.queue.job = nil
	l.startSync()
	l.pump()
}

func (l *Log) write(a *Append) {
	if a.seg.file == 0 {
		must.Fail("log %s: write to a segment that is not there", l.dir)
	}
	a.op = engine.DiskOp{Kind: engine.OpAppend, Volume: l.vol, File: a.seg.file, Data: a.Data, Done: l.queue.onWritten}
	l.h.Disk(&a.op)
}

// onWritten is the completion of a write.
func (l *Log) onWritten(op *engine.DiskOp) {
	q := &l.queue
	if q.flying.head == nil || &q.flying.head.app.op != op {
		must.Fail("log %s: writes complete out of order", l.dir)
	}
	a := q.flying.pop().app
	if l.failure != nil {
		l.finish(a, ErrOffline)
		return
	}
	if err := l.writeError(a); err != nil {
		if l.goesOnAfter(a) { // a planted bug, never in a plain build
			l.finish(a, err)
		} else {
			l.fail(err)
			l.finish(a, err)
			return
		}
	} else {
		l.wrote(a)
	}
	l.showFlushed()
	l.pump()
}

// writeError tells what was wrong with a completed write, or nil.
func (l *Log) writeError(a *Append) error {
	op := &a.op
	switch {
	case op.Err != nil:
		return op.Err
	case l.ignoresShort(a):
		return nil
	case op.N < len(op.Data):
		return fmt.Errorf("%w: %d of %d bytes written to %s", engine.ErrIO, op.N, len(op.Data), l.dir)
	case op.Pos != a.pos:
		return fmt.Errorf("%w: write to %s at %d went to %d", engine.ErrIO, l.dir, a.pos, op.Pos)
	}
	return nil
}

// wrote notes that an append has been written. It becomes visible at once
// unless a flush is due (flush.messages): Kafka flushes before it answers, so
// what must be durable is not shown before.
func (l *Log) wrote(a *Append) {
	l.markDirty(a.seg)
	l.written = max(l.written, a.upto)
	l.sync.unflushed += a.records
	a.flush = l.sync.unflushed >= l.cfg.FlushMessages
	if a.flush {
		l.wantSync()
	} else {
		l.armTick()
	}
	l.queue.flushes.push(&a.item)
}

// showFlushed makes written appends visible, in order, up to the first that
// waits for a sync.
func (l *Log) showFlushed() {
	q := &l.queue
	for q.flushes.head != nil {
		a := q.flushes.head.app
		if a.flush && l.synced < a.upto {
			return
		}
		q.flushes.pop()
		l.end = max(l.end, a.upto)
		var err error
		if a.upto < a.Next {
			err = ErrTruncated
		}
		l.finish(a, err)
		l.check()
	}
}

func (l *Log) finish(a *Append, err error) {
	a.Err = err
	a.seg = nil
	if a.Done != nil {
		a.Done(a)
	}
}

// cut limits what unfinished appends may make visible, for a truncation.
func (q *queue) cut(offset int64) {
	for _, l := range []*list{&q.flushes, &q.flying, &q.waiting} {
		for i := l.head; i != nil; i = i.next {
			if i.app != nil {
				i.app.upto = min(i.app.upto, offset)
			}
		}
	}
}

// abandon fails what the host does not hold.
func (q *queue) abandon(l *Log) {
	for _, from := range []*list{&q.flushes, &q.waiting} {
		for from.head != nil {
			i := from.pop()
			if i.app != nil {
				l.finish(i.app, ErrOffline)
			} else {
				i.job.fail(ErrOffline)
			}
		}
	}
}
