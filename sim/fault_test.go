package sim_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/engine/echo"
	"trial/sim"
)

func at(d clock.Duration) clock.Instant { return clock.Instant(d) }

func TestAPausedNodeIsAZombie(t *testing.T) {
	w, p := echoes(3, sim.Options{Seed: 2})
	w.RunUntil(at(clock.Second))
	if !w.Pause(2) || w.Pause(2) || !w.Paused(2) {
		t.Error("Pause does not tell whether it paused")
	}
	served, asked, busy := p[1].Served, p[0].Echoed(), p[2].Echoed()
	w.RunUntil(at(100 * clock.Second))
	if p[1].Served != served || p[0].Echoed() > asked+1 || p[0].Lost() != 0 {
		t.Errorf("the zombie served %d frames, its peer lost %d connections", p[1].Served-served, p[0].Lost())
	}
	if p[2].Echoed() <= busy {
		t.Error("the two others do not play any more")
	}
	w.Resume(2)
	w.RunUntil(at(101 * clock.Second))
	if p[1].Served <= served || p[0].Echoed() <= asked+1 {
		t.Error("nothing goes on after Resume")
	}
}

func TestTimersOfAPausedNodeAreLate(t *testing.T) {
	var fired clock.Instant
	var timer engine.Timer
	w := alone(func(h engine.Host) {
		timer.Fire = func() { fired = h.Now() }
		h.SetTimer(&timer, at(2*clock.Second))
	}, nil)
	w.Pause(1)
	w.RunUntil(at(5 * clock.Second))
	w.Resume(1)
	w.RunUntil(at(6 * clock.Second))
	if fired != at(5*clock.Second) {
		t.Errorf("fired at %v, want 5s", fired)
	}
}

func TestATimerStoppedWhileItWaitsDoesNotFire(t *testing.T) {
	var order []string
	var first, stopped, moved engine.Timer
	alone(func(h engine.Host) {
		first.Fire = func() {
			order = append(order, "first")
			if !stopped.Armed() || !moved.Armed() {
				t.Error("a due timer that has not fired is not armed")
			}
			h.StopTimer(&stopped)
			h.SetTimer(&moved, h.Now().Add(clock.Millisecond))
			if stopped.Armed() {
				t.Error("a stopped timer is armed")
			}
		}
		stopped.Fire = func() { order = append(order, "stopped") }
		moved.Fire = func() { order = append(order, "moved at "+h.Now().String()) }
		for _, timer := range []*engine.Timer{&first, &stopped, &moved} {
			h.SetTimer(timer, at(clock.Millisecond))
		}
	}, nil)
	if got := fmt.Sprint(order); got != "[first moved at 0.002s]" {
		t.Errorf("fired %v", got)
	}
}

func TestEventsOfABusyNodeWait(t *testing.T) {
	var fired []clock.Instant
	timers := make([]engine.Timer, 3)
	alone(func(h engine.Host) {
		for i := range timers {
			timers[i].Fire = func() { fired = append(fired, h.Now()) }
			h.SetTimer(&timers[i], at(clock.Millisecond))
		}
	}, func(o *sim.Options) { o.Service = sim.Service{Base: 10 * clock.Microsecond} })
	want := []clock.Instant{at(clock.Millisecond), at(1010 * clock.Microsecond), at(1020 * clock.Microsecond)}
	if fmt.Sprint(fired) != fmt.Sprint(want) {
		t.Errorf("fired at %v, want %v", fired, want)
	}
}

func TestCutHealAndGroups(t *testing.T) {
	w, p := echoes(3, sim.Options{Seed: 3})
	w.RunUntil(at(clock.Second))
	w.Cut([]engine.NodeID{1}, []engine.NodeID{1, 2, 3})
	w.RunUntil(at(2 * clock.Second))
	cut := [3]uint64{p[0].Echoed(), p[1].Echoed(), p[2].Echoed()}
	w.RunUntil(at(4 * clock.Second))
	if p[0].Echoed() != cut[0] || p[2].Echoed() != cut[2] || p[1].Echoed() == cut[1] {
		t.Error("cutting n1 off should stop n1 -> n2 and n3 -> n1, and leave n2 -> n3")
	}
	w.HealAll()
	w.RunUntil(at(10 * clock.Second))
	if p[0].Echoed() == cut[0] || p[2].Echoed() == cut[2] || p[0].Lost() != 0 {
		t.Errorf("after the heal: %d and %d echoes, %d connections lost", p[0].Echoed(), p[2].Echoed(), p[0].Lost())
	}
}

func TestHoldFramesDelaysWhatMatches(t *testing.T) {
	w, p := echoes(2, sim.Options{Seed: 3})
	w.RunUntil(at(clock.Second))
	release := w.HoldFrames(func(from, _ engine.NodeID, frame []byte) bool {
		return from == 1 && len(frame) == 64 && frame[7]%2 == 0
	}, 100*clock.Millisecond)
	before := p[0].Echoed()
	w.RunUntil(at(3 * clock.Second))
	if n := p[0].Echoed() - before; n < 10 || n > 60 {
		t.Errorf("%d echoes in 2 s, with every second ping held for 100 ms", n)
	}
	release()
	before = p[0].Echoed()
	w.RunUntil(at(5 * clock.Second))
	if n := p[0].Echoed() - before; n < 500 {
		t.Errorf("%d echoes in 2 s after the release", n)
	}
}

func TestKillAndStartMakeIncarnations(t *testing.T) {
	w, p := echoes(2, sim.Options{Seed: 3})
	w.RunUntil(at(clock.Second))
	if w.Start(1) || !w.Kill(1) || w.Kill(1) || w.Running(1) || w.Program(1) != nil {
		t.Error("Start and Kill do not tell whether they did anything")
	}
	w.RunUntil(at(2 * clock.Second))
	w.Start(1)
	if w.Incarnation(1) != 2 {
		t.Errorf("incarnation %d, want 2", w.Incarnation(1))
	}
	w.RunUntil(at(4 * clock.Second))
	if p[0].Echoed() == 0 || p[1].Lost() == 0 || w.Program(1) != engine.Program(p[0]) {
		t.Errorf("the second incarnation played %d pings, its peer lost %d connections", p[0].Echoed(), p[1].Lost())
	}
}

func TestExitIsTold(t *testing.T) {
	var told []string
	opt := sim.Options{Seed: 1, OnExit: func(n engine.NodeID, i engine.Incarnation, err error) {
		told = append(told, fmt.Sprint(n, i, err))
	}}
	w, _ := echoes(2, opt)
	w.RunUntil(at(clock.Second))
	w.Stop(2)
	w.RunUntil(at(2 * clock.Second))
	if ended, err := w.Ended(2); !ended || err != nil || fmt.Sprint(told) != "[2 1 <nil>]" || w.Running(2) {
		t.Errorf("told %v, ended %v with %v", told, ended, err)
	}
}

// TestDisksSurviveAndReportWhatPowerFailuresTook has a program append without
// syncing.
func TestDisksSurviveAndReportWhatPowerFailuresTook(t *testing.T) {
	lost := 0
	for seed := range uint64(20) {
		boot := func(h engine.Host) {
			if h.Incarnation() > 1 {
				return
			}
			h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: "f", Done: func(op *engine.DiskOp) {
				f := op.File
				h.Disk(&engine.DiskOp{Kind: engine.OpSyncDir, Path: "."})
				h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("durable")})
				h.Disk(&engine.DiskOp{Kind: engine.OpSyncFile, File: f, Done: func(*engine.DiskOp) {
					h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: bytes.Repeat([]byte("x"), 2000)})
				}})
			}})
		}
		w := alone(boot, func(o *sim.Options) { o.Seed = seed })
		w.PowerFail(1)
		got, err := w.Volume(1, 0).ReadFile("f")
		if err != nil || !strings.HasPrefix(string(got), "durable") {
			t.Fatalf("seed %d: %q, %v", seed, got, err)
		}
		whole := len(got) == 2007 && strings.Count(string(got), "x") == 2000
		if reported := len(w.Losses()) > 0; reported == whole {
			t.Errorf("seed %d: %d bytes left, losses %+v", seed, len(got), w.Losses())
		}
		if !whole {
			lost++
		}
		w.Start(1)
		if again, _ := w.Volume(1, 0).ReadFile("f"); !bytes.Equal(again, got) {
			t.Errorf("seed %d: the file changed at the start", seed)
		}
	}
	if lost < 5 {
		t.Errorf("%d of 20 power failures lost unsynced bytes", lost)
	}
}

func TestDiskFaultsReachPrograms(t *testing.T) {
	var file engine.FileID
	var h engine.Host
	w := alone(func(host engine.Host) {
		h = host
		h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: "f", Done: func(op *engine.DiskOp) { file = op.File }})
	}, nil)
	do := func(op *engine.DiskOp) *engine.DiskOp {
		t.Helper()
		done := false
		op.Done = func(*engine.DiskOp) { done = true }
		w.Call(1, func(engine.Host) { h.Disk(op) })
		w.RunUntil(w.Now().Add(clock.Second))
		if !done {
			t.Fatalf("an operation of kind %d did not complete", op.Kind)
		}
		return op
	}
	write := func() *engine.DiskOp {
		return do(&engine.DiskOp{Kind: engine.OpAppend, File: file, Data: make([]byte, 100)})
	}
	w.FailNextAppend(1, 0)
	if e1, e2 := write().Err, write().Err; e1 != engine.ErrIO || e2 != nil {
		t.Errorf("FailNextAppend: %v, then %v", e1, e2)
	}
	w.ShortAppend(1, 0)
	if op := write(); op.Err != nil || op.N >= 100 {
		t.Errorf("ShortAppend took %d bytes, %v", op.N, op.Err)
	}
	w.FailSync(1, 0, false)
	if err := do(&engine.DiskOp{Kind: engine.OpSyncFile, File: file}).Err; err != engine.ErrIO {
		t.Errorf("FailSync: %v", err)
	}
	w.LimitDisk(1, 0, 0)
	if err := write().Err; err != engine.ErrNoSpace {
		t.Errorf("LimitDisk: %v", err)
	}
	w.OfflineDisk(1, 0)
	if err := write().Err; err != engine.ErrOffline {
		t.Errorf("OfflineDisk: %v", err)
	}
	w.RepairDisk(1, 0)
	if err := write().Err; err != nil {
		t.Errorf("RepairDisk: %v", err)
	}
	w.FailDisk(1, 0, simdisk.BadRead, 1, 1)
	read := func() error {
		return do(&engine.DiskOp{Kind: engine.OpReadAt, File: file, Data: make([]byte, 10)}).Err
	}
	if e1, e2, e3 := read(), read(), read(); e1 != nil || e2 != engine.ErrIO || e3 != nil {
		t.Errorf("FailDisk after one: %v, %v, %v", e1, e2, e3)
	}
	if !w.Rot(1, 0, "f", 0, 0xff) || w.Rot(1, 0, "g", 0, 1) {
		t.Error("Rot does not tell whether there is such a byte")
	}
	if got, _ := w.Volume(1, 0).ReadFile("f"); got[0] != 0xff {
		t.Errorf("byte 0 is %#x after it rotted", got[0])
	}
	if w.WipeDisk(1, 0) {
		t.Error("the disk of a running node was wiped")
	}
	w.Kill(1)
	if !w.WipeDisk(1, 0) || len(w.Volume(1, 0).Snapshot()) != 0 {
		t.Error("a wiped disk holds something")
	}
}

func TestSlowNodeSlowDiskSlowLink(t *testing.T) {
	rate := func(tune func(w *sim.World)) uint64 {
		w, p := echoes(2, sim.Options{Seed: 4})
		w.RunUntil(at(clock.Second))
		tune(w)
		before := p[0].Echoed()
		w.RunUntil(at(5 * clock.Second))
		return p[0].Echoed() - before
	}
	plain := rate(func(*sim.World) {})
	for name, tune := range map[string]func(w *sim.World){
		"node": func(w *sim.World) { w.SlowNode(1, 1000) },
		"link": func(w *sim.World) { w.SlowLink(1, 2, 20) },
	} {
		if n := rate(tune); n == 0 || n > plain/2 {
			t.Errorf("slow %s: %d echoes instead of %d", name, n, plain)
		}
	}
}

func TestAtRunsBetweenEventsInOrder(t *testing.T) {
	w := sim.New(sim.Options{})
	var got []string
	for i, s := range []int64{3, 1, 2, 1} {
		w.At(at(clock.Ms(s)), func() { got = append(got, fmt.Sprint(i, "@", w.Now())) })
	}
	if next, ok := w.NextAt(); !ok || next != at(clock.Millisecond) {
		t.Errorf("next at %v, %v", next, ok)
	}
	w.RunUntil(at(2 * clock.Millisecond))
	if len(got) != 3 || w.Now() != at(2*clock.Millisecond) {
		t.Errorf("%v at %v", got, w.Now())
	}
	for w.Step() {
	}
	if s := fmt.Sprint(got); s != "[1@0.001s 3@0.001s 2@0.002s 0@0.003s]" {
		t.Errorf("order %s", s)
	}
	w.RunUntil(at(clock.Second))
	if _, ok := w.NextAt(); ok || w.Now() != at(clock.Second) {
		t.Error("an empty world has something to do")
	}
}

func TestSeedsOfNamedStreamsDifferByNodeIncarnationAndName(t *testing.T) {
	seen := map[uint64]string{}
	var w *sim.World
	boot := func(h engine.Host) {
		for _, name := range []string{"a", "b"} {
			x, who := h.Stream(name).Uint64(), fmt.Sprint(h.Node(), h.Incarnation(), name)
			if other, taken := seen[x]; taken {
				t.Errorf("%s and %s draw the same", who, other)
			}
			seen[x] = who
		}
	}
	nodes := []sim.NodeSpec{}
	for id := range engine.NodeID(2) {
		nodes = append(nodes, sim.NodeSpec{ID: id + 1, Factory: func() engine.Program { return &small{boot: boot} }})
	}
	w = sim.New(sim.Options{Seed: 1, Nodes: nodes})
	for range 2 {
		w.Restart(1)
		w.Restart(2)
		w.RunUntil(w.Now().Add(clock.Second))
	}
	if len(seen) != 8 {
		t.Errorf("%d draws, want 8", len(seen))
	}
}

func TestLockstepNamesTheFirstDifference(t *testing.T) {
	build := func(late bool) *sim.World {
		w, _ := echoes(2, sim.Options{Seed: 9})
		if late {
			w.At(at(clock.Second), func() { w.SkewClock(2, clock.Second) })
		}
		return w
	}
	if d := sim.Lockstep(build(true), build(true), at(3*clock.Second)); d != nil {
		t.Error(d)
	}
	d := sim.Lockstep(build(true), build(false), at(3*clock.Second))
	if d == nil || d.A.Kind != "fault" || d.A.At != at(clock.Second) || d.A.Node != 2 {
		t.Errorf("divergence %v", d)
	}
}

func TestEchoPlaysItsNumberOfPings(t *testing.T) {
	var client *echo.Program
	w := sim.New(sim.Options{Seed: 1, Nodes: []sim.NodeSpec{
		{ID: 1, Listeners: []string{addr(1, 0)}, Factory: func() engine.Program { return echo.New(echo.Config{Serve: true}) }},
		{ID: 2, Factory: func() engine.Program {
			client = echo.New(echo.Config{Peers: []string{addr(1, 0), addr(1, 0)}, Count: 50, Size: 1000})
			return client
		}},
	}})
	w.Start(2) // its first dials are refused
	w.RunUntil(at(clock.Second))
	w.Start(1)
	w.RunUntil(at(10 * clock.Second))
	if !client.Done() || client.Echoed() != 100 || client.Lost() == 0 {
		t.Errorf("%d pings, %d refusals", client.Echoed(), client.Lost())
	}
	if _, more := w.NextAt(); more {
		t.Error("the clients are done, but something goes on")
	}
}

// A process that hangs gets afterwards what the system has taken for it, also from
// senders that are gone by then.
func TestRequestsOfClosedConnectionsComeLate(t *testing.T) {
	for _, gone := range []bool{false, true} {
		var late []string
		opt := sim.Options{Seed: 3, OnLate: func(_ clock.Instant, node, from engine.NodeID, frame []byte) {
			late = append(late, fmt.Sprint(from, ">", node, " ", len(frame) > 0))
		}}
		w, _ := echoes(2, opt)
		w.RunUntil(at(clock.Second))
		w.Pause(2)
		w.RunUntil(w.Now().Add(100 * clock.Millisecond))
		if gone {
			w.Kill(1)
		}
		w.RunUntil(w.Now().Add(100 * clock.Millisecond))
		w.Resume(2)
		w.RunUntil(w.Now().Add(clock.Second))
		want := ""
		if gone {
			want = "1>2 true"
		}
		if got := strings.Join(slices.Compact(late), " "); got != want {
			t.Errorf("sender gone %v: late frames %q, want %q", gone, got, want)
		}
	}
}
