package plog

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"trial/engine"
	"trial/internal/record"
)

// image lays out segment files, all durable.
func image(files map[string][]byte) *fakeDisk {
	d := newDisk()
	for _, m := range []map[string]*inode{d.names, d.durable} {
		m["t-0"] = nil
	}
	for name, data := range files {
		i := &inode{data: data, durable: bytes.Clone(data)}
		d.names["t-0/"+name], d.durable["t-0/"+name] = i, i
	}
	return d
}

// logBytes are n batches of two records from base on in a leader epoch.
func logBytes(base int64, n int, epoch int32) []byte {
	var data []byte
	for i := range n {
		b := batch(2, 20)
		b.SetBaseOffset(base + int64(2*i))
		b.SetLeaderEpoch(epoch)
		data = append(data, b...)
	}
	return data
}

func seg(base int64) string { return fmt.Sprintf("%020d.log", base) }

func TestRecoveryKeepsTheLongestValidPrefix(t *testing.T) {
	size := len(logBytes(0, 1, 0))
	flipped := logBytes(0, 5, 0)
	flipped[2*size+70] ^= 4
	gap := append(logBytes(0, 2, 0), logBytes(6, 2, 0)...)
	fall := append(logBytes(0, 2, 3), logBytes(4, 2, 2)...)
	for name, c := range map[string]struct {
		files      map[string][]byte
		start, end int64
		left       int // files
	}{
		"nothing":              {nil, 0, 0, 1},
		"empty file":           {map[string][]byte{seg(0): nil}, 0, 0, 1},
		"empty at 70":          {map[string][]byte{seg(70): nil}, 70, 70, 1},
		"whole":                {map[string][]byte{seg(0): logBytes(0, 5, 0), seg(10): logBytes(10, 2, 0)}, 0, 14, 2},
		"start above zero":     {map[string][]byte{seg(40): logBytes(40, 5, 0)}, 40, 50, 1},
		"torn tail":            {map[string][]byte{seg(0): logBytes(0, 5, 0)[:4*size+7]}, 0, 8, 1},
		"less than a header":   {map[string][]byte{seg(0): logBytes(0, 5, 0)[:30]}, 0, 0, 1},
		"zeros behind":         {map[string][]byte{seg(0): append(logBytes(0, 5, 0), make([]byte, 5000)...)}, 0, 10, 1},
		"flipped bit":          {map[string][]byte{seg(0): flipped, seg(10): logBytes(10, 2, 0)}, 0, 4, 1},
		"gap in a segment":     {map[string][]byte{seg(0): gap, seg(10): logBytes(10, 2, 0)}, 0, 4, 1},
		"gap between segments": {map[string][]byte{seg(0): logBytes(0, 3, 0), seg(8): logBytes(8, 3, 0), seg(14): nil}, 0, 6, 1},
		"overlap":              {map[string][]byte{seg(0): logBytes(0, 3, 0), seg(4): logBytes(4, 3, 0)}, 0, 6, 1},
		"falling leader epoch": {map[string][]byte{seg(0): fall}, 0, 4, 1},
		"garbage behind a whole segment": {map[string][]byte{
			seg(0): append(logBytes(0, 3, 0), 1, 2, 3), seg(6): logBytes(6, 3, 0)}, 0, 6, 1},
		"wrong base in the file": {map[string][]byte{seg(10): logBytes(0, 3, 0)}, 10, 10, 1},
		"other names": {map[string][]byte{seg(0): logBytes(0, 1, 0), "1.log": nil, "00000000000000000000.index": nil,
			"-0000000000000000005.log": nil, "99999999999999999999.log": nil}, 0, 2, 5},
		"length beyond the file": {map[string][]byte{seg(0): append(logBytes(0, 1, 0),
			append([]byte{0, 0, 0, 0, 0, 0, 0, 2, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 2}, make([]byte, 100)...)...)}, 0, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := reopen(t, image(c.files), Config{})
			b.offsets(c.start, c.end, c.end)
			if b.l.Synced() != c.end {
				t.Errorf("synced %d", b.l.Synced())
			}
			files := 0
			for name, i := range b.h.disk.names {
				if i != nil {
					files++
					if !bytes.Equal(i.data, i.durable) || b.h.disk.durable[name] != i {
						t.Errorf("%s is not durable", name)
					}
				}
			}
			if files != c.left {
				t.Errorf("%d files left, want %d", files, c.left)
			}
			b.put(batch(1, 1), 9)
			b.h.settle()
			again := reopen(t, b.h.crash(false), Config{})
			again.offsets(c.start, c.end+1, c.end+1)
		})
	}
}

func TestRecoveryChecksBatchesLargerThanItsChunk(t *testing.T) {
	large := batch(1, 3*recoverChunk)
	large.SetBaseOffset(2)
	large.SetLeaderEpoch(0)
	data := append(logBytes(0, 1, 0), large...)
	data = append(data, logBytes(3, 1, 0)...)
	b := reopen(t, image(map[string][]byte{seg(0): data}), Config{})
	b.offsets(0, 5, 5)
	for _, at := range []int{recoverChunk, len(data) - 300} {
		damaged := bytes.Clone(data)
		damaged[at] ^= 1
		b = reopen(t, image(map[string][]byte{seg(0): damaged}), Config{})
		b.offsets(0, 2, 2)
	}
}

func TestRecoveryReadsABoundedPieceAnEvent(t *testing.T) {
	h := newHost(image(map[string][]byte{seg(0): logBytes(0, 20000, 0)}), 3)
	h.fault = func(op *engine.DiskOp) bool {
		if len(op.Data) > 1<<20 {
			t.Errorf("reads %d bytes at once", len(op.Data))
		}
		if op.Kind == engine.OpReadAt && len(op.Data) > 1000 && h.rand.Chance(1, 2) { // a short read
			op.Data = op.Data[:1000+h.rand.N(100000)%int64(len(op.Data)-999)]
		}
		return false
	}
	l := New(h, 0, "t-0", Config{})
	l.Open(func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	h.settle()
	if l.End() != 40000 {
		t.Fatalf("end %d", l.End())
	}
}

func TestRecoveryGoesOfflineWhenTheDiskFails(t *testing.T) {
	for kind := engine.OpOpen; kind <= engine.OpFree; kind++ {
		d := image(map[string][]byte{seg(0): logBytes(0, 3, 0)[:200], seg(6): logBytes(6, 3, 0)})
		h := newHost(d, 3)
		hit := false
		h.fault = func(op *engine.DiskOp) bool {
			if op.Kind == kind {
				op.Err = engine.ErrIO
				hit = true
			}
			return op.Kind == kind
		}
		l := New(h, 0, "t-0", Config{})
		told := 0
		l.OnOffline(func(error) { told++ })
		var result error
		l.Open(func(err error) { result = err })
		h.settle()
		if hit != errors.Is(result, engine.ErrIO) || hit != (told == 1) || hit != l.Offline() {
			t.Errorf("kind %d: hit %v, told %d, result %v", kind, hit, told, result)
		}
	}
}

// Whatever lies on the disk, recovery ends, and what it keeps is valid.
func FuzzRecovery(f *testing.F) {
	f.Add(logBytes(0, 3, 0), logBytes(6, 2, 1))
	f.Add(append(logBytes(0, 3, 0), 0, 0, 0), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		b := reopen(t, image(map[string][]byte{seg(0): first, seg(6): second}), Config{})
		checkFold(t, b.l)
	})
}

// checkFold compares a log's derived state with a fold of its batches.
func checkFold(t testing.TB, l *Log) {
	next, epoch := l.Start(), int32(-1)
	for _, b := range l.Batches() {
		if b.Base != next || b.LeaderEpoch < epoch {
			t.Fatalf("batch %+v after offset %d, epoch %d", b, next, epoch)
		}
		next, epoch = b.Last+1, b.LeaderEpoch
	}
	if next != l.End() {
		t.Fatalf("batches end at %d, log at %d", next, l.End())
	}
}

// One operation of many fails in one way or another: whatever had become visible
// is still there after a kill, and the log is a valid prefix after power fails.
func TestNothingVisibleIsLostByAFailingDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(newDisk(), rapid.Uint64().Draw(t, "seed"))
		l := New(h, 0, "t-0", Config{SegmentBytes: 1200, FlushMessages: rapid.SampledFrom([]int64{0, 3}).Draw(t, "flush")})
		told, unanswered := 0, 0
		l.OnOffline(func(error) { told++ })
		l.Open(func(error) {})
		h.settle()
		at := h.ops + rapid.IntRange(1, 40).Draw(t, "fails at")
		short := rapid.Bool().Draw(t, "short")
		var failed bool
		h.fault = func(op *engine.DiskOp) bool {
			if h.ops != at || op.Kind == engine.OpRemove || op.Kind == engine.OpClose {
				return false
			}
			failed = true
			op.Err = engine.ErrIO
			if op.Kind == engine.OpAppend && len(op.Data) > 0 {
				part := *op
				part.Data = op.Data[:h.rand.N(int64(len(op.Data)))]
				h.take(&part)
				op.N, op.Pos = part.N, part.Pos
				if short {
					op.Err = nil
				}
			}
			return true
		}
		var wrote []record.Batch
		for range 30 {
			data := batch(1, 150)
			a := &Append{Data: data, Done: func(a *Append) {
				unanswered--
				if (a.Err == nil) != (l.End() >= a.Next) {
					t.Fatalf("append to %d ends with %v, end %d", a.Next, a.Err, l.End())
				}
			}}
			if _, code := l.AppendLeader(a, 1); code == 0 {
				wrote, unanswered = append(wrote, data), unanswered+1
			}
			for range rapid.IntRange(0, 4).Draw(t, "events") {
				h.step()
			}
			if rapid.IntRange(0, 5).Draw(t, "sync") == 0 {
				l.Sync(nil)
			}
		}
		h.settle()
		if failed != (told == 1) || unanswered != 0 || failed != l.Offline() {
			t.Fatalf("failed %v, told %d times, offline %v, %d unanswered", failed, told, l.Offline(), unanswered)
		}
		keep, power := l.End(), rapid.Bool().Draw(t, "power")
		if power {
			keep = l.Synced()
		}
		h = newHost(h.crash(power), 1)
		l = New(h, 0, "t-0", Config{})
		l.Open(func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		})
		h.settle()
		if l.End() < keep {
			t.Fatalf("recovered %d, kept %d", l.End(), keep)
		}
		for i, b := range l.Batches() {
			if b.CRC != wrote[i].CRC() {
				t.Fatalf("batch %d is another one", i)
			}
		}
	})
}

// Garbage behind a whole segment ends the log there, although the next segment
// would continue it: a crash in the middle of recovery must not bring it back.
func TestRecoveryCutShortEndsAtTheSamePlace(t *testing.T) {
	for steps := range 24 {
		for seed := range uint64(4) {
			for _, power := range []bool{false, true} {
				h := newHost(image(map[string][]byte{
					seg(0): append(logBytes(0, 3, 0), 1, 2, 3), seg(6): logBytes(6, 3, 0), seg(12): logBytes(12, 1, 0)}), seed)
				New(h, 0, "t-0", Config{}).Open(func(error) {})
				for range steps {
					h.step()
				}
				b := reopen(t, h.crash(power), Config{})
				b.offsets(0, 6, 6)
			}
		}
	}
}

// A segment that was removed by a truncation must not come back behind what was
// appended since, not even where it would fit.
func TestTruncatedSegmentsStayAway(t *testing.T) {
	for seed := range uint64(40) {
		b := start(t, Config{SegmentBytes: 300})
		b.h.rand = engine.NewStream(seed, "crash")
		for range 3 {
			b.put(batch(2, 70), 0)
		}
		b.h.settle()
		b.l.TruncateTo(1, nil)
		b.put(batch(2, 60), 0)
		b.h.settle()
		b.l.Sync(nil)
		b.h.settle()
		reopen(t, b.h.crash(true), Config{}).offsets(0, 2, 2)
	}
}
