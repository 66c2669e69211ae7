package plog

import (
	"fmt"
	"strconv"
	"strings"

	"trial/engine"
	"trial/engine/kafka/view"
	"trial/internal/record"
)

const suffix = ".log"

// segment is one file of a log with the index of its batches in memory.
type segment struct {
	base    int64
	file    engine.FileID // 0 until created
	size    int64         // in bytes, with everything submitted
	entries []entry       // with everything submitted
	maxTs   int64         // over entries ever held: an upper bound
	madeMs  int64
	dirty   bool // holds bytes that no sync covers
	removed bool // by a truncation: the file goes as soon as its turn comes
	syncOp  engine.DiskOp
}

// entry is what the index keeps of a batch.
type entry struct {
	base       int64
	maxTs      int64
	producer   int64
	pos        int32
	size       int32
	delta      int32
	epoch      int32
	crc        uint32
	seq        int32
	prodEpoch  int16
	attributes uint8
}

func entryOf(b record.Batch, pos int64) entry {
	return entry{
		base: b.BaseOffset(), maxTs: b.MaxTimestamp(), producer: b.ProducerID(), pos: int32(pos), size: int32(b.Size()),
		delta: b.LastOffsetDelta(), epoch: b.LeaderEpoch(), crc: b.CRC(), seq: b.BaseSequence(),
		prodEpoch: b.ProducerEpoch(), attributes: uint8(b.Attributes()),
	}
}

func (e *entry) last() int64   { return e.base + int64(e.delta) }
func (e *entry) next() int64   { return e.base + int64(e.delta) + 1 }
func (e *entry) control() bool { return e.attributes&0x20 != 0 }

func (e *entry) view() view.Batch {
	return view.Batch{Base: e.base, Last: e.last(), LeaderEpoch: e.epoch, CRC: e.crc, Control: e.control()}
}

func (s *segment) add(e entry) {
	s.entries = append(s.entries, e)
	s.maxTs = max(s.maxTs, e.maxTs)
}

// find returns the index of the first batch that ends at or behind offset.
func (s *segment) find(offset int64) int {
	lo, hi := 0, len(s.entries)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s.entries[mid].last() >= offset {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// findNext returns the index of the first batch from i on that reaches over a
// byte position or an offset.
func (s *segment) findNext(i int, pos, offset int64) int {
	lo, hi := i, len(s.entries)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if e := &s.entries[mid]; int64(e.pos)+int64(e.size) > pos || e.next() > offset {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// segmentAt returns the index of the segment that may hold offset.
func (l *Log) segmentAt(offset int64) int {
	lo, hi := 0, len(l.segs)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); l.segs[mid].base > offset {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return max(lo-1, 0)
}

func (l *Log) active() *segment { return l.segs[len(l.segs)-1] }

func (l *Log) newSegment(base int64) *segment {
	return &segment{base: base, maxTs: record.NoTimestamp, madeMs: l.h.WallMs()}
}

// path is a name in the log's directory.
func (l *Log) path(name string) string { return l.dir + "/" + name }

func (l *Log) segmentPath(base int64) string { return l.path(fmt.Sprintf("%020d", base) + suffix) }

// segmentBase reads the base offset from the name of a segment file.
func segmentBase(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && digits[0] != '+' && digits[0] != '-'
}
