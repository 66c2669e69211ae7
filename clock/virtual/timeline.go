// Package virtual is the simulated timeline: one queue of tasks, ordered by
// instant and, where instants are equal, by the order in which they were added.
// Time moves only when the next task is taken.
//
// # Invariants
//
//   - time never moves backwards; a task added for the past is due now
//   - two tasks of one instant run in the order of Add and Move
//   - no interface call and no allocation per task once the queue has grown
//
// The queue is a 4-ary heap of 16-byte entries: the four children of a node fill
// one cache line. Taking the first task leaves a hole at the root, which the
// next Add fills: most tasks add another one, and so pay for one sift and not for
// two.
//
// Not here: what a task does, timers of programs (package sim), any real clock.
package virtual

import (
	"trial/clock"
	"trial/internal/must"
)

// Task is something that happens at an instant.
type Task interface {
	// Fire is called when the task has been taken from the timeline; its ID is
	// free by then.
	Fire()
}

// ID names a task while it is on the timeline. 0 is no task.
type ID int32

const (
	slotBits = 24
	slotMask = 1<<slotBits - 1
)

// entry orders tasks by at, then key; key holds the sequence number above the
// slot, so that one comparison decides.
type entry struct {
	at  clock.Instant
	key uint64
}

func (e entry) before(o entry) bool { return e.at < o.at || e.at == o.at && e.key < o.key }

// Timeline is the queue. The zero Timeline is ready and stands at instant 0.
type Timeline struct {
	now  clock.Instant
	seq  uint64
	heap []entry
	hole bool // heap[0] has been taken and not yet replaced

	tasks []Task  // by slot
	pos   []int32 // by slot: index in heap
	free  []int32 // slots
}

// Now is the instant of the task that was taken last.
func (t *Timeline) Now() clock.Instant { return t.now }

// Len is the number of tasks.
func (t *Timeline) Len() int {
	if t.hole {
		return len(t.heap) - 1
	}
	return len(t.heap)
}

// Add puts a task on the timeline.
func (t *Timeline) Add(at clock.Instant, task Task) ID {
	var slot int32
	if n := len(t.free); n > 0 {
		slot = t.free[n-1]
		t.free = t.free[:n-1]
		t.tasks[slot] = task
	} else {
		must.Hold(len(t.tasks) < slotMask, "timeline: %d tasks at once", len(t.tasks))
		slot = int32(len(t.tasks))
		t.tasks = append(t.tasks, task)
		t.pos = append(t.pos, 0)
	}
	e := t.entry(at, slot)
	if t.hole {
		t.hole = false
		t.down(0, e)
	} else {
		t.heap = append(t.heap, e)
		t.up(len(t.heap)-1, e)
	}
	return ID(slot + 1)
}

func (t *Timeline) entry(at clock.Instant, slot int32) entry {
	t.seq++
	return entry{max(at, t.now), t.seq<<slotBits | uint64(slot)}
}

// Move sets another instant for a task, as removing it and adding it again would.
func (t *Timeline) Move(id ID, at clock.Instant) {
	t.fill()
	slot := int32(id) - 1
	t.fix(int(t.pos[slot]), t.entry(at, slot))
}

// Remove takes a task off the timeline without running it.
func (t *Timeline) Remove(id ID) {
	t.fill()
	slot := int32(id) - 1
	i, last := int(t.pos[slot]), len(t.heap)-1
	e := t.heap[last]
	t.heap = t.heap[:last]
	if i < last {
		t.fix(i, e)
	}
	t.release(slot)
}

// At is the instant of a task.
func (t *Timeline) At(id ID) clock.Instant {
	t.fill()
	return t.heap[t.pos[id-1]].at
}

// NextAt is the instant of the first task; false if there is none.
func (t *Timeline) NextAt() (clock.Instant, bool) {
	t.fill()
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].at, true
}

// Next takes the first task off the timeline and moves time to its instant. It
// returns nil if there is none.
func (t *Timeline) Next() Task {
	t.fill()
	if len(t.heap) == 0 {
		return nil
	}
	e := t.heap[0]
	t.hole = true
	t.now = e.at
	slot := int32(e.key & slotMask)
	task := t.tasks[slot]
	t.release(slot)
	return task
}

// Advance moves time to at, which must not be later than the first task.
func (t *Timeline) Advance(at clock.Instant) {
	next, any := t.NextAt()
	must.Hold(!any || at <= next, "timeline: advance to %v past a task at %v", at, next)
	t.now = max(t.now, at)
}

func (t *Timeline) release(slot int32) {
	t.tasks[slot] = nil
	t.free = append(t.free, slot)
}

// fill closes the hole at the root, if there is one.
func (t *Timeline) fill() {
	if !t.hole {
		return
	}
	t.hole = false
	last := len(t.heap) - 1
	e := t.heap[last]
	t.heap = t.heap[:last]
	if last > 0 {
		t.down(0, e)
	}
}

// fix places e at i or wherever the order wants it.
func (t *Timeline) fix(i int, e entry) {
	if i > 0 && e.before(t.heap[(i-1)/4]) {
		t.up(i, e)
		return
	}
	t.down(i, e)
}

func (t *Timeline) up(i int, e entry) {
	h, pos := t.heap, t.pos
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		pos[h[i].key&slotMask] = int32(i)
		i = parent
	}
	h[i] = e
	pos[e.key&slotMask] = int32(i)
}

func (t *Timeline) down(i int, e entry) {
	h, pos := t.heap, t.pos
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c, end := child+1, min(child+4, len(h)); c < end; c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if !h[least].before(e) {
			break
		}
		h[i] = h[least]
		pos[h[i].key&slotMask] = int32(i)
		i = least
	}
	h[i] = e
	pos[e.key&slotMask] = int32(i)
}
