package plog

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"trial/engine"
	"trial/internal/record"
	"trial/internal/record/codec"
)

func TestLocateGivesWholeBatchesWithinItsBounds(t *testing.T) {
	b := start(t, Config{SegmentBytes: 1000})
	for range 6 { // two batches of 5 offsets a segment
		b.put(batch(5, 70), 0)
	}
	b.h.settle()
	size := int(b.l.Size() / 6)
	if b.l.Segments() != 3 {
		t.Fatalf("%d segments of batches of %d bytes", b.l.Segments(), size)
	}
	const all = math.MaxInt32
	for name, c := range map[string]struct {
		offset     int64
		maxBytes   int
		limit      int64
		minOne     bool
		base, next int64
	}{
		"all of a segment":           {0, all, all, false, 0, 10},
		"from within a batch":        {7, all, all, false, 5, 10},
		"next segment":               {10, all, all, false, 10, 20},
		"one fits":                   {0, 2*size - 1, all, false, 0, 5},
		"exactly two":                {0, 2 * size, all, false, 0, 10},
		"none fits":                  {0, size - 1, all, false, 0, 0},
		"none fits, but one must":    {0, size - 1, all, true, 0, 5},
		"zero bytes":                 {3, 0, all, true, 0, 5},
		"negative bytes":             {3, -5, all, false, 3, 3},
		"limit in the second batch":  {0, all, 9, false, 0, 5},
		"limit at the second's end":  {0, all, 10, false, 0, 10},
		"limit in the first batch":   {0, all, 4, true, 0, 0},
		"limit at the offset":        {5, all, 5, true, 5, 5},
		"at the end":                 {30, all, all, true, 30, 30},
		"last batch":                 {29, all, all, false, 25, 30},
		"limit below the offset":     {20, all, 3, true, 20, 20},
		"last batch of a segment":    {9, all, all, false, 5, 10},
		"limit in the next segment":  {9, all, 14, false, 5, 10},
		"limit just behind, to next": {10, all, 11, true, 10, 10},
	} {
		s, err := b.l.Locate(c.offset, c.maxBytes, c.limit, c.minOne)
		if err != nil || (s.Len > 0) != (s.Next > s.Base) || s.Next != c.next || s.Len > 0 && s.Base != c.base {
			t.Errorf("%s: %+v, %v; want [%d, %d)", name, s, err, c.base, c.next)
		}
	}
	for _, offset := range []int64{-1, 31, math.MaxInt64} {
		if _, err := b.l.Locate(offset, 100, 100, true); err != ErrOutOfRange {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

func TestReadSurvivesShortReadsAndNoticesTruncation(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(5, 100), 0)
	b.put(batch(5, 100), 0)
	b.h.settle()
	b.h.fault = func(op *engine.DiskOp) bool {
		if len(op.Data) > 7 {
			op.Data = op.Data[:7]
		}
		return false
	}
	s, err := b.l.Locate(0, 10000, 10, false)
	b.must(err)
	buf, calls := make([]byte, s.Len), 0
	b.l.Read(s, buf, func(n int, err error) {
		calls++
		if err != nil || n != s.Len || record.Batch(buf[:s.Len/2]).Check() != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	b.h.settle()
	b.l.Read(s, buf, func(n int, err error) {
		calls++
		if err != ErrTruncated {
			t.Error(err)
		}
	})
	b.l.TruncateTo(5, nil)
	b.l.Read(s, buf, func(n int, err error) {
		calls++
		if err != ErrTruncated {
			t.Error(err)
		}
	})
	b.h.settle()
	if calls != 3 || b.l.Offline() {
		t.Fatalf("%d calls, offline %v", calls, b.l.Offline())
	}
}

func TestFailedReadTakesTheLogOffline(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(1, 10), 0)
	b.h.settle()
	b.h.fault = func(op *engine.DiskOp) bool { op.Err = engine.ErrIO; return true }
	s, _ := b.l.Locate(0, 100, 1, true)
	failed := false
	b.l.Read(s, make([]byte, s.Len), func(_ int, err error) { failed = err != nil })
	b.h.settle()
	if !failed || !b.l.Offline() || b.offline != 1 {
		t.Fatalf("failed %v, offline %v", failed, b.l.Offline())
	}
}

// Lookups by time agree with a linear scan over the records.
func TestTimestampLookupsAgreeWithALinearScan(t *testing.T) {
	var s codec.State
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(newDisk(), rapid.Uint64().Draw(t, "seed"))
		l := New(h, 0, "t-0", Config{SegmentBytes: 300})
		l.Open(func(error) {})
		h.settle()
		type rec struct {
			offset, ts int64
			epoch      int32
		}
		var recs []rec
		for i := range rapid.IntRange(0, 12).Draw(t, "batches") {
			var w record.Builder
			w.Reset(nil)
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				ts := h.wallMs + int64(rapid.IntRange(-20, 20).Draw(t, "ts"))
				w.Add(ts, nil, nil)
				recs = append(recs, rec{int64(len(recs)), ts, int32(i)})
			}
			w.Compress(&s, record.Codec(rapid.IntRange(0, 4).Draw(t, "codec")), 0)
			if _, code := l.AppendLeader(&Append{Data: w.Batch()}, int32(i)); code != 0 {
				t.Fatalf("code %d", code)
			}
			w.Reset(nil)
		}
		h.settle()
		limit := rapid.Int64Range(0, int64(len(recs))+2).Draw(t, "limit")
		if b, ok := l.BatchAt(limit); ok {
			limit = b.Base // high watermarks lie between batches
		}
		ts := h.wallMs + int64(rapid.IntRange(-25, 25).Draw(t, "target"))
		first, largest := rec{-1, -1, -1}, rec{-1, -1, -1}
		for _, r := range recs {
			if r.offset < limit && first.offset < 0 && r.ts >= ts {
				first = r
			}
			if r.offset < limit && r.ts > largest.ts {
				largest = r
			}
		}
		calls := 0
		l.LookupTimestamp(ts, limit, func(offset, ts int64, epoch int32, err error) {
			calls++
			if got := (rec{offset, ts, epoch}); err != nil || got != first {
				t.Fatalf("lookup %+v, want %+v", got, first)
			}
		})
		l.MaxTimestamp(limit, func(offset, ts int64, epoch int32, err error) {
			calls++
			if got := (rec{offset, ts, epoch}); err != nil || got != largest {
				t.Fatalf("max %+v, want %+v", got, largest)
			}
		})
		if calls != 0 {
			t.Fatal("answered inside the call")
		}
		h.settle()
		if calls != 2 {
			t.Fatalf("%d answers", calls)
		}
	})
}

func TestBatchesAreServedByteForByte(t *testing.T) {
	b := start(t, Config{})
	x := batch(3, 30)
	b.put(x, 4)
	b.h.settle()
	s, _ := b.l.Locate(1, 1000, 3, false)
	buf := make([]byte, s.Len)
	b.l.Read(s, buf, func(int, error) {})
	b.h.settle()
	if !bytes.Equal(buf, x) {
		t.Fatal("bytes differ")
	}
	v, _ := b.l.LastBatch()
	if v.CRC != x.CRC() || v.LeaderEpoch != 4 || v.Base != 0 || v.Last != 2 {
		t.Fatalf("%+v", v)
	}
}
