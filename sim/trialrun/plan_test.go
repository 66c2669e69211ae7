package trialrun

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/faults"
)

func TestPlansPrintAndReadBack(t *testing.T) {
	s := pingPong(nil, nil)
	actions := map[faults.Action]bool{}
	var leaders int
	for seed := uint64(1); seed <= 200; seed++ {
		o := Options{}
		if seed%2 == 0 {
			o = Options{Mutant: "second", Servers: 5, Clients: 1, Knobs: []Setting{{"size", 99}}}
		}
		p := draw(t, s, seed, o)
		back, err := s.ParsePlan(p.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, p)
		}
		if d := cmp.Diff(p, back); d != "" {
			t.Fatalf("seed %d does not read back: %s", seed, d)
		}
		if seed%2 == 0 && (back.Knob("size") != 99 || back.Mutant != "second" || back.Servers != 5) {
			t.Errorf("seed %d lost what the caller fixed:\n%s", seed, p)
		}
		for _, f := range p.Faults {
			actions[f.Action] = true
			for _, x := range append(f.Left, f.Right...) {
				if x.Node == faults.Leader {
					leaders++
				}
				if x.Node == faults.Controller {
					t.Errorf("seed %d aims at a controller: %v", seed, f)
				}
			}
		}
	}
	for _, a := range []faults.Action{faults.Kill, faults.Power, faults.Cut, faults.FailSync, faults.Hold} {
		if !actions[a] {
			t.Errorf("200 seeds and no fault of the kind %s", a)
		}
	}
	if actions[faults.Flip] {
		t.Error("the system cannot say what to damage, and yet there are flips")
	}
	if leaders == 0 {
		t.Error("nobody aims at a leader")
	}
}

func TestOnlyTheActionsThatTheUserWants(t *testing.T) {
	s := pingPong(nil, nil)
	s.Actions = []faults.Action{faults.Pause}
	for seed := uint64(1); seed <= 20; seed++ {
		for _, f := range draw(t, s, seed, Options{}).Faults {
			if f.Action != faults.Pause {
				t.Errorf("seed %d: %v", seed, f)
			}
		}
	}
}

func TestAKnobMovesNothingElse(t *testing.T) {
	s := pingPong(nil, nil)
	before := draw(t, s, 7, Options{})
	s.Knobs = append([]Knob{{Name: "new", Max: 1000}}, s.Knobs...)
	after := draw(t, s, 7, Options{})
	if before.Faults.String() != after.Faults.String() || before.Net != after.Net || before.Knob("size") != after.Knob("size") {
		t.Errorf("a new knob has changed the rest:\n%s\n%s", before, after)
	}
}

func TestWrongPlansSayWhatIsWrongAndWhere(t *testing.T) {
	s := pingPong(nil, nil)
	const head = "plan 1\nsystem echo\n"
	for text, want := range map[string]string{
		"":                                   "the plan is empty",
		"seed 1\n":                           "line 1: a plan begins with",
		"plan 2\n":                           "line 1: plan: this build reads plans of version 1",
		"plan 1\nsystem kv\n":                `this is the system "echo"`,
		"plan 1\n":                           `this is the system "echo"`,
		head + "\ncolour red\n":              "line 4: colour: unknown key",
		head + "seed x\n":                    "line 3: seed: seed \"x\" is not a number",
		head + "seed 1 2\n":                  "line 3: seed: it takes one value, not 2",
		head + "for -1s\n":                   "for -1s",
		head + "servers 0\n":                 "servers 0: there are 1 to 50",
		head + "servers many\n":              "line 3: servers: \"many\" is not a whole number",
		head + "clients 1000\n":              "clients 1000",
		head + "buggify perhaps\n":           "neither true nor false",
		head + "mutant third\n":              "known are first, second",
		head + "knob size\n":                 "not of the form name=number",
		head + "knob size=7\n":               "line 3: knob: knob size=7: it goes from 8 to 4096",
		head + "knob shape=7\n":              "known are size",
		head + "net latency\n":               "not of the form key=value",
		head + "net speed=1s\n":              "speed: unknown key; known are latency",
		head + "net bytes.per.ms=0\n":        "above zero",
		head + "disk sync=5s\n":              "below 4s",
		head + "faults now\n":                "the faults follow, one a line",
		head + "faults\n1s kick n1\n":        "line 4: fault",
		head + "faults\n1s kill n4 for 1s\n": "n4",
		head + "faults\n1s kill leader of t-0 for 1s\n":        "known are all",
		head + "faults\n1s hold pong from n1 for 1s\n":         "known are ping",
		head + "faults\n1s flip n1 > n2 for 1s\n":              "has no faults of this kind",
		head + "faults\nafter 3 acks of all: kill n1 for 1s\n": "anchors wait for what happens in a Kafka cluster",
	} {
		if _, err := s.ParsePlan(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestWrongSystemsSayWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func(s *System){
		"is not one plain word": func(s *System) { s.Groups = []string{"a b"} },
		"New is missing":        func(s *System) { s.New = nil },
		"Resolve must":          func(s *System) { s.Resolve = nil },
		"Class must":            func(s *System) { s.Class = nil },
		"is not in [":           func(s *System) { s.Knobs[0].Default = 1 },
	} {
		s := pingPong(nil, nil)
		spoil(s)
		if _, err := s.Draw(1, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
