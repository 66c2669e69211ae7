package sim_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/engine/echo"
	"trial/engine/enginetest"
	"trial/internal/must"
	"trial/sim"
)

// storm is a world of two echo nodes (1, 2), a log server (3) and two clients of
// it (4 writes, 5 reads), with faults drawn from the seed until 20 s.
type storm struct {
	*sim.World
	echoes         [2]*echo.Program
	server         *enginetest.LogServer
	writer, reader *enginetest.LogClient
}

func newStorm(seed uint64, power bool, tune func(o *sim.Options)) *storm {
	return newStormOf(seed, power, false, tune)
}

// newStormOf can have a server that does not sync.
func newStormOf(seed uint64, power, careless bool, tune func(o *sim.Options)) *storm {
	s := &storm{}
	opt := sim.Options{Seed: seed, Poison: true, Buggify: sim.Buggify{Active: 50}}
	for i := range s.echoes {
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{
			ID: engine.NodeID(i + 1), Listeners: []string{addr(engine.NodeID(i+1), 0)},
			Factory: func() engine.Program {
				s.echoes[i] = echo.New(echo.Config{Serve: true, Size: 100, Timeout: 2 * clock.Second, Peers: []string{addr(engine.NodeID(2-i), 0)}})
				return s.echoes[i]
			},
		})
	}
	opt.Nodes = append(opt.Nodes,
		sim.NodeSpec{ID: 3, Listeners: []string{addr(3, 0)}, Volumes: 1, Factory: func() engine.Program {
			s.server = &enginetest.LogServer{Careless: careless}
			return s.server
		}},
		sim.NodeSpec{ID: 4, Factory: func() engine.Program {
			old := s.writer
			s.writer = &enginetest.LogClient{Addr: addr(3, 0), Chunk: 900, Sync: 5, Reads: 1, Alone: true, Keeps: !power, Timeout: 2 * clock.Second}
			if old != nil { // what was acknowledged holds beyond the life of a client
				s.writer.Synced = old.Synced
			}
			return s.writer
		}},
		sim.NodeSpec{ID: 5, Factory: func() engine.Program {
			s.reader = &enginetest.LogClient{Addr: addr(3, 0), Chunk: 500, Reads: 3, Timeout: 2 * clock.Second}
			return s.reader
		}},
	)
	if tune != nil {
		tune(&opt)
	}
	s.World = sim.New(opt)
	for n := engine.NodeID(1); n <= 5; n++ {
		s.Start(n)
	}
	s.inject(seed, power)
	return s
}

// inject draws a fault every 200 ms or so.
func (s *storm) inject(seed uint64, power bool) {
	draw := engine.NewStream(seed, "storm")
	node := func() engine.NodeID { return engine.NodeID(draw.Between(1, 5)) }
	one := func(n engine.NodeID) []engine.NodeID { return []engine.NodeID{n} }
	for at := clock.Instant(0); at < clock.Instant(20*clock.Second); {
		at = at.Add(clock.Ms(draw.Between(10, 400)))
		a, b := node(), node()
		later := at.Add(clock.Ms(draw.Between(1, 3000)))
		what := draw.N(14)
		s.At(at, func() {
			switch what {
			case 0:
				s.Restart(a)
			case 1:
				s.Kill(a)
				s.At(later, func() { s.Start(a) })
			case 2:
				if power {
					s.PowerFail(a)
					s.At(later, func() { s.Start(a) })
				}
			case 3:
				s.Pause(a)
				s.At(later, func() { s.Resume(a) })
			case 4:
				s.Cut(one(a), one(b))
				s.At(later, func() { s.Heal(one(a), one(b)) })
			case 5:
				s.CutOneWay(one(a), one(b))
				s.At(later, func() { s.Heal(one(a), one(b)) })
			case 6:
				s.Clog(one(a), one(b))
				s.At(later, func() { s.Unclog(one(a), one(b)) })
			case 7, 8:
				s.ResetConns(a, b)
			case 9:
				s.SlowLink(a, b, 50)
			case 10:
				s.FailDisk(3, 0, simdisk.ShortRead, 0, 1)
			case 11:
				s.ShortAppend(3, 0)
			case 12:
				s.FailNextAppend(3, 0)
			case 13:
				s.SlowDisk(3, 0, 1+int64(a))
			}
		})
	}
	s.At(clock.Instant(20*clock.Second), func() {
		s.HealAll()
		s.RepairDisk(3, 0)
		for n := engine.NodeID(1); n <= 5; n++ {
			s.Resume(n)
			s.Start(n)
		}
	})
}

const stormEnd = clock.Instant(32 * clock.Second)

// finish runs a storm to its end and checks that everything goes on after it.
func (s *storm) finish(t *testing.T) {
	t.Helper()
	s.RunUntil(clock.Instant(25 * clock.Second))
	echoed, end := s.echoes[0].Echoed(), s.writer.End
	s.RunUntil(stormEnd)
	if v := s.Violation(); v != nil {
		t.Fatalf("%v\n%s", v, v.Stack)
	}
	if s.echoes[0].Echoed() == echoed || s.writer.End == end || s.reader.ReadBytes == 0 {
		t.Errorf("no progress after the storm: %d echoes, log at %d, %d bytes read",
			s.echoes[0].Echoed(), s.writer.End, s.reader.ReadBytes)
	}
}

func TestNothingIsLostInAStormOfKills(t *testing.T) {
	for seed := range seeds(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newStorm(seed, false, nil).finish(t) })
	}
}

func TestSyncedDataSurvivesPowerFailures(t *testing.T) {
	losses := 0
	for seed := range seeds(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newStorm(1000+seed, true, nil)
			s.finish(t)
			losses += len(s.Losses())
		})
	}
	if losses == 0 {
		t.Error("no power failure lost anything")
	}
}

func TestStormFindsAServerThatDoesNotSync(t *testing.T) {
	for seed := range uint64(50) {
		s := newStormOf(seed, true, true, nil)
		s.RunUntil(stormEnd)
		if v := s.Violation(); v != nil {
			if v.Rule != "ASSERT" || !strings.Contains(v.Reason, "synced up to") {
				t.Errorf("seed %d: %v", seed, v)
			}
			return
		}
	}
	t.Error("50 storms and nobody noticed")
}

// seeds is how many seeds a test takes: n, fewer with -short, SIM_RUNS of them.
func seeds(n uint64) uint64 {
	if runs, err := strconv.ParseUint(os.Getenv("SIM_RUNS"), 10, 64); err == nil {
		return runs
	}
	if testing.Short() {
		return n / 4
	}
	return n
}

func TestEqualOptionsGiveEqualRuns(t *testing.T) {
	hashes := map[uint64]uint64{}
	for seed := range seeds(5) {
		a, b := newStorm(seed, true, nil), newStorm(seed, true, nil)
		if d := sim.Lockstep(a.World, b.World, stormEnd); d != nil {
			t.Fatalf("seed %d: %v", seed, d)
		}
		if a.Hash() != b.Hash() || a.Events() < 1000 {
			t.Errorf("seed %d: hashes %x and %x after %d events", seed, a.Hash(), b.Hash(), a.Events())
		}
		if other, taken := hashes[a.Hash()]; taken {
			t.Errorf("seeds %d and %d have one hash", seed, other)
		}
		hashes[a.Hash()] = seed
	}
}

func TestHashDoesNotDependOnTheProcess(t *testing.T) {
	const n = 8
	run := func() uint64 {
		s := newStorm(3, true, nil)
		s.RunUntil(clock.Instant(10 * clock.Second))
		return s.Hash()
	}
	want, got := run(), make(chan uint64)
	for range n {
		go func() { got <- run() }()
	}
	for range n {
		if h := <-got; h != want {
			t.Errorf("hash %x in a busy process, want %x", h, want)
		}
	}
}

// TestHashIsTheSameOnEveryMachine has a number in it that any change of the
// simulator's choices changes. Then take the new one, from any architecture, and
// see that the others agree: GOARCH=386 go test ./sim.
func TestHashIsTheSameOnEveryMachine(t *testing.T) {
	s := newStorm(5, true, nil)
	s.RunUntil(clock.Instant(5 * clock.Second))
	const want = 0xbb4d1d4afd4465d5
	if s.Hash() != want {
		t.Errorf("hash %#x after %d events, want %#x", s.Hash(), s.Events(), uint64(want))
	}
}

func TestReadersChangeNothing(t *testing.T) {
	run := func(tune func(o *sim.Options)) (uint64, uint64) {
		s := newStorm(11, true, tune)
		s.RunUntil(clock.Instant(10 * clock.Second))
		return s.Hash(), s.Events()
	}
	want, events := run(nil)
	var trace bytes.Buffer
	for name, tune := range map[string]func(o *sim.Options){
		"trace":     func(o *sim.Options) { o.Trace = &trace },
		"discard":   func(o *sim.Options) { o.Trace = io.Discard },
		"no poison": func(o *sim.Options) { o.Poison = false },
		"facts": func(o *sim.Options) {
			o.OnFact = func(clock.Instant, engine.NodeID, engine.Incarnation, engine.Fact) {}
		},
		"logs": func(o *sim.Options) {
			o.OnLog = func(clock.Instant, engine.NodeID, engine.Level, string) {}
		},
	} {
		if h, n := run(tune); h != want || n != events {
			t.Errorf("%s: hash %x after %d events, want %x after %d", name, h, n, want, events)
		}
	}
	for _, word := range []string{" frame c", " disk append ", " fault ", " boot", " timer", " closed c"} {
		if !strings.Contains(trace.String(), word) {
			t.Errorf("the trace has no line with %q", word)
		}
	}
}

// small is a program made of functions.
type small struct {
	boot func(h engine.Host)
	h    engine.Host
}

func (s *small) Boot(h engine.Host) {
	s.h = h
	if s.boot != nil {
		s.boot(h)
	}
}

func (s *small) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }
func (s *small) Stop()                                                              { s.h.Exit(nil) }

// alone runs one node with a boot function for a second.
func alone(boot func(h engine.Host), tune func(o *sim.Options)) *sim.World {
	opt := sim.Options{Seed: 1, Nodes: []sim.NodeSpec{
		{ID: 1, Factory: func() engine.Program { return &small{boot: boot} }, Volumes: 1},
	}}
	if tune != nil {
		tune(&opt)
	}
	w := sim.New(opt)
	w.Start(1)
	w.RunUntil(clock.Instant(clock.Second))
	return w
}

func TestPanicsBecomeViolations(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		stack        bool
		boot         func(h engine.Host)
	}{
		{"broken invariant", "3 is not 4", false, func(engine.Host) { must.Hold(false, "%d is not %d", 3, 4) }},
		{"index", "out of range", true, func(h engine.Host) { _ = make([]int, 3)[h.Node()+2] }},
		{"double release", "released twice", true, func(h engine.Host) {
			b := h.Buf(1)
			h.Release(b)
			h.Release(b)
		}},
		{"unknown listener", "no listener 7", false, func(h engine.Host) { h.Listen(7) }},
		{"job", "job", true, func(h engine.Host) { h.Offload(&engine.Job{Run: func() { panic("job") }}) }},
	} {
		w := alone(c.boot, nil)
		v := w.Violation()
		if v == nil || v.Rule != "ASSERT" || v.Node != 1 || !strings.Contains(v.Reason, c.reason) || (v.Stack != "") != c.stack {
			t.Errorf("%s: violation %+v", c.name, v)
			continue
		}
		if _, more := w.NextAt(); more || w.Step() || w.RunUntil(clock.Instant(clock.Hour)) {
			t.Errorf("%s: the run went on", c.name)
		}
	}
}

func TestTooManyStepsAtOneInstantAreStuck(t *testing.T) {
	boot := func(h engine.Host) {
		var timer engine.Timer
		timer.Fire = func() { h.SetTimer(&timer, h.Now()) }
		h.SetTimer(&timer, h.Now())
	}
	w := alone(boot, func(o *sim.Options) { o.Service = sim.Service{PerKiB: 1} }) // events take no time
	if v := w.Violation(); v == nil || v.Rule != "STUCK" {
		t.Errorf("violation %+v", v)
	}
	w = alone(boot, func(o *sim.Options) { o.MaxEvents = 1000 })
	if v := w.Violation(); v == nil || v.Rule != "LIMIT" || w.Events() != 1000 {
		t.Errorf("violation %+v after %d events", v, w.Events())
	}
}

type fact string

func (fact) FactName() string { return "fact" }

func TestFactsProbesSitesAndLogsAreDelivered(t *testing.T) {
	var facts, logs []string
	boot := func(h engine.Host) {
		if h.Observed() {
			h.Emit(fact("one"))
		}
		h.Probe("b")
		h.Probe("a")
		h.Probe("b")
		h.Logf(engine.Warn, "%d bytes", 3)
		site := h.Site("rare")
		for range 1000 {
			if site.Hit() {
				return
			}
		}
	}
	w := alone(boot, func(o *sim.Options) {
		o.OnFact = func(_ clock.Instant, n engine.NodeID, i engine.Incarnation, f engine.Fact) {
			facts = append(facts, fmt.Sprintf("%d/%d/%v", n, i, f))
		}
		o.OnLog = func(_ clock.Instant, n engine.NodeID, l engine.Level, line string) {
			logs = append(logs, fmt.Sprintf("%d/%d/%s", n, l, line))
		}
		o.Buggify = sim.Buggify{Active: 100, Rarest: 4}
	})
	if fmt.Sprint(facts) != "[1/1/one]" || fmt.Sprint(logs) != "[1/2/3 bytes]" {
		t.Errorf("facts %v, logs %v", facts, logs)
	}
	if got := fmt.Sprint(w.Probes()); got != "[{a 1} {b 2} {buggify.rare 1}]" {
		t.Errorf("probes %v", got)
	}
}

func TestSitesAreActiveInSomeRuns(t *testing.T) {
	active := 0
	for seed := range uint64(200) {
		hit := false
		alone(func(h engine.Host) {
			for range 200 {
				hit = hit || h.Site("rare").Hit()
			}
		}, func(o *sim.Options) { o.Seed, o.Buggify = seed, sim.Buggify{Active: 30, Rarest: 5} })
		if hit {
			active++
		}
	}
	if active < 30 || active > 90 {
		t.Errorf("a site that is active in 30 of 100 runs hit in %d of 200", active)
	}
}

func TestClocksSkewAndDrift(t *testing.T) {
	var h engine.Host
	var fired clock.Instant
	var timer engine.Timer
	w := alone(func(host engine.Host) { h = host }, nil)
	if wall := h.WallMs(); wall != 1_767_225_601_000 {
		t.Errorf("wall clock %d", wall)
	}
	w.SkewClock(1, -90*clock.Second)
	if wall := h.WallMs(); wall != 1_767_225_601_000-90_000 {
		t.Errorf("skewed wall clock %d", wall)
	}
	w.Drift(1, 100_000) // a tenth fast
	w.Call(1, func(engine.Host) {
		timer.Fire = func() {
			fired = w.Now()
			if h.Now() < clock.Instant(12*clock.Second) {
				t.Errorf("a timer for 12 s fired at %v", h.Now())
			}
		}
		h.SetTimer(&timer, clock.Instant(12*clock.Second))
	})
	w.RunUntil(clock.Instant(20 * clock.Second))
	if fired != clock.Instant(11*clock.Second) {
		t.Errorf("eleven seconds of a clock that is a tenth fast ended at %v", fired)
	}
	if now := h.Now(); now < clock.Instant(21*clock.Second-clock.Second/10) || now > clock.Instant(22*clock.Second) {
		t.Errorf("the fast clock shows %v at 20 s", now)
	}
}
