package replica

import (
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
)

// ProduceWaiter carries one partition's part of a produce request from Produce to
// its answer. The caller owns it and may use it again after both Done and Written.
type ProduceWaiter struct {
	// Done is called exactly once, with the result in the fields below: at the
	// earliest at the end of the call to Produce.
	Done func(w *ProduceWaiter)
	// Written, if set, is called exactly once, before or after Done: from then on
	// nobody reads the data given to Produce. It must not call the partition.
	Written func()
	// Tag is the caller's.
	Tag any
	// Look is what the caller found in the records, see plog.Append.
	Look *plog.Look

	Code         int16
	ErrMsg       string
	Base         int64 // -1 unless Code is 0 or the batch was appended
	LogStart     int64
	AppendTimeMs int64 // -1 unless message.timestamp.type is LogAppendTime

	p     *Partition
	op    plog.Append
	acks  int16
	state waiterState
	need  int64      // the exclusive end of what was appended
	batch view.Batch // what was appended, known only while facts are observed

	linked[*ProduceWaiter]
}

type waiterState uint8

const (
	waiterIdle      waiterState = iota
	waiterAppending             // its append is under way
	waiterWaiting               // in Partition.waiting or Partition.landing
	waiterDecided               // in Partition.ready
)

// waiterList is a list of waiters, ordered by need in waiting and landing.
type waiterList struct{ chain[*ProduceWaiter] }

// insert puts w behind all that need no more than it: nearly always at the end.
func (l *waiterList) insert(w *ProduceWaiter) {
	at := l.tail
	for at != nil && at.of.need > w.need {
		at = at.prev
	}
	l.insertAfter(at, &w.linked, w)
}

func (l *waiterList) push(w *ProduceWaiter) { l.insertAfter(l.tail, &w.linked, w) }
