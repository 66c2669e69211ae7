package sim

import (
	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
)

// timerTask is the host's side of a program's timer. Timer.Host.Owner holds it
// from the first SetTimer on, so that setting a timer again allocates nothing;
// Timer.Host.Index is its id on the timeline, due while it waits in the inbox.
type timerTask struct {
	p      *proc
	timer  *engine.Timer
	gen    uint64 // counts SetTimer and StopTimer: an older entry of the inbox is void
	number uint64 // per incarnation, for the trace
}

const due = -1

func (p *proc) timerOf(t *engine.Timer) *timerTask {
	tt, ok := t.Host.Owner.(*timerTask)
	if !ok || tt.p != p || tt.timer != t {
		p.numTimers++
		tt = &timerTask{p: p, timer: t, number: p.numTimers}
		t.Host = engine.HostTimer{Owner: tt}
	}
	return tt
}

// SetTimer arms a timer.
func (p *proc) SetTimer(t *engine.Timer, at clock.Instant) {
	if p.dead {
		return
	}
	tt := p.timerOf(t)
	t.Host.At = at
	global := p.n.drift.toGlobal(at)
	if t.Host.Index > 0 {
		p.w.tl.Move(virtual.ID(t.Host.Index), global)
		return
	}
	tt.gen++
	t.Host.Index = int32(p.w.tl.Add(global, tt))
}

// StopTimer disarms a timer.
func (p *proc) StopTimer(t *engine.Timer) {
	if p.dead || t.Host.Index == 0 {
		return
	}
	tt, ok := t.Host.Owner.(*timerTask)
	if !ok || tt.p != p {
		return
	}
	if t.Host.Index > 0 {
		p.w.tl.Remove(virtual.ID(t.Host.Index))
	}
	tt.gen++
	t.Host.Index = 0
}

// Fire is called when the timer is due. Its process may be gone.
func (t *timerTask) Fire() {
	if t.p.dead {
		return
	}
	t.timer.Host.Index = due
	t.p.n.post(work{kind: workTimer, timer: t, gen: t.gen})
}
