package faults

import (
	"slices"
	"strconv"
	"strings"
)

// Happening is the name of something that happens in a world, or of a state that
// begins, as an anchor writes it.
type Happening string

// What happens again and again, and is counted.
const (
	Ack            Happening = "ack"                          // a leader decided to acknowledge a produced batch
	AckOne         Happening = "acks=1 ack"                   // the same, to a producer that asked for acks=1
	AckAll         Happening = "acks=all ack"                 // the same, to a producer that asked for acks=all
	Append         Happening = "append"                       // a batch became visible in a replica's log
	LeaderAppend   Happening = "leader append"                // the same, in the leader's
	FollowerAppend Happening = "follower append"              // the same, in a follower's
	HWMove         Happening = "high watermark move"          // the leader's high watermark changed
	FollowerHWMove Happening = "follower high watermark move" // a follower's did
	ISRShrink      Happening = "ISR shrink"                   // a replica left the committed ISR
	ISRExpansion   Happening = "ISR expansion"                // a replica joined it
	ISRProposal    Happening = "ISR proposal"                 // a leader asked the controller for another ISR
	Leadership     Happening = "leadership"                   // a replica began to lead a new leader epoch
	Truncation     Happening = "truncation"                   // a replica removed the end of its log
	RecoveryStart  Happening = "recovery start"               // a broker began to open the log of a replica
	RecoveryEnd    Happening = "recovery end"                 // the log is open

	ControllerElection Happening = "controller election" // a broker became the active controller
	Vote               Happening = "vote"                // a voter granted its vote

	Registration Happening = "registration" // a broker registered, each life once
	Fencing      Happening = "fencing"      // its session ended
	Unfencing    Happening = "unfencing"    // it may lead and be in sync

	End     Happening = "end"     // the process of a node ended, in whatever way
	Restart Happening = "restart" // it was started again

	Send          Happening = "send"           // a client's application handed over a record
	ConfirmedSend Happening = "confirmed send" // the client was told that it is acknowledged
	Delivery      Happening = "delivery"       // a client's application got a record
)

// States, which hold for a while. They are not counted.
const (
	Leads        Happening = "leads"                  // On leads Of
	IsController Happening = "is controller"          // On is the active controller
	ISRIs        Happening = "ISR is"                 // the committed ISR of Of is Set
	HWReaches    Happening = "high watermark reaches" // the leader of Of has a high watermark of at least To
	NoLeader     Happening = "has no leader"          // nobody leads Of, by the committed metadata
)

// Subject is a kind of things that something happens to.
type Subject string

// The kinds of subjects.
const (
	Nothing       Subject = ""
	SomePartition Subject = "partition"
	SomeBroker    Subject = "broker"
	SomeClient    Subject = "client"
	SomeNode      Subject = "node" // a broker or a client
)

// kind is a row of the table of happenings.
type kind struct {
	name   Happening
	plural string
	of     Subject
	on     bool // "on n2" may follow: on that broker only
	state  bool
}

var kinds = [...]kind{
	{name: Ack, plural: "acks", of: SomePartition, on: true},
	{name: AckOne, plural: "acks=1 acks", of: SomePartition, on: true},
	{name: AckAll, plural: "acks=all acks", of: SomePartition, on: true},
	{name: Append, plural: "appends", of: SomePartition, on: true},
	{name: LeaderAppend, plural: "leader appends", of: SomePartition, on: true},
	{name: FollowerAppend, plural: "follower appends", of: SomePartition, on: true},
	{name: HWMove, plural: "high watermark moves", of: SomePartition, on: true},
	{name: FollowerHWMove, plural: "follower high watermark moves", of: SomePartition, on: true},
	{name: ISRShrink, plural: "ISR shrinks", of: SomePartition},
	{name: ISRExpansion, plural: "ISR expansions", of: SomePartition},
	{name: ISRProposal, plural: "ISR proposals", of: SomePartition, on: true},
	{name: Leadership, plural: "leaderships", of: SomePartition, on: true},
	{name: Truncation, plural: "truncations", of: SomePartition, on: true},
	{name: RecoveryStart, plural: "recovery starts", of: SomePartition, on: true},
	{name: RecoveryEnd, plural: "recovery ends", of: SomePartition, on: true},
	{name: ControllerElection, plural: "controller elections", on: true},
	{name: Vote, plural: "votes", on: true},
	{name: Registration, plural: "registrations", of: SomeBroker},
	{name: Fencing, plural: "fencings", of: SomeBroker},
	{name: Unfencing, plural: "unfencings", of: SomeBroker},
	{name: End, plural: "ends", of: SomeNode},
	{name: Restart, plural: "restarts", of: SomeNode},
	{name: Send, plural: "sends", of: SomeClient},
	{name: ConfirmedSend, plural: "confirmed sends", of: SomeClient},
	{name: Delivery, plural: "deliveries", of: SomeClient},
	{name: Leads, of: SomePartition, on: true, state: true},
	{name: IsController, on: true, state: true},
	{name: ISRIs, of: SomePartition, state: true},
	{name: HWReaches, of: SomePartition, state: true},
	{name: NoLeader, of: SomePartition, state: true},
}

func kindOf(h Happening) (kind, bool) {
	for _, k := range kinds {
		if k.name == h {
			return k, true
		}
	}
	return kind{}, false
}

// Counted lists the happenings that are counted, in a fixed order.
func Counted() []Happening {
	var out []Happening
	for _, k := range kinds {
		if !k.state {
			out = append(out, k.name)
		}
	}
	return out
}

// State reports whether h holds for a while instead of being counted.
func (h Happening) State() bool { k, _ := kindOf(h); return k.state }

// Subject is the kind of things that h happens to.
func (h Happening) Subject() Subject { k, _ := kindOf(h); return k.of }

// Event is something that happens to somebody, or a state that begins.
type Event struct {
	What Happening
	Of   string // the partition, broker or client; "" if What needs none
	On   string // only on this broker; of Leads and IsController, who
	Set  string // of ISRIs: who is in it, as Members makes it
	To   int64  // of HWReaches
}

// Members makes the Set of an Event: each name once, in the order n1, n2, n10.
func Members(names []string) string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return strings.Join(slices.Compact(names), ", ")
}

// Is reports whether what happened is what e waits for: it leaves nothing of e
// open, while e may leave open on which broker.
func (e Event) Is(happened Event) bool {
	return e.What == happened.What && e.Of == happened.Of && (e.On == "" || e.On == happened.On) &&
		e.Set == happened.Set && e.To <= happened.To
}

// String prints the event as an anchor has it, in the singular.
func (e Event) String() string {
	switch e.What {
	case Leads:
		return e.On + " leads " + e.Of
	case IsController:
		return e.On + " is controller"
	case ISRIs:
		return "the ISR of " + e.Of + " is {" + e.Set + "}"
	case HWReaches:
		return "the high watermark of " + e.Of + " reaches " + strconv.FormatInt(e.To, 10)
	case NoLeader:
		return e.Of + " has no leader"
	}
	return string(e.What) + e.where()
}

func (e Event) where() string {
	s := ""
	if e.Of != "" {
		s = " of " + e.Of
	}
	if e.On != "" {
		s += " on " + e.On
	}
	return s
}

// times prints the event with its number: 3 acks of t-0.
func (e Event) times(n int64) string {
	if k, ok := kindOf(e.What); ok && n != 1 {
		return strconv.FormatInt(n, 10) + " " + k.plural + e.where()
	}
	return strconv.FormatInt(n, 10) + " " + e.String()
}
