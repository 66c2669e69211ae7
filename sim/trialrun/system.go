package trialrun

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
)

// System describes what is put on trial. Name, Servers, For and New are needed,
// everything else may be left out. Its functions must depend on nothing but
// their arguments.
type System struct {
	// Name is one word; a plan says which system it is for.
	Name string
	// Servers and Clients are how many of each a plan has unless told otherwise.
	Servers, Clients int
	// For is how long faults strike unless told otherwise. Liveness is how long
	// after healing progress may take (again: until everything is at rest); a minute
	// if zero. The deadline belongs to the user: nobody else knows the engine's
	// timeouts.
	For, Liveness clock.Duration
	// Knobs are what a seed may turn besides the climate.
	Knobs []Knob
	// Mutants names the planted bugs that Plan.Mutant may switch on.
	Mutants []string

	// Groups are what has a leader and followers, so that faults can say "leader of
	// x"; one word each. Resolve finds who plays the role, faults.Leader or
	// faults.Follower, at this moment.
	Groups  []string
	Resolve func(w *sim.World, p *Plan, role, of string) (engine.NodeID, bool)
	// Actions are the faults that a seed may draw; empty: all that make sense here.
	Actions []faults.Action
	// Classes are the kinds of frames that a hold fault can name, and Class tells a
	// frame's; "" for none of them.
	Classes []string
	Class   func(from, to engine.NodeID, frame []byte) string
	// Damage flips bits where the engine must notice it (what it has a checksum of
	// its own for: TCP finds the rest); false if the frame has no such place. Without
	// it there are no flip faults.
	Damage func(frame []byte, draw *engine.Stream) bool
	// Allow is the budget: whether a fault may strike a node now, and if not, why
	// not. Without it everything may.
	Allow func(w *sim.World, p *Plan, a faults.Action, node engine.NodeID) (ok bool, why string)

	// New makes the programs and judges of one run. It must not keep anything for
	// the next one.
	New func(p *Plan) *Cast
}

// Cast is who takes part in one run.
type Cast struct {
	// Servers are n1, n2 ..., with the ids of ServerID; Clients are c1, c2 ..., with
	// the ids of ClientID. There must be as many as the plan says.
	Servers, Clients []Node
	Judges           []Judge
	// Progress tells what is still missing after healing, "" if nothing is: every
	// client has got an answer since, a leader is there. It is asked every 100 ms
	// of virtual time; rule LIVENESS fires at the deadline.
	Progress func(w *sim.World) string
	// Rest tells the same after the clients have ended: replicas are equal, nothing
	// is under way. Rule REST fires at the deadline.
	Rest func(w *sim.World) string
}

// Node is a machine of the cast.
type Node struct {
	// New makes the program of one incarnation.
	New func() engine.Program
	// Listeners are the addresses of listeners 0, 1 ..., such as "n1:7000".
	Listeners []string
	// Volumes is the number of disks, VolumeBytes the size of each; 0 for no limit.
	Volumes     int
	VolumeBytes int64
	// MaxFrame is the largest frame that is accepted, in bytes; 0 means 100 MiB.
	MaxFrame int
}

// Knob is a whole number that the seed draws: Default in one run of four, else
// anything in [Min, Max]. Every knob has a stream of its own, so that a new one
// moves nothing else.
type Knob struct {
	Name              string
	Default, Min, Max int64
}

// firstClient is the node id of c1.
const firstClient engine.NodeID = 101

// ServerID is the node id of server i, from 0: n1 has id 1.
func ServerID(i int) engine.NodeID { return engine.NodeID(i + 1) }

// ClientID is the node id of client i, from 0: c1 has id 101.
func ClientID(i int) engine.NodeID { return firstClient + engine.NodeID(i) }

// Name is what plans, traces and verdicts call a node: n1, c1.
func Name(id engine.NodeID) string {
	if id >= firstClient {
		return fmt.Sprintf("c%d", id-firstClient+1)
	}
	return fmt.Sprintf("n%d", id)
}

// defaultLiveness is System.Liveness of who has not said.
const defaultLiveness = clock.Minute

// check reports what is wrong with the description itself.
func (s *System) check() error {
	words := slices.Concat([]string{s.Name}, s.Groups, s.Classes, s.Mutants)
	for _, k := range s.Knobs {
		words = append(words, k.Name)
		if k.Min > k.Max || k.Default < k.Min || k.Default > k.Max {
			return fmt.Errorf("system %s: knob %s: default %d is not in [%d, %d]", s.Name, k.Name, k.Default, k.Min, k.Max)
		}
	}
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n,|>=#") {
			return fmt.Errorf("system %q: the name %q is not one plain word", s.Name, w)
		}
	}
	switch {
	case s.New == nil:
		return fmt.Errorf("system %s: New is missing: it makes the programs and judges of a run", s.Name)
	case len(s.Groups) > 0 && s.Resolve == nil:
		return fmt.Errorf("system %s: it has groups, so Resolve must tell who leads them", s.Name)
	case len(s.Classes) > 0 && s.Class == nil:
		return fmt.Errorf("system %s: it has classes of frames, so Class must tell them apart", s.Name)
	}
	return nil
}

// knows reports whether faults of an action make sense here.
func (s *System) knows(a faults.Action) bool {
	switch a {
	case faults.Hold:
		return len(s.Classes) > 0
	case faults.Flip:
		return s.Damage != nil
	case faults.Roll: // an operator must know what a node that is ready looks like
		return false
	}
	return slices.Contains(faults.Actions(), a)
}

// draws reports whether a seed may draw faults of an action.
func (s *System) draws(a faults.Action) bool {
	return s.knows(a) && (len(s.Actions) == 0 || slices.Contains(s.Actions, a))
}

func (s *System) knob(name string) *Knob {
	for i := range s.Knobs {
		if s.Knobs[i].Name == name {
			return &s.Knobs[i]
		}
	}
	return nil
}
