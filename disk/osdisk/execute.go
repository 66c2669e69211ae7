package osdisk

import (
	"io"

	"trial/engine"
)

// execute runs the tasks of one queue in order. Runs of appends become one
// write, runs of syncs one sync.
func (v *volume) execute(q *queue, tasks []task, done *list) {
	for len(tasks) > 0 {
		n := 1
		switch t := tasks[0]; {
		case t.bad:
			t.op.Err = engine.ErrBadFile
		case q.file == nil:
			t.op.Err = v.name(t.op)
		case t.op.Kind == engine.OpAppend:
			n = run(tasks, maxCoalesced)
			q.file.append(tasks[:n])
		case t.op.Kind == engine.OpSyncFile:
			n = run(tasks, len(tasks))
			q.file.sync(tasks[:n])
		case t.op.Kind == engine.OpClose:
			v.disk.forget(t.handle)
		default:
			t.op.Err = q.file.change(t.op)
		}
		for _, t := range tasks[:n] {
			done.push(t.op)
		}
		tasks = tasks[n:]
	}
}

// maxCoalesced is the number of appends in one write, below the system's limit
// of 1024 pieces.
const maxCoalesced = 256

// run counts the leading tasks of one kind.
func run(tasks []task, limit int) int {
	n := 1
	for n < len(tasks) && n < limit && !tasks[n].bad && tasks[n].op.Kind == tasks[0].op.Kind {
		n++
	}
	return n
}

func (d *Disk) forget(h *handle) {
	d.mu.Lock()
	delete(d.handles, h.id)
	last := h.file.unref()
	d.mu.Unlock()
	closeFile(last)
}

// append writes the data of consecutive appends at the end of the file. When a
// write fails, the operation that it stopped in gets the error, and the ones
// behind it are tried on their own: each is an operation of its own.
func (f *file) append(tasks []task) {
	var pieces [maxCoalesced][]byte
	for len(tasks) > 0 {
		bufs := pieces[:0]
		for _, t := range tasks {
			bufs = append(bufs, t.op.Data)
		}
		pos := f.size.Load()
		n, err := writeVec(f.os, bufs, pos)
		f.size.Store(pos + int64(n))
		taken := 0
		for _, t := range tasks {
			part := min(n, len(t.op.Data))
			if part < len(t.op.Data) && err == nil {
				err = io.ErrShortWrite
			}
			t.op.Pos, t.op.N = pos, part
			pos, n = pos+int64(part), n-part
			taken++
			if part < len(t.op.Data) {
				t.op.Err = failure(err)
				break
			}
		}
		tasks = tasks[taken:]
	}
}

// sync makes what was written durable, once for all the tasks.
func (f *file) sync(tasks []task) {
	var err error
	if f.cut {
		err = f.os.Sync()
	} else {
		err = syncData(f.os)
	}
	f.cut = false
	for _, t := range tasks {
		t.op.Err = failure(err)
	}
}

// change executes the remaining operations of a file's queue.
func (f *file) change(op *engine.DiskOp) error {
	switch op.Kind {
	case engine.OpWriteAt:
		if op.Pos < 0 {
			return errInvalid
		}
		n, err := f.os.WriteAt(op.Data, op.Pos)
		op.N = n
		if end := op.Pos + int64(n); n > 0 && end > f.size.Load() {
			f.size.Store(end)
		}
		return failure(err)
	case engine.OpTruncate:
		if op.Size < 0 {
			return errInvalid
		}
		f.cut = true
		err := f.os.Truncate(op.Size)
		if err == nil {
			f.size.Store(op.Size)
		}
		return failure(err)
	case engine.OpPreallocate:
		if op.Size < 0 {
			return errInvalid
		}
		return failure(preallocate(f.os, op.Size))
	}
	return errInvalid
}
