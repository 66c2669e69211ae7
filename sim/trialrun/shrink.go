package trialrun

import (
	"slices"

	"trial/clock"
	"trial/faults"
)

// ShrinkBudget is how many candidate runs are enough for most failures.
const ShrinkBudget = 500

// Shrink looks for the smallest plan on which the same rule fires first as on p:
// fewer and tamer faults, then fewer clients, less time, knobs at their defaults,
// then faults once more. It makes at most budget runs and tells how many it made.
// The plan comes back with its result; it is p itself if p passes or nothing
// smaller fails. progress, if not nil, hears of every candidate.
func (s *System) Shrink(p Plan, budget int, progress func(used int, best Plan)) (Plan, Result, int) {
	sh := &shrinker{sys: s, budget: budget, progress: progress, best: p.Clone(), used: 1}
	sh.result = s.Run(p, RunOptions{})
	if !sh.result.Failed() {
		return sh.best, sh.result, sh.used
	}
	sh.rule = sh.result.First()
	sh.faults()
	sh.clients()
	sh.time()
	sh.plain()
	sh.faults()
	return sh.best, sh.result, sh.used
}

type shrinker struct {
	sys      *System
	best     Plan
	result   Result
	rule     string
	used     int
	budget   int
	progress func(int, Plan)
}

// try runs a candidate and keeps it if the same rule fires first.
func (s *shrinker) try(p Plan) bool {
	if s.used >= s.budget || s.sys.Validate(&p) != nil {
		return false
	}
	s.used++
	r := s.sys.Run(p, RunOptions{})
	smaller := r.Failed() && r.First() == s.rule
	if smaller {
		s.best, s.result = p, r
	}
	if s.progress != nil {
		s.progress(s.used, s.best)
	}
	return smaller
}

func (s *shrinker) faults() {
	faults.Shrink(s.best.Faults, max(0, s.budget-s.used), func(f faults.Schedule) bool {
		p := s.best.Clone()
		p.Faults = slices.Clone(f)
		return s.try(p)
	})
}

// clients removes the last client as long as no fault names it.
func (s *shrinker) clients() {
	for s.best.Clients > 0 {
		p := s.best.Clone()
		p.Clients--
		if !s.try(p) {
			return
		}
	}
}

// time ends the fault phase as early as the failure allows.
func (s *shrinker) time() {
	end := clock.Duration(s.best.Faults.End())
	for _, d := range []clock.Duration{end, end + 2*clock.Second, s.best.For / 2} {
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

// plain puts knobs back to their defaults, one by one.
func (s *shrinker) plain() {
	for _, k := range s.sys.Knobs {
		if s.best.Knob(k.Name) == k.Default {
			continue
		}
		p := s.best.Clone()
		p.SetKnob(k.Name, k.Default)
		s.try(p)
	}
	if s.best.Buggify {
		p := s.best.Clone()
		p.Buggify = false
		s.try(p)
	}
}
