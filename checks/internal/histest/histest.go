// Package histest writes histories by hand for the tests of the judges.
//
// # Invariants
//
//   - it is imported by tests only
//
// Not here: judgement.
package histest

import (
	"trial/checks"
	"trial/checks/history"
	"trial/clock"
)

// Topic is the topic of every history.
var Topic = history.TopicID{7}

// Part is its only partition.
var Part = checks.Part{Topic: Topic}

// H is a history under construction.
type H struct {
	history.History
	Partition int32
	dumper    int32
	sent      map[history.RecordID]int64
}

// New returns an empty history.
func New() *H { return &H{sent: map[history.RecordID]int64{}} }

func (h *H) add(e history.Event) int64 {
	e.At = clock.Instant(len(h.Events)) * clock.Instant(clock.Millisecond)
	e.Topic, e.Partition = Topic, h.Partition
	return h.Add(e)
}

// ID names record n of producer p.
func ID(p uint32, n uint64) history.RecordID { return history.MakeID(p, n) }

// How says how a record is sent.
type How struct {
	Acks       int8
	Idempotent bool
	InFlight   int16
	Attempts   int
	Renumbered bool // the last attempt was under a new producer epoch
	Disputed   bool // the same, after a refusal
}

// All is acks=all, idempotent, one attempt.
var All = How{Acks: -1, Idempotent: true, InFlight: 5, Attempts: 1}

// Plain is acks=all without idempotence and with one request in flight.
var Plain = How{Acks: -1, InFlight: 1, Attempts: 1}

// One is acks=1.
var One = How{Acks: 1, InFlight: 1, Attempts: 1}

// Zero is acks=0.
var Zero = How{InFlight: 1, Attempts: 1}

// Send invokes a send and returns its operation.
func (h *H) Send(id history.RecordID, o How) int64 {
	op := h.NewOp()
	h.sent[id] = op
	h.add(history.Event{Kind: history.SendInvoked, Op: op, Record: id, Acks: o.Acks, Idempotent: o.Idempotent, MaxInFlight: o.InFlight})
	for i := range o.Attempts {
		h.add(history.Event{Kind: history.SendAttempt, Op: op, Renumbered: o.Renumbered && i == o.Attempts-1, Disputed: o.Disputed && i == o.Attempts-1})
	}
	return op
}

// Done completes a send.
func (h *H) Done(op int64, out history.Outcome, offset int64) {
	h.add(history.Event{Kind: history.SendDone, Op: op, Outcome: out, Offset: offset, LeaderEpoch: -1})
}

// AckBy acknowledges a send that went to the leader of an epoch.
func (h *H) AckBy(op, offset int64, epoch int32) {
	h.add(history.Event{Kind: history.SendDone, Op: op, Outcome: history.OK, Offset: offset, LeaderEpoch: epoch})
}

// Ack acknowledges a send.
func (h *H) Ack(op, offset int64) { h.Done(op, history.OK, offset) }

// Sent sends and acknowledges a record.
func (h *H) Sent(id history.RecordID, o How, offset int64) { h.Ack(h.Send(id, o), offset) }

// Deliver hands a record to a consumer.
func (h *H) Deliver(session int32, offset int64, id history.RecordID, epoch int32) {
	h.add(history.Event{Kind: history.Delivered, Session: session, Offset: offset, Record: id, LeaderEpoch: epoch})
}

// Bad hands a damaged record to a consumer.
func (h *H) Bad(session int32, offset int64, why string) {
	h.add(history.Event{Kind: history.Delivered, Session: session, Offset: offset, Bad: why})
}

// Position sets a consumer's position.
func (h *H) Position(session int32, offset int64, why string) {
	h.add(history.Event{Kind: history.Positioned, Session: session, Offset: offset, Why: why})
}

// Ask invokes a query: -1 latest, -2 earliest.
func (h *H) Ask(query int64, committed bool) int64 {
	op := h.NewOp()
	h.add(history.Event{Kind: history.ListInvoked, Op: op, Query: query, Committed: committed})
	return op
}

// Told answers a query.
func (h *H) Told(op, offset int64, epoch int32) {
	h.add(history.Event{Kind: history.ListDone, Op: op, Outcome: history.OK, Offset: offset, LeaderEpoch: epoch})
}

// Latest asks and answers.
func (h *H) Latest(offset int64, epoch int32) { h.Told(h.Ask(-1, false), offset, epoch) }

// Fetch fetches with a high watermark in the answer.
func (h *H) Fetch(hw int64, epoch int32) {
	op := h.NewOp()
	h.add(history.Event{Kind: history.FetchInvoked, Op: op})
	h.add(history.Event{Kind: history.FetchDone, Op: op, Outcome: history.OK, Offset: hw, LeaderEpoch: epoch})
}

// Start brings the client that dumps to life.
func (h *H) Start(client int32) {
	h.dumper = client
	h.add(history.Event{Kind: history.ClientStarted, Client: client})
}

// Slot is one offset of a final dump.
type Slot struct {
	ID    history.RecordID
	Epoch int32
}

// At is a record of a final dump with its leader epoch.
func At(id history.RecordID, epoch int32) Slot { return Slot{id, epoch} }

// Hole is an offset without a record.
var Hole Slot

// Dump writes the final dump; its end is its length.
func (h *H) Dump(log ...Slot) {
	for o, a := range log {
		if a.ID != 0 {
			h.add(history.Event{Kind: history.Dumped, Client: h.dumper, Offset: int64(o), Record: a.ID, LeaderEpoch: a.Epoch})
		}
	}
	h.add(history.Event{Kind: history.DumpEnd, Client: h.dumper, Offset: int64(len(log))})
}
