package host

import (
	"trial/clock"
	"trial/engine"
)

// timers is a heap of armed timers, ordered by instant and then by the order
// of setting.
type timers struct {
	heap []*engine.Timer
	seq  uint64
}

func earlier(a, b *engine.Timer) bool {
	if a.Host.At != b.Host.At {
		return a.Host.At < b.Host.At
	}
	return a.Host.Seq < b.Host.Seq
}

func (q *timers) set(t *engine.Timer, at clock.Instant) {
	q.seq++
	t.Host.At, t.Host.Seq = at, q.seq
	if t.Host.Index == 0 {
		q.heap = append(q.heap, t)
		t.Host.Index = int32(len(q.heap))
	}
	q.fix(int(t.Host.Index) - 1)
}

func (q *timers) stop(t *engine.Timer) {
	if t.Host.Index == 0 {
		return
	}
	i, last := int(t.Host.Index)-1, len(q.heap)-1
	moved := q.heap[last]
	q.heap[last] = nil
	q.heap = q.heap[:last]
	t.Host = engine.HostTimer{}
	if i < last {
		q.place(i, moved)
		q.fix(i)
	}
}

// next is the instant of the earliest timer.
func (q *timers) next() (clock.Instant, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].Host.At, true
}

// due takes the earliest timer if its instant has come and it was set no later
// than limit, a value that seq had.
func (q *timers) due(now clock.Instant, limit uint64) *engine.Timer {
	if len(q.heap) == 0 || q.heap[0].Host.At > now || q.heap[0].Host.Seq > limit {
		return nil
	}
	t := q.heap[0]
	q.stop(t)
	return t
}

func (q *timers) place(i int, t *engine.Timer) {
	q.heap[i] = t
	t.Host.Index = int32(i + 1)
}

// fix restores the order around position i.
func (q *timers) fix(i int) {
	t := q.heap[i]
	for i > 0 && earlier(t, q.heap[(i-1)/2]) {
		q.place(i, q.heap[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			break
		}
		if child+1 < len(q.heap) && earlier(q.heap[child+1], q.heap[child]) {
			child++
		}
		if !earlier(q.heap[child], t) {
			break
		}
		q.place(i, q.heap[child])
		i = child
	}
	q.place(i, t)
}
