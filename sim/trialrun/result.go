package trialrun

import (
	"slices"

	"trial/clock"
	"trial/sim"
)

// Verdict is how a run ended.
type Verdict string

// The verdicts.
const (
	Pass             Verdict = "pass"
	Failed           Verdict = "fail"             // a rule fired
	Stuck            Verdict = "stuck"            // a limit on events was reached, or time stood still
	Empty            Verdict = "empty"            // no judge had anything to judge
	Nondeterministic Verdict = "nondeterministic" // two runs of one plan differed
)

// Result is what a run came to.
type Result struct {
	Plan       Plan
	Hash       uint64
	Verdict    Verdict
	Violations []Violation
	Note       string // why stuck, empty or nondeterministic

	Events      uint64
	Virtual     clock.Duration
	Faults      int // that took effect
	Skipped     int // that the budget refused or that found no target
	Evaluations []Evaluation
	Probes      []sim.Count
}

// Failed reports whether the verdict is anything but pass.
func (r *Result) Failed() bool { return r.Verdict != Pass }

// First is the rule that fired first, or the verdict if none did.
func (r *Result) First() string {
	if len(r.Violations) > 0 {
		return r.Violations[0].Rule
	}
	return string(r.Verdict)
}

// Sentence is the verdict in one sentence.
func (r *Result) Sentence() string {
	switch {
	case r.Verdict == Failed:
		return string(r.Verdict) + ": " + r.Violations[0].String()
	case r.Note != "":
		return string(r.Verdict) + ": " + r.Note
	}
	return string(r.Verdict)
}

// result seals the hash and lets the judges have their last word.
func (r *run) result() Result {
	res := Result{
		Plan: *r.plan, Hash: r.world.Hash(), Events: r.world.Events(), Virtual: clock.Duration(r.world.Now()),
		Faults: r.inj.Injected(), Skipped: r.inj.Skipped(), Probes: r.world.Probes(),
	}
	for _, j := range r.cast.Judges {
		j.End(End{r.world.Now(), r.world, r.whole}, &r.found)
	}
	judged := int64(0)
	for _, e := range r.found.evaluations {
		judged += e.Evaluated
	}
	res.Evaluations = slices.Concat(r.found.evaluations, r.own.evaluations)
	res.Violations = slices.Concat(r.found.violations, r.own.violations)
	v := r.world.Violation()
	stuck := v != nil && (v.Rule == "STUCK" || v.Rule == "LIMIT")
	if v != nil && !stuck {
		reason := v.Reason
		if v.Node != 0 {
			reason = Name(v.Node) + ": " + reason
		}
		res.Violations = append([]Violation{{Rule: v.Rule, At: v.At, Reason: reason, Stack: v.Stack}}, res.Violations...)
	}
	switch {
	case len(res.Violations) > 0:
		res.Verdict = Failed
	case stuck:
		res.Verdict, res.Note = Stuck, v.Reason
	case judged == 0:
		res.Verdict, res.Note = Empty, "no judge evaluated a rule"
	default:
		res.Verdict = Pass
	}
	return res
}
