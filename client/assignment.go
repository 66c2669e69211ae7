package client

import (
	"trial/clock"
	"trial/engine"
	"trial/internal/record"
)

// Special offsets of ListOffsets, and the start of an assignment.
const (
	OffsetLatest   int64 = -1
	OffsetEarliest int64 = -2
)

type fetchState uint8

const (
	needsOffset fetchState = iota // ListOffsets has to tell where to start
	validating                    // OffsetForLeaderEpoch has to tell whether the position still lies on the log (KIP-320)
	fetchable
	stopped // without a position and with auto.offset.reset=none
)

// assignment is a partition that a consumer reads, and its position.
type assignment struct {
	topic     string
	partition int32
	id        TopicID // topic id the position belongs to
	state     fetchState
	query     int64  // OffsetLatest or OffsetEarliest, while an offset is needed
	why       string // that the next position is set

	offset      int64
	offsetEpoch int32 // leader epoch of the last record read, -1 unknown
	leaderEpoch int32 // leader epoch that the position was last good for, -1 none
	gen         int64 // changes whenever the position is set other than by reading on
	asking      bool  // a look-up is under way
	fetching    bool
	paused      bool
	retryAt     clock.Instant
	fails       int
	chunk       *chunk
	plain       []byte // the records of the batch being delivered, if it was compressed
}

// frame is a response that several partitions' data refer to.
type frame struct {
	buf  *engine.Buf
	refs int
}

// chunk is fetched data of one partition on its way to the program.
type chunk struct {
	frame   *frame
	data    []byte
	gen     int64
	aborted []abortedTxn // by first offset, those not passed yet
	inTxn   []int64      // producer ids whose aborted transaction is open here
	hw      int64        // mutant SYN-L6: the high watermark that came with it

	batch record.Batch // being delivered, nil between batches
	iter  record.Iter
}

type abortedTxn struct{ producer, first int64 }

// moved starts a new life of the position: whatever was asked for the old one
// is void.
func (a *assignment) moved(state fetchState) {
	a.gen++
	a.state, a.asking, a.fails, a.retryAt = state, false, 0, 0
}
