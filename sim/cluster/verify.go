package cluster

import "fmt"

// Verify runs a plan twice and compares: hash, events and verdict must be equal.
// The result is that of the first run, with verdict nondeterministic if they differ.
func Verify(p Plan, o RunOptions) Result {
	first := Run(p, o)
	o.Trace = nil
	second := Run(p, o)
	if first.Hash == second.Hash && first.Events == second.Events && first.Verdict == second.Verdict {
		return first
	}
	first.Verdict = Nondeterministic
	first.Note = fmt.Sprintf("two runs of one plan differ: hash %#016x after %d events (%s), then %#016x after %d events (%s)",
		first.Hash, first.Events, first.Verdict, second.Hash, second.Events, second.Verdict)
	return first
}
