package osdisk

import (
	"os"

	"trial/engine"
)

// task is one queued operation of a file or of a volume's names.
type task struct {
	op     *engine.DiskOp
	handle *handle // nil for names
	bad    bool    // submitted behind the close of its handle
}

// queue holds the operations that must be executed in order, of one file or of
// one volume's names. All fields are guarded by Disk.mu.
type queue struct {
	tasks []task
	spare []task
	file  *file // nil for names
	busy  bool  // in the run queue or with a worker
	slow  int   // tasks that may block for long
}

// item is what a worker takes: a queue with work, or one read.
type item struct {
	q    *queue
	read *engine.DiskOp
	file *file // of the read; holds a reference
}

func (it item) slow() bool { return it.q == nil || it.q.slow > 0 }

// ring is a growing FIFO of items.
type ring struct {
	items []item
	head  int
	n     int
}

func (r *ring) push(it item) {
	if r.n == len(r.items) {
		grown := make([]item, max(16, 2*r.n))
		for i := range r.n {
			grown[i] = r.items[(r.head+i)%len(r.items)]
		}
		r.items, r.head = grown, 0
	}
	r.items[(r.head+r.n)%len(r.items)] = it
	r.n++
}

func (r *ring) peek() item { return r.items[r.head] }

func (r *ring) pop() item {
	it := r.items[r.head]
	r.items[r.head] = item{}
	r.head = (r.head + 1) % len(r.items)
	r.n--
	return it
}

// slowKind tells operations that are worth a worker of their own: they may wait
// for the device, while appends go to the page cache.
func slowKind(k engine.DiskOpKind) bool {
	return k != engine.OpAppend && k != engine.OpWriteAt && k != engine.OpClose
}

func (v *volume) push(q *queue, t task) {
	q.tasks = append(q.tasks, t)
	if slowKind(t.op.Kind) {
		q.slow++
	}
	if !q.busy {
		q.busy = true
		v.run.push(item{q: q})
	}
}

// wake gets a worker for waiting work. One is enough: a worker that takes
// something slow and leaves work behind wakes the next. Called with mu held.
func (v *volume) wake() {
	switch {
	case v.run.n == 0:
	case v.idle > 0:
		v.cond.Signal()
	case v.working < v.disk.maxWork:
		v.working++
		v.disk.workers.Add(1)
		go v.work()
	}
}

// batchItems bounds what one worker takes at once. A batch costs one lock, one
// completion list and one wake-up of the event loop.
const batchItems = 16

// work is a worker's life.
func (v *volume) work() {
	d := v.disk
	defer d.workers.Done()
	var batch [batchItems]item
	var tasks [batchItems][]task
	for {
		n := v.take(&batch, &tasks)
		if n == 0 {
			return
		}
		var done list
		for i := range n {
			if it := batch[i]; it.q == nil {
				it.file.readAt(it.read)
				done.push(it.read)
			} else {
				v.execute(it.q, tasks[i], &done)
			}
		}
		if done.first != nil {
			d.complete(done.first)
		}
		v.finish(batch[:n], tasks[:n])
	}
}

// take waits for work and takes a batch of it; 0 when the worker must end.
func (v *volume) take(batch *[batchItems]item, tasks *[batchItems][]task) int {
	d := v.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	for v.run.n == 0 && !d.draining {
		v.idle++
		v.cond.Wait()
		v.idle--
	}
	if d.killed || v.run.n == 0 {
		return 0
	}
	n, slow := 0, false
	for v.run.n > 0 && n < batchItems {
		if slow = v.run.peek().slow(); slow && n > 0 {
			break
		}
		it := v.run.pop()
		if q := it.q; q != nil {
			tasks[n] = q.tasks
			q.tasks, q.spare, q.slow = q.spare[:0], nil, 0
		}
		batch[n] = it
		n++
		if slow {
			break
		}
	}
	v.wake()
	return n
}

// finish makes the queues of a batch runnable again, after their completions
// have been reported: another worker must not overtake.
func (v *volume) finish(batch []item, tasks [][]task) {
	var last [batchItems]*os.File
	v.disk.mu.Lock()
	for i, it := range batch {
		batch[i] = item{}
		if it.q == nil {
			last[i] = it.file.unref()
			continue
		}
		clear(tasks[i])
		it.q.spare, tasks[i] = tasks[i][:0], nil
		if len(it.q.tasks) > 0 {
			v.run.push(item{q: it.q})
		} else {
			it.q.busy = false
		}
	}
	v.disk.mu.Unlock()
	for _, f := range last[:len(batch)] {
		closeFile(f)
	}
}
