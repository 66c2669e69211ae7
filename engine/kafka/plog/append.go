package plog

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"trial/engine"
	"trial/internal/record"
)

// Origin says on whose behalf a leader appends (AppendOrigin).
type Origin uint8

// The origins.
const (
	OriginClient      Origin = iota // a produce request: everything is validated
	OriginCoordinator               // a group or transaction coordinator: control batches and several batches are fine
	OriginRaft                      // the leader of the metadata quorum: as a coordinator, of any size
)

// Append is one append. The caller owns it, fills Data (whole batches), Done and
// Origin, and may reuse it after Done. Until then Data is the log's.
type Append struct {
	Data   []byte
	Done   func(a *Append)
	Origin Origin
	Tag    any // the caller's

	// Look is what Inspect found in Data, if the caller has looked: compressed
	// records are work for Host.Offload. Without it AppendLeader looks itself.
	Look *Look

	// Base and Next are the offsets of the batches, set at submission.
	Base, Next int64
	// Err is set at Done: nil if the batches became visible, else ErrTruncated (a
	// truncation was asked for in between), ErrOffline or what the disk said.
	Err error

	upto    int64 // what of it may become visible
	seg     *segment
	pos     int64
	records int64
	flush   bool // becomes visible only when it is durable
	item    item
	op      engine.DiskOp
}

// Result is the outcome of an AppendLeader with code 0.
type Result struct {
	Base, Last int64
	// Duplicate: nothing was submitted and Done is not called; Base and Last are
	// the offsets of the original.
	Duplicate bool
	// Pending, of a duplicate: the original has not completed, End() <= Last.
	Pending      bool
	AppendTimeMs int64 // the timestamp given by LogAppendTime, else -1
}

// AppendLeader validates the batches, assigns offsets and leader epoch in place
// and submits them. With a code other than 0 (as in kerr), and for a duplicate,
// nothing is submitted and Done is never called. Producer state counts appends
// under way: should one of them fail, the log is latched.
func (l *Log) AppendLeader(a *Append, leaderEpoch int32) (Result, int16) {
	if l.usable() != nil {
		return Result{}, kerr.KafkaStorageError.Code
	}
	if code := l.validate(a); code != 0 {
		return Result{}, code
	}
	if a.Origin == OriginClient {
		if b := record.Batch(a.Data); b.ProducerID() >= 0 {
			original, code := l.producers.check(b, l.depth())
			if code != 0 {
				return Result{}, code
			}
			if original != nil {
				return l.duplicate(original), 0
			}
		}
	}
	appendTime := int64(-1)
	if l.cfg.LogAppendTime {
		appendTime = l.h.WallMs()
	}
	next := l.next
	for rest := a.Data; len(rest) > 0; {
		b := record.Batch(rest[:record.Batch(rest).Size()])
		rest = rest[len(b):]
		if next > math.MaxInt64-int64(b.LastOffsetDelta())-1 {
			return Result{}, kerr.InvalidRecord.Code
		}
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(leaderEpoch)
		if appendTime >= 0 {
			b.SetMaxTimestamp(appendTime, true)
		}
		next = b.NextOffset()
	}
	l.submit(a)
	return Result{Base: a.Base, Last: a.Next - 1, AppendTimeMs: appendTime}, 0
}

func (l *Log) duplicate(original *ProducerBatch) Result {
	r := Result{Base: original.Base, Last: original.Last, Duplicate: true, Pending: original.Last >= l.end, AppendTimeMs: -1}
	if l.cfg.LogAppendTime {
		r.AppendTimeMs = original.Timestamp
	}
	return r
}

// AppendFollower submits batches as the leader has them. They must continue the
// log at Next(). With an error (ErrOutOfOrder, ErrOffline, ErrClosed, or one of
// package record for damaged bytes) nothing is submitted and Done is never called.
func (l *Log) AppendFollower(a *Append) error {
	if err := l.usable(); err != nil {
		return err
	}
	next, last := l.next, l.lastBatchEpoch()
	if len(a.Data) == 0 {
		return record.ErrShort
	}
	for rest := a.Data; len(rest) > 0; {
		b, r, err := record.Next(rest)
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return err
		}
		if b.BaseOffset() != next || b.LeaderEpoch() < last {
			return ErrOutOfOrder
		}
		next, last, rest = b.NextOffset(), b.LeaderEpoch(), r
	}
	l.submit(a)
	return nil
}

// lastBatchEpoch is the leader epoch of the last batch, -1 without one.
func (l *Log) lastBatchEpoch() int32 {
	for i := len(l.segs) - 1; i >= 0; i-- {
		if es := l.segs[i].entries; len(es) > 0 {
			return es[len(es)-1].epoch
		}
	}
	return -1
}

// submit gives checked batches that carry their offsets a place in a segment
// and queues the write.
func (l *Log) submit(a *Append) {
	defer l.check()
	l.maybeRoll(a)
	s := l.active()
	a.seg, a.pos, a.records, a.flush, a.Err = s, s.size, 0, false, nil
	a.Base = record.Batch(a.Data).BaseOffset()
	newEpoch := false
	for rest := a.Data; len(rest) > 0; {
		b := record.Batch(rest[:record.Batch(rest).Size()])
		e := entryOf(b, s.size)
		s.add(e)
		s.size += int64(len(b))
		a.records += int64(e.delta) + 1
		l.next = e.next()
		newEpoch = l.epochs.assign(e.epoch, e.base) || newEpoch
		l.producers.note(&e)
		rest = rest[len(b):]
	}
	a.Next, a.upto = l.next, l.next
	if newEpoch {
		l.saveEpochs()
	}
	a.item.app = a
	l.queue.waiting.push(&a.item)
	l.pump()
}

// maybeRoll starts a new segment if the append does not fit into the active one
// (LogSegment.shouldRoll).
func (l *Log) maybeRoll(a *Append) {
	s := l.active()
	if s.size == 0 {
		return
	}
	first, last := record.Batch(a.Data), lastBatch(a.Data)
	var age int64
	if ts := s.entries[0].maxTs; ts >= 0 && last.MaxTimestamp() >= 0 {
		age = last.MaxTimestamp() - ts
	} else {
		age = l.h.WallMs() - s.madeMs
	}
	full := s.size+int64(len(a.Data)) > int64(l.cfg.SegmentBytes)
	if full || age > l.cfg.SegmentMs || last.LastOffset()-s.base > math.MaxInt32 {
		l.roll(first.BaseOffset())
	}
}

func lastBatch(data []byte) record.Batch {
	for {
		b := record.Batch(data)
		if n := b.Size(); n < int64(len(data)) {
			data = data[n:]
			continue
		}
		return b
	}
}
