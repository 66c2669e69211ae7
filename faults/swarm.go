package faults

import (
	"slices"

	"trial/clock"
	"trial/engine"
)

// Scope says what a drawn schedule may aim at.
type Scope struct {
	Brokers, Clients []string
	Partitions       []string // that roles may name, "t-0"
	Classes          []string // that Hold may name
	From, Until      clock.Instant
	// Hard is true in unbounded mode: several nodes at once, losing disks.
	Hard bool
}

// Climate is the mix of one run: which faults exist at all and how often they
// strike. Swarm testing (Groce et al. 2012): a run without pauses finds bugs that
// pauses would mask.
type Climate struct {
	Weights []Weight
	// Gap is the mean span between faults.
	Gap clock.Duration
	// Long is the longest a fault lasts.
	Long clock.Duration
	// Roles is how often, in 100, a target is named by its role.
	Roles int64
	// Flaps is how often, in 100, a fault strikes again soon, at the same target,
	// who may be somebody else by then if it is a role: a leader falls, and then
	// the next one, before the followers of the first have heard.
	Flaps int64
}

// Weight is the share of an action among the faults of a run.
type Weight struct {
	Action Action
	Share  int64
}

// Every action's usual share; cheap and telling ones come more often.
var shares = [...]Weight{
	{Kill, 10}, {Power, 8}, {Stop, 4}, {Pause, 8}, {Cut, 14}, {Clog, 5}, {Slow, 5}, {Reset, 8},
	{SlowDisk, 4}, {SlowSync, 4}, {FailAppend, 2}, {ShortAppend, 2}, {FailSync, 2}, {Flip, 4}, {Hold, 10},
}

// Drawn reports whether schedules that are drawn may have the action. The others
// are operations on pods, which a plan has to ask for.
func (a Action) Drawn() bool {
	return slices.ContainsFunc(shares[:], func(w Weight) bool { return w.Action == a })
}

// DrawClimate draws the climate of a run.
func DrawClimate(s *engine.Stream, sc Scope) Climate {
	c := Climate{
		Gap:   clock.Ms(s.Between(300, 3000)),
		Long:  clock.Ms(s.Between(500, 14_000)),
		Roles: s.Between(0, 100),
	}
	if s.Chance(1, 2) {
		c.Flaps = s.Between(5, 40)
	}
	for len(c.Weights) == 0 {
		for _, w := range shares {
			if w.Action == Hold && len(sc.Classes) == 0 {
				continue
			}
			if s.Chance(1, 2) { // half of the kinds do not exist in a run
				c.Weights = append(c.Weights, Weight{w.Action, w.Share * s.Between(1, 4)})
			}
		}
	}
	return c
}

// Draw draws a schedule in a climate.
func Draw(s *engine.Stream, c Climate, sc Scope) Schedule {
	var out Schedule
	at := sc.From.Add(clock.Duration(s.N(int64(c.Gap) + 1)))
	for at < sc.Until {
		f := c.draw(s, sc, at)
		out = append(out, f)
		for c.Flaps > 0 && s.Chance(c.Flaps, 100) {
			if f = c.again(s, f); f.At >= sc.Until {
				break
			}
			out = append(out, f)
			at = max(at, f.At)
		}
		at = at.Add(gap(s, c.Gap))
	}
	return out
}

// flapMost is how long after a fault the next of a flap strikes.
const flapMost = 2000

// again draws the next fault of a flap.
func (c Climate) again(s *engine.Stream, f Fault) Fault {
	f.At = f.At.Add(clock.Ms(s.Between(20, flapMost)))
	if f.For > 0 {
		f.For = c.span(s)
	}
	f.Left, f.Right = slices.Clone(f.Left), slices.Clone(f.Right)
	return f
}

// gap draws a span with the given mean: bursts and lulls, in whole milliseconds.
func gap(s *engine.Stream, mean clock.Duration) clock.Duration {
	switch s.N(4) {
	case 0:
		return clock.Ms(s.Between(0, mean.Ms()/4)) // a burst
	case 1:
		return clock.Ms(s.Between(mean.Ms(), 3*mean.Ms()))
	default:
		return clock.Ms(s.Between(mean.Ms()/2, 3*mean.Ms()/2))
	}
}

func (c Climate) draw(s *engine.Stream, sc Scope, at clock.Instant) Fault {
	var total int64
	for _, w := range c.Weights {
		total += w.Share
	}
	pick := s.N(total)
	f := Fault{At: clock.Instant(clock.Ms(at.Ms()))}
	for _, w := range c.Weights {
		if pick -= w.Share; pick < 0 {
			f.Action = w.Action
			break
		}
	}
	sh, _ := shapeOf(f.Action)
	if sh.span {
		f.For = c.span(s)
	}
	if sh.by {
		f.By = clock.Ms(s.Between(5, 400))
	}
	if sh.class {
		f.Class = sc.Classes[s.Pick(len(sc.Classes))]
	}
	f.Left = []Target{c.target(s, sc)}
	if sh.sides == 2 {
		c.sides(s, sc, &f)
		f.OneWay = sh.oneWay && s.Chance(1, 3)
		if f.OneWay && s.Chance(1, 2) && f.Right[0].Node != Rest {
			f.Left, f.Right = f.Right, f.Left
		}
		return f
	}
	if (f.Action == Kill || f.Action == Pause) && len(sc.Clients) > 0 && s.Chance(1, 8) {
		f.Left = []Target{{Node: sc.Clients[s.Pick(len(sc.Clients))]}}
	}
	if sc.Hard && sh.downs && s.Chance(1, 5) { // several at once, up to all
		for _, n := range sc.Brokers {
			if s.Chance(1, 2) && (Target{Node: n}) != f.Left[0] {
				f.Left = append(f.Left, Target{Node: n})
			}
		}
	}
	return f
}

// blink is the longest of the shortest faults: a process that is back before
// anybody's timeout has passed. Its leaderships move all the same, at once.
const blink = 400

// span draws how long a fault lasts: a blink, mostly short, sometimes past the
// session timeouts.
func (c Climate) span(s *engine.Stream) clock.Duration {
	long := c.Long.Ms()
	if s.Chance(1, 4) {
		return clock.Ms(s.Between(50, blink))
	}
	if s.Chance(1, 2) {
		long = max(100, long/4)
	}
	return clock.Ms(s.Between(50, long))
}

func (c Climate) target(s *engine.Stream, sc Scope) Target {
	if !s.Chance(c.Roles, 100) || len(sc.Partitions) == 0 {
		return Target{Node: sc.Brokers[s.Pick(len(sc.Brokers))]}
	}
	switch s.N(5) {
	case 0:
		return Target{Node: Controller}
	case 1, 2:
		return Target{Node: Follower, Of: sc.Partitions[s.Pick(len(sc.Partitions))]}
	default:
		return Target{Node: Leader, Of: sc.Partitions[s.Pick(len(sc.Partitions))]}
	}
}

// sides fills the second side of a link fault: the rest, one other broker, a
// client, or the clients.
func (c Climate) sides(s *engine.Stream, sc Scope, f *Fault) {
	switch k := s.N(8); {
	case k < 5 || len(sc.Brokers) == 1:
		f.Right = []Target{{Node: Rest}}
		if len(sc.Brokers) == 1 || k == 4 && len(sc.Clients) > 0 {
			f.Right = []Target{{Node: Everyone}}
		}
	case k == 5 && len(sc.Clients) > 0:
		f.Right = []Target{{Node: sc.Clients[s.Pick(len(sc.Clients))]}}
	default:
		f.Right = []Target{c.target(s, sc)}
	}
}
