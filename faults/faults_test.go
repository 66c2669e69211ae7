package faults

import (
	cmp2 "cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/clock"
	"trial/engine"
)

var scope = Scope{
	Brokers: []string{"n1", "n2", "n3"}, Clients: []string{"c1", "c2"}, Partitions: []string{"t-0", "t-1"},
	Classes: []string{"heartbeat", "alter-partition"}, From: clock.Instant(clock.Second), Until: clock.Instant(30 * clock.Second),
}

func TestDrawnSchedulesPrintAndParseBack(t *testing.T) {
	seen := map[Action]bool{}
	for seed := uint64(0); seed < 300; seed++ {
		s := engine.NewStream(seed, "faults")
		sc := scope
		sc.Hard = seed%2 == 0
		want := Draw(s, DrawClimate(s, sc), sc)
		got, err := Parse(want.String())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, want)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d: a schedule does not read back as it was printed (-want +got):\n%s", seed, d)
		}
		if err := Check(got, sc.Brokers, sc.Clients); err != nil {
			t.Fatal(err)
		}
		for _, f := range got {
			seen[f.Action] = true
			if f.At < sc.From || f.At >= sc.Until {
				t.Fatalf("seed %d: fault %v is outside its scope", seed, f)
			}
		}
	}
	for _, a := range Actions() {
		if !seen[a] && a.Drawn() {
			t.Errorf("no schedule of 300 contains the action %s", a)
		}
	}
}

// In half of the climates faults flap: the same again within two seconds.
func TestSomeClimatesFlap(t *testing.T) {
	flapping, calm := 0, 0
	for seed := uint64(0); seed < 200; seed++ {
		s := engine.NewStream(seed, "faults")
		c := DrawClimate(s, scope)
		same := 0
		list := Draw(s, c, scope)
		for i := 1; i < len(list); i++ {
			a, b := list[i-1], list[i]
			a.At, a.For, b.At, b.For = 0, 0, 0, 0
			if a.String() == b.String() && list[i].At.Sub(list[i-1].At) <= clock.Ms(flapMost) {
				same++
			}
		}
		switch {
		case c.Flaps == 0:
			calm++
		case same > 0:
			flapping++
		}
	}
	if flapping < 50 || calm < 50 {
		t.Errorf("of 200 climates %d flap and %d do not; want at least 50 of each", flapping, calm)
	}
}

func TestParseSaysWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	for line, want := range map[string]string{
		"kill n1 for 3s":            "must begin with its instant",
		"2s explode n1":             "known are kill",
		"2s kill n1":                "for 3s",
		"2s kill n1 for":            "duration",
		"2s kill n1 for -3s":        "above zero",
		"2s kill leader for 3s":     "need, a partition",
		"2s kill n1 of t-0 for 3s":  "only leader and follower",
		"2s kill for 3s":            "target is missing",
		"2s cut n1 for 3s":          "two sides",
		"2s kill n1 | n2 for 3s":    "one side only",
		"2s slow n1 | n2 for 3s":    "by 20ms",
		"2s hold n1 for 3s":         "hold heartbeat from n1",
		"2s kill n1 for 3s for 4s":  "no meaning there",
		"2s reset n1 > n2":          "two sides",
		"-2s kill n1 for 3s":        "before the start",
		"2s kill n1 for 3s please":  "no meaning there",
		"2s cut n1 | , for 3s":      "target is missing",
		"2s kill leader of for 3s ": "no meaning there",
	} {
		if _, err := ParseFault(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", line, err, want)
		}
	}
	if _, err := Parse("# a story\n\n2s kill n1 for 1s\n3s kil n1 for 1s"); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("error %v does not name line 4", err)
	}
	s, err := Parse("1s kill n9 for 1s")
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(s, scope.Brokers, nil); err == nil || !strings.Contains(err.Error(), "n1, n2, n3") {
		t.Errorf("error %v does not name the nodes there are", err)
	}
}

// fakeWorld notes what was done to it, with the instants.
type fakeWorld struct {
	now   clock.Instant
	queue []timed
	down  map[string]bool
	froze map[string]bool
	did   []string
}

type timed struct {
	at clock.Instant
	f  func()
}

func (w *fakeWorld) At(at clock.Instant, f func()) { w.queue = append(w.queue, timed{at, f}) }

func (w *fakeWorld) run(until clock.Instant) {
	for {
		slices.SortStableFunc(w.queue, func(a, b timed) int { return cmp2.Compare(a.at, b.at) })
		if len(w.queue) == 0 || w.queue[0].at > until {
			return
		}
		e := w.queue[0]
		w.queue = w.queue[1:]
		w.now = e.at
		e.f()
	}
}

func (w *fakeWorld) note(format string, args ...any) {
	w.did = append(w.did, w.now.String()+" "+fmt.Sprintf(format, args...))
}
func (w *fakeWorld) Brokers() []string { return scope.Brokers }
func (w *fakeWorld) Clients() []string { return scope.Clients }
func (w *fakeWorld) Resolve(role, of string) (string, bool) {
	return "n2", role == Leader && of == "t-0"
}
func (w *fakeWorld) Up(n string) bool            { return !w.down[n] }
func (w *fakeWorld) Life(n string) uint64        { return 1 }
func (w *fakeWorld) Paused(n string) bool        { return w.froze[n] }
func (w *fakeWorld) Start(n string)              { w.down[n] = false; w.note("start %s", n) }
func (w *fakeWorld) Kill(n string)               { w.down[n] = true; w.note("kill %s", n) }
func (w *fakeWorld) PowerFail(n string)          { w.down[n] = true; w.note("power %s", n) }
func (w *fakeWorld) Stop(n string)               { w.down[n] = true; w.note("stop %s", n) }
func (w *fakeWorld) SetPaused(n string, p bool)  { w.froze[n] = p; w.note("pause %s %v", n, p) }
func (w *fakeWorld) Cut(a, b string, on bool)    { w.note("cut %s>%s %v", a, b, on) }
func (w *fakeWorld) Clog(a, b string, on bool)   { w.note("clog %s>%s %v", a, b, on) }
func (w *fakeWorld) ResetConns(a, b string)      { w.note("reset %s>%s", a, b) }
func (w *fakeWorld) FailNext(n string, a Action) { w.note("fail %s %s", n, a) }
func (w *fakeWorld) Slow(a, b string, by clock.Duration, on bool) {
	w.note("slow %s>%s %v %v", a, b, by, on)
}
func (w *fakeWorld) SlowDisk(n string, by clock.Duration, syncOnly, on bool) {
	w.note("slowdisk %s %v %v %v", n, by, syncOnly, on)
}
func (w *fakeWorld) Flip(a, b string, until clock.Instant) {
	w.note("flip %s>%s until %v", a, b, until)
}
func (w *fakeWorld) Hold(n, class string, until clock.Instant) bool {
	w.note("hold %s %s until %v", class, n, until)
	return class == "heartbeat"
}

type noPower struct{}

func (noPower) Allow(a Action, node string) (bool, string) {
	return !a.Loses(), "the last copy"
}

func TestFaultsStrikeEndAndHeal(t *testing.T) {
	s, err := Parse(`
		1s kill leader of t-0 for 3s
		2s kill n2 for 1s
		2s power n1 for 1s
		3s cut n1 > rest for 2s
		4s kill leader of t-9 for 1s
		5s hold heartbeat from n3 for 2s
		5s hold laundry from n3 for 2s
		6s pause n3 for 60s
		6s flip n3 > rest for 2s
		7s reset n1 | n1
		50s kill n1 for 1s`)
	if err != nil {
		t.Fatal(err)
	}
	w := &fakeWorld{down: map[string]bool{}, froze: map[string]bool{}}
	var skips []string
	in := Apply(w, s, noPower{}, func(f Fault, nodes []string, skipped string, ended bool) {
		if skipped != "" {
			skips = append(skips, f.String()+": "+skipped)
		}
	})
	w.run(clock.Instant(40 * clock.Second))
	in.Heal()
	w.run(clock.Instant(100 * clock.Second))
	want := []string{
		"1s kill n2", "3s cut n1>n2 true", "3s cut n1>n3 true", "4s start n2", "5s cut n1>n2 false", "5s cut n1>n3 false",
		"5s hold heartbeat n3 until 7s", "5s hold laundry n3 until 7s", "6s pause n3 true", "7s pause n3 false",
		"6s flip n3>n1 until 8s", "6s flip n3>n2 until 8s",
	}
	slices.Sort(want)
	got := slices.Clone(w.did)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what the world felt (-want +got):\n%s", d)
	}
	wantSkips := []string{
		"kill n2 for 1s: its process is down already",
		"power n1 for 1s: over budget: the last copy",
		"kill leader of t-9 for 1s: nobody plays that role now",
		"hold laundry from n3 for 2s: this world knows no requests of class laundry",
		"reset n1 | n1: the two sides are the same node",
	}
	if d := cmp.Diff(wantSkips, skips); d != "" {
		t.Errorf("what was skipped (-want +got):\n%s", d)
	}
	if in.Injected() != 5 || in.Skipped() != 5 {
		t.Errorf("injected %d, skipped %d; want 5 and 5", in.Injected(), in.Skipped())
	}
}

func TestShrinkKeepsWhatMatters(t *testing.T) {
	for seed := uint64(0); seed < 40; seed++ {
		st := engine.NewStream(seed, "shrink")
		s := Draw(st, DrawClimate(st, scope), scope)
		if len(s) < 6 {
			continue
		}
		a, b := s[st.Pick(len(s))], s[st.Pick(len(s))]
		runs := 0
		fails := func(c Schedule) bool {
			runs++
			return contains(c, a) && contains(c, b)
		}
		got, used := Shrink(s, 500, fails)
		if !fails(got) || len(got) > 2 {
			t.Fatalf("seed %d: %d faults shrunk to %d, want at most 2 that still fail:\n%s", seed, len(s), len(got), got)
		}
		if used > 500 || used != runs-1 {
			t.Fatalf("seed %d: %d runs reported, %d made", seed, used, runs-1)
		}
	}
}

// contains reports whether c has a fault of f's action on f's first target.
func contains(c Schedule, f Fault) bool {
	return slices.ContainsFunc(c, func(g Fault) bool { return g.Action == f.Action && g.Left[0] == f.Left[0] })
}

func FuzzParse(f *testing.F) {
	f.Add("2.1s kill leader of t-0 for 3s")
	f.Add("2s cut n1, n2 > rest for 1.5s\n3s hold heartbeat from n1 for 4s")
	f.Add("after 5s, when n2 leads t-1, after 3 acks=1 acks of t-0 on n2, 2ms later, before its high watermark moves: kill n1 for 3s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || !cmp.Equal(s, again) {
			t.Fatalf("%q parses, but prints as %q, which does not parse back: %v", text, s.String(), err)
		}
	})
}
