package replica

import (
	"slices"
	"testing"

	"trial/clock"
	"trial/engine/kafka/view"
	"trial/internal/record"
)

// trio is three nodes of which node 1 leads in epoch 1 and the others follow.
func trio(t testing.TB, mut string) *cluster {
	c := newCluster(t, 1, 3, mut)
	c.elect(1)
	c.w.run(10 * clock.Millisecond)
	return c
}

// same fails unless all living logs hold the same batches.
func (c *cluster) same(t testing.TB) {
	t.Helper()
	want := c.leader().log.Batches()
	for _, n := range c.nodes {
		if n.up && !slices.Equal(n.log.Batches(), want) {
			t.Fatalf("node %d holds %v, the leader %v", n.id, n.log.Batches(), want)
		}
	}
}

func (c *cluster) ack(t testing.TB, n *node, value string) *sent {
	t.Helper()
	s := n.produce(c.batch(value, 1), -1)
	c.w.until("produce answered", func() bool { return s.answered > 0 })
	if s.Code != 0 {
		t.Fatalf("produce: code %d", s.Code)
	}
	return s
}

func TestFollowersCopyTheLeader(t *testing.T) {
	c := trio(t, "")
	for i := range 50 {
		c.leader().produce(c.batch("value", 1+i%3), -1)
		c.w.run(clock.Duration(i) * clock.Millisecond)
	}
	c.w.run(2 * clock.Second)
	c.same(t)
	end := c.leader().p.Log().End()
	if end == 0 {
		t.Fatal("nothing was appended")
	}
	for _, n := range c.nodes {
		if n.p.HW() != end {
			t.Errorf("node %d: high watermark %d, end %d", n.id, n.p.HW(), end)
		}
	}
	c.w.run(clock.Minute)
	for _, n := range c.nodes {
		n.p.TickISR()
	}
	if len(c.alters) != 0 {
		t.Fatal("an idle follower was dropped from the ISR")
	}
}

func TestReplicationIsPrompt(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "first")
	start := c.w.now
	s := c.ack(t, c.leader(), "second")
	if d := s.at.Sub(start); d > 5*clock.Millisecond {
		t.Fatalf("acks=all took %v on links of 100us", d)
	}
}

func TestDivergentTailIsCut(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "shared")
	for _, n := range []int32{2, 3} {
		c.cut[[2]int32{n, 1}] = true
	}
	lost := c.node(1).produce(c.batch("lost", 5), 1)
	c.w.run(clock.Millisecond)
	lost.want(t, 0, 1)
	c.elect(2)
	c.w.run(10 * clock.Millisecond)
	c.ack(t, c.leader(), "kept")
	c.w.run(2 * clock.Second)
	c.same(t)
	tr := facts[view.Truncated](c.node(1))
	if len(tr) == 0 || tr[0].To != 1 || tr[0].End != 6 || tr[0].Leader || tr[0].Full {
		t.Fatalf("facts of truncation: %+v", tr)
	}
	c.node(1).h.probed(t, "replica.truncated")
}

func TestUnknownEpochIsSteppedBack(t *testing.T) {
	// Node 1 writes in epoch 1 and alone in epoch 3; node 2 writes alone in epoch 2
	// and then leads in epoch 4. Node 1 asks with epoch 3, is told 2, which it does
	// not have, cuts to the end of 1, and is told again.
	c := trio(t, "")
	c.cut[[2]int32{1, 2}], c.cut[[2]int32{3, 2}] = true, true
	c.ack(t, c.leader(), "shared")
	c.cut[[2]int32{2, 1}], c.cut[[2]int32{3, 1}] = true, true
	c.node(1).produce(c.batch("one", 1), 1)
	c.w.run(10 * clock.Millisecond)
	c.elect(2)
	c.w.run(10 * clock.Millisecond)
	c.node(2).produce(c.batch("two", 9), 1)
	c.w.run(10 * clock.Millisecond)
	c.elect(1)
	c.w.run(10 * clock.Millisecond)
	c.node(1).produce(c.batch("three", 2), 1)
	c.w.run(10 * clock.Millisecond)
	c.elect(2)
	clear(c.cut)
	c.w.run(5 * clock.Second)
	c.ack(t, c.leader(), "four")
	c.w.run(5 * clock.Second)
	c.same(t)
	c.node(1).h.probed(t, "replica.diverged.step-back")
}

func TestRestartedFollowerCatchesUpAndRejoins(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "a")
	c.node(3).kill()
	c.reg.ISR, c.reg.PartitionEpoch = []int32{1, 2}, c.reg.PartitionEpoch+1
	c.tellAll()
	for range 20 {
		c.ack(t, c.leader(), "b")
	}
	c.node(3).start()
	c.w.run(3 * clock.Second)
	c.same(t)
	if !slices.Equal(c.reg.ISR, []int32{1, 2, 3}) {
		t.Fatalf("ISR %v", c.reg.ISR)
	}
	opened := facts[view.LogOpened](c.node(3))
	if last := opened[len(opened)-1]; last.End != 1 || len(last.Batches) != 1 || last.HW != 0 {
		t.Fatalf("fact of opening: %+v", last)
	}
}

func TestCorruptAnswerIsFetchedAgain(t *testing.T) {
	c := trio(t, "")
	c.corrupt = 2
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(500 * clock.Millisecond)
	s.wantOpen(t)
	c.w.run(3 * clock.Second)
	s.want(t, 0, 0)
	c.same(t)
	if c.node(2).h.probes["replica.fetcher.corrupt"]+c.node(3).h.probes["replica.fetcher.corrupt"] != 2 {
		t.Error("the damage was not noticed")
	}
}

func TestFencedFollowerWaitsForMetadata(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "a")
	c.solo = 1
	c.elect(1)
	c.w.run(2 * clock.Second)
	f := c.node(2).f
	if f.NumFailed() != 1 {
		t.Fatal("a fenced partition did not stop")
	}
	c.solo = 0
	c.tellAll()
	c.w.run(2 * clock.Second)
	if f.NumFailed() != 0 {
		t.Fatal("still stopped after new metadata")
	}
	c.ack(t, c.leader(), "b")
	c.same(t)
}

func TestUnknownEpochBacksOff(t *testing.T) {
	c := trio(t, "")
	c.solo = 2
	c.elect(1)
	c.w.run(3 * clock.Second)
	if c.node(2).f.NumFailed() != 0 {
		t.Fatal("failed although its leader is only late")
	}
	c.solo = 0
	c.tellAll()
	c.w.run(3 * clock.Second)
	c.ack(t, c.leader(), "b")
	c.same(t)
}

func TestUnreachableLeaderIsTriedAgain(t *testing.T) {
	c := trio(t, "")
	c.cut[[2]int32{2, 1}] = true
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(5 * clock.Second)
	s.wantOpen(t)
	clear(c.cut)
	c.w.run(5 * clock.Second)
	s.want(t, 0, 0)
}

func TestShorterLeaderCutsAFollowerThatIsOutOfRange(t *testing.T) {
	// Follower 2 has lost its epoch cache's common ground: the leader does not know
	// its epoch, so the fetch is out of range.
	c := trio(t, "")
	c.ack(t, c.leader(), "a")
	c.w.run(clock.Second)
	p := c.node(2).p
	item := roundItem{it: c.node(2).f.parts[0], gen: c.node(2).f.parts[0].gen, offset: p.Log().End(), epoch: p.LeaderEpoch()}
	var b record.Builder
	b.Reset(nil)
	b.Add(1, nil, []byte("tail"))
	tail := b.Batch()
	tail.SetBaseOffset(1)
	tail.SetLeaderEpoch(1)
	a := c.node(2).f.take()
	a.it, a.op.Data = item.it, tail
	if err := p.appendFetched(&a.op); err != nil {
		t.Fatal(err)
	}
	c.node(2).f.appends++
	c.w.run(clock.Millisecond)
	c.node(2).f.resolve(&item)
	c.w.run(2 * clock.Second)
	c.same(t)
	c.node(2).h.probed(t, "replica.truncated")
	c.ack(t, c.leader(), "b")
	c.same(t)
}

// A follower that was cut below its high watermark takes nothing before the
// checkpoint says less: else a crash would bring the old one back over new records.
func TestNothingIsAppendedBeforeTheCheckpointIsLowered(t *testing.T) {
	c := trio(t, "")
	for _, v := range []string{"a", "b", "c"} {
		c.ack(t, c.leader(), v)
	}
	c.w.run(clock.Second)
	two := c.node(2)
	two.checkpoint = two.p.HW()
	if two.checkpoint != 3 {
		t.Fatalf("high watermark %d, want 3", two.checkpoint)
	}
	done := false
	c.node(3).kill()
	c.node(3).start()
	c.w.until("n3 is back", func() bool { return c.node(3).p != nil })
	c.node(3).log.TruncateTo(1, func(err error) { done = err == nil })
	c.w.until("n3 lost records", func() bool { return done })
	c.node(1).kill()
	c.reg.ISR = []int32{3}
	c.settings.MinISR = 1
	c.elect(3)
	c.w.until("n2 was cut", func() bool { return two.lowering != nil })
	if two.p.HW() > 1 || two.p.Log().End() > 1 {
		t.Fatalf("high watermark %d, log end %d after the truncation", two.p.HW(), two.p.Log().End())
	}
	c.leader().produce(c.batch("x", 1), 1)
	c.w.run(2 * clock.Second)
	if end := two.p.Log().End(); end > 1 {
		t.Fatalf("n2 appended up to %d before its checkpoint was lowered", end)
	}
	two.lowering()
	c.w.until("n2 has caught up", func() bool { return two.p.Log().End() == c.leader().p.Log().End() })
}

func TestFollowerBelowTheLeadersStartBeginsAnew(t *testing.T) {
	c := newCluster(t, 1, 2, "")
	done := false
	c.node(1).log.TruncateFully(100, func(err error) { done = err == nil })
	c.w.until("log begins at 100", func() bool { return done })
	c.node(1).p.hw = 100
	c.elect(1)
	c.w.run(3 * clock.Second)
	if start := c.node(2).p.Log().Start(); start != 100 {
		t.Fatalf("log start %d, want 100", start)
	}
	s := c.ack(t, c.leader(), "a")
	if s.Base != 100 {
		t.Fatalf("base %d", s.Base)
	}
	c.w.run(clock.Second)
	c.same(t)
	if tr := facts[view.Truncated](c.node(2)); len(tr) != 1 || !tr[0].Full || tr[0].To != 100 {
		t.Fatalf("facts: %+v", tr)
	}
}

func TestStaleAnswerIsDropped(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "a")
	c.latency = func() clock.Duration { return 50 * clock.Millisecond }
	c.leader().produce(c.batch("b", 1), 1)
	c.w.run(60 * clock.Millisecond) // the answers with b are on their way
	c.reg.LeaderEpoch++
	c.reg.PartitionEpoch++
	c.tell(c.node(2))
	c.w.run(clock.Second * 2)
	c.node(2).h.probed(t, "replica.fetcher.stale")
	for _, f := range facts[view.FetchApplied](c.node(2)) {
		if f.AskedEpoch != f.NowEpoch || f.AskedOffset != f.NowOffset {
			t.Errorf("applied a stale answer: %+v", f)
		}
	}
}

func TestBatchesOfALaterEpochAreCutOff(t *testing.T) {
	make := func(base int64, epoch int32) []byte {
		var b record.Builder
		b.Reset(nil)
		b.Add(1, nil, []byte("x"))
		batch := b.Batch()
		batch.SetBaseOffset(base)
		batch.SetLeaderEpoch(epoch)
		return batch
	}
	data := slices.Concat(make(5, 1), make(6, 2), make(7, 3))
	one := len(make(5, 1))
	for _, tt := range []struct {
		name   string
		data   []byte
		offset int64
		epoch  int32
		want   int
		fails  bool
	}{
		{"all", data, 5, 3, 3 * one, false},
		{"two", data, 5, 2, 2 * one, false},
		{"none", data, 5, 0, 0, false},
		{"a partial tail", data[:2*one+20], 5, 3, 2 * one, false},
		{"less than a header", data[:7], 5, 3, 0, false},
		{"not where we asked", data, 4, 3, 0, true},
		{"behind where we asked", data, 6, 3, 0, true},
		{"empty", nil, 5, 3, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := validPrefix(tt.data, tt.offset, tt.epoch)
			if (err != nil) != tt.fails || len(got) != tt.want {
				t.Fatalf("%d bytes, error %v; want %d, failing %v", len(got), err, tt.want, tt.fails)
			}
		})
	}
}

func TestFollowerHighWatermarkIsTheLeadersWithinItsLog(t *testing.T) {
	c := trio(t, "")
	c.ack(t, c.leader(), "a")
	c.w.run(2 * clock.Second)
	p := c.node(2).p
	p.followHW(99)
	if p.HW() != p.Log().End() {
		t.Fatalf("high watermark %d above the log", p.HW())
	}
	p.followHW(-1)
	if p.HW() != p.Log().Start() {
		t.Fatalf("high watermark %d", p.HW())
	}
}
