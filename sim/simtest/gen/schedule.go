package gen

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"trial/clock"
	"trial/faults"
	"trial/sim/cluster"
)

// Scope says what a drawn schedule may aim at.
type Scope struct {
	Brokers, Clients []string
	Partitions       []string // as roles name them: "t-0"
	From, Until      clock.Duration
	Most             int // faults
}

// ScopeOf is the scope of a plan: all its nodes and partitions, in its fault phase.
func ScopeOf(p *cluster.Plan) Scope {
	s := Scope{Brokers: p.BrokerNames(), Clients: p.ClientNames(), From: min(3*clock.Second, p.For/4), Until: p.For, Most: 10}
	for _, t := range p.Topics {
		for i := range t.Partitions {
			s.Partitions = append(s.Partitions, fmt.Sprintf("%s-%d", t.Name, i))
		}
	}
	return s
}

// form is how the faults of an action are written; L and R are targets, S and B
// spans, C a class of requests.
type form struct {
	action faults.Action
	text   string
}

// forms has the actions, the tamest first. What works on pods alone is not here:
// a drawn plan has none.
var forms = [...]form{
	{faults.Slow, "slow L | R by B for S"},
	{faults.Reset, "reset L | R"},
	{faults.SlowDisk, "slowdisk L by B for S"},
	{faults.SlowSync, "slowsync L by B for S"},
	{faults.Hold, "hold C from L for S"},
	{faults.Flip, "flip L | R for S"},
	{faults.Clog, "clog L | R for S"},
	{faults.Cut, "cut L | R for S"},
	{faults.Cut, "cut L > R for S"},
	{faults.Pause, "pause L for S"},
	{faults.Stop, "stop L for S"},
	{faults.Kill, "kill L for S"},
	{faults.FailAppend, "failappend L for S"},
	{faults.ShortAppend, "shortappend L for S"},
	{faults.FailSync, "failsync L for S"},
	{faults.Power, "power L for S"},
}

// Schedule draws a fault schedule, ordered by instant.
func Schedule(s Scope) *rapid.Generator[faults.Schedule] {
	return rapid.Custom(func(t *rapid.T) faults.Schedule {
		list := rapid.SliceOfN(Fault(s), 0, s.Most).Draw(t, "faults")
		if len(list) == 0 {
			return nil // as an empty schedule is parsed
		}
		return faults.Schedule(list).Sorted()
	})
}

// Fault draws one fault.
func Fault(s Scope) *rapid.Generator[faults.Fault] {
	return rapid.Custom(func(t *rapid.T) faults.Fault {
		f := rapid.SampledFrom(forms[:]).Draw(t, "action")
		var line []string
		for _, w := range strings.Fields(f.text) {
			switch w {
			case "L":
				w = target(s, s.Brokers).Draw(t, "target")
			case "R":
				w = other(s).Draw(t, "other side")
			case "S":
				w = span(100, 8000).Draw(t, "for")
			case "B":
				w = span(10, 400).Draw(t, "by")
			case "C":
				w = class().Draw(t, "class")
			}
			line = append(line, w)
		}
		at := span(s.From.Ms(), max(s.From, s.Until).Ms()).Draw(t, "at")
		out, err := faults.ParseFault(at + " " + strings.Join(line, " "))
		if err != nil {
			panic("gen: " + err.Error()) // the forms are ours
		}
		return out
	})
}

// span draws a duration, in whole milliseconds.
func span(lo, hi int64) *rapid.Generator[string] {
	return rapid.Map(rapid.Int64Range(lo, hi), func(n int64) string { return clock.Ms(n).String() })
}

// target draws a node, and seldom a role.
func target(s Scope, nodes []string) *rapid.Generator[string] {
	all := slices.Clone(nodes)
	for _, p := range s.Partitions {
		all = append(all, faults.Follower+" of "+p, faults.Leader+" of "+p)
	}
	return rapid.SampledFrom(append(all, faults.Controller))
}

// other draws the second side of a link fault.
func other(s Scope) *rapid.Generator[string] {
	all := slices.Concat(s.Clients, s.Brokers, []string{faults.Rest})
	if len(s.Clients) > 0 {
		all = append(all, faults.Everyone)
	}
	return rapid.SampledFrom(all)
}

func class() *rapid.Generator[string] {
	var names []string
	for _, c := range cluster.HoldClasses {
		names = append(names, c.Name, c.Name+"-answer")
	}
	return rapid.SampledFrom(names)
}
