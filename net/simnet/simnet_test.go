package simnet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
)

const ms = clock.Millisecond

func TestHandshakeTakesARoundTrip(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Jitter = 0 })
	e := l.dial("b:1")
	l.send(e, "early")
	l.run(2*ms - 1)
	l.a.want()
	l.b.want("accept n1")
	l.run(2 * ms)
	l.a.want("opened")
	l.run(3*ms - 1)
	l.b.want()
	l.run(3 * ms)
	l.b.want("early")
}

func TestDialsThatFail(t *testing.T) {
	l := newLab(t, nil)
	l.dial("nowhere:1")
	l.run(0)
	l.a.want("closed: no such address")
	l.dial("b:2") // not listening
	l.run(10 * ms)
	l.a.want("closed: connection refused")
	l.b.m.Kill()
	l.dial("b:1")
	l.run(20 * ms)
	l.a.want("closed: connection refused")
	l.b.m.PowerOff()
	l.dial("b:1")
	l.run(20*ms + 10*clock.Second - 1)
	l.a.want()
	l.run(20*ms + 10*clock.Second)
	l.a.want("closed: connection timed out")
	l.b.want()
}

func TestFramesStayInOrder(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Jitter, c.Rare, c.Slow = 3*ms, 500, 50*ms })
	a, b := l.open()
	var ab, ba []string
	for i := range 500 {
		ab, ba = append(ab, fmt.Sprint("x", i)), append(ba, fmt.Sprint("y", i))
		l.send(a, ab[i])
		l.send(b, ba[i])
		l.run(clock.Duration(l.tl.Now()) + clock.Duration(i%7)*ms)
	}
	l.run(10 * clock.Second)
	l.b.want(ab...)
	l.a.want(ba...)
}

func TestPatchingABufferAfterSendChangesNothing(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	buf := l.pool.Get(8)
	buf.B = append(buf.B, "original"...)
	alias := buf.B
	a.Send(buf, l.tl.Now())
	copy(alias, "patched!")
	l.run(20 * ms)
	l.b.want("original")
}

func TestBandwidthDelaysWhatFollows(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Jitter, c.BytesPerSec = 0, 1_000_000 })
	a, _ := l.open()
	l.send(a, strings.Repeat("x", 100_000)) // a tenth of a second
	l.send(a, "behind")
	l.run(110 * ms)
	l.b.want()
	l.run(112 * ms)
	l.b.want("100000 bytes", "behind")
}

func TestWindowBoundsWhatIsOnTheWay(t *testing.T) {
	l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.WindowBytes = 1000 })
	a, b := l.open()
	b.SetWindow(1) // and nobody answers
	for range 30 {
		l.send(a, strings.Repeat("x", 300))
	}
	l.run(clock.Second)
	if l.b.got != 300 || a.out.inFlight > 1000 || a.out.queue.n < 20 {
		t.Errorf("taken %d, in flight %d, queued %d", l.b.got, a.out.inFlight, a.out.queue.n)
	}
	for i := range 29 {
		b.Unmute()
		l.run(clock.Second + clock.Duration(i)*10*ms)
	}
	l.run(3 * clock.Second)
	if l.b.got != 9000 || a.m.out != 0 {
		t.Errorf("taken %d of 9000, %d queued", l.b.got, a.m.out)
	}
}

func TestCutPacketsAreSentAgainAfterTheHeal(t *testing.T) {
	l := newLab(t, nil)
	a, b := l.open()
	l.net.Cut(0, 1)
	l.send(a, "one")
	l.send(a, "two")
	l.send(b, "other way")
	l.run(5 * clock.Second)
	l.b.want()
	l.a.want("other way")
	l.net.Heal(0, 1)
	l.run(8 * clock.Second)
	l.b.want("one", "two")
	l.run(200 * clock.Second)
	l.a.want()
	l.b.want()
}

func TestDialOverACutTimesOut(t *testing.T) {
	for _, way := range [][2]int{{0, 1}, {1, 0}} {
		l := newLab(t, nil)
		l.net.Cut(way[0], way[1])
		l.dial("b:1")
		l.run(10*clock.Second - 1)
		l.a.want()
		l.run(11 * clock.Second)
		l.a.want("closed: connection timed out")
		l.net.Heal(way[0], way[1])
		l.run(30 * clock.Second)
		l.a.want()
		if way[0] == 1 { // the listener had seen the SYN; its answer meets nobody now
			l.b.want("accept n1", "closed: connection reset by peer")
		}
		if n := l.a.m.Connections() + l.b.m.Connections(); n != 0 {
			t.Errorf("%d ends are left", n)
		}
	}
}

func TestDialSurvivesAShortCut(t *testing.T) {
	l := newLab(t, nil)
	l.net.Cut(0, 1)
	l.dial("b:1")
	l.run(2 * clock.Second)
	l.net.Heal(0, 1)
	l.run(9 * clock.Second)
	l.a.want("opened")
	l.run(100 * clock.Second)
	l.a.want()
}

func TestUserTimeoutLeavesTheOtherEndHalfOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		way  [2]int // the direction that is cut; a sends
	}{{"data", [2]int{0, 1}}, {"acknowledgements", [2]int{1, 0}}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, nil)
			a, b := l.open()
			l.net.Cut(c.way[0], c.way[1])
			l.send(a, "x")
			l.run(61 * clock.Second)
			l.a.want("closed: connection timed out")
			if l.b.got > 0 != (c.name == "acknowledgements") {
				t.Errorf("the other end got %d bytes", l.b.got)
			}
			l.b.events = nil
			l.net.Heal(c.way[0], c.way[1])
			l.run(100 * clock.Second)
			l.b.want() // half-open
			l.send(b, "anybody?")
			l.run(101 * clock.Second)
			l.b.want("closed: connection reset by peer")
			l.a.want()
		})
	}
}

func TestHealInTimeKeepsTheConnection(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	l.net.Cut(0, 1)
	l.net.Cut(1, 0)
	l.send(a, "x")
	l.run(50 * clock.Second)
	l.net.Heal(0, 1)
	l.net.Heal(1, 0)
	l.run(200 * clock.Second)
	l.a.want()
	l.b.want("x")
}

func TestClogHasNoTimeout(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	l.net.Clog(0, 1)
	l.send(a, "x")
	l.run(clock.Hour)
	l.a.want()
	l.b.want()
	l.net.Unclog(0, 1)
	l.run(clock.Hour + 5*clock.Second)
	l.b.want("x")
	l.a.want()
}

func TestSlowLink(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Jitter = 0 })
	a, _ := l.open()
	l.net.Slow(0, 1, 40)
	l.send(a, "x")
	l.run(10*ms + 39*ms)
	l.b.want()
	l.run(10*ms + 40*ms)
	l.b.want("x")
}

func TestResetLosesWhatIsUnderWayAndTellsBoth(t *testing.T) {
	l := newLab(t, nil)
	a, b := l.open()
	l.send(a, "lost")
	l.send(b, "lost")
	if n := l.net.Reset(0, 1); n != 1 {
		t.Errorf("%d connections reset, want 1", n)
	}
	l.send(a, "into the void")
	l.run(20 * ms)
	l.a.want("closed: connection reset by peer")
	l.b.want("closed: connection reset by peer")
	l.run(10 * clock.Second)
	l.a.want()
	l.b.want()
	if n := l.net.Reset(0, 1); n != 0 {
		t.Errorf("%d connections reset, want none", n)
	}
}

func TestHalfOpenResetIsLearntBySending(t *testing.T) {
	quiet, told := 0, 0
	for range 20 {
		l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.HalfOpen = 1000 })
		for range 10 { // draw another victim
			l.net.draw.Uint64()
		}
		a, b := l.open()
		l.net.Reset(0, 1)
		l.run(20 * ms)
		if len(l.a.events)+len(l.b.events) == 1 {
			quiet++
		}
		l.send(a, "x")
		l.send(b, "x")
		l.run(30 * ms)
		if len(l.a.events) == 1 && len(l.b.events) == 1 {
			told++
		}
	}
	if quiet != 20 || told != 20 {
		t.Errorf("of 20 resets %d left one end in the dark, %d were known to both after a send", quiet, told)
	}
}

func TestKillResetsAfterWhatWasTransmitted(t *testing.T) {
	l := newLab(t, nil)
	a, b := l.open()
	a.SetWindow(10)
	l.send(b, "last words")
	l.b.m.Kill()
	l.run(20 * ms)
	if got := l.a.events; len(got) == 0 || got[len(got)-1] != "closed: connection reset by peer" {
		t.Errorf("the peer saw %q", got)
	}
	l.b.want()
}

func TestKillBehindACutIsLearntLater(t *testing.T) {
	l := newLab(t, nil)
	l.open()
	l.net.Cut(1, 0)
	l.b.m.Kill()
	l.run(30 * clock.Second)
	l.a.want()
	l.net.Heal(1, 0)
	l.run(40 * clock.Second)
	l.a.want("closed: connection reset by peer")
}

func TestPowerFailureIsSilent(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	l.b.m.PowerOff()
	l.run(300 * clock.Second)
	l.a.want()
	l.send(a, "x")
	l.run(301 * clock.Second)
	l.a.want()
	l.b.m.Boot() // a machine that knows nothing of the connection
	l.run(305 * clock.Second)
	l.a.want("closed: connection reset by peer")
	l.b.want()
}

func TestPowerFailureTimesOutWithoutABoot(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	l.b.m.PowerOff()
	l.send(a, "x")
	l.run(62 * clock.Second)
	l.a.want("closed: connection timed out")
}

func TestExitSendsWhatIsQueued(t *testing.T) {
	l := newLab(t, func(_ *Climate, lim *Limits, _ []Spec) { lim.WindowBytes = 100 })
	a, b := l.open()
	_ = a
	for i := range 10 {
		l.send(b, fmt.Sprintf("%0100d", i))
	}
	l.b.m.Exit()
	l.run(clock.Second)
	if n := len(l.a.events); n != 11 || l.a.events[10] != "closed: connection closed by peer" {
		t.Errorf("the peer saw %q", l.a.events)
	}
}

func TestRegionsAreReadWhenTheyAreTransmitted(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.BytesPerSec = 1_000_000 })
	a, _ := l.open()
	l.a.file = []byte("old bytes")
	l.send(a, strings.Repeat("x", 50_000)) // keeps the link busy
	a.SendParts([]engine.Part{{File: 1, Len: 9}}, l.tl.Now())
	copy(l.a.file, "new")
	l.run(clock.Second)
	l.b.want("50000 bytes", "new bytes")
}

func TestCutRegionsResetsOnlyOverlappingConnections(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.BytesPerSec = 1_000_000 })
	one, _ := l.open()
	two := l.dial("b:1")
	l.run(20 * ms)
	l.a.events, l.b.events = nil, nil
	l.a.file = make([]byte, 100)
	l.send(one, strings.Repeat("x", 50_000))
	one.SendParts([]engine.Part{{File: 1, Pos: 40, Len: 11}}, l.tl.Now())
	two.SendParts([]engine.Part{{File: 1, Pos: 40, Len: 10}}, l.tl.Now())
	l.a.m.CutRegions(func(_ engine.FileID, pos int64, n int) bool { return pos+int64(n) > 50 })
	l.run(clock.Second)
	l.a.want("closed: connection reset by peer")
	// What was transmitted before still arrives.
	slices.Sort(l.b.events)
	l.b.want(strings.Repeat("\x00", 10), "50000 bytes", "closed: connection reset by peer")
}

func TestBudgetStopsReading(t *testing.T) {
	l := newLab(t, func(_ *Climate, _ *Limits, s []Spec) { s[1].Budget = Budget{In: 1000, Appends: 500} })
	a, b := l.open()
	for range 10 {
		l.send(a, strings.Repeat("x", 400))
	}
	l.run(clock.Second)
	if l.b.got != 1200 {
		t.Errorf("a budget of 1000 bytes let %d in", l.b.got)
	}
	b.Unmute() // one answered: 800 bytes are held
	l.run(2 * clock.Second)
	if l.b.got != 1600 {
		t.Errorf("after an answer %d bytes, want 1600", l.b.got)
	}
	l.b.m.Appends = 600
	for range 3 {
		b.Unmute()
	}
	l.run(3 * clock.Second)
	if l.b.got != 1600 {
		t.Errorf("over the budget of appends %d bytes were read", l.b.got)
	}
	l.b.m.Appends = 0
	l.b.m.Fed()
	l.run(4 * clock.Second)
	if l.b.got != 2800 {
		t.Errorf("with room again %d bytes, want 2800", l.b.got)
	}
}

func TestHeldFramesArriveLaterAndInOrder(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	release := l.net.Hold(func(from, to engine.NodeID, frame []byte) bool {
		return from == 1 && to == 2 && strings.HasPrefix(string(frame), "heartbeat")
	}, clock.Second)
	l.send(a, "first")
	l.send(a, "heartbeat 1")
	l.send(a, "behind")
	l.run(900 * ms)
	l.b.want("first")
	l.run(1100 * ms)
	l.b.want("heartbeat 1", "behind")
	release()
	l.send(a, "heartbeat 2")
	l.run(1200 * ms)
	l.b.want("heartbeat 2")
}

func TestAlteredFramesArriveAlteredAndTheSendersBytesStay(t *testing.T) {
	l := newLab(t, nil)
	a, _ := l.open()
	release := l.net.Alter(func(from, to engine.NodeID, frame []byte) {
		if from == 1 && to == 2 && strings.HasPrefix(string(frame), "data") {
			frame[0] = 'b'
		}
	})
	l.send(a, "other")
	l.send(a, "data")
	l.run(900 * ms)
	l.b.want("other", "bata")
	release()
	l.send(a, "data")
	l.run(1200 * ms)
	l.b.want("data")
}

func TestResetBeforeAcceptIsNotTold(t *testing.T) {
	l := newLab(t, nil)
	l.b.frozen = true
	l.dial("b:1")
	l.run(10 * ms)
	l.net.Reset(0, 1)
	l.run(20 * ms)
	l.b.frozen = false
	l.run(30 * ms)
	l.b.want()
	l.a.want("opened", "closed: connection reset by peer")
}

func TestFrameOverTheLimit(t *testing.T) {
	l := newLab(t, func(_ *Climate, _ *Limits, s []Spec) { s[1].MaxFrame = 10 })
	a, _ := l.open()
	l.send(a, "0123456789")
	l.send(a, "0123456789x")
	l.run(20 * ms)
	l.b.want("0123456789", "closed: "+engine.ErrFrameSize.Error())
	l.a.want("closed: connection reset by peer")
}

func TestLatencyFollowsTheClimate(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Rare, c.Slow = 1000, 100*ms })
	link := l.net.links[0][1]
	slow := 0
	for range 10_000 {
		switch d := link.latency(); {
		case d < ms || d > 102*ms:
			t.Fatalf("latency %v", d)
		case d > 2*ms:
			slow++
		}
	}
	if slow < 800 || slow > 1200 {
		t.Errorf("%d of 10000 packets were slow, want about 1000", slow)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	l := newLab(t, nil)
	a, b := l.open()
	for i := range 20 {
		l.send(a, strings.Repeat("x", i*1000))
		l.send(b, "y")
	}
	a.Close(l.tl.Now())
	l.run(clock.Second)
	if got := l.b.events[len(l.b.events)-1]; got != "closed: connection closed by peer" {
		t.Errorf("the last event is %q", got)
	}
	if n := l.a.m.Connections() + l.b.m.Connections(); n != 0 || l.tl.Len() != 0 || l.a.m.out != 0 || l.b.m.in != 0 {
		t.Errorf("%d ends, %d tasks, %d and %d bytes are left", n, l.tl.Len(), l.a.m.out, l.b.m.in)
	}
}
