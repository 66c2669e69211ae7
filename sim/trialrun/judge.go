package trialrun

import (
	"fmt"
	"slices"

	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
)

// Judge decides whether the engine kept its promises. It hears of everything in
// the order in which it happens and puts what it finds into Findings. The run
// ends soon after the first violation. A judge must not change the world.
type Judge interface {
	// OnFact is called for every fact that a program emits.
	OnFact(f Fact, out *Findings)
	// OnFault is called for everything that is done to a node or a link.
	OnFault(e FaultEvent, out *Findings)
	// End is called once, when the run is over.
	End(e End, out *Findings)
}

// Fact is a statement of a program about itself, with who made it when.
type Fact struct {
	At          clock.Instant
	Node        engine.NodeID
	Incarnation engine.Incarnation
	engine.Fact
}

// FaultEvent is one thing that was done to a node or a link: ground truth, from
// the world and not from the engine.
type FaultEvent struct {
	At clock.Instant
	// Action is the fault, or Start, Exit or Heal. Ends tells that it is over: a
	// pause that ends is a process that goes on.
	Action faults.Action
	Ends   bool
	// Node is who is struck, Peer the other side of a link, else 0.
	Node, Peer engine.NodeID
	// Lost is what a power failure took.
	Lost []sim.DiskLoss
	// Err is why a process ended by itself.
	Err error
}

// What happens to nodes besides faults.
const (
	Start faults.Action = "start" // the next incarnation boots
	Exit  faults.Action = "exit"  // the process has ended by itself
	Heal  faults.Action = "heal"  // all faults are over; Node is 0
)

// End is the world when the run is over.
type End struct {
	At    clock.Instant
	World *sim.World
	// Whole is false if the run ended early: what was to come has not happened.
	Whole bool
}

// Violation is a broken promise.
type Violation struct {
	// Rule is the judge's word for the promise, or one of ours: ASSERT, LIVENESS,
	// REST.
	Rule   string
	At     clock.Instant
	Reason string
	// Stack is where a program panicked.
	Stack string
}

func (v *Violation) String() string { return fmt.Sprintf("rule %s at %v: %s", v.Rule, v.At, v.Reason) }

// The rules that a run applies by itself.
const (
	// RuleAssert: a program panicked.
	RuleAssert = "ASSERT"
	// RuleLiveness: Cast.Progress still missed something at the deadline, or a
	// client that was asked to stop had not.
	RuleLiveness = "LIVENESS"
	// RuleRest: Cast.Rest still missed something at the deadline.
	RuleRest = "REST"
)

// Evaluation tells how often a rule was evaluated and how often it failed. A rule
// that is never evaluated proves nothing.
type Evaluation struct {
	Rule              string
	Evaluated, Failed int64
}

// Findings collects what judges find. The zero Findings is ready, for tests of a
// judge.
type Findings struct {
	now         func() clock.Instant
	violations  []Violation
	evaluations []Evaluation
}

// keepMost is how many violations of one rule are kept; all are counted.
const keepMost = 20

// Hold counts that a rule was evaluated, and records a violation now if it does
// not hold.
func (f *Findings) Hold(rule string, ok bool, format string, args ...any) {
	e := f.evaluation(rule)
	e.Evaluated++
	if ok {
		return
	}
	at := clock.Instant(0)
	if f.now != nil {
		at = f.now()
	}
	f.fail(e, at, format, args...)
}

// HoldAt is Hold for a judge who learns only later what happened at an instant.
func (f *Findings) HoldAt(rule string, at clock.Instant, ok bool, format string, args ...any) {
	e := f.evaluation(rule)
	e.Evaluated++
	if !ok {
		f.fail(e, at, format, args...)
	}
}

func (f *Findings) fail(e *Evaluation, at clock.Instant, format string, args ...any) {
	if e.Failed++; e.Failed <= keepMost {
		f.violations = append(f.violations, Violation{Rule: e.Rule, At: at, Reason: fmt.Sprintf(format, args...)})
	}
}

func (f *Findings) evaluation(rule string) *Evaluation {
	i := slices.IndexFunc(f.evaluations, func(e Evaluation) bool { return e.Rule == rule })
	if i < 0 {
		i = len(f.evaluations)
		f.evaluations = append(f.evaluations, Evaluation{Rule: rule})
	}
	return &f.evaluations[i]
}

// Violations lists what was found, in the order in which it was.
func (f *Findings) Violations() []Violation { return f.violations }

// Evaluations lists the rules in the order of their first evaluation.
func (f *Findings) Evaluations() []Evaluation { return f.evaluations }
