//go:build mutants

package plog

import (
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
