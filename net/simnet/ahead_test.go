package simnet

import (
	"testing"

	"trial/clock"
	"trial/engine"
)

// What QuietUntil promises holds over any number of events, as long as the machine
// itself does nothing: a driver that sleeps until then misses nothing. And it is
// never in the past, or the driver would not sleep at all.
func TestNothingReachesAMachineBeforeItsQuietEnds(t *testing.T) {
	arrivals, spared := 0, 0
	for seed := range uint64(30) {
		l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.UserTimeout = 400 * ms })
		draw := engine.NewStream(seed, "ahead")
		var ends []*End
		echoed := 0
		for at := clock.Duration(0); at < 3*clock.Second; at += 20 * ms {
			l.disturb(draw)
			ends = l.act(draw, ends)
			quiet := l.a.quiet()
			for {
				next, any := l.tl.NextAt()
				if !any || next > clock.Instant(at+20*ms) {
					break
				}
				l.tl.Next().Fire()
				now := l.tl.Now()
				if len(l.a.ready) > 0 {
					arrivals++
					ev := l.a.ready[0].recv.at(0)
					if now < quiet && ev.Err != engine.ErrTimeout {
						t.Fatalf("seed %d: something (%d, %v) reached the machine at %v, which was to be quiet until %v", seed, ev.Kind, ev.Err, now, quiet)
					}
				}
				l.a.drain()
				l.b.drain()
				for ; echoed < len(l.b.ends); echoed++ { // the other side says something, too
					l.send(l.b.ends[echoed], "hello")
				}
				if now >= quiet {
					quiet = l.a.quiet()
				} else {
					spared++
				}
			}
			l.tl.Advance(clock.Instant(at + 20*ms))
		}
	}
	if arrivals < 1000 || spared < 100 {
		t.Errorf("%d arrivals, %d events slept over: too few to mean anything", arrivals, spared)
	}
}

func (b *box) quiet() clock.Instant {
	next, any := b.lab.tl.NextAt()
	if !any {
		return clock.Never
	}
	quiet := b.m.QuietUntil(next)
	if quiet < b.lab.tl.Now() {
		b.t.Fatalf("at %v the machine is quiet until %v", b.lab.tl.Now(), quiet)
	}
	return quiet
}

// disturb changes the links, or the other machine.
func (l *lab) disturb(draw *engine.Stream) {
	switch draw.Pick(8) {
	case 0:
		l.net.Cut(0, 1)
	case 1:
		l.net.Cut(1, 0)
	case 2:
		l.net.Clog(1, 0)
	case 3, 4:
		l.net.Heal(0, 1)
		l.net.Heal(1, 0)
		l.net.Unclog(1, 0)
	case 5:
		l.net.Reset(0, 1)
	case 6:
		if l.b.m.alive {
			l.b.m.Kill()
		} else {
			l.b.m.Boot()
			l.b.m.Listen(0)
		}
	}
}

// act is what the machines do by themselves.
func (l *lab) act(draw *engine.Stream, ends []*End) []*End {
	if draw.Chance(1, 2) {
		ends = append(ends, l.dial("b:1"))
	}
	for _, e := range ends {
		if draw.Chance(1, 3) && e.maySend() {
			l.send(e, "a request")
		}
	}
	for _, e := range l.b.ends {
		if draw.Chance(1, 3) && e.state == stateOpen && e.maySend() {
			l.send(e, "an answer")
		}
	}
	return ends
}

func TestUnsentIsWhatTheOtherSideHasNotTaken(t *testing.T) {
	l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.WindowBytes = 100 })
	a, _ := l.open()
	l.b.frozen = true
	for range 3 {
		l.send(a, string(make([]byte, 80)))
	}
	l.run(50 * ms)
	if got := a.Unsent(); got != 240 {
		t.Errorf("%d bytes are under way, want all 240", got)
	}
	l.b.frozen = false
	l.run(100 * ms)
	if got := a.Unsent(); got != 0 {
		t.Errorf("%d bytes are under way after all were taken", got)
	}
}

func TestWhoReadsNothingClosesTheWindowAndIsToldOfAReset(t *testing.T) {
	l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.WindowBytes = 10 })
	a, b := l.open()
	a.SetReading(false)
	for _, s := range []string{"one two", "three four", "five"} {
		l.send(b, s)
	}
	l.run(100 * ms)
	l.a.want()
	if got := b.Unsent(); got != 21 {
		t.Errorf("%d bytes are under way, want 21", got)
	}
	a.SetReading(true)
	l.run(200 * ms)
	l.a.want("one two", "three four", "five")
	a.SetReading(false)
	l.send(b, "six")
	l.net.Reset(0, 1)
	l.run(300 * ms)
	l.a.want("closed: connection reset by peer")
}
