package simnet

import (
	"fmt"
	"slices"
	"testing"

	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
)

// box is a machine that takes every event at once and notes it.
type box struct {
	t      *testing.T
	lab    *lab
	m      *Machine
	ready  []*End
	events []string
	ends   []*End // accepted
	file   []byte
	frozen bool
	got    int // bytes of frames
}

func (b *box) Ready(e *End) { b.ready = append(b.ready, e) }

func (b *box) ReadRegion(_ engine.FileID, pos int64, p []byte) error {
	if pos+int64(len(p)) > int64(len(b.file)) {
		return engine.ErrIO
	}
	copy(p, b.file[pos:])
	return nil
}

func (b *box) drain() {
	for len(b.ready) > 0 && !b.frozen {
		e := b.ready[0]
		b.ready = b.ready[1:]
		ev, ok := e.Take()
		if !ok {
			continue
		}
		switch ev.Kind {
		case Accepted:
			b.ends = append(b.ends, e)
			b.events = append(b.events, "accept "+e.Peer())
		case Opened:
			b.events = append(b.events, "opened")
		case Frame:
			s := string(ev.Buf.B)
			b.got += len(s)
			if len(s) > 30 {
				s = fmt.Sprintf("%d bytes", len(s))
			}
			b.events = append(b.events, s)
			b.lab.pool.Put(ev.Buf)
		case Closed:
			b.events = append(b.events, "closed: "+ev.Err.Error())
		}
		e.Next()
	}
}

// lab is two machines.
type lab struct {
	tl   virtual.Timeline
	pool engine.Pool
	net  *Net
	a, b *box
}

func newLab(t *testing.T, tune func(c *Climate, l *Limits, specs []Spec)) *lab {
	l := &lab{}
	l.pool.Poison = true
	l.a, l.b = &box{t: t, lab: l}, &box{t: t, lab: l}
	c := Climate{Base: ms, Jitter: ms}
	limits := DefaultLimits()
	limits.HalfOpen = 0
	specs := []Spec{
		{ID: 1, Listeners: []string{"a:1"}, Host: l.a},
		{ID: 2, Listeners: []string{"b:1", "b:2"}, Host: l.b},
	}
	if tune != nil {
		tune(&c, &limits, specs)
	}
	l.net = New(&l.tl, &l.pool, 1, c, limits, specs)
	l.a.m, l.b.m = l.net.Machine(0), l.net.Machine(1)
	l.a.m.Boot()
	l.b.m.Boot()
	l.b.m.Listen(0)
	return l
}

// run lets everything happen up to an instant.
func (l *lab) run(until clock.Duration) {
	for {
		l.a.drain()
		l.b.drain()
		at, ok := l.tl.NextAt()
		if !ok || at > clock.Instant(until) {
			break
		}
		l.tl.Next().Fire()
	}
	l.tl.Advance(clock.Instant(until))
}

func (l *lab) dial(addr string) *End { return l.a.m.Dial(addr, l.tl.Now()) }

func (l *lab) send(e *End, data string) {
	b := l.pool.Get(len(data))
	b.B = append(b.B, data...)
	e.Send(b, l.tl.Now())
}

// open returns both ends of an open connection, at 10 ms.
func (l *lab) open() (a, b *End) {
	a = l.dial("b:1")
	l.run(10 * ms)
	b = l.b.ends[0]
	b.SetWindow(1000)
	l.a.events, l.b.events = nil, nil
	return a, b
}

func (b *box) want(events ...string) {
	b.t.Helper()
	if !slices.Equal(b.events, events) {
		b.t.Errorf("node %d saw %q, want %q", b.m.id, b.events, events)
	}
	b.events = nil
}
