package client

import (
	"trial/clock"
)

// sendQueue is what a producer has for one partition: batches that wait, oldest
// first with those to be sent again in front, and batches on the wire.
type sendQueue struct {
	topic     *sendTopic
	partition int32
	id        TopicID // what waits here was meant for this topic id
	waiting   []*batch
	wire      []*batch
	seq       sequence
	numbered  int64 // batches that were given a number so far
}

// sendTopic is what a producer has for one topic.
type sendTopic struct {
	name    string
	queues  []*sendQueue // by partition, nil until used
	pending []pendingMessage
	saved   int64 // by compression, as estimated, in ten thousandths
}

// pendingMessage waits for its topic's metadata.
type pendingMessage struct {
	m        *Message
	deadline clock.Instant
}

// open is the batch that takes the next message, nil if there is none.
func (q *sendQueue) open() *batch {
	if n := len(q.waiting); n > 0 && !q.waiting[n-1].closed {
		return q.waiting[n-1]
	}
	return nil
}

// requeue puts a batch back that is to be sent again: in sequence order if it
// has one, else at the front (RecordAccumulator.reenqueue, insertInSequenceOrder).
func (q *sendQueue) requeue(b *batch) {
	at := 0
	if b.sequenced {
		for at < len(q.waiting) && q.waiting[at].sequenced && seqBefore(q.waiting[at].seq, b.seq) {
			at++
		}
	}
	q.waiting = append(q.waiting, nil)
	copy(q.waiting[at+1:], q.waiting[at:])
	q.waiting[at] = b
}

// outstanding reports whether some batch has a number and no final answer yet,
// and the ordinal of the oldest such batch.
func (q *sendQueue) outstanding() (oldest int64, some bool) {
	note := func(b *batch) {
		if !some || b.ord < oldest {
			oldest, some = b.ord, true
		}
	}
	for _, b := range q.wire {
		if b.sequenced && !b.done {
			note(b)
		}
	}
	for _, b := range q.waiting {
		if !b.sequenced {
			break
		}
		note(b)
	}
	return oldest, some
}

// first reports whether no batch on the wire precedes b in sequence order.
func (q *sendQueue) first(b *batch) bool {
	for _, w := range q.wire {
		if !w.done && seqBefore(w.seq, b.seq) {
			return false
		}
	}
	return true
}

func (q *sendQueue) take(i int) *batch {
	b := q.waiting[i]
	q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
	return b
}

func (q *sendQueue) unwire(b *batch) {
	for i, w := range q.wire {
		if w == b {
			q.wire = append(q.wire[:i], q.wire[i+1:]...)
			return
		}
	}
}
