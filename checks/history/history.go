// Package history holds what clients saw: one append-only list of events with a
// dense sequence number, in which every operation has an invocation and, unless
// it never completed, a completion.
//
// # Invariants
//
//   - Seq is dense and is the clock of the judges: equal virtual times must not
//     hide real-time order
//   - ids are dense integers; topics are keyed by topic id, never by name
//   - values only: nothing in a history can reach the world
//
// Not here: judgement (the other packages below checks).
package history

import (
	"slices"

	"trial/clock"
)

// RecordID names one record for ever, independent of producer ids, epochs and
// sequence numbers: producer instance in the upper 24 bits, counter below.
type RecordID uint64

// MakeID builds a record id from the producer instance (below 2^24) and its counter.
func MakeID(instance uint32, counter uint64) RecordID {
	return RecordID(uint64(instance)<<40 | counter&(1<<40-1))
}

// Instance is the producer instance that made the record.
func (id RecordID) Instance() uint32 { return uint32(id >> 40) }

// Counter is the position of the record among those of its producer instance,
// in submission order.
func (id RecordID) Counter() uint64 { return uint64(id) & (1<<40 - 1) }

// TopicID is Kafka's 128-bit topic id.
type TopicID [16]byte

// Kind says what an event is.
type Kind uint8

// The kinds. "op" in the comments means that Op ties the events together.
const (
	SendInvoked   Kind = iota + 1 // op, Topic, Partition, Record, Acks, Idempotent
	SendAttempt                   // op: one request that carries the record was handed to the network
	SendDone                      // op, Outcome, Offset (-1 unknown), Err, LeaderEpoch (known to the producer when it sent last)
	Delivered                     // Session, Topic, Partition, Offset, Record, LeaderEpoch, Timestamp; Bad says why the payload is wrong
	Positioned                    // Session, Topic, Partition, Offset: a consumer set its position; Why
	ListInvoked                   // op, Topic, Partition, Query (-1 latest, -2 earliest), Committed
	ListDone                      // op, Outcome, Offset, LeaderEpoch, Err
	FetchInvoked                  // op, Topic, Partition, Offset
	FetchDone                     // op, Outcome, Offset = high watermark in the answer, LeaderEpoch, Err
	AdminInvoked                  // op, Why = what is asked
	AdminDone                     // op, Outcome, Err, Why
	ClientStarted                 // Client came to life (again)
	ClientCrashed                 // Client's process ended; its open operations never complete
	Dumped                        // final dump: Topic, Partition, Offset, Record, LeaderEpoch, Timestamp
	DumpEnd                       // final dump of a partition is whole: Topic, Partition, Offset = end, Why empty; or Why it failed
)

// Outcome classifies a completed operation.
type Outcome uint8

// OK: acknowledged. Fail: certainly without effect. Info: unknown.
const (
	OK Outcome = iota + 1
	Fail
	Info
)

// Why a consumer's position was set.
const (
	WhyStart      = "start"      // at the beginning of a session, to a given or looked-up offset
	WhyReset      = "reset"      // out of range, by the reset policy
	WhyTruncation = "truncation" // leader-epoch validation found that the log diverged
	WhySeek       = "seek"       // asked for by the application
)

// Event is one line of a history. Fields that a kind does not name are zero.
type Event struct {
	Seq         int64
	At          clock.Instant
	Kind        Kind
	Client      int32
	Op          int64
	Topic       TopicID
	Partition   int32
	Offset      int64
	Record      RecordID
	LeaderEpoch int32
	Session     int32 // consumer session: one per assignment of a partition to a consumer's life
	Acks        int8
	Idempotent  bool
	Committed   bool // isolation level read_committed
	MaxInFlight int16
	Query       int64
	Timestamp   int64
	Outcome     Outcome
	Err         int16
	Bad         string
	Why         string

	// Renumbered, on a SendAttempt: the record is sent under a new producer epoch
	// while the outcome of an earlier attempt is unknown, so it may be there twice.
	Renumbered bool
	// Disputed, on a SendAttempt: the same, but a later attempt had been refused, so
	// that only a request that arrived late can make it twice.
	Disputed bool
}

// History is the list. The zero History is ready.
type History struct {
	Events []Event
	// Seen, if not nil, is told of every event that was added, by value.
	Seen func(Event)

	ops      int64
	sessions int32
}

// Add appends e, stamps its Seq and returns it.
func (h *History) Add(e Event) int64 {
	e.Seq = int64(len(h.Events))
	if n := len(h.Events); n == cap(h.Events) {
		h.Events = slices.Grow(h.Events, max(n, 4096)) // doubled; append alone would copy the large events some four times as often
	}
	h.Events = append(h.Events, e)
	if h.Seen != nil {
		h.Seen(e)
	}
	return e.Seq
}

// NewOp returns a fresh operation id.
func (h *History) NewOp() int64 { h.ops++; return h.ops }

// NewSession returns a fresh consumer session id.
func (h *History) NewSession() int32 { h.sessions++; return h.sessions }
