package plog

import (
	"bytes"
	"errors"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/internal/record"
)

// bench is a log on a fake host, for tests of single rules.
type bench struct {
	*testing.T
	h       *fakeHost
	l       *Log
	offline int
}

func start(t *testing.T, cfg Config) *bench {
	t.Helper()
	return reopen(t, newDisk(), cfg)
}

func reopen(t *testing.T, d *fakeDisk, cfg Config) *bench {
	t.Helper()
	b := &bench{T: t, h: newHost(d, 7)}
	b.l = New(b.h, 0, "t-0", cfg)
	b.l.OnOffline(func(error) { b.offline++ })
	var result error = errors.New("open does not end")
	b.l.Open(func(err error) { result = err })
	b.h.settle()
	if result != nil {
		t.Fatal(result)
	}
	return b
}

// batch makes a batch of n records of size bytes each.
func batch(n, size int) record.Batch {
	var w record.Builder
	w.Reset(nil)
	for i := range n {
		w.Add(1_700_000_000_000+int64(i), []byte("k"), make([]byte, size))
	}
	return w.Batch()
}

func idempotent(id int64, epoch int16, seq int32, n int) record.Batch {
	var w record.Builder
	w.Reset(nil)
	w.SetProducer(id, epoch, seq)
	for range n {
		w.Add(1_700_000_000_000, nil, []byte("v"))
	}
	return w.Batch()
}

// put submits as leader and expects that it is taken.
func (b *bench) put(data []byte, epoch int32) *Append {
	b.Helper()
	a := &Append{Data: data}
	if _, code := b.l.AppendLeader(a, epoch); code != 0 {
		b.Fatalf("append refused with code %d", code)
	}
	return a
}

func (b *bench) offsets(start, end, next int64) {
	b.Helper()
	if b.l.Start() != start || b.l.End() != end || b.l.Next() != next {
		b.Fatalf("start %d end %d next %d, want %d %d %d", b.l.Start(), b.l.End(), b.l.Next(), start, end, next)
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func TestAppendsAreVisibleAtCompletionOnly(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(3, 10), 0)
	b.put(batch(2, 10), 0)
	b.offsets(0, 0, 5)
	if _, ok := b.l.BatchAt(0); ok {
		t.Fatal("batch visible before it is written")
	}
	if s, err := b.l.Locate(0, 1000, 100, true); err != nil || s.Len != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	b.h.settle()
	b.offsets(0, 5, 5)
	if b.l.Synced() != 0 {
		t.Fatal("durable without a sync")
	}
	got, ok := b.l.BatchAt(4)
	if !ok || got.Base != 3 || got.Last != 4 {
		t.Fatalf("%+v", got)
	}
}

func TestSyncCoversWhatWasWrittenAtItsStart(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(1, 10), 0)
	b.h.settle()
	var order []int
	b.l.Sync(func(err error) { order = append(order, 1) })
	if len(b.h.pending) != 1 {
		t.Fatalf("%d operations for one sync", len(b.h.pending))
	}
	b.l.Sync(func(err error) { order = append(order, 2) }) // same round
	first := b.h.pending[0]
	b.put(batch(1, 10), 0)
	b.h.pending = b.h.pending[1:] // the append completes while the sync runs
	b.h.step()
	b.offsets(0, 2, 2)
	b.l.Sync(func(err error) { order = append(order, 3) }) // the next round
	if len(b.h.pending) != 0 {
		t.Fatal("two rounds at once")
	}
	b.h.take(first)
	first.Done(first)
	if b.l.Synced() != 1 || len(order) != 2 {
		t.Fatalf("synced %d, answers %v", b.l.Synced(), order)
	}
	b.h.settle()
	if b.l.Synced() != 2 || len(order) != 3 {
		t.Fatalf("synced %d, answers %v", b.l.Synced(), order)
	}
}

func TestFlushMessagesHidesWhatIsNotDurable(t *testing.T) {
	b := start(t, Config{FlushMessages: 1})
	b.h.fault = func(op *engine.DiskOp) bool {
		if op.Kind == engine.OpSyncFile && b.l.End() != b.l.Synced() {
			t.Errorf("end %d before the sync of %d", b.l.End(), b.l.Synced())
		}
		return false
	}
	for range 20 {
		a := &Append{Data: batch(1, 10), Done: func(a *Append) {
			if b.l.Synced() < a.Next {
				t.Errorf("done at %d, synced %d", a.Next, b.l.Synced())
			}
		}}
		b.l.AppendLeader(a, 0)
		b.h.step()
	}
	b.h.settle()
	if b.l.End() != 20 || b.l.Synced() != 20 {
		t.Fatalf("end %d synced %d", b.l.End(), b.l.Synced())
	}
}

func TestFlushMsSyncsInTheBackground(t *testing.T) {
	b := start(t, Config{FlushMs: 50})
	b.put(batch(1, 10), 0)
	b.h.settle()
	if b.l.Synced() != 0 {
		t.Fatal("synced too early")
	}
	b.h.now = b.h.now.Add(50 * clock.Millisecond)
	b.h.settle()
	if b.l.Synced() != 1 {
		t.Fatal("flush.ms has passed without a sync")
	}
}

// Every failure of a write or a sync must latch the log, once, for good.
func TestFailedWritesLatchTheLogOffline(t *testing.T) {
	faults := map[string]func(op *engine.DiskOp) bool{
		"short append": func(op *engine.DiskOp) bool {
			op.N = len(op.Data) - 1
			return op.Kind == engine.OpAppend
		},
		"append takes nothing": func(op *engine.DiskOp) bool { return op.Kind == engine.OpAppend },
		"append fails": func(op *engine.DiskOp) bool {
			op.Err = engine.ErrNoSpace
			return op.Kind == engine.OpAppend
		},
		"sync fails": func(op *engine.DiskOp) bool {
			op.Err = engine.ErrIO
			return op.Kind == engine.OpSyncFile
		},
		"append goes elsewhere": func(op *engine.DiskOp) bool {
			op.N, op.Pos = len(op.Data), 1
			return op.Kind == engine.OpAppend
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			b := start(t, Config{})
			b.put(batch(1, 10), 0)
			b.h.settle()
			end := b.l.End()
			b.h.fault = func(op *engine.DiskOp) bool {
				keep := *op
				if fault(op) {
					return true
				}
				*op = keep
				return false
			}
			failed := 0
			note := func(err error) {
				if err != nil {
					failed++
				}
			}
			a := &Append{Data: batch(1, 10), Done: func(a *Append) { note(a.Err) }}
			c := &Append{Data: batch(1, 10), Done: func(a *Append) { note(a.Err) }}
			b.l.AppendLeader(a, 0)
			b.l.Sync(note)
			b.l.AppendLeader(c, 0)
			b.l.TruncateTo(1, note)
			b.h.settle()
			if name != "sync fails" && failed != 4 || failed < 2 {
				t.Errorf("%d of 4 operations failed", failed)
			}
			if !b.l.Offline() || b.offline != 1 {
				t.Fatalf("offline %v, told %d times", b.l.Offline(), b.offline)
			}
			if name != "sync fails" && b.l.End() > end {
				t.Errorf("end moved to %d after the failure", b.l.End())
			}
			b.h.fault = nil
			if _, code := b.l.AppendLeader(&Append{Data: batch(1, 1)}, 0); code != 56 {
				t.Errorf("append after the failure: code %d", code)
			}
			if err := b.l.AppendFollower(&Append{Data: batch(1, 1)}); err != ErrOffline {
				t.Error(err)
			}
			if _, err := b.l.Locate(0, 100, 1, true); err != ErrOffline {
				t.Error(err)
			}
			b.l.Sync(note)
			b.l.LookupTimestamp(0, 10, func(_, _ int64, _ int32, err error) { note(err) })
			b.l.Close(note)
			before := failed
			b.h.settle()
			if failed != before+3 || b.offline != 1 || len(b.h.handles) != 0 {
				t.Errorf("%d of 3 operations failed, told %d times, %d open files", failed-before, b.offline, len(b.h.handles))
			}
		})
	}
}

func TestFailOfTheVolumeFailsTheLogWithoutEcho(t *testing.T) {
	b := start(t, Config{})
	var err error
	a := &Append{Data: batch(1, 10), Done: func(a *Append) { err = a.Err }}
	b.l.AppendLeader(a, 0)
	b.l.Fail(engine.ErrOffline)
	if err != nil {
		t.Fatal("done inside Fail")
	}
	b.h.settle()
	if !errors.Is(err, ErrOffline) || b.offline != 0 || b.l.End() != 0 {
		t.Fatalf("%v, told %d times", err, b.offline)
	}
}

func TestRollMakesKafkasFileNames(t *testing.T) {
	b := start(t, Config{SegmentBytes: 500})
	for range 6 {
		b.put(batch(2, 150), 3)
	}
	b.h.settle()
	if b.l.Segments() != 6 || b.l.End() != 12 {
		t.Fatalf("%d segments, end %d", b.l.Segments(), b.l.End())
	}
	if _, ok := b.h.disk.names["t-0/00000000000000000010.log"]; !ok {
		t.Fatal("no segment 10")
	}
	// Rolling makes old segments and directory entries durable in the background.
	if b.l.Synced() < 10 {
		t.Errorf("synced %d", b.l.Synced())
	}
	var got []byte
	for offset := int64(0); offset < 12; {
		s, err := b.l.Locate(offset, 1<<20, 12, false)
		b.must(err)
		buf := make([]byte, s.Len)
		b.l.Read(s, buf, func(n int, err error) { b.must(err) })
		b.h.settle()
		got = append(got, buf...)
		offset = s.Next
	}
	if len(record.Trim(got)) != len(got) || int64(len(got)) != b.l.Size() {
		t.Fatal("reading over the segments does not give the batches")
	}
}

func TestRollByTime(t *testing.T) {
	b := start(t, Config{SegmentMs: 1000})
	at := func(ts int64) []byte {
		var w record.Builder
		w.Reset(nil)
		w.Add(ts, nil, nil)
		return w.Batch()
	}
	base := b.h.wallMs
	b.put(at(base-5000), 0)
	b.put(at(base-4000), 0)
	if b.l.Segments() != 1 {
		t.Fatal("rolled at exactly segment.ms")
	}
	b.put(at(base-3999), 0)
	b.h.settle()
	if b.l.Segments() != 2 || b.l.End() != 3 {
		t.Fatalf("%d segments", b.l.Segments())
	}
}

func TestTruncationFencesAppendsUnderWay(t *testing.T) {
	b := start(t, Config{SegmentBytes: 600})
	b.put(batch(2, 50), 0)
	b.h.settle()
	var errs []error
	for range 3 {
		b.l.AppendLeader(&Append{Data: batch(2, 200), Done: func(a *Append) { errs = append(errs, a.Err) }}, 1)
	}
	if b.l.Segments() != 4 { // each append its own
		t.Fatalf("%d segments", b.l.Segments())
	}
	truncated := false
	b.l.TruncateTo(4, func(err error) { b.must(err); truncated = true })
	b.offsets(0, 2, 4)
	a := b.put(batch(1, 10), 2)
	b.offsets(0, 2, 5)
	b.h.settle()
	b.offsets(0, 5, 5)
	if !truncated || a.Err != nil || len(errs) != 3 || errs[0] != nil || errs[1] != ErrTruncated || errs[2] != ErrTruncated {
		t.Fatalf("errors %v", errs)
	}
	if es := b.l.Epochs(); len(es) != 3 || es[2].Epoch != 2 || es[2].Start != 4 {
		t.Fatalf("epochs %v", es)
	}
	c := reopen(t, b.h.crash(false), Config{})
	c.offsets(0, 5, 5)
}

func TestTruncationWithinABatchDropsAllOfIt(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(5, 10), 0)
	b.put(batch(5, 10), 0)
	b.h.settle()
	b.l.TruncateTo(7, nil)
	b.offsets(0, 5, 5)
	b.h.settle()
	if n := len(b.h.disk.names["t-0/00000000000000000000.log"].data); int64(n) != b.l.Size() {
		t.Fatalf("file has %d bytes, log %d", n, b.l.Size())
	}
}

func TestTruncationThatRemovesNothingDropsEpochs(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(5, 10), 1)
	b.h.settle()
	b.l.AssignEpoch(4, 5)
	if e, end := b.l.EndOffsetFor(1); e != 1 || end != 5 {
		t.Fatalf("epoch %d ends at %d", e, end)
	}
	done := false
	b.l.TruncateTo(5, func(err error) { done = err == nil })
	if done {
		t.Fatal("done inside the call")
	}
	b.h.settle()
	if e, _ := b.l.LastEpoch(); e != 1 || !done {
		t.Fatalf("last epoch %d, done %v", e, done)
	}
	b.offsets(0, 5, 5)
}

func TestEmptyLogKeepsItsStart(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(5, 10), 1)
	b.h.settle()
	b.l.TruncateFully(100, nil)
	b.offsets(100, 100, 100)
	b.h.settle()
	c := reopen(t, b.h.crash(true), Config{})
	c.offsets(100, 100, 100)
	if len(c.l.Epochs()) != 0 || c.l.Segments() != 1 {
		t.Fatalf("epochs %v, %d segments", c.l.Epochs(), c.l.Segments())
	}
	c.put(batch(1, 1), 2)
	c.h.settle()
	c.offsets(100, 101, 101)
}

func TestFollowerTakesOnlyWhatContinuesTheLog(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(2, 10), 5)
	make := func(base int64, epoch int32) []byte {
		x := batch(1, 10)
		x.SetBaseOffset(base)
		x.SetLeaderEpoch(epoch)
		return x
	}
	bad := make(2, 5)
	bad[len(bad)-1] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"gap":             {make(3, 5), ErrOutOfOrder},
		"overlap":         {make(1, 5), ErrOutOfOrder},
		"lower epoch":     {make(2, 4), ErrOutOfOrder},
		"second has gap":  {append(make(2, 5), make(4, 5)...), ErrOutOfOrder},
		"damaged":         {bad, record.ErrCRC},
		"partial":         {make(2, 5)[:30], record.ErrShort},
		"trailing":        {append(make(2, 5), 1, 2), record.ErrShort},
		"nothing":         {nil, record.ErrShort},
		"length is a lie": {bytes.Repeat([]byte{0xff}, 80), record.ErrLength},
	} {
		if err := b.l.AppendFollower(&Append{Data: c.data}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	b.must(b.l.AppendFollower(&Append{Data: append(make(2, 5), make(3, 8)...)}))
	b.h.settle()
	b.offsets(0, 4, 4)
	if got := b.l.Epochs(); len(got) != 2 || got[1].Epoch != 8 || got[1].Start != 3 {
		t.Fatalf("epochs %v", got)
	}
}

func TestCloseMakesEverythingDurable(t *testing.T) {
	b := start(t, Config{SegmentBytes: 300})
	for range 3 {
		b.put(batch(1, 200), 0)
	}
	closed := 0
	b.l.Close(func(err error) { b.must(err); closed++ })
	b.l.Close(func(err error) { b.must(err); closed++ })
	if _, code := b.l.AppendLeader(&Append{Data: batch(1, 1)}, 0); code != 56 {
		t.Fatalf("append while closing: %d", code)
	}
	b.h.settle()
	if closed != 2 || len(b.h.handles) != 0 || len(b.h.timers) != 0 {
		t.Fatalf("closed %d times, %d files and %d timers left", closed, len(b.h.handles), len(b.h.timers))
	}
	if _, err := b.l.Locate(0, 10, 10, true); err != ErrClosed {
		t.Fatal(err)
	}
	c := reopen(t, b.h.crash(true), Config{})
	c.offsets(0, 3, 3)
}

func TestDeleteLeavesNothing(t *testing.T) {
	for name, before := range map[string]func(b *bench){
		"open":    func(*bench) {},
		"closing": func(b *bench) { b.l.Close(b.must) }, // the topic goes while the broker stops
		"closed":  func(b *bench) { b.l.Close(b.must); b.h.settle() },
	} {
		b := start(t, Config{SegmentBytes: 300})
		for range 3 {
			b.put(batch(1, 200), 0)
		}
		b.l.AssignEpoch(4, 3)
		before(b)
		deleted := false
		b.l.Delete(func(err error) { b.must(err); deleted = true })
		b.h.settle()
		if d := b.h.crash(true); !deleted || len(d.names) != 1 {
			t.Fatalf("%s: deleted %v, left %v", name, deleted, d.names)
		}
	}
}

func TestDirectoryOfALogMayBeNested(t *testing.T) {
	d := newDisk()
	d.names["data"], d.durable["data"] = nil, nil
	h := newHost(d, 1)
	l := New(h, 0, "data/t-0", Config{})
	l.Open(func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	h.settle()
	if _, ok := d.durable["data/t-0/00000000000000000000.log"]; !ok {
		t.Fatal("the first segment is not durable")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	b := start(t, Config{})
	data := []byte(batch(100, 100))
	a := &Append{Data: data}
	n := testing.AllocsPerRun(2000, func() {
		record.Batch(data).SetBaseOffset(0)
		if _, code := b.l.AppendLeader(a, 0); code != 0 {
			panic(code)
		}
		op := b.h.pending[0]
		b.h.pending = b.h.pending[:0]
		op.Pos, op.N = b.l.active().size-int64(len(data)), len(data)
		op.Done(op)
	})
	if n != 0 { // the index grows now and then, far less than once an append
		t.Errorf("%v allocations per append", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	h := newHost(newDisk(), 1)
	l := New(h, 0, "t-0", Config{SegmentBytes: 1 << 30})
	l.Open(func(error) {})
	h.settle()
	data := []byte(batch(145, 100))
	a := &Append{Data: data}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		record.Batch(data).SetBaseOffset(0)
		if _, code := l.AppendLeader(a, 0); code != 0 {
			b.Fatal(code)
		}
		for len(h.pending) > 0 { // rolls and syncs too
			op := h.pending[0]
			h.pending = h.pending[:copy(h.pending, h.pending[1:])]
			if op.Kind == engine.OpAppend {
				op.Pos, op.N = a.pos, len(op.Data)
			} else {
				h.take(op)
			}
			op.Done(op)
		}
	}
}
