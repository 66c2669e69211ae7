package plog

import (
	"fmt"
	"math"

	"trial/engine"
	"trial/engine/kafka/view"
)

// Slice is a piece of one segment file that holds whole batches.
type Slice struct {
	File engine.FileID
	Pos  int64
	Len  int
	// Base is the offset of the first batch, which may lie below the offset asked
	// for; Next is the offset behind the last. They are equal in an empty slice.
	Base, Next int64
	// Gen is the log's count of truncations when the slice was made.
	Gen int64
}

// Locate finds whole visible batches, from the one that holds offset on, which
// end at or below limit and lie in one segment, of at most maxBytes. With
// minOne the first of them is returned even if it is larger (KIP-74). At the
// end, or if nothing fits, the slice is empty. ErrOutOfRange: offset is not in
// [Start, End].
func (l *Log) Locate(offset int64, maxBytes int, limit int64, minOne bool) (Slice, error) {
	if l.failure != nil {
		return Slice{}, ErrOffline
	}
	if l.state != open && l.state != closing {
		return Slice{}, ErrClosed
	}
	if offset < l.Start() || offset > l.end {
		return Slice{}, ErrOutOfRange
	}
	limit = min(limit, l.end)
	empty := Slice{Base: offset, Next: offset, Gen: l.gen}
	if offset >= limit {
		return empty, nil
	}
	at := l.segmentAt(offset)
	s := l.segs[at]
	i := s.find(offset)
	if i == len(s.entries) { // behind the last batch of this segment
		if at+1 == len(l.segs) {
			return empty, nil
		}
		s, i = l.segs[at+1], 0
		if len(s.entries) == 0 {
			return empty, nil
		}
	}
	first := &s.entries[i]
	j := s.findNext(i, int64(first.pos)+int64(min(max(maxBytes, 0), math.MaxInt32)), limit)
	if j == i {
		if !minOne || first.next() > limit {
			return empty, nil
		}
		j++
	}
	last := &s.entries[j-1]
	return Slice{
		File: s.file, Pos: int64(first.pos), Len: int(last.pos) + int(last.size) - int(first.pos),
		Base: first.base, Next: last.next(), Gen: l.gen,
	}, nil
}

// BatchAt returns the visible batch that holds offset.
func (l *Log) BatchAt(offset int64) (view.Batch, bool) {
	if len(l.segs) == 0 || offset < l.Start() || offset >= l.end {
		return view.Batch{}, false
	}
	s := l.segs[l.segmentAt(offset)]
	if i := s.find(offset); i < len(s.entries) && s.entries[i].base <= offset {
		return s.entries[i].view(), true
	}
	return view.Batch{}, false
}

// LastBatch returns the last visible batch.
func (l *Log) LastBatch() (view.Batch, bool) { return l.BatchAt(l.end - 1) }

// Batches lists all visible batches.
func (l *Log) Batches() []view.Batch {
	var list []view.Batch
	for _, s := range l.segs {
		for i := range s.entries {
			if s.entries[i].next() > l.end {
				return list
			}
			list = append(list, s.entries[i].view())
		}
	}
	return list
}

// readPool keeps reads for reuse.
type readPool struct {
	free   []*read
	onRead func(op *engine.DiskOp)
	flying []*read
}

type read struct {
	op   engine.DiskOp
	s    Slice
	buf  []byte
	n    int
	done func(n int, err error)
}

// Read reads a slice into buf, which must have room for all of it and is the
// log's until done. ErrTruncated: the log has been truncated since Locate.
// Any other error has taken the log offline.
func (l *Log) Read(s Slice, buf []byte, done func(n int, err error)) {
	if l.failure != nil || l.state == closed || s.Len == 0 || s.Gen != l.gen {
		var err error
		switch {
		case l.failure != nil:
			err = ErrOffline
		case l.state == closed:
			err = ErrClosed
		case s.Gen != l.gen:
			err = ErrTruncated
		}
		l.later(func() { done(0, err) })
		return
	}
	p := &l.reads
	var r *read
	if n := len(p.free); n > 0 {
		r, p.free = p.free[n-1], p.free[:n-1]
	} else {
		r = &read{}
	}
	*r = read{s: s, buf: buf[:s.Len], done: done}
	p.flying = append(p.flying, r)
	l.readOn(r)
}

func (l *Log) readOn(r *read) {
	r.op = engine.DiskOp{
		Kind: engine.OpReadAt, Volume: l.vol, File: r.s.File, Pos: r.s.Pos + int64(r.n), Data: r.buf[r.n:], Done: l.reads.onRead,
	}
	l.h.Disk(&r.op)
}

func (l *Log) onRead(op *engine.DiskOp) {
	p := &l.reads
	at := 0
	for &p.flying[at].op != op {
		at++
	}
	r := p.flying[at]
	r.n += op.N
	var err error
	switch {
	case l.failure != nil:
		err = ErrOffline
	case r.s.Gen != l.gen:
		err = ErrTruncated
	case op.Err != nil:
		err = op.Err
	case op.N == 0:
		err = fmt.Errorf("%w: %s ends at %d, within a batch", engine.ErrIO, l.dir, op.Pos)
	case r.n < r.s.Len:
		l.readOn(r) // a short read
		return
	}
	p.flying = append(p.flying[:at], p.flying[at+1:]...)
	done, n := r.done, r.n
	*r = read{}
	p.free = append(p.free, r)
	if err != nil && err != ErrOffline && err != ErrTruncated {
		if l.state == closed {
			err = ErrClosed
		} else {
			l.fail(err)
		}
	}
	done(n, err)
}
