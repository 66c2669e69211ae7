package simtest

import (
	"slices"

	"trial/faults"
)

// shrink looks for fewer and tamer faults with which the run fails in the same way:
// those of the plan and those of the function. It returns how many runs it took.
func (r *runner) shrink(a attempt, o *outcome) (attempt, int) {
	s := &shrinker{r: r, best: a, key: o.key(), left: r.cfg.ShrinkRuns}
	s.own(o.script.count)
	s.drawn()
	s.own(o.script.count)
	return s.best, r.cfg.ShrinkRuns - s.left
}

type shrinker struct {
	r    *runner
	best attempt
	key  string
	left int
}

// try runs an attempt and keeps it if it fails in the same way.
func (s *shrinker) try(a attempt) bool {
	if s.left == 0 || a.plan.Validate() != nil {
		return false
	}
	s.left--
	o := s.r.run(a, nil, s.key)
	if o.key() != s.key {
		return false
	}
	s.best = a
	return true
}

// own leaves out faults of the function: all, or one after the other.
func (s *shrinker) own(count int) {
	all := make([]int, count)
	for i := range all {
		all[i] = i + 1
	}
	if len(s.best.skip) == count || s.try(attempt{s.best.plan, all}) {
		return
	}
	for i := count; i > 0; i-- {
		if !slices.Contains(s.best.skip, i) {
			s.try(attempt{s.best.plan, append(slices.Clone(s.best.skip), i)})
		}
	}
}

// drawn leaves out and tames faults of the plan.
func (s *shrinker) drawn() {
	if len(s.best.plan.Faults) == 0 {
		return
	}
	faults.Shrink(s.best.plan.Faults, s.left, func(f faults.Schedule) bool {
		p := s.best.plan.Clone()
		p.Faults = slices.Clone(f)
		return s.try(attempt{p, s.best.skip})
	})
}
