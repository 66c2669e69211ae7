//go:build mutants

package plog

import (
	"slices"
	"testing"

	"trial/engine"
	"trial/internal/mutant"
)

// infected expects that the planted bug ran and made a difference.
func (b *bench) infected() {
	b.Helper()
	if b.h.probes["mutant.reached"] == 0 || b.h.probes["mutant.infected"] == 0 {
		b.Fatalf("probes %v", b.h.probes)
	}
}

func (b *bench) shortOnce(n int, err error) {
	b.h.fault = func(op *engine.DiskOp) bool {
		if op.Kind != engine.OpAppend {
			return false
		}
		part := *op
		part.Data = op.Data[:n]
		b.h.take(&part)
		op.Pos, op.N, op.Err = part.Pos, n, err
		b.h.fault = nil
		return true
	}
}

// until steps the host to the next operation of a kind, which it takes back.
func (b *bench) until(kind engine.DiskOpKind) *engine.DiskOp {
	b.Helper()
	for range 100 {
		for i, op := range b.h.pending {
			if op.Kind == kind {
				b.h.pending = slices.Delete(b.h.pending, i, i+1)
				return op
			}
		}
		b.h.step()
	}
	b.Fatalf("no operation of kind %d comes", kind)
	return nil
}

func TestLOG01LosesSegmentsThatWereSynced(t *testing.T) {
	lost := 0
	for seed := range uint64(20) {
		for _, id := range []string{"", mutant.LOG01} {
			b := start(t, Config{SegmentBytes: 200, Mutant: id})
			b.h.rand = engine.NewStream(seed, "fake")
			for range 3 {
				b.put(batch(1, 100), 0)
			}
			b.h.settle()
			b.l.Sync(b.must)
			b.h.settle()
			if b.l.Synced() != 3 || b.l.Segments() != 3 {
				t.Fatalf("synced %d, %d segments", b.l.Synced(), b.l.Segments())
			}
			got := reopen(t, b.h.crash(true), Config{}).l.End()
			if id == "" && got != 3 {
				t.Fatalf("seed %d: %d of 3 records are left", seed, got)
			}
			if id != "" {
				b.infected()
				if got < 3 {
					lost++
				}
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was ever lost")
	}
}

func TestLOG18TakesBackWhatIsDurable(t *testing.T) {
	b := start(t, Config{SegmentBytes: 200, FlushMessages: 1, Mutant: mutant.LOG18})
	var ends []int64
	b.l.OnSynced(func(end int64) { ends = append(ends, end) })
	b.put(batch(1, 100), 0)
	slow := b.until(engine.OpSyncFile)
	b.put(batch(1, 100), 0) // in a segment of its own
	b.h.settle()
	b.h.take(slow)
	slow.Done(slow)
	b.h.settle()
	if !slices.Equal(ends, []int64{2, 1}) || b.l.Synced() != 1 {
		t.Fatalf("durable up to %v in turn, at last %d", ends, b.l.Synced())
	}
	b.infected()
	b.put(batch(1, 100), 0)
	b.h.settle()
	b.offsets(0, 3, 3)
}

func TestLOG07ShowsWhatWasNotWritten(t *testing.T) {
	b := start(t, Config{Mutant: mutant.LOG07})
	b.put(batch(1, 100), 0)
	b.h.settle()
	b.shortOnce(50, nil)
	b.put(batch(1, 100), 0)
	b.put(batch(1, 100), 0)
	b.h.settle()
	b.offsets(0, 3, 3)
	b.infected()
	reopen(t, b.h.crash(false), Config{}).offsets(0, 1, 1)
}

func TestLOG08GoesOnBehindAHole(t *testing.T) {
	for _, n := range []int{0, 50} {
		b := start(t, Config{Mutant: mutant.LOG08})
		b.put(batch(1, 100), 0)
		b.h.settle()
		b.shortOnce(n, engine.ErrIO)
		var failed *Append
		a := &Append{Data: batch(1, 100), Done: func(a *Append) { failed = a }}
		b.l.AppendLeader(a, 0)
		b.put(batch(1, 100), 0)
		b.h.settle()
		if failed == nil || failed.Err == nil || b.l.Offline() {
			t.Fatal("the write did not fail, or the log is offline")
		}
		b.put(batch(1, 100), 0)
		b.h.settle()
		b.offsets(0, 4, 4)
		b.infected()
		s, err := b.l.Locate(2, 1<<20, 4, true)
		b.must(err)
		buf := make([]byte, s.Len)
		b.l.Read(s, buf, func(_ int, err error) { b.must(err) })
		b.h.settle()
		if s.Base != 2 || s.Next != 4 {
			t.Fatalf("%+v", s)
		}
		reopen(t, b.h.crash(false), Config{}).offsets(0, 1, 1)
	}
}

func TestIDM01RefusesWhatItHas(t *testing.T) {
	b := start(t, Config{Mutant: mutant.IDM01})
	b.put(idempotent(1, 0, 0, 1), 0)
	if _, code := b.l.AppendLeader(&Append{Data: idempotent(1, 0, 0, 1)}, 0); code != 45 {
		t.Fatalf("code %d", code)
	}
	b.put(idempotent(1, 0, 1, 1), 0)
}

func TestIDM06AnswersForWhatWasTruncated(t *testing.T) {
	for _, id := range []string{"", mutant.IDM06} {
		b := start(t, Config{Mutant: id})
		b.put(idempotent(1, 0, 0, 1), 0)
		b.put(idempotent(1, 0, 1, 1), 0)
		b.h.settle()
		b.l.TruncateTo(1, nil)
		b.h.settle()
		res, code := b.l.AppendLeader(&Append{Data: idempotent(1, 0, 1, 1)}, 1)
		if code != 0 || res.Duplicate != (id != "") {
			t.Fatalf("mutant %q: code %d, %+v", id, code, res)
		}
		if id != "" {
			b.infected()
		}
	}
}

func TestIDM02RemembersOneBatch(t *testing.T) {
	b := start(t, Config{Mutant: mutant.IDM02})
	b.put(idempotent(1, 0, 0, 1), 0)
	b.put(idempotent(1, 0, 1, 1), 0)
	if _, code := b.l.AppendLeader(&Append{Data: idempotent(1, 0, 0, 1)}, 0); code != 45 {
		t.Fatalf("code %d", code)
	}
	if res, code := b.l.AppendLeader(&Append{Data: idempotent(1, 0, 1, 1)}, 0); code != 0 || !res.Duplicate {
		t.Fatalf("code %d, %+v", code, res)
	}
}

func TestIDM04AnswersForWhatWasRefused(t *testing.T) {
	b := start(t, Config{Mutant: mutant.IDM04})
	b.l.NoteProducer(idempotent(1, 0, 0, 1))
	b.infected()
	if res, code := b.l.AppendLeader(&Append{Data: idempotent(1, 0, 0, 1)}, 0); code != 0 || !res.Duplicate || b.l.Next() != 0 {
		t.Fatalf("code %d, %+v", code, res)
	}
}
