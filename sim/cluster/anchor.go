package cluster

import (
	"slices"

	"trial/clock"
	"trial/faults"
)

// How many notable events the search for an anchor tries: the latest on a fault's
// targets first.
const (
	mostRecent  = 5
	mostNotable = 8
)

// anchors replaces the instants of faults by what happened last before them, where
// the same rule still fires. What a fault waits for is found in a recording of the
// best plan so far. It goes from the last fault to the first: a fault that waits
// for what an earlier one brings about follows it to wherever that one moves. An
// anchor that fails in fewer disturbed worlds than the time that it replaces is no
// gain; a second round looks for anchors that fail in more of them. Then faults
// that are not needed any more go, and anchors become simpler.
func (s *shrinker) anchors() {
	s.steady = s.steadiness(s.best)
	for i := len(s.best.Faults) - 1; i >= 0; i-- {
		if !s.best.Faults[i].Anchored() {
			s.anchor(i, s.trySteady)
		}
	}
	if !s.best.Faults.Anchored() {
		return
	}
	s.room()
	s.steady = s.steadiness(s.best)
	for i := len(s.best.Faults) - 1; i >= 0 && s.steady < len(disturbances); i-- {
		s.anchor(i, s.trySteadier)
	}
	s.needless()
	faults.SimplerAnchors(s.best.Faults, max(0, s.budget-s.used), func(f faults.Schedule) bool {
		p := s.best.Clone()
		p.Faults = slices.Clone(f)
		return s.trySteady(p)
	})
}

// needless drops faults that led to what another one now waits for by itself.
func (s *shrinker) needless() {
	for i := len(s.best.Faults) - 1; i >= 0 && len(s.best.Faults) > 1; i-- {
		p := s.best.Clone()
		p.Faults = slices.Delete(p.Faults, i, i+1)
		s.trySteady(p)
	}
}

// anchor looks for an anchor of one fault that try takes.
func (s *shrinker) anchor(i int, try func(Plan) bool) {
	rec := s.recorded()
	if rec == nil {
		return
	}
	for _, steps := range candidates(rec, s.best.Faults[i]) {
		p := s.best.Clone()
		p.Faults[i].At, p.Faults[i].Steps, p.Faults[i].Before = 0, steps, faults.Event{}
		if try(p) {
			return
		}
	}
}

// disturbances are worlds in which an anchored plan should fail, too.
var disturbances = [...]func(*Plan){
	func(p *Plan) { p.Net.Latency, p.Net.Jitter = 2*p.Net.Latency, 2*p.Net.Jitter },
	func(p *Plan) { p.Disk.Latency, p.Disk.Sync = 2*p.Disk.Latency, 2*p.Disk.Sync },
	func(p *Plan) { p.Net.Latency, p.Disk.Sync = p.Net.Latency/2, p.Disk.Sync/2 },
}

// steadiness counts the disturbed worlds in which a plan fails by the same rule.
func (s *shrinker) steadiness(p Plan) int {
	n := 0
	for _, disturb := range disturbances {
		q := p.Clone()
		disturb(&q)
		if s.used >= s.budget {
			return n
		}
		s.used++
		if r := Run(q, RunOptions{}); s.same(&r) {
			n++
		}
	}
	return n
}

// trySteadier takes a plan that fails in more disturbed worlds than the best one,
// trySteady one that fails in no fewer.
func (s *shrinker) trySteadier(p Plan) bool { return s.tryAt(p, s.steady+1) }
func (s *shrinker) trySteady(p Plan) bool   { return s.tryAt(p, s.steady) }

func (s *shrinker) tryAt(p Plan, least int) bool {
	best, result := s.best, s.result
	if !s.try(p) {
		return false
	}
	n := s.steadiness(p)
	if n < least {
		s.best, s.result = best, result
		return false
	}
	s.steady = n
	return true
}

// recorded runs the best plan again and notes what happens in it; nil when no runs
// are left.
func (s *shrinker) recorded() *recording {
	if s.used >= s.budget {
		return nil
	}
	s.used++
	r := newRun(s.best, RunOptions{})
	rec := &recording{}
	r.happen.on, r.happen.record = true, rec
	r.execute()
	return rec
}

// rank orders notable events by what they mean to a fault: what changes who leads
// and who is in sync comes first. What is not in it is counted only.
var rank = map[faults.Happening]int{
	faults.ISRIs: 1, faults.ISRProposal: 1, faults.Leads: 2, faults.Truncation: 3, faults.NoLeader: 4, faults.RecoveryEnd: 5, faults.RecoveryStart: 6,
	faults.Unfencing: 7, faults.Fencing: 8, faults.Registration: 9, faults.Restart: 10, faults.End: 11, faults.IsController: 12, faults.Vote: 13,
}

// often are the events that happen all the time, for "after 3 acks of t-0".
var often = []faults.Happening{faults.LeaderAppend, faults.Ack, faults.HWMove, faults.FollowerAppend, faults.ConfirmedSend, faults.Send, faults.Delivery}

// candidates lists anchors for a timed fault, the most telling first: a notable
// event; so many acknowledgements (or the like) behind the first of them; a span
// behind a notable event; so many acknowledgements since the start.
func candidates(rec *recording, f faults.Fault) [][]faults.Step {
	k := slices.IndexFunc(rec.strikes, func(s strike) bool {
		return s.fault == f.String() && slices.Equal(s.steps, f.Steps) && (f.Anchored() || s.at == f.At)
	})
	if k < 0 {
		return nil // it did not strike
	}
	st := &rec.strikes[k]
	past := rec.happened[:st.before]
	var out [][]faults.Step
	notable := notable(past, f, st.nodes)
	for _, n := range notable {
		out = append(out, []faults.Step{n.step})
	}
	for _, n := range notable[:min(1, len(notable))] {
		for _, c := range counted(past[n.index+1:], f, st.nodes) {
			out = append(out, []faults.Step{n.step, c})
		}
	}
	for _, n := range notable[:min(2, len(notable))] {
		if gap := st.at.Sub(past[n.index].at); gap > 0 {
			ms := (gap + clock.Millisecond - 1) / clock.Millisecond * clock.Millisecond
			out = append(out, []faults.Step{n.step, {Later: ms}})
		}
	}
	for _, c := range counted(past, f, st.nodes) {
		out = append(out, []faults.Step{c})
	}
	return out
}

// noted is a notable event before a strike, as a step of an anchor.
type noted struct {
	step    faults.Step
	index   int // of the recording
	rank    int
	related bool // it concerns the fault's targets
}

// notable lists notable events before a strike, of each kind and subject the last
// one: the latest that concern the fault's targets, then what means most.
func notable(past []happened, f faults.Fault, nodes []string) []noted {
	var recent, rest []noted
	seen := map[faults.Event]bool{}
	for i := len(past) - 1; i >= 0; i-- {
		e := past[i].Event
		r := rank[e.What]
		key := faults.Event{What: e.What, Of: e.Of}
		if e.Of == "" {
			key.On = e.On
		}
		if r == 0 || seen[key] {
			continue
		}
		seen[key] = true
		n := noted{step: stepOf(past[:i+1]), index: i, rank: r, related: concerns(e, f, nodes)}
		if n.related && len(recent) < mostRecent {
			recent = append(recent, n)
		} else {
			rest = append(rest, n)
		}
	}
	slices.SortStableFunc(rest, func(a, b noted) int {
		switch {
		case a.related != b.related && a.related:
			return -1
		case a.related != b.related:
			return 1
		}
		return a.rank - b.rank
	})
	out := append(recent, rest...)
	return out[:min(mostNotable, len(out))]
}

// stepOf is the step that waits for the last event of the past: for the state, if
// it came for the first time, else for the event by its number.
func stepOf(past []happened) faults.Step {
	e := past[len(past)-1].Event
	if n := times(past, e); n == 1 || !e.What.State() {
		return faults.Step{Event: e, Count: n}
	}
	switch e.What {
	case faults.ISRIs: // an ISR that was there before: by the change that led to it
		for i := len(past) - 2; i >= 0; i-- {
			if c := past[i].Event; c.Of == e.Of && (c.What == faults.ISRExpansion || c.What == faults.ISRShrink) {
				return faults.Step{Event: c, Count: times(past, c)}
			}
		}
	case faults.Leads:
		e.What, e.On = faults.Leadership, ""
		return faults.Step{Event: e, Count: times(past, e)}
	case faults.IsController:
		e.What, e.On = faults.ControllerElection, ""
		return faults.Step{Event: e, Count: times(past, e)}
	}
	return faults.Step{Event: e, Count: 1}
}

// times counts how often something has happened.
func times(past []happened, e faults.Event) int64 {
	n := int64(0)
	for i := range past {
		if e.Is(past[i].Event) {
			n++
		}
	}
	return n
}

// mostCounted is how many kinds of frequent events the search for an anchor tries.
const mostCounted = 2

// counted lists the frequent events that concern a fault most, with their numbers.
func counted(past []happened, f faults.Fault, nodes []string) []faults.Step {
	var out []faults.Step
	for _, what := range often {
		for i := len(past) - 1; i >= 0 && len(out) < mostCounted; i-- {
			e := past[i].Event
			if e.What == what && (what.Subject() != faults.SomePartition || concerns(e, f, nodes)) {
				e.On = ""
				out = append(out, faults.Step{Event: e, Count: times(past, e)})
				break
			}
		}
	}
	return out
}

// concerns reports whether an event is about the partition or the nodes of a fault.
func concerns(e faults.Event, f faults.Fault, nodes []string) bool {
	for _, t := range slices.Concat(f.Left, f.Right) {
		if t.Of != "" && t.Of == e.Of {
			return true
		}
	}
	return slices.Contains(nodes, e.Of) || slices.Contains(nodes, e.On)
}

// room gives the fault phase of an anchored plan more time, for worlds in which
// what its faults wait for comes later.
func (s *shrinker) room() {
	p := s.best.Clone()
	p.For = min(MaxFor, (p.For+p.For/2+clock.Second-1)/clock.Second*clock.Second)
	s.try(p)
}
