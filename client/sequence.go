package client

import (
	"trial/checks/history"
	"trial/internal/record"
)

// rememberedBatches is how many batches a broker remembers of a producer in a
// partition: more than that must never be outstanding.
const rememberedBatches = 5

// sequence is the idempotence state of a partition (TxnPartitionEntry).
type sequence struct {
	pid       int64 // -1: none yet
	epoch     int16
	next      int32
	lastAcked int32 // -1: none under this producer epoch
	// unresolved is the sequence behind batches that were given up with unknown
	// outcome, -1 if there are none. No new batch gets a number meanwhile: the
	// answers to what is outstanding tell whether the broker has them.
	unresolved int32
	// rewrite asks for a new producer epoch: the broker lacks a batch that was
	// given up, so the numbers behind it can never be accepted.
	rewrite bool
}

func newSequence() sequence { return sequence{pid: -1, lastAcked: -1, unresolved: -1} }

func (s *sequence) isNext(seq int32) bool {
	if s.lastAcked < 0 {
		return seq == 0
	}
	return record.AddSequence(s.lastAcked, 1) == seq
}

// acked notes that the broker has b.
func (s *sequence) acked(b *batch) {
	if b.pid != s.pid || b.epoch != s.epoch {
		return
	}
	if last := b.lastSeq(); s.lastAcked < 0 || seqBefore(s.lastAcked, last) {
		s.lastAcked = last
	}
}

// gaveUp notes that b's messages were completed without an acknowledgement.
// certain means that no attempt had an effect: the number is a hole. Otherwise
// only what follows can tell.
//
// The Java client numbers the followers anew at once (handleFailedBatch), also
// when the batch may be there; then a follower whose answer was lost is written
// twice (KAFKA-14034). Asking first costs one round trip.
func (s *sequence) gaveUp(b *batch, certain bool) {
	if b.pid != s.pid || b.epoch != s.epoch {
		return
	}
	if certain {
		s.rewrite = true
		return
	}
	if next := b.nextSeq(); s.unresolved < 0 || seqBefore(s.unresolved, next) {
		s.unresolved = next
	}
}

// retry decides about an answer that speaks of sequence numbers: whether b is
// sent again, and whether the partition needs a new producer epoch
// (TransactionManager.canRetry).
func (s *sequence) retry(b *batch, code int16, logStart int64) bool {
	switch code {
	case codeUnknownProducerID:
		// The broker lost its state. Without a log start it cannot say why: ask again.
		s.rewrite = s.rewrite || logStart >= 0
		return true
	case codeOutOfOrderSequence:
		if s.unresolved < 0 && !s.isNext(b.seq) {
			return true // a batch before it is still to come
		}
		if s.unresolved < 0 || s.unresolved == b.seq {
			s.rewrite = true // a true gap
		}
		return true
	}
	return false
}

// settle is called when nothing is outstanding: every number is now either
// acknowledged or lost (TransactionManager.maybeResolveSequences).
func (s *sequence) settle() {
	if s.unresolved >= 0 {
		s.rewrite = s.rewrite || !s.isNext(s.next)
		s.unresolved = -1
	}
}

// restart begins a producer epoch in the partition and numbers the given
// batches, which are all that is outstanding, from 0. It reports how many of
// them had an unknown outcome.
func (s *sequence) restart(pid int64, epoch int16, batches []*batch) (unknown int) {
	*s = sequence{pid: pid, epoch: epoch, lastAcked: -1, unresolved: -1}
	for _, b := range batches {
		if !b.sequenced {
			break
		}
		if b.unknown {
			b.renumbered = b.renumbered || !b.refused
			b.disputed = b.disputed || b.refused
			unknown++
		}
		b.number(pid, epoch, s.next)
		s.next = b.nextSeq()
	}
	return unknown
}

// inDoubt reports whether b may be in the log and can still be asked about: it is
// the next one by its number, so that a broker takes it or knows it, but does not
// take offence at it.
func (s *sequence) inDoubt(b *batch) bool {
	return b.sequenced && b.unknown && !b.refused && b.pid == s.pid && b.epoch == s.epoch && s.isNext(b.seq)
}

// answered keeps what one attempt's answer says about the batch. Only an answer
// about its number says that it is not there; any other refusal (too few in-sync
// replicas) says nothing about the attempts before.
func (b *batch) answered(code int16, outcome history.Outcome) {
	switch {
	case code == codeOutOfOrderSequence || code == codeUnknownProducerID:
		b.refused = true
	case outcome == history.Info:
		b.refused, b.unknown = false, true
	}
}
