package enginetest

import (
	"encoding/binary"

	"trial/engine"
	"trial/internal/must"
)

// LogServer is a program that keeps one file on volume 0. The byte at every
// position of the file is a function of the position (PatternAt), so that the
// server can tell after a crash how much of its file is whole, and everybody
// can tell whether what he got is what was written.
//
// One request is a frame: a letter and big-endian numbers.
//
//	E            end of the file           e end
//	A pos data   append data at pos        a end, or x end if pos is not the end,
//	                                       or f end if the disk refused
//	R pos n      read at most n bytes      r pos bytes (sent as a file region)
//	S            sync                      s synced
//	T size       truncate                  t end
type LogServer struct {
	h    engine.Host
	file engine.FileID

	end    int64 // completed appends; what E tells and R gives
	next   int64 // submitted appends
	synced int64
	under  int  // appends under way
	broken bool // one failed: the rest fails too, then the file is cut back to end

	scan    engine.DiskOp
	scanPos int64

	// Careless says synced without a sync: a bug that power failures must bring up.
	Careless bool

	// Refused counts the appends that the disk failed.
	Refused int
	// Ready is set once recovery has ended and the listener is open.
	Ready bool
}

const (
	logPath   = "log"
	scanBytes = 64 << 10
)

// PatternAt is the byte at a position of every LogServer's file.
func PatternAt(pos int64) byte { return byte(pos) ^ byte(pos>>8)*31 ^ byte(pos>>16)*17 ^ 0x5a }

// FillPattern writes into b what belongs at pos.
func FillPattern(b []byte, pos int64) {
	for i := range b {
		b[i] = PatternAt(pos + int64(i))
	}
}

// IsPattern returns how many bytes of b, which was read at pos, are right.
func IsPattern(b []byte, pos int64) int {
	for i := range b {
		if b[i] != PatternAt(pos+int64(i)) {
			return i
		}
	}
	return len(b)
}

// Boot opens or creates the file and recovers the longest whole prefix.
func (s *LogServer) Boot(h engine.Host) {
	s.h = h
	open := &engine.DiskOp{Kind: engine.OpOpen, Path: logPath}
	open.Done = func(op *engine.DiskOp) {
		if op.Err == engine.ErrNotExist && op.Kind == engine.OpOpen {
			op.Kind = engine.OpCreate
			h.Disk(op)
			return
		}
		if op.Err != nil {
			h.Exit(op.Err)
			return
		}
		s.file = op.File
		s.scan = engine.DiskOp{Kind: engine.OpReadAt, File: s.file, Data: make([]byte, scanBytes), Done: s.scanned}
		h.Disk(&s.scan)
	}
	h.Disk(open)
}

// scanned goes on with recovery after one read.
func (s *LogServer) scanned(op *engine.DiskOp) {
	if op.Err != nil {
		s.h.Exit(op.Err)
		return
	}
	good := IsPattern(op.Data[:op.N], s.scanPos)
	s.scanPos += int64(good)
	if good == op.N && op.N > 0 {
		op.Pos = s.scanPos
		s.h.Disk(op)
		return
	}
	s.cut(func() {
		// A server that starts again after a crash serves only what is durable.
		s.sync(func() {
			s.syncName()
		})
	})
}

// syncName makes the name of the file durable and opens the listener.
func (s *LogServer) syncName() {
	s.h.Disk(&engine.DiskOp{Kind: engine.OpSyncDir, Path: ".", Done: func(op *engine.DiskOp) {
		if op.Err != nil {
			s.h.Exit(op.Err)
			return
		}
		s.Ready = true
		s.h.Listen(0)
	}})
}

// cut truncates the file to scanPos.
func (s *LogServer) cut(then func()) {
	s.h.Disk(&engine.DiskOp{Kind: engine.OpTruncate, File: s.file, Size: s.scanPos, Done: func(op *engine.DiskOp) {
		if op.Err != nil {
			s.h.Exit(op.Err)
			return
		}
		s.end, s.next, s.broken = s.scanPos, s.scanPos, false
		s.synced = min(s.synced, s.end)
		then()
	}})
}

// sync makes what is completed now durable. A failed sync ends the process:
// trying again would prove nothing.
func (s *LogServer) sync(then func()) {
	end := s.end
	if s.Careless {
		s.synced = end
		then()
		return
	}
	s.h.Disk(&engine.DiskOp{Kind: engine.OpSyncFile, File: s.file, Done: func(op *engine.DiskOp) {
		if op.Err != nil {
			s.h.Exit(op.Err)
			return
		}
		s.synced = max(s.synced, min(end, s.end))
		then()
	}})
}

// Accept takes every connection.
func (s *LogServer) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler {
	return (*logConn)(s)
}

// Stop ends the process after a sync.
func (s *LogServer) Stop() { s.sync(func() { s.h.Exit(nil) }) }

// logConn is the accepting side.
type logConn LogServer

func (s *logConn) Opened(engine.ConnID)        {}
func (s *logConn) Closed(engine.ConnID, error) {}

func (s *logConn) Frame(c engine.ConnID, b *engine.Buf) {
	s2 := (*LogServer)(s)
	req := b.B
	switch {
	case len(req) == 1 && req[0] == 'E':
		s2.answer(c, 'e', s.end)
	case len(req) >= 9 && req[0] == 'A':
		s2.append(c, b)
		return // the buffer is under way
	case len(req) == 13 && req[0] == 'R':
		s2.read(c, int64(binary.BigEndian.Uint64(req[1:])), int(binary.BigEndian.Uint32(req[9:])))
	case len(req) == 1 && req[0] == 'S':
		s2.sync(func() { s2.answer(c, 's', s.synced) })
	case len(req) == 9 && req[0] == 'T':
		s2.truncate(c, int64(binary.BigEndian.Uint64(req[1:])))
	default:
		s.h.Close(c)
	}
	s.h.Release(b)
}

func (s *LogServer) answer(c engine.ConnID, kind byte, n int64) {
	b := s.h.Buf(9)
	b.B = binary.BigEndian.AppendUint64(append(b.B, kind), uint64(n))
	s.h.Send(c, b)
}

func (s *LogServer) append(c engine.ConnID, b *engine.Buf) {
	pos, data := int64(binary.BigEndian.Uint64(b.B[1:])), b.B[9:]
	if pos != s.next || s.broken {
		s.h.Release(b)
		s.answer(c, 'x', s.end)
		return
	}
	must.Hold(IsPattern(data, pos) == len(data), "log: bytes to append at %d are not what was sent", pos)
	s.next += int64(len(data))
	s.under++
	s.h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: s.file, Data: data, Done: func(op *engine.DiskOp) {
		s.h.Release(b)
		s.appended(c, op, pos)
	}})
}

func (s *LogServer) appended(c engine.ConnID, op *engine.DiskOp, pos int64) {
	s.under--
	if op.Err == nil && op.N == len(op.Data) && !s.broken {
		must.Hold(op.Pos == pos, "log: append of %d went to %d", pos, op.Pos)
		s.end = pos + int64(op.N)
		s.answer(c, 'a', s.end)
	} else {
		s.broken = true
		s.Refused++
		s.answer(c, 'f', s.end)
	}
	if s.broken && s.under == 0 {
		s.scanPos = s.end
		s.cut(func() {})
	}
}

func (s *LogServer) read(c engine.ConnID, pos int64, n int) {
	if pos < 0 || pos > s.end || n < 0 {
		s.h.Close(c)
		return
	}
	n = int(min(int64(n), s.end-pos))
	head := s.h.Buf(9)
	head.B = binary.BigEndian.AppendUint64(append(head.B, 'r'), uint64(pos))
	s.h.SendParts(c, []engine.Part{{Buf: head}, {File: s.file, Pos: pos, Len: n}})
}

func (s *LogServer) truncate(c engine.ConnID, size int64) {
	if size < 0 || size > s.end || s.under > 0 || s.broken {
		s.answer(c, 'x', s.end)
		return
	}
	s.scanPos, s.broken = size, true // nothing is appended until the cut is made
	s.cut(func() { s.answer(c, 't', s.end) })
}
