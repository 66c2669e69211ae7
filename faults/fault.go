package faults

import (
	"slices"
	"strings"

	"trial/clock"
)

// Action is what a fault does.
type Action string

// The actions.
const (
	Kill        Action = "kill"        // the process dies, what the operating system took stays; restarted after For
	Power       Action = "power"       // power failure: unsynced bytes lost or torn; restarted after For
	Stop        Action = "stop"        // orderly stop; started after For
	Pause       Action = "pause"       // frozen but alive, a zombie, for For
	Cut         Action = "cut"         // nothing passes between two groups (or one way) for For
	Clog        Action = "clog"        // everything between two groups waits for For
	Slow        Action = "slow"        // packets between two groups take By longer for For
	Reset       Action = "reset"       // connections between two groups break, in mid-frame
	SlowDisk    Action = "slowdisk"    // disk operations of a node take By longer for For
	SlowSync    Action = "slowsync"    // syncs of a node take By longer for For
	FailAppend  Action = "failappend"  // the next append of a node fails; restarted after For if that ended it
	ShortAppend Action = "shortappend" // the next append of a node is cut short; restarted after For if that ended it
	FailSync    Action = "failsync"    // the next sync of a node fails; restarted after For if that ended it
	Flip        Action = "flip"        // within For, one frame with records that one side sends to the other arrives with bits flipped in the records
	Replace     Action = "replace"     // the pod is deleted (an orderly stop, killed after Grace) and made again after For: volumes that end with a pod are empty
	Lose        Action = "lose"        // the machine is gone (a power failure) and the pod is made again on another one after For
	Roll        Action = "roll"        // a rolling update: the targets are replaced one after the other, each away for For
	Hold        Action = "hold"        // requests or responses of one class sent by a node wait until For has passed
)

// shape says which parts a fault of an action has.
type shape struct {
	action       Action
	sides        int  // groups: 1, or 2 around "|" or ">"
	oneWay       bool // "a > b" allowed
	span, by     bool // "for D", "by D"
	class        bool // "hold CLASS from TARGET"
	loses, downs bool // may lose unsynced bytes; takes the process down
}

var shapes = [...]shape{
	{action: Kill, sides: 1, span: true, downs: true},
	{action: Power, sides: 1, span: true, loses: true, downs: true},
	{action: Stop, sides: 1, span: true, downs: true},
	{action: Pause, sides: 1, span: true},
	{action: Cut, sides: 2, oneWay: true, span: true},
	{action: Clog, sides: 2, oneWay: true, span: true},
	{action: Slow, sides: 2, oneWay: true, span: true, by: true},
	{action: Reset, sides: 2},
	{action: SlowDisk, sides: 1, span: true, by: true},
	{action: SlowSync, sides: 1, span: true, by: true},
	{action: FailAppend, sides: 1, span: true, downs: true},
	{action: ShortAppend, sides: 1, span: true, downs: true},
	{action: FailSync, sides: 1, span: true, loses: true, downs: true},
	{action: Flip, sides: 2, oneWay: true, span: true},
	{action: Replace, sides: 1, span: true, loses: true, downs: true},
	{action: Lose, sides: 1, span: true, loses: true, downs: true},
	{action: Roll, sides: 1, span: true, downs: true},
	{action: Hold, sides: 1, span: true, class: true},
}

func shapeOf(a Action) (shape, bool) {
	for _, s := range shapes {
		if s.action == a {
			return s, true
		}
	}
	return shape{}, false
}

// Actions lists every action, in a fixed order.
func Actions() []Action {
	out := make([]Action, 0, len(shapes))
	for _, s := range shapes {
		out = append(out, s.action)
	}
	return out
}

// Loses reports whether the action may lose unsynced bytes.
func (a Action) Loses() bool { s, _ := shapeOf(a); return s.loses }

// Downs reports whether the action ends the process of its target.
func (a Action) Downs() bool { s, _ := shapeOf(a); return s.downs }

// Fault is one bad thing: at an instant of the run, or when something has
// happened, an action on targets, which ends by itself after For.
type Fault struct {
	At     clock.Instant // when it strikes; with Steps, from when on they are waited for
	Steps  []Step        // its anchor: it strikes when the last step is done
	Before Event         // unless this has happened since the anchor's last event; What "" for no such thing
	Action Action
	Class  string   // of Hold: which requests, in the world's words
	Left   []Target // who it happens to; the sending side of a one-way cut
	Right  []Target // the other side of a cut, clog, slow, reset or flip
	OneWay bool     // only what Left sends to Right
	By     clock.Duration
	For    clock.Duration
}

// String prints the fault without its instant or anchor, as Parse reads it.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(string(f.Action))
	if f.Class != "" {
		b.WriteString(" " + f.Class + " from")
	}
	writeTargets(&b, f.Left)
	if f.Right != nil {
		if f.OneWay {
			b.WriteString(" >")
		} else {
			b.WriteString(" |")
		}
		writeTargets(&b, f.Right)
	}
	if f.By != 0 {
		b.WriteString(" by " + f.By.String())
	}
	if f.For != 0 {
		b.WriteString(" for " + f.For.String())
	}
	return b.String()
}

func writeTargets(b *strings.Builder, ts []Target) {
	for i, t := range ts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(" " + t.String())
	}
}

// Target names a node: directly, or by the role it plays when the fault strikes.
type Target struct {
	Node string // "n1", "c2"; or one of the roles below
	Of   string // the partition of a leader or follower role, "t-0"; the name of a zone
}

// Roles that a target can name instead of a node.
const (
	Leader     = "leader"     // the leader of a partition
	Follower   = "follower"   // the first in-sync follower of a partition, in replica order
	Controller = "controller" // the active controller
	Rest       = "rest"       // every broker that the other side does not name
	Everyone   = "clients"    // every client node
	Zone       = "zone"       // every node whose machine stands in a zone, "zone a"
)

func (t Target) String() string {
	if t.Node == Zone {
		return t.Node + " " + t.Of
	}
	if t.Of != "" {
		return t.Node + " of " + t.Of
	}
	return t.Node
}

// Schedule is a list of faults. Its order is that of their instants; ties keep
// their place.
type Schedule []Fault

// Sorted returns the schedule ordered by instant. An anchored fault stays behind
// the fault that it followed.
func (s Schedule) Sorted() Schedule {
	type placed struct {
		at clock.Instant
		f  Fault
	}
	list := make([]placed, len(s))
	for i, f := range s {
		list[i] = placed{f.At, f}
		if f.Anchored() && i > 0 {
			list[i].at = max(f.At, list[i-1].at)
		}
	}
	slices.SortStableFunc(list, func(a, b placed) int { return int(min(1, max(-1, a.at-b.at))) })
	out := slices.Clone(s)
	for i := range list {
		out[i] = list[i].f
	}
	return out
}

// End is the instant at which the last fault of the schedule has ended; an
// anchored one counts from the instant before which it does not strike.
func (s Schedule) End() clock.Instant {
	var end clock.Instant
	for _, f := range s {
		end = max(end, f.At.Add(f.For))
	}
	return end
}

// String prints one fault a line, instants and anchors first.
func (s Schedule) String() string {
	width := 0
	for _, f := range s {
		if !f.Anchored() {
			width = max(width, len(f.At.String()))
		}
	}
	var b strings.Builder
	for _, f := range s {
		when, gap := f.When(), " "
		if !f.Anchored() {
			gap = strings.Repeat(" ", width-len(when)+2)
		}
		b.WriteString("  " + when + gap + f.String() + "\n")
	}
	return b.String()
}
