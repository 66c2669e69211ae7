package client

import (
	"trial/clock"
	"trial/internal/record"
)

// batch is a record batch of a producer on its way, with the messages in it.
type batch struct {
	b        record.Builder
	msgs     []*Message
	created  clock.Instant
	closed   bool // takes no more messages
	sealed   bool // is compressed
	attempts int32
	retryAt  clock.Instant
	epochAt  int32 // leader epoch known at the last attempt
	unknown  bool  // some attempt's outcome is unknown
	done     bool  // its messages are completed, it is still on the wire

	sequenced  bool // has a sequence number: was sent by an idempotent producer
	pid        int64
	epoch      int16
	seq        int32
	ord        int64 // counts the numbered batches of its partition
	refused    bool  // by what a broker said of its number, it is not there
	renumbered bool  // sent again under a new producer epoch while its outcome was unknown
	disputed   bool  // the same, though the broker had said last that it does not have it
}

func (b *batch) lastSeq() int32 { return record.AddSequence(b.seq, int32(b.b.Count())-1) }
func (b *batch) nextSeq() int32 { return record.AddSequence(b.seq, int32(b.b.Count())) }

func (b *batch) number(pid int64, epoch int16, seq int32) {
	b.sequenced, b.pid, b.epoch, b.seq = true, pid, epoch, seq
	b.b.SetProducer(pid, epoch, seq)
}

// seqBefore orders two sequence numbers of one producer that lie less than half
// of the circle apart; they wrap from 2^31-1 to 0.
func seqBefore(a, b int32) bool { return a != b && (b-a)&0x7fffffff < 1<<30 }
