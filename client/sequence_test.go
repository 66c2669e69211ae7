package client

import (
	"testing"

	"trial/checks/history"
)

func sequencedBatch(records int, pid int64, epoch int16, seq int32) *batch {
	b := &batch{}
	b.b.Reset(nil)
	for range records {
		b.b.Add(1, nil, []byte("v"))
	}
	b.number(pid, epoch, seq)
	return b
}

func TestSequenceNumbersWrapToZero(t *testing.T) {
	const top = 1<<31 - 1
	b := sequencedBatch(3, 1, 0, top-1)
	if b.lastSeq() != 0 || b.nextSeq() != 1 {
		t.Fatalf("three records from %d end at %d, next %d", top-1, b.lastSeq(), b.nextSeq())
	}
	if !seqBefore(top, 0) || seqBefore(0, top) || !seqBefore(top-2, 3) || seqBefore(5, 5) {
		t.Fatal("order of sequence numbers is wrong around the wrap")
	}
	s := sequence{pid: 1, next: b.nextSeq(), lastAcked: top - 2, unresolved: -1}
	if !s.isNext(b.seq) {
		t.Fatal("the batch after the last acknowledged one is not next")
	}
	s.acked(b)
	if s.lastAcked != 0 || !s.isNext(1) {
		t.Fatalf("last acknowledged is %d", s.lastAcked)
	}
}

func TestOutOfOrderMeansAGapOnlyForTheNextBatch(t *testing.T) {
	next, later := sequencedBatch(5, 1, 0, 10), sequencedBatch(5, 1, 0, 15)
	for _, c := range []struct {
		name       string
		b          *batch
		unresolved int32
		rewrite    bool
	}{
		{"a batch before it is still to come", later, -1, false},
		{"it is the next one", next, -1, true},
		{"it follows what was given up", later, 15, true},
		{"something between is still open", next, 15, false},
	} {
		s := sequence{pid: 1, next: 20, lastAcked: 9, unresolved: c.unresolved}
		if !s.retry(c.b, codeOutOfOrderSequence, -1) || s.rewrite != c.rewrite {
			t.Errorf("%s: new epoch wanted: %v", c.name, s.rewrite)
		}
	}
}

func TestGivenUpBatchesAreSettledByWhatFollowed(t *testing.T) {
	gone, after := sequencedBatch(5, 1, 0, 10), sequencedBatch(5, 1, 0, 15)
	s := sequence{pid: 1, next: 20, lastAcked: 9, unresolved: -1}
	s.gaveUp(gone, false)
	if s.unresolved != 15 || s.rewrite {
		t.Fatalf("unresolved %d, new epoch %v", s.unresolved, s.rewrite)
	}
	s.acked(after)
	s.settle()
	if s.rewrite || s.unresolved >= 0 {
		t.Fatal("the follower was accepted, so the batch is there: no new epoch is needed")
	}
	s.gaveUp(sequencedBatch(1, 1, 0, 20), false)
	s.next = 21
	s.settle()
	if !s.rewrite {
		t.Fatal("nothing followed the batch that was given up: its number may be a hole")
	}
	s = sequence{pid: 1, next: 20, lastAcked: 9, unresolved: -1}
	s.gaveUp(gone, true)
	if !s.rewrite {
		t.Fatal("a batch that is certainly not there leaves a hole")
	}
}

func TestRestartNumbersFromZeroAndMarksUnknownOutcomes(t *testing.T) {
	a, b, fresh := sequencedBatch(2, 1, 0, 30), sequencedBatch(3, 1, 0, 32), &batch{}
	fresh.b.Reset(nil)
	a.unknown, a.refused = true, true // the broker said last that it lacks it
	b.unknown = true
	s := sequence{pid: 1, next: 35, lastAcked: 29, unresolved: -1, rewrite: true}
	if n := s.restart(1, 1, []*batch{a, b, fresh}); n != 2 {
		t.Fatalf("%d batches with unknown outcome, want 2", n)
	}
	if a.seq != 0 || b.seq != 2 || s.next != 5 || a.epoch != 1 || b.epoch != 1 || fresh.sequenced {
		t.Fatalf("numbered %d, %d, next %d", a.seq, b.seq, s.next)
	}
	if a.renumbered || !a.disputed || !b.renumbered || b.disputed {
		t.Fatal("the broker disputes to have the first batch, of the second it said nothing")
	}
	if got := b.b.Batch(); got.BaseSequence() != 2 || got.ProducerEpoch() != 1 || got.Check() != nil {
		t.Fatal("the batch does not carry its new number")
	}
}

func TestOutcomesOfProduceErrors(t *testing.T) {
	for _, c := range []struct {
		codes []int16
		first bool
		want  history.Outcome
	}{
		{[]int16{0, 46}, true, history.OK},
		{[]int16{19, 10, 18, 2, 87, 32, 21, 29, 31, 35, 47, 45, 48, 59, 120, 3, 100}, true, history.Fail},
		{[]int16{3, 100}, false, history.Info},
		{[]int16{7, 20, 6, 56, -1, 13, 5, 74}, true, history.Info},
	} {
		for _, code := range c.codes {
			if got := produceOutcome(code, c.first); got != c.want {
				t.Errorf("error %d (first attempt: %v): %v, want %v", code, c.first, got, c.want)
			}
		}
	}
}
