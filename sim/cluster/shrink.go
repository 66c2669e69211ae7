package cluster

import (
	"slices"

	"trial/clock"
	"trial/faults"
)

// ShrinkBudget is how many candidate runs Shrink may make by default.
const ShrinkBudget = 500

// ShrinkOptions are the options of ShrinkWith.
type ShrinkOptions struct {
	Budget    int                       // candidate runs at most
	KeepTimes bool                      // faults stay at their instants, none gets an anchor
	Progress  func(used int, best Plan) // if not nil, hears of every candidate

	// Showing, if not nil, is what every candidate must do instead of failing: the
	// plan passes and shows something rare.
	Showing func(*Result) bool
}

// Shrink looks for the smallest plan on which the same rule fires as on p, with
// anchors instead of times where the failure survives it. progress, if not nil,
// hears of every candidate.
func Shrink(p Plan, budget int, progress func(used int, best Plan)) (Plan, Result, int) {
	return ShrinkWith(p, ShrinkOptions{Budget: budget, Progress: progress})
}

// ShrinkWith shrinks as Shrink does: fewer and tamer faults first, then fewer
// clients, less time, then faults once more; at last anchors, and simpler ones.
func ShrinkWith(p Plan, o ShrinkOptions) (Plan, Result, int) {
	s := &shrinker{budget: o.Budget, progress: o.Progress, best: p.Clone(), showing: o.Showing}
	s.result = Run(p, RunOptions{})
	s.rule = s.result.First()
	if !s.same(&s.result) {
		return s.best, s.result, 1
	}
	s.used = 1
	s.faults()
	s.clients()
	s.time()
	s.faults()
	if !o.KeepTimes {
		s.anchors()
	}
	return s.best, s.result, s.used
}

type shrinker struct {
	best     Plan
	result   Result
	rule     string
	used     int
	budget   int
	progress func(int, Plan)
	showing  func(*Result) bool
	steady   int // in how many disturbed worlds the best plan fails, too
}

// same reports whether a candidate does what the plan is shrunk for: the same rule
// fires first, or it passes and shows what it must.
func (s *shrinker) same(r *Result) bool {
	if s.showing != nil {
		return !r.Failed() && s.showing(r)
	}
	return r.Failed() && r.First() == s.rule
}

// try runs a candidate and keeps it if the same rule fires first.
func (s *shrinker) try(p Plan) bool {
	if s.used >= s.budget || p.Validate() != nil {
		return false
	}
	s.used++
	r := Run(p, RunOptions{})
	ok := s.same(&r)
	if ok {
		s.best, s.result = p, r
	}
	if s.progress != nil {
		s.progress(s.used, s.best)
	}
	return ok
}

func (s *shrinker) faults() {
	faults.Shrink(s.best.Faults, s.budget-s.used, func(f faults.Schedule) bool {
		p := s.best.Clone()
		p.Faults = slices.Clone(f)
		return s.try(p)
	})
}

// clients removes clients one by one, as long as no fault names them.
func (s *shrinker) clients() {
	for i := len(s.best.Clients) - 1; i >= 0; i-- {
		p := s.best.Clone()
		p.Clients = slices.Delete(p.Clients, i, i+1)
		s.try(p)
	}
}

// time ends the fault phase as early as the failure allows.
func (s *shrinker) time() {
	end := s.best.Faults.End()
	for _, d := range []clock.Duration{clock.Duration(end), clock.Duration(end) + 2*clock.Second, s.best.For / 2} {
		d = (d + clock.Second - 1) / clock.Second * clock.Second
		if d <= 0 || d >= s.best.For {
			continue
		}
		p := s.best.Clone()
		p.For = d
		if s.try(p) {
			return
		}
	}
}
