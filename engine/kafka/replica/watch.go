package replica

// Change is what a Watcher wants to hear of. Whatever it is, a change of role,
// leader epoch or of the log below its end wakes everybody.
type Change uint8

// The changes.
const (
	AnyChange Change = iota
	HWChange         // the high watermark moved: what a consumer waits for
	EndChange        // the log end moved: what a follower waits for
)

// Watcher waits for a change of a partition (a DelayedFetch). The caller owns it;
// one Watcher watches one partition at a time.
type Watcher struct {
	// Wake is called once, in a later event than the change; watch again for more.
	Wake func(w *Watcher)
	// On spares wake-ups that cannot help.
	On Change
	// Tag is the caller's.
	Tag any

	linked[*Watcher]
}

// watcherList is a list in order of registration.
type watcherList struct{ chain[*Watcher] }

func (l *watcherList) push(w *Watcher) { l.insertAfter(l.tail, &w.linked, w) }

// Watch registers w; a watcher of a closed partition is woken at once (in a later
// event).
func (p *Partition) Watch(w *Watcher) {
	w.unlink()
	p.watchers.push(w)
	if p.closed || p.Offline() {
		p.wakeAll()
	}
}

// Unwatch takes w back, even when its wake-up is already on the way.
func (p *Partition) Unwatch(w *Watcher) { w.unlink() }

// wakeAll wakes everybody: role, leader epoch or log have changed.
func (p *Partition) wakeAll() { p.wake(AnyChange) }

// wake moves the watchers that wait for a change to the woken.
func (p *Partition) wake(what Change) {
	for l := p.watchers.head; l != nil; {
		w, next := l.of, l.next
		if what == AnyChange || w.On == AnyChange || w.On == what {
			w.unlink()
			p.woken.push(w)
		}
		l = next
	}
	p.armWake()
}

func (p *Partition) armWake() {
	if !p.woken.empty() && !p.wakeTimer.Armed() {
		p.h.SetTimer(&p.wakeTimer, p.h.Now())
	}
}

// deliverWakes wakes those who were to be woken when it began: who watches again
// and is woken again meanwhile has its turn in the next event.
func (p *Partition) deliverWakes() {
	n := 0
	for l := p.woken.head; l != nil; l = l.next {
		n++
	}
	for ; n > 0 && !p.woken.empty(); n-- {
		w := p.woken.first()
		w.unlink()
		w.Wake(w)
	}
	p.armWake()
}
