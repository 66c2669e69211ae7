package ownengine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"trial/clock"
	"trial/engine"
)

// log is a server's log on volume 0: a file of records, each with its length and
// checksum in front. Any failure ends the process: what a file holds after a
// failed append or sync nobody knows, and recovery finds out.
type log struct {
	h        engine.Host
	file     engine.FileID
	end      int64 // appended
	durable  int64 // synced
	syncing  bool
	delay    clock.Duration // a sync waits so long for more to come (commit_delay of PostgreSQL)
	timer    engine.Timer
	waiting  []waiting
	tooEarly bool // the planted bug: do not wait for the sync
}

// waiting is somebody who waits until the log is durable up to a position.
type waiting struct {
	pos  int64
	then func()
}

const (
	logName = "log"
	newName = "log.new"
	chunk   = 64 << 10
)

// disk starts an operation; a failure ends the process.
func (l *log) disk(op engine.DiskOp, then func(op *engine.DiskOp)) {
	op.Done = func(op *engine.DiskOp) {
		switch {
		case op.Err != nil:
			l.h.Exit(fmt.Errorf("log: %w", op.Err))
		case op.Kind == engine.OpAppend && op.N < len(op.Data):
			l.h.Exit(fmt.Errorf("log: %d of %d bytes were written", op.N, len(op.Data)))
		default:
			then(op)
		}
	}
	l.h.Disk(&op)
}

// recover reads the log, hands every record to replay, and then writes what live
// returns to a fresh file that takes the old one's place. Going on with the old
// file would be wrong: after a failed sync the system may show bytes that it will
// never write, however often one syncs again.
func (l *log) recover(replay func(m message), live func() []message, then func()) {
	l.timer.Fire = l.sync
	rewrite := func() {
		l.create(func() {
			var all []byte
			for _, m := range live() {
				all = appendRecord(all, m)
			}
			l.disk(engine.DiskOp{Kind: engine.OpAppend, File: l.file, Data: all}, func(op *engine.DiskOp) {
				l.end = op.Pos + int64(op.N)
				l.install(then)
			})
		})
	}
	l.h.Disk(&engine.DiskOp{Kind: engine.OpOpen, Path: logName, Done: func(op *engine.DiskOp) {
		switch {
		case errors.Is(op.Err, engine.ErrNotExist):
			rewrite()
		case op.Err != nil:
			l.h.Exit(fmt.Errorf("log: %w", op.Err))
		default:
			l.read(op.File, op.Size, nil, func(b []byte) {
				for m, rest, ok := nextRecord(b); ok; m, rest, ok = nextRecord(rest) {
					replay(m)
				}
				rewrite()
			})
		}
	}})
}

// read reads a file to its end, a chunk at a time.
func (l *log) read(f engine.FileID, size int64, have []byte, then func(b []byte)) {
	if int64(len(have)) >= size {
		l.disk(engine.DiskOp{Kind: engine.OpClose, File: f}, func(*engine.DiskOp) { then(have) })
		return
	}
	op := engine.DiskOp{Kind: engine.OpReadAt, File: f, Pos: int64(len(have)), Data: make([]byte, min(chunk, size-int64(len(have))))}
	l.disk(op, func(op *engine.DiskOp) {
		if op.N == 0 {
			l.h.Exit(fmt.Errorf("log: it ends at %d, not at %d", len(have), size))
			return
		}
		l.read(f, size, append(have, op.Data[:op.N]...), then)
	})
}

// create makes the new file; one that a crash left behind goes first.
func (l *log) create(then func()) {
	l.h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: newName, Done: func(op *engine.DiskOp) {
		switch {
		case errors.Is(op.Err, engine.ErrExist):
			l.disk(engine.DiskOp{Kind: engine.OpRemove, Path: newName}, func(*engine.DiskOp) { l.create(then) })
		case op.Err != nil:
			l.h.Exit(fmt.Errorf("log: %w", op.Err))
		default:
			l.file = op.File
			then()
		}
	}})
}

// install syncs the new file, puts it in the old one's place and syncs the name.
func (l *log) install(then func()) {
	l.disk(engine.DiskOp{Kind: engine.OpSyncFile, File: l.file}, func(*engine.DiskOp) {
		l.disk(engine.DiskOp{Kind: engine.OpRename, Path: newName, NewPath: logName}, func(*engine.DiskOp) {
			l.disk(engine.DiskOp{Kind: engine.OpSyncDir, Path: "."}, func(*engine.DiskOp) {
				l.durable = l.end
				then()
			})
		})
	})
}

// append writes a record and tells its end when it is in the log, though not yet
// durable.
func (l *log) append(m message, then func(end int64)) {
	l.disk(engine.DiskOp{Kind: engine.OpAppend, File: l.file, Data: appendRecord(nil, m)}, func(op *engine.DiskOp) {
		l.end = op.Pos + int64(op.N)
		then(l.end)
		l.arm()
	})
}

// await calls then when the log is durable up to a position.
func (l *log) await(pos int64, then func()) {
	if l.tooEarly || l.durable >= pos {
		then()
		return
	}
	l.waiting = append(l.waiting, waiting{pos, then})
}

// arm has a sync begin, unless one is under way.
func (l *log) arm() {
	switch {
	case l.syncing || l.durable == l.end || l.timer.Armed():
	case l.delay > 0:
		l.h.SetTimer(&l.timer, l.h.Now().Add(l.delay))
	default:
		l.sync()
	}
}

func (l *log) sync() {
	l.syncing = true
	upTo := l.end
	l.disk(engine.DiskOp{Kind: engine.OpSyncFile, File: l.file}, func(*engine.DiskOp) {
		l.syncing, l.durable = false, upTo
		for len(l.waiting) > 0 && l.waiting[0].pos <= upTo {
			w := l.waiting[0]
			l.waiting = l.waiting[1:]
			w.then()
		}
		l.arm()
	})
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(b []byte, m message) []byte {
	at := len(b)
	b = m.append(append(b, make([]byte, 8)...))
	body := b[at+8:]
	binary.BigEndian.PutUint32(b[at:], uint32(len(body)))
	binary.BigEndian.PutUint32(b[at+4:], crc32.Checksum(body, castagnoli))
	return b
}

// nextRecord takes a record off the front; false at the end, or at what a crash
// has left of a record.
func nextRecord(b []byte) (m message, rest []byte, ok bool) {
	if len(b) < 8 {
		return m, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > int64(len(b)-8) || crc32.Checksum(b[8:8+n], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return m, nil, false
	}
	m, err := parse(b[8 : 8+n])
	return m, b[8+n:], err == nil
}
