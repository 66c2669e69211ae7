package trialrun

import (
	"fmt"

	"trial/clock"
	"trial/sim"
)

// Verify runs a plan twice and compares: hash, events and verdict must be equal.
// The result is that of the first run, with verdict nondeterministic if they
// differ, and with the first event in which they do if that can be found.
func (s *System) Verify(p Plan, o RunOptions) Result {
	first := s.Run(p, o)
	second := s.Run(p, RunOptions{})
	if first.Hash == second.Hash && first.Events == second.Events && first.First() == second.First() {
		return first
	}
	first.Verdict, first.Violations = Nondeterministic, nil
	first.Note = fmt.Sprintf("two runs of one plan differ: hash %#016x after %d events (%s), then %#016x after %d events (%s)",
		first.Hash, first.Events, first.First(), second.Hash, second.Events, second.First())
	a, b := s.newRun(p, RunOptions{}), s.newRun(p, RunOptions{})
	if d := sim.Lockstep(a.world, b.world, clock.Instant(p.For)); d != nil {
		first.Note = d.Error()
	}
	return first
}
