package plog

import (
	"errors"
	"fmt"
	"math"
	"path"

	"trial/engine"
	"trial/internal/record"
)

// recoverChunk is how much recovery reads and looks through in one event.
const recoverChunk = 1 << 20

// Open creates the directory if it is missing, or recovers the log in it: the
// longest prefix, over all segments, of batches that are whole, valid and
// continue each other in offsets and leader epochs (LogLoader, LogSegment.recover).
// What is behind it is removed, and all that is left is made durable before done.
//
// Removal runs from the end: first later segments, then the tail of the damaged
// one. So a crash within recovery leaves the same prefix to the next one.
func (l *Log) Open(done func(err error)) {
	if l.state != fresh {
		l.later(func() { done(fmt.Errorf("plog: log %s was opened before", l.dir)) })
		return
	}
	l.state = opening
	r := &recovery{l: l, done: done, next: -1, lastEpoch: -1}
	r.onRead = r.read
	l.enqueue(&job{alone: true, fail: done, run: r.begin})
}

// recovery is the job behind Open.
type recovery struct {
	l    *Log
	done func(err error)

	bases []int64 // of the segments found, ascending
	at    int     // index of the segment being read
	seg   *segment
	size  int64 // of its file
	pos   int64 // up to where the file has been read
	valid int64 // up to where it has been found valid; buf begins there
	buf   *engine.Buf
	chunk int // how much of buf is used
	op    engine.DiskOp

	next      int64 // the offset that must come next; -1 before the first segment
	lastEpoch int32

	// A batch that is larger than buf is checked in pieces.
	large bool
	head  [record.HeaderBytes]byte
	crc   uint32
	left  int64

	onRead func(op *engine.DiskOp)
}

func (r *recovery) begin() {
	l := r.l
	var files []engine.DirEntry
	l.run(func(err error) {
		if err != nil {
			r.end(err)
			return
		}
		for _, f := range files {
			if base, ok := segmentBase(f.Name); ok && !f.Dir {
				r.bases = append(r.bases, base) // names sort as their numbers do
			}
		}
		if len(r.bases) == 0 {
			r.create(0)
			return
		}
		r.openSegment()
	},
		named(engine.OpStat, l.dir).allowing(engine.ErrNotExist),
		step{fill: func(op, prev *engine.DiskOp) {
			if errors.Is(prev.Err, engine.ErrNotExist) {
				op.Kind, op.Path = engine.OpMkdir, l.dir
			}
		}},
		// Not only when it was made just now: a crash may have come between.
		named(engine.OpSyncDir, path.Dir(l.dir)),
		named(engine.OpList, l.dir),
		step{fill: func(_, prev *engine.DiskOp) { files = prev.Entries }},
	)
}

// create makes the first segment of an empty log.
func (r *recovery) create(base int64) {
	l := r.l
	s := l.newSegment(base)
	l.segs = append(l.segs, s)
	l.run(r.end, named(engine.OpCreate, l.segmentPath(base)), opened(&s.file), named(engine.OpSyncDir, l.dir))
}

// openSegment goes on with the next segment, if it continues the log.
func (r *recovery) openSegment() {
	l := r.l
	if r.at == len(r.bases) || r.next >= 0 && r.bases[r.at] != r.next {
		r.settle(-1)
		return
	}
	r.seg = l.newSegment(r.bases[r.at])
	r.next = r.seg.base
	l.segs = append(l.segs, r.seg)
	r.pos, r.valid, r.large = 0, 0, false
	l.run(func(err error) {
		if err != nil {
			r.end(err)
			return
		}
		r.takeBuf()
		r.readOn()
	}, named(engine.OpOpen, l.segmentPath(r.seg.base)),
		step{fill: func(_, prev *engine.DiskOp) { r.seg.file, r.size = prev.File, prev.Size }})
}

// takeBuf makes room for a piece of the segment: many logs may open at once, and
// most are small.
func (r *recovery) takeBuf() {
	r.chunk = int(min(recoverChunk, r.size))
	if r.buf != nil && cap(r.buf.B) < r.chunk {
		r.l.h.Release(r.buf)
		r.buf = nil
	}
	if r.buf == nil {
		r.buf = r.l.h.Buf(r.chunk)
	}
	r.buf.B = r.buf.B[:0]
}

// readOn reads the next piece, or ends the segment at the end of its file.
func (r *recovery) readOn() {
	if r.l.failure != nil {
		r.end(ErrOffline)
		return
	}
	if r.pos == r.size {
		if r.valid < r.size {
			r.settle(r.valid)
			return
		}
		r.at++
		r.openSegment()
		return
	}
	have := len(r.buf.B)
	n := min(int64(r.chunk-have), r.size-r.pos)
	r.op = engine.DiskOp{
		Kind: engine.OpReadAt, Volume: r.l.vol, File: r.seg.file, Pos: r.pos, Data: r.buf.B[have : int64(have)+n], Done: r.onRead,
	}
	r.l.h.Disk(&r.op)
}

func (r *recovery) read(op *engine.DiskOp) {
	err := op.Err
	if err == nil && op.N == 0 {
		err = fmt.Errorf("%w: %s ended at %d of %d", engine.ErrIO, r.l.dir, r.pos, r.size)
	}
	if err != nil {
		r.end(err)
		return
	}
	if r.l.cfg.Rewrite && op.Kind == engine.OpReadAt {
		// The page cache may show what an earlier life failed to sync, and a second
		// sync would not write it again: the kernel took it for clean after the error.
		*op = engine.DiskOp{Kind: engine.OpWriteAt, Volume: r.l.vol, File: r.seg.file, Pos: r.pos, Data: op.Data[:op.N], Done: r.onRead}
		r.l.h.Disk(op)
		return
	}
	if op.Kind == engine.OpWriteAt && op.N < len(op.Data) {
		r.end(fmt.Errorf("%w: %d of %d bytes of %s rewritten", engine.ErrIO, op.N, len(op.Data), r.l.dir))
		return
	}
	r.pos += int64(op.N)
	r.buf.B = r.buf.B[:len(r.buf.B)+op.N]
	rest, ok := r.scan(r.buf.B)
	if !ok {
		r.settle(r.valid)
		return
	}
	r.buf.B = r.buf.B[:copy(r.buf.B[:r.chunk], rest)]
	r.readOn()
}

// scan takes whole batches off data and returns the rest; false at the first
// byte that cannot be part of the log.
func (r *recovery) scan(data []byte) (rest []byte, ok bool) {
	for {
		if r.large {
			n := min(r.left, int64(len(data)))
			r.crc = record.CRCUpdate(r.crc, data[:n])
			r.left -= n
			data = data[n:]
			if r.left > 0 {
				return nil, true
			}
			b := record.Batch(r.head[:])
			if r.crc != b.CRC() {
				return nil, false
			}
			r.large = false
			r.accept(b)
		}
		if len(data) < record.HeaderBytes {
			return data, true
		}
		b := record.Batch(data)
		if !r.fits(b) {
			return nil, false
		}
		n := b.Size()
		if n > int64(len(data)) {
			if n <= int64(r.chunk) {
				return data, true
			}
			r.large = true
			copy(r.head[:], data)
			r.crc = record.CRCUpdate(0, data[record.CRCFrom:])
			r.left = n - int64(len(data))
			return nil, true
		}
		b = b[:n]
		if b.Check() != nil {
			return nil, false
		}
		r.accept(b)
		data = data[n:]
	}
}

// fits reports whether a batch with this header may come next.
func (r *recovery) fits(b record.Batch) bool {
	return b.CheckHeader() == nil && b.BaseOffset() == r.next && b.LeaderEpoch() >= r.lastEpoch &&
		r.valid+b.Size() <= min(r.size, math.MaxInt32)
}

// accept adds a valid batch, of which only the header is needed.
func (r *recovery) accept(b record.Batch) {
	e := entryOf(b, r.valid)
	r.seg.add(e)
	if !r.skipsEpoch(&e) {
		r.l.epochs.assign(e.epoch, e.base)
	}
	r.l.producers.note(&e)
	r.valid += int64(e.size)
	r.seg.size = r.valid
	r.next, r.lastEpoch = e.next(), e.epoch
}

// settle removes what is behind the valid prefix: all segments that are not in
// the log, and with cut >= 0 the tail of the last one that is.
func (r *recovery) settle(cut int64) {
	l := r.l
	var steps []step
	kept := len(l.segs)
	for i := len(r.bases) - 1; i >= kept; i-- {
		steps = append(steps, named(engine.OpRemove, l.segmentPath(r.bases[i])))
	}
	if kept < len(r.bases) || cut >= 0 {
		l.h.Logf(engine.Warn, "log %s: recovery keeps offsets below %d", l.dir, r.next)
		steps = append(steps, named(engine.OpSyncDir, l.dir))
	}
	if cut >= 0 {
		steps = append(steps, cutFile(&r.seg.file, cut))
	}
	for _, s := range l.segs {
		steps = append(steps, onFile(engine.OpSyncFile, &s.file))
	}
	steps = append(steps, named(engine.OpSyncDir, l.dir))
	l.run(r.end, steps...)
}

// end gives the log to its user.
func (r *recovery) end(err error) {
	l := r.l
	if r.buf != nil {
		l.h.Release(r.buf)
		r.buf = nil
	}
	if err == nil && l.failure != nil {
		err = ErrOffline
	}
	if err == nil {
		l.next = l.Start()
		if r.next >= 0 {
			l.next = r.next
		}
		l.written, l.end, l.synced = l.next, l.next, l.next
		if l.state == opening {
			l.state = open
		}
		l.check()
	} else {
		l.fail(err)
	}
	r.done(err)
	l.jobDone()
}
