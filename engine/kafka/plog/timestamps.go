package plog

import (
	"math"

	"trial/engine"
	"trial/internal/record"
	"trial/internal/record/codec"
)

// LookupTimestamp finds the first record below limit whose timestamp is at or
// above ts, with its own timestamp and leader epoch; -1, -1, -1 if there is none
// (UnifiedLog.fetchOffsetByTimestamp).
func (l *Log) LookupTimestamp(ts, limit int64, done func(offset, timestamp int64, epoch int32, err error)) {
	l.search(&search{l: l, ts: ts, limit: min(limit, l.end), done: done})
}

// MaxTimestamp finds the first record below limit with the largest timestamp
// (KIP-734). Otherwise as LookupTimestamp.
func (l *Log) MaxTimestamp(limit int64, done func(offset, timestamp int64, epoch int32, err error)) {
	l.search(&search{l: l, ts: math.MinInt64, limit: min(limit, l.end), max: true, done: done})
}

// search is the job behind both: over the index, a bounded number of batches an
// event, then into the one batch that can hold the record.
type search struct {
	l     *Log
	ts    int64
	limit int64
	max   bool
	gen   int64
	from  int64 // continue at this offset
	best  entry
	found bool
	buf   []byte
	done  func(offset, timestamp int64, epoch int32, err error)
}

// searchSteps bounds the batches looked at in one event.
const searchSteps = 1 << 15

func (l *Log) search(q *search) {
	q.from = l.Start()
	q.gen = l.gen
	if err := l.usable(); err != nil {
		l.later(func() { q.done(-1, -1, -1, err) })
		return
	}
	l.later(q.step)
}

func (q *search) step() {
	l := q.l
	if q.gen != l.gen || l.failure != nil {
		q.end(-1, -1, -1)
		return
	}
	steps := searchSteps
	for at := l.segmentAt(q.from); at < len(l.segs); at++ {
		s := l.segs[at]
		if !q.may(s.maxTs) {
			continue
		}
		for i := s.find(q.from); i < len(s.entries); i++ {
			e := &s.entries[i]
			if e.base >= q.limit {
				q.inside()
				return
			}
			if q.may(e.maxTs) {
				q.best, q.found = *e, true
				if !q.max {
					q.inside()
					return
				}
				q.ts = e.maxTs
			}
			if steps--; steps == 0 {
				q.from = e.next()
				l.later(q.step)
				return
			}
		}
	}
	q.inside()
}

// may tells whether something with this largest timestamp is of interest.
func (q *search) may(maxTs int64) bool {
	if q.max {
		return maxTs > q.ts && maxTs >= 0
	}
	return maxTs >= q.ts
}

// inside reads the batch that was found.
func (q *search) inside() {
	if !q.found {
		q.end(-1, -1, -1)
		return
	}
	s, err := q.l.Locate(q.best.base, 0, q.best.next(), true)
	if err != nil || s.Base != q.best.base || s.Len != int(q.best.size) {
		q.end(-1, -1, -1)
		return
	}
	q.buf = make([]byte, s.Len)
	q.l.Read(s, q.buf, q.scan)
}

func (q *search) scan(_ int, err error) {
	if err != nil {
		q.done(-1, -1, -1, err)
		return
	}
	b := record.Batch(q.buf)
	if b.Codec() == record.None {
		q.walk(b.Walk(q.buf[record.HeaderBytes:]))
		return
	}
	var records []byte
	job := &engine.Job{Bytes: int64(len(b)), Run: func() { records, err = b.Records(nil, &codec.State{}) }}
	job.Done = func() {
		if err != nil { // damaged: the batch is all that is known
			q.end(q.best.base, b.BaseTimestamp(), q.best.epoch)
			return
		}
		q.walk(b.Walk(records))
	}
	q.l.h.Offload(job)
}

// walk looks for the record in the batch.
func (q *search) walk(it record.Iter) {
	var r record.Record
	for {
		ok, err := it.Next(&r)
		if err != nil || !ok || r.Offset >= q.limit {
			break
		}
		if r.Timestamp >= q.ts {
			q.end(r.Offset, r.Timestamp, q.best.epoch)
			return
		}
	}
	if q.max || q.best.next() >= q.limit { // the batch does not keep what its header says
		q.end(-1, -1, -1)
		return
	}
	q.from, q.found = q.best.next(), false
	q.step()
}

func (q *search) end(offset, ts int64, epoch int32) {
	var err error
	switch {
	case q.l.failure != nil:
		err = ErrOffline
	case q.gen != q.l.gen:
		err = ErrTruncated
	}
	q.done(offset, ts, epoch, err)
}
