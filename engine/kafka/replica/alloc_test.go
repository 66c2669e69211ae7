package replica

import (
	"testing"

	"trial/clock"
	"trial/internal/record"
)

func TestFetchingAllocatesNothing(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 10), 1)
	c.w.run(clock.Millisecond)
	n.h.unobserved = true
	a := FetchArgs{MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: 1, LastFetchedEpoch: 1, Follower: 2, FollowerEpoch: 10}
	r := n.p.Fetch(a)
	if r.Bytes == 0 {
		t.Fatal("nothing fetched")
	}
	if got := testing.AllocsPerRun(100, func() { n.p.Fetch(a) }); got > 0 {
		t.Errorf("%v allocations a fetch", got)
	}
	w := &ProduceWaiter{Done: func(*ProduceWaiter) {}, Written: func() {}}
	if got := testing.AllocsPerRun(100, func() { n.p.Produce(w, nil, 5) }); got > 0 {
		t.Errorf("%v allocations a refused produce", got)
	}
}

func BenchmarkReplicatedProduce(b *testing.B) {
	c := soloLeader(b, "")
	n := c.leader()
	n.h.unobserved = true
	data := c.batch("a value of some length, so that the batch is not all header", 10)
	answered := 0
	w := &ProduceWaiter{Done: func(w *ProduceWaiter) {
		if answered++; w.Code != 0 {
			b.Fatalf("code %d", w.Code)
		}
	}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := range b.N {
		record.Batch(data).SetBaseOffset(0)
		n.p.Produce(w, data, -1)
		end := int64(i+1) * 10
		for n.p.Log().End() < end && c.w.step() {
		}
		c.fetchAs(2, end)
		c.fetchAs(3, end)
	}
	if answered != b.N {
		b.Fatalf("%d answers to %d requests", answered, b.N)
	}
}
