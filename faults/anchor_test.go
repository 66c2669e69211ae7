package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trial/clock"
)

// How an anchor may be written, and how it is printed.
func TestAnchorsReadAndPrint(t *testing.T) {
	for in, want := range map[string]string{
		"after 3 acks of t-0":                                              "",
		"after 1 acks of t-0":                                              "after 1 ack of t-0",
		"on ack 3 of t-0":                                                  "after 3 acks of t-0",
		"on leader append 2 of t-0 on n1":                                  "after 2 leader appends of t-0 on n1",
		"after 2 acks=all acks of t-0":                                     "",
		"after 1 acks=1 ack of t-0 on n2":                                  "",
		"after 2 follower appends of t-1 on n3":                            "",
		"after 2 isr shrinks of t-0":                                       "after 2 ISR shrinks of t-0",
		"after 2 controller elections":                                     "",
		"after 1 controller election on n2":                                "",
		"after 1 unfencing of n2":                                          "",
		"after 2 restarts of c1":                                           "",
		"after 5 deliveries of c2":                                         "",
		"after 5s, when n2 leads t-1":                                      "",
		"not before 5s, when n2 leads t-1":                                 "after 5s, when n2 leads t-1",
		"after 0s, when n2 leads t-1":                                      "when n2 leads t-1",
		"when the ISR of t-0 is {1,2}":                                     "when the ISR of t-0 is {n1, n2}",
		"when ISR of t-0 is {n10, n2, n2}":                                 "when the ISR of t-0 is {n2, n10}",
		"when the ISR of t-0 is {}":                                        "",
		"when n2 is the controller":                                        "when n2 is controller",
		"when the high watermark of t-0 reaches 41":                        "",
		"when t-0 has no leader, 2ms later":                                "when t-0 has no leader, 0.002s later",
		"when n2 leads t-1, after 3 acks of t-1, 1s later":                 "",
		"on ack 3 of t-0 before its high watermark moves":                  "after 3 acks of t-0, before the next high watermark move of t-0",
		"after 3 acks of t-0, before the high watermark moves":             "after 3 acks of t-0, before the next high watermark move of t-0",
		"after 1 send of c1, before the high watermark of t-0 moves":       "after 1 send of c1, before the next high watermark move of t-0",
		"after 3 acks of t-0, 2s later, before the next ISR shrink of t-0": "",
	} {
		if want == "" {
			want = in
		}
		f, err := ParseFault(in + ": kill n1 for 1s")
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := f.Anchor(); got != want {
			t.Errorf("%q prints as %q, want %q", in, got, want)
		}
		again, err := ParseFault(f.When() + " " + f.String())
		if d := cmp.Diff(f, again); err != nil || d != "" {
			t.Errorf("%q does not read back: %v %s", f.When(), err, d)
		}
	}
}

func TestWrongAnchorsAreExplained(t *testing.T) {
	for line, want := range map[string]string{
		"after 3 acks of t-0 kill n1 for 1s":                                     "a colon ends an anchor",
		"after 3 acks of t-0: explode n1":                                        "known are kill",
		"after 3 laughs of t-0: kill n1 for 1s":                                  "known are acks,",
		"after 3 acks: kill n1 for 1s":                                           "ack of t-0",
		"after 3 acks of: kill n1 for 1s":                                        "write a partition",
		"after 0 acks of t-0: kill n1 for 1s":                                    "not a number from 1",
		"after acks of t-0: kill n1 for 1s":                                      "not a number from 1",
		"after 3 ISR shrinks of t-0 on n1: kill n1 for 1s":                       "not on one broker",
		"after 3 acks of t-0 on: kill n1 for 1s":                                 "on which broker",
		"after 2 controller elections of t-0: kill n1 for 1s":                    "of nobody",
		"after 5s: kill n1 for 1s":                                               "5s kill n1",
		"after 5s, 2ms later: kill n1 for 1s":                                    "begins with an event",
		"after: kill n1 for 1s":                                                  "after what",
		"after -5s, when n2 leads t-0: kill n1 for 1s":                           "before the start",
		"not before noon, when n2 leads t-0: kill n1 for 1s":                     "duration",
		"when n2 leads t-0, after 5s, after 1 ack of t-0: kill n1 for 1s":        "5s later",
		"when n2 leads: kill n1 for 1s":                                          "unknown state",
		"when n2 sleeps: kill n1 for 1s":                                         "known are: n2 leads t-0",
		"when the ISR of t-0 is n1: kill n1 for 1s":                              "set of brokers",
		"when the ISR of t-0 is {n1,}: kill n1 for 1s":                           "{n1, n2}",
		"when the ISR of t-0 is {n1: kill n1 for 1s":                             "{n1, n2}",
		"when the high watermark of t-0 is 3: kill n1 for 1s":                    "reaches an offset",
		"after 3 acks of t-0, -2ms later: kill n1 for 1s":                        "above zero",
		"after 3 acks of t-0, 2ms: kill n1 for 1s":                               "later",
		"after 3 acks of t-0, kill n1 for 1s:":                                   "begins no step",
		"after 3 acks of t-0 and more: kill n1 for 1s":                           "no meaning there",
		"after 3 acks of t-0, before supper: kill n1 for 1s":                     "before what",
		"when n1 is controller, before its high watermark moves: kill n1 for 1s": "whose high watermark",
		"5s after 3 acks of t-0: kill n1 for 1s":                                 "after 5s, when",
	} {
		if _, err := ParseFault(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", line, err, want)
		}
	}
	if _, err := Parse("1s kill n1 for 1s\nafter 3 axes of t-0: kill n1 for 1s"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v does not name line 2", err)
	}
	for line, want := range map[string]string{
		"after 3 acks of t-7: kill n1 for 1s":                            "there is no partition t-7; there are t-0, t-1",
		"after 3 acks of t-0 on n7: kill n1 for 1s":                      "there is no broker n7; there are n1, n2, n3",
		"after 3 acks of t-0 on c1: kill n1 for 1s":                      "there is no broker c1",
		"when the ISR of t-0 is {n1, n9}: kill n1 for 1s":                "there is no broker n9",
		"after 1 send of n1: kill n1 for 1s":                             "there is no client n1; there are c1, c2",
		"after 1 end of x1: kill n1 for 1s":                              "there is no node x1; there are n1, n2, n3, c1, c2",
		"after 1 ack of t-0, before the next ack of u-0: kill n1 for 1s": "there is no partition u-0",
	} {
		s, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckAnchors(s, scope.Brokers, scope.Clients, scope.Partitions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", line, err, want)
		}
	}
}

// drawEvent draws an event of any kind.
func drawEvent(t *rapid.T, states bool) Event {
	rows := slices.DeleteFunc(slices.Clone(kinds[:]), func(k kind) bool { return k.state != states })
	k := rapid.SampledFrom(rows).Draw(t, "kind")
	e := Event{What: k.name}
	switch k.of {
	case SomePartition:
		e.Of = rapid.SampledFrom(scope.Partitions).Draw(t, "partition")
	case SomeBroker:
		e.Of = rapid.SampledFrom(scope.Brokers).Draw(t, "broker")
	case SomeClient, SomeNode:
		e.Of = rapid.SampledFrom(scope.Clients).Draw(t, "client")
	}
	if k.on && (states || rapid.Bool().Draw(t, "on")) {
		e.On = rapid.SampledFrom(scope.Brokers).Draw(t, "where")
	}
	switch k.name {
	case ISRIs:
		e.Set = Members(rapid.SliceOf(rapid.SampledFrom(scope.Brokers)).Draw(t, "members"))
	case HWReaches:
		e.To = rapid.Int64Min(1).Draw(t, "offset")
	}
	return e
}

func drawAnchor(t *rapid.T, f *Fault) {
	f.At = clock.Instant(rapid.Int64Range(0, int64(clock.Hour)).Draw(t, "not before"))
	for i := range rapid.IntRange(1, 4).Draw(t, "steps") {
		switch rapid.IntRange(0, min(i, 1)+1).Draw(t, "step") {
		case 0:
			f.Steps = append(f.Steps, Step{Event: drawEvent(t, false), Count: rapid.Int64Min(1).Draw(t, "count")})
		case 1:
			f.Steps = append(f.Steps, Step{Event: drawEvent(t, true), Count: 1})
		default:
			f.Steps = append(f.Steps, Step{Later: clock.Duration(rapid.Int64Range(1, int64(clock.Hour)).Draw(t, "later"))})
		}
	}
	if rapid.Bool().Draw(t, "guarded") {
		f.Before = drawEvent(t, false)
	}
}

// Whatever a schedule's anchors are, they print and parse back, beside faults that
// have none.
func TestAnchoredSchedulesPrintAndParseBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want Schedule
		for range rapid.IntRange(1, 5).Draw(t, "faults") {
			f, err := ParseFault(rapid.SampledFrom([]string{
				"2s kill leader of t-0 for 3s", "0.5s cut n1, n2 > rest for 1.5s", "3s hold heartbeat from n1 for 4s", "7s reset n1 | n2",
			}).Draw(t, "fault"))
			if err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 3).Draw(t, "anchored") > 0 {
				drawAnchor(t, &f)
			}
			want = append(want, f)
		}
		got, err := Parse(want.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, want)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("a schedule does not read back as it was printed (-want +got):\n%s\n%s", d, want)
		}
		if err := CheckAnchors(got, scope.Brokers, scope.Clients, scope.Partitions); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(len(want), len(got.Sorted())); d != "" {
			t.Fatal(d)
		}
	})
}

// tellingWorld is a fakeWorld that tells what happens in it.
type tellingWorld struct {
	fakeWorld
	states  map[Event]bool
	watches []*fakeWatch
	later   [][]Event // what strikes have made happen
	came    []string
}

type fakeWatch struct {
	e, unless Event
	f         func()
	stopped   bool
}

func (w *tellingWorld) Now() clock.Instant { return w.now }
func (w *tellingWorld) Holds(e Event) bool { return w.states[e] }
func (w *tellingWorld) Came(f Fault, step int) {
	w.came = append(w.came, fmt.Sprint(w.now, " ", f.Steps[step]))
}
func (w *tellingWorld) Kill(n string) {
	w.fakeWorld.Kill(n)
	w.later = append(w.later, []Event{{What: End, Of: n}})
}

func (w *tellingWorld) Watch(e, unless Event, f func()) func() {
	x := &fakeWatch{e: e, unless: unless, f: f}
	w.watches = append(w.watches, x)
	return func() { x.stopped = true }
}

// happen is one event of the world, at an instant: several things may happen in it.
func (w *tellingWorld) happen(at clock.Instant, lines ...string) {
	w.At(at, func() {
		var batch []Event
		for _, l := range lines {
			f, err := ParseFault("after 1 " + l + ": kill n1 for 1s")
			if strings.HasPrefix(l, "when ") {
				f, err = ParseFault(l + ": kill n1 for 1s")
			}
			if err != nil {
				panic(err)
			}
			batch = append(batch, f.Steps[0].Event)
			if batch[len(batch)-1].What.State() {
				w.states[batch[len(batch)-1]] = true
			}
		}
		w.note("event %s", strings.Join(lines, " + "))
		for w.later = append(w.later, batch); len(w.later) > 0; {
			batch := w.later[0]
			w.later = w.later[1:]
			for _, x := range slices.Clone(w.watches) {
				if x.unless.What != "" && slices.ContainsFunc(batch, x.unless.Is) {
					continue
				}
				for _, e := range batch {
					if !x.stopped && x.e.Is(e) {
						x.f()
					}
				}
			}
		}
	})
}

func TestAnchoredFaultsStrikeRightBehindTheirEvent(t *testing.T) {
	ms := func(n int64) clock.Instant { return clock.Instant(clock.Ms(n)) }
	for _, c := range []struct {
		name, fault string
		events      func(w *tellingWorld)
		want        []string // what the world felt
		skipped     string
	}{
		{"the third of three", "after 3 acks of t-0: kill n1 for 1s", func(w *tellingWorld) {
			for i := int64(1); i < 5; i++ {
				w.happen(ms(i), "ack of t-0")
			}
		}, []string{"0.001s event ack of t-0", "0.002s event ack of t-0", "0.003s event ack of t-0", "0.003s kill n1", "0.004s event ack of t-0", "1.003s start n1"}, ""},
		{"two at once", "after 2 acks of t-0: kill n1 for 1s", func(w *tellingWorld) { w.happen(ms(1), "ack of t-0", "ack of t-0", "ack of t-0") },
			[]string{"0.001s event ack of t-0 + ack of t-0 + ack of t-0", "0.001s kill n1", "1.001s start n1"}, ""},
		{"counted from the bound", "after 0.002s, after 2 acks of t-0: kill n1 for 1s", func(w *tellingWorld) {
			for i := int64(1); i < 10; i += 2 {
				w.happen(ms(i), "ack of t-0")
			}
		}, []string{"0.001s event ack of t-0", "0.003s event ack of t-0", "0.005s event ack of t-0", "0.005s kill n1", "0.007s event ack of t-0", "0.009s event ack of t-0", "1.005s start n1"}, ""},
		{"steps one after the other", "when n2 leads t-1, after 1 ack of t-1: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "ack of t-1")
			w.happen(ms(2), "when n2 leads t-1", "ack of t-1")
			w.happen(ms(3), "ack of t-0")
			w.happen(ms(4), "ack of t-1")
		}, []string{"0.001s event ack of t-1", "0.002s event when n2 leads t-1 + ack of t-1", "0.003s event ack of t-0", "0.004s event ack of t-1", "0.004s kill n1", "1.004s start n1"}, ""},
		{"a state that holds at the bound", "after 0.005s, when n2 leads t-1: kill n1 for 1s", func(w *tellingWorld) { w.happen(ms(1), "when n2 leads t-1") },
			[]string{"0.001s event when n2 leads t-1", "0.005s kill n1", "1.005s start n1"}, ""},
		{"on another broker", "after 1 append of t-0 on n2: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "append of t-0 on n1")
			w.happen(ms(2), "append of t-0 on n2")
		}, []string{"0.001s event append of t-0 on n1", "0.002s event append of t-0 on n2", "0.002s kill n1", "1.002s start n1"}, ""},
		{"an offset", "when the high watermark of t-0 reaches 5: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "when the high watermark of t-0 reaches 4")
			w.happen(ms(2), "when the high watermark of t-0 reaches 7")
		}, []string{"0.001s event when the high watermark of t-0 reaches 4", "0.002s event when the high watermark of t-0 reaches 7", "0.002s kill n1", "1.002s start n1"}, ""},
		{"later", "after 1 ack of t-0, 3ms later: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "ack of t-0")
			w.happen(ms(3), "ack of t-0")
		}, []string{"0.001s event ack of t-0", "0.003s event ack of t-0", "0.004s kill n1", "1.004s start n1"}, ""},
		{"an ack that moves the high watermark is not before it", "after 1 ack of t-0, before its high watermark moves: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "ack of t-0", "high watermark move of t-0")
			w.happen(ms(2), "ack of t-0", "high watermark move of t-1")
		}, []string{"0.001s event ack of t-0 + high watermark move of t-0", "0.002s event ack of t-0 + high watermark move of t-1", "0.002s kill n1", "1.002s start n1"}, ""},
		{"too late", "after 1 ack of t-0, 2ms later, before its high watermark moves: kill n1 for 1s", func(w *tellingWorld) {
			w.happen(ms(1), "ack of t-0")
			w.happen(ms(2), "high watermark move of t-0")
		}, []string{"0.001s event ack of t-0", "0.002s event high watermark move of t-0"}, "too late: high watermark move of t-0 came before it"},
		{"never", "after 3 acks of t-0: kill n1 for 1s", func(w *tellingWorld) { w.happen(ms(1), "ack of t-0") },
			[]string{"0.001s event ack of t-0"}, `its anchor never came: it waited for step 1, "after 3 acks of t-0", which came to 1 of 3`},
		{"nobody plays the role", "after 1 ack of t-0: kill leader of t-9 for 1s", func(w *tellingWorld) { w.happen(ms(1), "ack of t-0") },
			[]string{"0.001s event ack of t-0"}, "nobody plays that role now"},
		{"over budget", "after 1 ack of t-0: power n1 for 1s", func(w *tellingWorld) { w.happen(ms(1), "ack of t-0") },
			[]string{"0.001s event ack of t-0"}, "over budget: the last copy"},
		{"what a strike brings about", "after 1 ack of t-0: kill n1 for 1s\nafter 1 end of n1: kill n2 for 1s", func(w *tellingWorld) { w.happen(ms(1), "ack of t-0") },
			[]string{"0.001s event ack of t-0", "0.001s kill n1", "0.001s kill n2", "1.001s start n1", "1.001s start n2"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			w := &tellingWorld{fakeWorld: fakeWorld{down: map[string]bool{}, froze: map[string]bool{}}, states: map[Event]bool{}}
			skipped := ""
			in := Apply(w, s, noPower{}, func(_ Fault, _ []string, why string, _ bool) {
				if why != "" {
					skipped = why
				}
			})
			c.events(w)
			w.run(clock.Instant(5 * clock.Second))
			in.Heal()
			in.Heal() // skips nothing twice
			if d := cmp.Diff(c.want, w.did); d != "" {
				t.Errorf("what the world felt (-want +got):\n%s", d)
			}
			if skipped != c.skipped {
				t.Errorf("skipped: %q, want %q", skipped, c.skipped)
			}
			if got := in.Injected() + in.Skipped(); got != len(s) {
				t.Errorf("%d of %d faults are accounted for", got, len(s))
			}
		})
	}
}

// In a world that does not tell what happens, the rest of a schedule goes on.
func TestAnchorsNeedAWorldThatTells(t *testing.T) {
	s, err := Parse("after 1 ack of t-0: kill n1 for 1s\n1s kill n2 for 1s")
	if err != nil {
		t.Fatal(err)
	}
	w := &fakeWorld{down: map[string]bool{}, froze: map[string]bool{}}
	in := Apply(w, s, nil, nil)
	w.run(clock.Instant(5 * clock.Second))
	in.Heal()
	if in.Injected() != 1 || in.Skipped() != 1 {
		t.Errorf("injected %d, skipped %d; want 1 and 1", in.Injected(), in.Skipped())
	}
}

func TestAnchoredFaultsKeepTheirPlace(t *testing.T) {
	text := "5s kill n1 for 1s\nwhen n2 leads t-0: kill n2 for 1s\n2s kill n3 for 1s\nafter 9s, when n3 leads t-0: kill n3 for 1s\n"
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Sorted() {
		got = append(got, f.When())
	}
	want := []string{"2s", "5s", "when n2 leads t-0:", "after 9s, when n3 leads t-0:"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestAnchorsGetSimpler(t *testing.T) {
	s, err := Parse("after 4s, when n2 leads t-0, after 900 acks of t-0, 3.5s later, before the next ISR shrink of t-0: kill n1 for 1s")
	if err != nil {
		t.Fatal(err)
	}
	// It needs the leadership and at least 100 acknowledgements.
	fails := func(c Schedule) bool {
		st := c[0].Steps
		return slices.ContainsFunc(st, func(s Step) bool { return s.Event.What == Leads }) &&
			slices.ContainsFunc(st, func(s Step) bool { return s.Event.What == Ack && s.Count >= 100 })
	}
	got, used := SimplerAnchors(s, 100, fails)
	if f := got[0]; f.At != 0 || f.Before.What != "" || len(f.Steps) != 2 || f.Steps[1].Count > 150 || !fails(got) {
		t.Errorf("after %d runs: %s", used, got)
	}
}
