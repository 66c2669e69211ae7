package replica

import (
	"testing"

	"trial/clock"
	"trial/engine/kafka/view"
)

func TestAcksOneIsAnsweredAfterTheLocalAppend(t *testing.T) {
	c := soloLeader(t, "")
	s := c.leader().produce(c.batch("a", 2), 1)
	s.wantOpen(t)
	if end := c.leader().p.Log().End(); end != 0 {
		t.Fatalf("log end %d before the append has completed", end)
	}
	c.w.run(clock.Millisecond)
	s.want(t, 0, 0)
	if s.written != 1 {
		t.Fatalf("Written called %d times", s.written)
	}
	if hw := c.leader().p.HW(); hw != 0 {
		t.Fatalf("high watermark %d although no follower has fetched", hw)
	}
	acked := facts[view.ProduceAcked](c.leader())
	if len(acked) != 1 || !acked[0].StillThere || acked[0].Batch.Last != 1 {
		t.Fatalf("facts of the answer: %+v", acked)
	}
}

func TestAcksAllWaitsForTheHighWatermark(t *testing.T) {
	c := soloLeader(t, "")
	s := c.leader().produce(c.batch("a", 2), -1)
	c.w.run(clock.Millisecond)
	s.wantOpen(t)
	if s.written != 1 {
		t.Fatal("the data is still held after the append")
	}
	c.fetchAs(2, 2)
	s.wantOpen(t)
	c.fetchAs(3, 0)
	s.wantOpen(t)
	c.fetchAs(3, 2)
	s.want(t, 0, 0)
	if c.leader().p.HW() != 2 {
		t.Fatalf("high watermark %d, want 2", c.leader().p.HW())
	}
}

func TestProduceIsRefusedBeforeTheAppend(t *testing.T) {
	c := soloLeader(t, "")
	p := c.leader().p
	c.leader().produce(c.batch("a", 1), 2).want(t, codeBadAcks, -1)
	c.setISR(1)
	c.leader().produce(c.batch("a", 1), -1).want(t, codeTooFew, -1)
	if p.Log().Next() != 0 {
		t.Fatal("a refused produce was appended")
	}
	c.settings.MinISR = 1
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	s.want(t, 0, 0)
	c.elect(2)
	c.w.run(clock.Millisecond)
	c.node(1).produce(c.batch("a", 1), 1).want(t, codeNotLeader, -1)
}

func TestMinISRIsNeverMoreThanThereAreReplicas(t *testing.T) {
	c := newCluster(t, 1, 1, "")
	c.elect(1)
	c.w.run(clock.Millisecond)
	s := c.leader().produce(c.batch("a", 1), -1) // min.insync.replicas is 2
	c.w.run(clock.Millisecond)
	s.want(t, 0, 0)
}

func TestShrinkBelowMinISRHoldsTheHighWatermark(t *testing.T) {
	c := soloLeader(t, "")
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.setISR(1)
	s.wantOpen(t)
	if c.leader().p.HW() != 0 {
		t.Fatal("the high watermark moved under min ISR")
	}
	c.leader().h.probed(t, "replica.hw.min-isr")
	c.leader().p.Expire(&s.ProduceWaiter)
	s.want(t, codeTimedOut, -1)
	c.leader().p.Expire(&s.ProduceWaiter)
	s.want(t, codeTimedOut, -1)
}

func TestRaisedMinISRFailsAfterTheAppend(t *testing.T) {
	c := soloLeader(t, "")
	c.setISR(1, 2)
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 0)
	// Raised between the high watermark's test and the answer it cannot be here, so
	// the answer's own test is asked directly.
	c.settings.MinISR = 3
	if got := c.leader().p.covered(); got != codeTooFewAfter {
		t.Fatalf("code %d, want NOT_ENOUGH_REPLICAS_AFTER_APPEND", got)
	}
	c.fetchAs(2, 1)
	s.wantOpen(t)
}

func TestDuplicateIsAnsweredLikeItsOriginal(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	first := n.produce(c.idem("a", 7, 0), -1)
	flying := n.produce(c.idem("a", 7, 0), -1) // the original is not even visible
	leaderOnly := n.produce(c.idem("a", 7, 0), 1)
	first.wantOpen(t)
	flying.wantOpen(t)
	leaderOnly.wantOpen(t)
	c.w.run(clock.Millisecond)
	leaderOnly.want(t, 0, 0)
	flying.wantOpen(t)
	visible := n.produce(c.idem("a", 7, 0), -1)
	visible.wantOpen(t)
	c.fetchAs(2, 1)
	c.fetchAs(3, 1)
	first.want(t, 0, 0)
	flying.want(t, 0, 0)
	visible.want(t, 0, 0)
	n.produce(c.idem("a", 7, 0), -1).want(t, 0, 0)
	if n.p.Log().Next() != 1 {
		t.Fatal("a duplicate was appended")
	}
	n.h.probed(t, "replica.duplicate")
	if d := facts[view.AppendDuplicate](n); len(d) != 4 || d[0].Producer.ID != 7 || d[0].Last != 0 {
		t.Fatalf("facts of duplicates: %+v", d)
	}
	for _, a := range facts[view.ProduceAcked](n) {
		if !a.StillThere || a.Batch.LeaderEpoch != 1 {
			t.Fatalf("fact of an answer: %+v", a)
		}
	}
}

func TestLosingLeadershipFailsEveryWaitingProduce(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	waiting := n.produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	appending := n.produce(c.batch("b", 1), -1)
	leaderOnly := n.produce(c.batch("c", 1), 1)
	c.reg.Leader, c.reg.LeaderEpoch, c.reg.PartitionEpoch = 2, 2, c.reg.PartitionEpoch+1
	n.p.Apply(c.reg)
	waiting.want(t, codeNotLeader, -1)
	appending.wantOpen(t)
	c.reg.Leader, c.reg.LeaderEpoch, c.reg.PartitionEpoch = 1, 3, c.reg.PartitionEpoch+1
	n.p.Apply(c.reg)
	if n.p.Role() == RoleLeader {
		t.Fatal("leads again while appends of its earlier leadership are under way")
	}
	c.w.run(clock.Millisecond)
	appending.want(t, codeNotLeader, -1)
	leaderOnly.want(t, codeNotLeader, -1)
	if appending.written != 1 || leaderOnly.written != 1 {
		t.Fatal("the data was not given back")
	}
	if n.p.Role() != RoleLeader || n.p.EpochStart() != 3 {
		t.Fatalf("role %v, epoch start %d, want leader from 3", n.p.Role(), n.p.EpochStart())
	}
	n.h.probed(t, "replica.produce.step-down")
}

func TestWaitingProduceSurvivesAnEpochOfItsOwnLeader(t *testing.T) {
	c := soloLeader(t, "")
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.elect(1)
	c.w.run(clock.Millisecond)
	s.wantOpen(t)
	c.fetchAs(2, 1)
	c.fetchAs(3, 1)
	s.want(t, 0, 0)
}

func TestFailedAppendTakesThePartitionOffline(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	waiting := n.produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	n.h.failAppends = true
	s := n.produce(c.batch("b", 1), 1)
	c.w.run(clock.Millisecond)
	s.want(t, codeStorage, -1)
	waiting.want(t, codeStorage, -1)
	n.produce(c.batch("c", 1), 1).want(t, codeStorage, -1)
	if r := c.consume(0); r.Code != codeStorage {
		t.Fatalf("fetch from an offline partition: code %d", r.Code)
	}
	if code, _, _ := n.p.OffsetForLeaderEpoch(-1, 1, true); code != codeStorage {
		t.Fatalf("epoch query to an offline partition: code %d", code)
	}
}

func TestAnAnswerMayProduceAgain(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	var second *sent
	first := &sent{}
	first.Done = func(*ProduceWaiter) { first.answered++; second = n.produce(c.batch("b", 1), -1) }
	n.p.Produce(&first.ProduceWaiter, c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 1)
	c.fetchAs(3, 1)
	first.want(t, 0, 0)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 2)
	c.fetchAs(3, 2)
	second.want(t, 0, 1)
}

func TestWaitersAreToldInOffsetOrder(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	var order []int64
	for i := range 5 {
		w := &ProduceWaiter{Done: func(w *ProduceWaiter) { order = append(order, w.Base) }}
		n.p.Produce(w, c.batch("a", i+1), -1)
	}
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 15)
	c.fetchAs(3, 6) // covers the first three
	if len(order) != 3 {
		t.Fatalf("%d answers at high watermark %d", len(order), n.p.HW())
	}
	c.fetchAs(3, 15)
	want := []int64{0, 1, 3, 6, 10}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("order %v, want %v", order, want)
		}
	}
}
