package trialrun

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/echo"
	"trial/faults"
	"trial/sim"
)

func TestEqualPlansGiveEqualRuns(t *testing.T) {
	s := pingPong(nil, nil)
	hashes := map[uint64]bool{}
	for seed := uint64(1); seed <= 10; seed++ {
		p := draw(t, s, seed, Options{})
		r := s.Verify(p, RunOptions{})
		if r.Failed() || r.Events < 1000 {
			t.Errorf("seed %d: %s after %d events", seed, r.Sentence(), r.Events)
		}
		hashes[r.Hash] = true
	}
	if len(hashes) != 10 {
		t.Errorf("10 seeds, %d hashes", len(hashes))
	}
}

// What is shown of a run never changes it.
func TestATraceChangesNothing(t *testing.T) {
	s := pingPong(nil, nil)
	p := draw(t, s, 3, Options{})
	var trace bytes.Buffer
	if a, b := s.Run(p, RunOptions{}), s.Run(p, RunOptions{Trace: &trace}); a.Hash != b.Hash {
		t.Errorf("hash %#x without a trace and %#x with one", a.Hash, b.Hash)
	}
	for _, want := range []string{" fault: ", " fault ends: ", "n1 boot"} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("the trace has no line with %q", want)
		}
	}
}

// A hidden input makes two runs differ, and the first event in which they do is
// named.
func TestHiddenInputsAreFound(t *testing.T) {
	hidden := 0
	s := pingPong(nil, func(_ *Plan, c *Cast, _ *watcher) {
		hidden++
		size := 100 + hidden
		c.Clients[0].New = func() engine.Program {
			return echo.New(echo.Config{Peers: []string{"n1:7000"}, Size: size, Timeout: clock.Second})
		}
	})
	r := s.Verify(draw(t, s, 1, Options{}), RunOptions{})
	if r.Verdict != Nondeterministic || !strings.Contains(r.Sentence(), "n1 frame") {
		t.Errorf("two runs with different clients: %s", r.Sentence())
	}
	h, err := s.Hunt(1, 5, HuntOptions{})
	if err != nil || h.Seeds != 1 || len(h.Failed) != 1 || h.Failed[0].Verdict != Nondeterministic {
		t.Errorf("a hunt verifies its first seed; it said %+v, %v", h, err)
	}
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		tamper  func(p *Plan, c *Cast, w *watcher)
		verdict Verdict
		first   string
		says    string
	}{
		"a judge is silent": {func(_ *Plan, _ *Cast, w *watcher) {}, Pass, "pass", "pass"},
		"a judge speaks at the end": {func(_ *Plan, _ *Cast, w *watcher) {
			w.end = func(w *watcher, e End, out *Findings) { out.Hold("R1", !e.Whole, "seven of %d", 8) }
		}, Failed, "R1", "seven of 8"},
		"a judge speaks on a fault": {func(_ *Plan, _ *Cast, w *watcher) {
			w.fault = func(w *watcher, e FaultEvent, out *Findings) { out.Hold("R2", e.Action != Heal, "healed") }
		}, Failed, "R2", "rule R2 at 10s: healed"},
		"nobody has judged": {func(_ *Plan, _ *Cast, w *watcher) {
			w.end = func(*watcher, End, *Findings) {}
		}, Empty, "empty", "no judge evaluated a rule"},
		"no progress": {func(_ *Plan, c *Cast, _ *watcher) {
			c.Progress = func(*sim.World) string { return "the answer" }
		}, Failed, RuleLiveness, "rule LIVENESS at 30s: 20s after healing, or after the clients had ended, still: the answer"},
		"no rest": {func(_ *Plan, c *Cast, _ *watcher) {
			c.Rest = func(*sim.World) string { return "peace" }
		}, Failed, RuleRest, "still: peace"},
		"a client that does not stop": {func(_ *Plan, c *Cast, _ *watcher) {
			c.Clients[1].New = func() engine.Program { return deaf{} }
		}, Failed, RuleLiveness, "c2 was asked to stop"},
		"a program panics": {func(_ *Plan, c *Cast, _ *watcher) {
			c.Servers[2].New = func() engine.Program { return &bomb{after: clock.Second} }
		}, Failed, RuleAssert, "rule ASSERT at 1s: n3: seven"},
		"far too much happens": {func(_ *Plan, c *Cast, _ *watcher) {
			for i := range c.Servers {
				c.Servers[i].New = func() engine.Program { return &bomb{} }
			}
		}, Stuck, "stuck", "events by"},
	} {
		t.Run(name, func(t *testing.T) {
			s := pingPong(nil, c.tamper)
			o := Options{Calm: true}
			if c.verdict == Stuck {
				o.Servers = 20
			}
			p := draw(t, s, 1, o)
			r := s.Run(p, RunOptions{})
			if r.Verdict != c.verdict || r.First() != c.first || !strings.Contains(r.Sentence(), c.says) {
				t.Errorf("%s (%s), want %s, %s and %q", r.Sentence(), r.First(), c.verdict, c.first, c.says)
			}
			if r.First() == RuleAssert && !strings.Contains(r.Violations[0].Stack, "bomb") {
				t.Errorf("nobody says where the program panicked: %q", r.Violations[0].Stack)
			}
		})
	}
}

// deaf does not stop when it is asked to.
type deaf struct{}

func (deaf) Boot(engine.Host) {}
func (deaf) Stop()            {}
func (deaf) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler {
	return nil
}

// bomb panics after a while; without one it sets a timer that is due at once, for
// ever.
type bomb struct {
	deaf
	after clock.Duration
	timer engine.Timer
}

func (b *bomb) Boot(h engine.Host) {
	b.timer.Fire = func() {
		if b.after > 0 {
			panic("seven")
		}
		h.SetTimer(&b.timer, h.Now())
	}
	h.SetTimer(&b.timer, h.Now().Add(b.after))
}

// Judges hear what was done to whom, in order, from the world; roles are resolved
// when the fault strikes, and the budget is asked.
func TestFaultsStrikeWhomTheyNameAndJudgesHearOfIt(t *testing.T) {
	var w *watcher
	s := pingPong(&w, nil)
	s.Damage = func(frame []byte, _ *engine.Stream) bool { frame[7] ^= 1; return true }
	s.Allow = func(_ *sim.World, _ *Plan, a faults.Action, node engine.NodeID) (bool, string) {
		return a != faults.Power || node != ServerID(1), "n2 must stay"
	}
	p := calm(t, s, `
1s  kill leader of all for 1s
2s  power n2 for 1s
2.5s power n3 for 1s
3s  pause c1 for 1s
4s  cut n1 > rest for 1s
4.5s cut n1 | n2 for 1s
5.5s slowdisk n1 by 10ms for 1s
6s  stop n2 for 1s
6.5s hold ping from c1 for 1s
7s  kill follower of all for 1s
9s  kill c1 for 20s`)
	r := s.Run(p, RunOptions{})
	if r.Failed() || r.Faults != 9 || r.Skipped != 2 {
		t.Errorf("%s, %d faults and %d skipped; want pass, 9 and 2", r.Sentence(), r.Faults, r.Skipped)
	}
	type heard struct {
		action faults.Action
		ends   bool
	}
	for h, want := range map[heard]string{
		{faults.Kill, false}:     "1s n3, 9s c1",
		{faults.Power, false}:    "2.5s n3",
		{faults.Pause, false}:    "3s c1",
		{faults.Pause, true}:     "4s c1",
		{faults.Cut, false}:      "4s n1 n2, 4s n1 n3, 4.5s n2 n1", // n1 to n2 is cut already
		{faults.Cut, true}:       "5s n1 n3, 5.5s n1 n2, 5.5s n2 n1",
		{faults.SlowDisk, false}: "5.5s n1",
		{faults.SlowDisk, true}:  "6.5s n1",
		{faults.Stop, false}:     "6s n2",
		{faults.Hold, false}:     "6.5s c1",
		{Heal, false}:            "10s",
	} {
		var got []string
		for _, e := range w.did(h.action, h.ends) {
			line := e.At.String()
			for _, id := range []engine.NodeID{e.Node, e.Peer} {
				if id != 0 {
					line += " " + Name(id)
				}
			}
			got = append(got, line)
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s (ends: %v): %q, want %q", h.action, h.ends, s, want)
		}
	}
	var starts []string
	for _, e := range w.did(Start, false) {
		if e.At > 0 {
			starts = append(starts, fmt.Sprintf("%v %s", e.At, Name(e.Node)))
		}
	}
	if got, want := strings.Join(starts, ", "), "2s n3, 3.5s n3, 7s n2, 10s c1"; got != want {
		t.Errorf("started again: %q, want %q", got, want)
	}
	if exits := w.did(Exit, false); len(exits) != 3 || exits[0].Node != ServerID(1) || exits[0].Err != nil {
		t.Errorf("who has ended by itself: %+v; want n2 and, at the end, both clients", exits)
	}
	if len(w.ends) != 1 || !w.ends[0].Whole {
		t.Errorf("End was called with %+v", w.ends)
	}
}

// What is damaged on the way arrives damaged: echo notices by itself.
func TestFlipsDamageWhatTheUserSays(t *testing.T) {
	s := pingPong(nil, nil)
	s.Damage = func(frame []byte, draw *engine.Stream) bool {
		frame[draw.Pick(8)] ^= 1
		return true
	}
	r := s.Run(calm(t, s, "2s flip n1 > c1 for 1s"), RunOptions{})
	if r.First() != RuleAssert || !strings.Contains(r.Sentence(), "echo: sent ping") {
		t.Error(r.Sentence())
	}
}

// A disk that fails ends the process that meets it; the end of the fault starts
// it again.
func TestDiskFaultsReachTheProgram(t *testing.T) {
	var w *watcher
	s := pingPong(&w, func(_ *Plan, c *Cast, _ *watcher) {
		c.Servers[1].New = func() engine.Program { return &writer{} }
	})
	r := s.Run(calm(t, s, "2s failappend n2 for 1s\n5s failsync n2 for 1s\n7s power n2 for 1s"), RunOptions{})
	if r.Failed() {
		t.Fatal(r.Sentence())
	}
	var ends []string
	for _, e := range w.did(Exit, false) {
		if e.Node == ServerID(1) {
			ends = append(ends, e.Err.Error())
		}
	}
	if got := strings.Join(ends, ", "); got != "append: input/output error, sync: input/output error" {
		t.Errorf("n2 ended with %q", got)
	}
	if p := w.did(faults.Power, false); len(p) != 1 || len(p[0].Lost) == 0 {
		t.Errorf("the power failure lost %+v; the last append was not synced", p)
	}
	if len(w.facts) == 0 || w.facts[0].Node != ServerID(1) || w.facts[0].FactName() != "wrote" {
		t.Errorf("facts: %v", w.facts)
	}
}

// writer appends and syncs in turn, every 50 ms, and gives up when one fails.
type writer struct {
	deaf
	h     engine.Host
	file  engine.FileID
	timer engine.Timer
	turn  int
}

type wrote int

func (wrote) FactName() string { return "wrote" }

func (w *writer) Boot(h engine.Host) {
	w.h = h
	w.timer.Fire = w.write
	h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: fmt.Sprintf("f%d", h.Incarnation()), Done: func(op *engine.DiskOp) {
		w.file = op.File
		h.Disk(&engine.DiskOp{Kind: engine.OpSyncDir, Path: ".", Done: func(*engine.DiskOp) { w.write() }})
	}})
}

func (w *writer) write() {
	w.turn++
	op := &engine.DiskOp{Kind: engine.OpAppend, File: w.file, Data: make([]byte, 1000)}
	what := "append"
	if w.turn%20 == 0 {
		op.Kind, what = engine.OpSyncFile, "sync"
	}
	op.Done = func(op *engine.DiskOp) {
		if op.Err != nil {
			w.h.Exit(fmt.Errorf("%s: %w", what, op.Err))
			return
		}
		w.h.Emit(wrote(op.N))
		w.h.SetTimer(&w.timer, w.h.Now().Add(50*clock.Millisecond))
	}
	w.h.Disk(op)
}

// What cannot be run is a mistake of the caller, and says which.
func TestWhatDoesNotFitPanics(t *testing.T) {
	s := pingPong(nil, func(_ *Plan, c *Cast, _ *watcher) { c.Clients = c.Clients[:1] })
	wrong := draw(t, pingPong(nil, nil), 1, Options{})
	for want, p := range map[string]Plan{
		"has 3 servers and 1 clients; the plan says 3 and 2": wrong,
		"this is the system": {},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("%q, want %q", said, want)
				}
			}()
			s.Run(p, RunOptions{})
		}()
	}
}
