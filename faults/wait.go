package faults

import (
	"fmt"

	"trial/clock"
)

// Watcher is what a World has besides if it tells what happens in it. In one that
// does not, faults with an anchor never strike.
type Watcher interface {
	Now() clock.Instant
	// Holds reports whether the state that e names holds now.
	Holds(e Event) bool
	// Watch calls f whenever e happens from now on, each time once, until stop is
	// called: right after the event of the world in which it happened has ended,
	// before the next one begins. It leaves out events of the world in which unless
	// happened too. Several watches are called in the order in which they began.
	Watch(e, unless Event, f func()) (stop func())
	// Came is told that a step of a fault's anchor is done.
	Came(f Fault, step int)
}

// wait is an anchored fault until it strikes.
type wait struct {
	in   *Injector
	w    Watcher
	f    Fault
	step int   // of f.Steps, which it waits for
	n    int64 // how often the event of the step has happened
	done bool  // it has struck or been skipped

	stop    func() // of the watch under way
	spoiled bool   // f.Before has happened since the last event
}

// await has a fault strike when its anchor comes.
func (in *Injector) await(f Fault) {
	w, ok := in.world.(Watcher)
	if !ok {
		in.skip(f, nil, "this world does not tell what happens in it")
		return
	}
	a := &wait{in: in, w: w, f: f}
	in.waits = append(in.waits, a)
	if f.At > w.Now() {
		in.world.At(f.At, a.begin)
		return
	}
	a.begin()
}

// begin waits for the present step. States that hold already are passed at once.
func (a *wait) begin() {
	for {
		if a.in.stopped || a.done {
			return
		}
		if a.step == len(a.f.Steps) {
			a.strike()
			return
		}
		s := a.f.Steps[a.step]
		if s.Later > 0 {
			a.in.world.At(a.w.Now().Add(s.Later), a.next)
			return
		}
		if !s.Event.What.State() || !a.w.Holds(s.Event) {
			a.n = 0
			a.stop = a.w.Watch(s.Event, a.unless(), a.happened)
			return
		}
		a.guard()
		a.came()
	}
}

// unless is what must not happen in the same event of the world as the step's own
// event, if that is the last one.
func (a *wait) unless() Event {
	if a.last() {
		return a.f.Before
	}
	return Event{}
}

// last reports whether the present step is the last one with an event.
func (a *wait) last() bool {
	for _, s := range a.f.Steps[a.step+1:] {
		if s.Later == 0 {
			return false
		}
	}
	return true
}

// happened is called by the watch of the present step.
func (a *wait) happened() {
	if a.in.stopped {
		return
	}
	if a.n++; a.n < a.f.Steps[a.step].Count {
		return
	}
	a.unwatch()
	a.guard()
	a.next()
}

// next goes on to the step behind the present one.
func (a *wait) next() {
	if a.in.stopped || a.done {
		return
	}
	a.came()
	a.begin()
}

func (a *wait) came() {
	a.w.Came(a.f, a.step)
	a.step++
}

// guard looks out for f.Before once the last event has happened, if the fault
// does not strike at that moment anyway.
func (a *wait) guard() {
	if a.f.Before.What == "" || !a.last() || a.step+1 == len(a.f.Steps) {
		return
	}
	a.stop = a.w.Watch(a.f.Before, Event{}, func() { a.spoiled = true })
}

func (a *wait) unwatch() {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

func (a *wait) strike() {
	a.done = true
	a.unwatch()
	if a.spoiled {
		a.in.skip(a.f, nil, "too late: "+a.f.Before.String()+" came before it")
		return
	}
	f := a.f
	f.At = a.w.Now()
	a.in.strike(f)
}

// giveUp skips a fault that has not struck.
func (a *wait) giveUp() {
	if a.done {
		return
	}
	a.done = true
	a.unwatch()
	why := "its anchor never came"
	if a.step < len(a.f.Steps) {
		s := a.f.Steps[a.step]
		why += fmt.Sprintf(": it waited for step %d, %q", a.step+1, s)
		if s.Count > 1 {
			why += fmt.Sprintf(", which came to %d of %d", a.n, s.Count)
		}
	}
	a.in.skip(a.f, nil, why)
}
