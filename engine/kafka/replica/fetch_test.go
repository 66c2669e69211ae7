package replica

import (
	"testing"

	"trial/clock"
	"trial/engine/kafka/view"
)

func TestFetchIsFencedByLeaderEpoch(t *testing.T) {
	c := soloLeader(t, "")
	c.elect(1)
	c.w.run(clock.Millisecond) // epoch 2
	for _, tt := range []struct {
		epoch int32
		want  int16
	}{{-1, 0}, {2, 0}, {1, codeFencedEpoch}, {3, codeUnknownEpoch}} {
		r := c.leader().p.Fetch(FetchArgs{CurrentEpoch: tt.epoch, LastFetchedEpoch: -1, Follower: -1, FollowerEpoch: -1, MaxBytes: 1})
		if r.Code != tt.want || r.LeaderID != 1 || r.LeaderEpoch != 2 {
			t.Errorf("current epoch %d: %+v, want code %d", tt.epoch, r, tt.want)
		}
		code, _, _ := c.leader().p.OffsetForLeaderEpoch(tt.epoch, 1, true)
		if code != tt.want {
			t.Errorf("epoch query under epoch %d: code %d, want %d", tt.epoch, code, tt.want)
		}
		c.leader().p.ListOffsets(QueryLatest, tt.epoch, false, false, func(code int16, _, _ int64, _ int32) {
			if code != tt.want {
				t.Errorf("offset query under epoch %d: code %d, want %d", tt.epoch, code, tt.want)
			}
		})
	}
	c.elect(2)
	c.w.run(clock.Millisecond)
	if r := c.node(1).p.Fetch(FetchArgs{CurrentEpoch: 3, LastFetchedEpoch: -1, Follower: -1}); r.Code != codeNotLeader || r.LeaderID != 2 {
		t.Errorf("fetch from a follower: %+v", r)
	}
}

func TestConsumersReadBelowTheHighWatermarkFollowersBelowTheEnd(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 2), 1)
	n.produce(c.batch("b", 1), 1)
	c.w.run(clock.Millisecond)
	if r := c.consume(0); r.Code != 0 || r.Bytes != 0 || r.HW != 0 {
		t.Fatalf("uncommitted records: %+v", r)
	}
	if r := c.fetchAs(2, 0); r.Slice.Next != 3 || r.HW != 0 {
		t.Fatalf("follower: %+v", r)
	}
	c.fetchAs(2, 2)
	r := c.fetchAs(3, 3)
	if r.HW != 0 {
		t.Fatalf("the answer carries high watermark %d, want the one from before its fetch", r.HW)
	}
	if r := c.consume(0); r.Slice.Base != 0 || r.Slice.Next != 2 || r.HW != 2 || r.LSO != 2 {
		t.Fatalf("consumer: %+v", r)
	}
	if r := c.consume(2); r.Code != 0 || r.Bytes != 0 || !r.ReachedReadBound {
		t.Fatalf("at the high watermark: %+v", r)
	}
	if r := c.consume(3); r.Code != 0 || r.Bytes != 0 {
		t.Fatalf("between high watermark and end: %+v", r)
	}
	if r := c.consume(4); r.Code != codeOutOfRange {
		t.Fatalf("above the end: %+v", r)
	}
	if r := c.consume(-1); r.Code != codeOutOfRange {
		t.Fatalf("below the start: %+v", r)
	}
	for _, f := range facts[view.FetchServed](n) {
		if f.End > f.Bound {
			t.Errorf("served beyond its bound: %+v", f)
		}
	}
}

func TestFetchReturnsOneBatchOverTheLimitOnlyIfAsked(t *testing.T) {
	c := soloLeader(t, "")
	c.leader().produce(c.batch("a", 5), 1)
	c.w.run(clock.Millisecond)
	p := c.leader().p
	a := FetchArgs{MaxBytes: 10, CurrentEpoch: -1, LastFetchedEpoch: -1, Follower: 2, FollowerEpoch: -1}
	if r := p.Fetch(a); r.Bytes != 0 {
		t.Fatalf("got %d bytes with a limit of 10", r.Bytes)
	}
	a.MinOne = true
	if r := p.Fetch(a); r.Bytes == 0 || r.Slice.Next != 5 {
		t.Fatalf("%+v, want one batch", r)
	}
}

func TestShortFetchStillGivesABatch(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 1), 1)
	n.produce(c.batch("b", 1), 1)
	c.w.run(clock.Millisecond)
	n.p.siteShort.Choose = func() bool { return true }
	if r := c.fetchAs(2, 0); r.Slice.Next != 1 {
		t.Fatalf("%+v, want exactly the first batch", r)
	}
}

func TestDivergingFetchMovesNothing(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 3), 1)
	c.w.run(clock.Millisecond)
	c.reg.LeaderEpoch = 4
	c.elect(1) // epoch 5 from offset 3
	c.w.run(clock.Millisecond)
	n.produce(c.batch("b", 2), 1)
	c.w.run(clock.Millisecond)
	for _, tt := range []struct {
		name   string
		offset int64
		last   int32
		code   int16
		want   *Diverging
	}{
		{"same log", 5, 5, 0, nil},
		{"end of the earlier epoch", 3, 1, 0, nil},
		{"longer in the earlier epoch", 5, 1, 0, &Diverging{1, 3}},
		{"an epoch that we do not have", 3, 3, 0, &Diverging{1, 3}},
		{"an epoch that we do not have, below its start", 2, 3, 0, &Diverging{1, 3}},
		{"an epoch above ours", 5, 9, codeOutOfRange, nil},
		{"before our first epoch", 2, 0, 0, &Diverging{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(facts[view.FollowerFetched](n))
			r := n.p.Fetch(FetchArgs{
				Offset: tt.offset, MaxBytes: 1000, MinOne: true, CurrentEpoch: 5, LastFetchedEpoch: tt.last,
				Follower: 2, FollowerEpoch: c.node(2).epoch,
			})
			if r.Code != tt.code {
				t.Fatalf("code %d, want %d", r.Code, tt.code)
			}
			switch {
			case tt.want == nil && r.Diverging != nil, tt.want != nil && (r.Diverging == nil || *r.Diverging != *tt.want):
				t.Fatalf("diverging %+v, want %+v", r.Diverging, tt.want)
			case r.Diverging != nil && r.Bytes != 0:
				t.Fatal("records beside a diverging epoch")
			}
			noted := len(facts[view.FollowerFetched](n)) > before
			if noted != (tt.want == nil && tt.code == 0) {
				t.Fatalf("progress noted: %v", noted)
			}
		})
	}
}

func TestFollowersThatAreNotKnown(t *testing.T) {
	c := soloLeader(t, "")
	p := c.leader().p
	a := FetchArgs{CurrentEpoch: 1, LastFetchedEpoch: -1, Follower: 9, FollowerEpoch: -1, MaxBytes: 1}
	if r := p.Fetch(a); r.Code != codeUnknownEpoch {
		t.Errorf("not assigned, with epoch: code %d", r.Code)
	}
	a.CurrentEpoch = -1
	if r := p.Fetch(a); r.Code != codeNotLeader {
		t.Errorf("not assigned, without epoch: code %d", r.Code)
	}
	a.Follower, a.FollowerEpoch = 2, c.node(2).epoch-1
	if r := p.Fetch(a); r.Code != codeNotLeader {
		t.Errorf("earlier incarnation: code %d", r.Code)
	}
	if n := len(facts[view.FollowerFetched](c.leader())); n != 0 {
		t.Errorf("%d fetches noted", n)
	}
}

func TestReadOnlyFetchNotesNothing(t *testing.T) {
	c := soloLeader(t, "")
	c.leader().p.Fetch(FetchArgs{CurrentEpoch: 1, LastFetchedEpoch: -1, Follower: 2, FollowerEpoch: 10, MaxBytes: 1, ReadOnly: true})
	if n := len(facts[view.FollowerFetched](c.leader())); n != 0 {
		t.Fatalf("%d fetches noted", n)
	}
}

func TestWatchersAreWokenOnceAndLater(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	woken := map[string]int{}
	watch := func(name string, on Change) *Watcher {
		w := &Watcher{On: on, Wake: func(*Watcher) { woken[name]++ }}
		n.p.Watch(w)
		return w
	}
	watch("any", AnyChange)
	watch("end", EndChange)
	watch("hw", HWChange)
	gone := watch("gone", AnyChange)
	n.p.Unwatch(gone)
	n.produce(c.batch("a", 1), 1)
	c.w.run(clock.Millisecond)
	if woken["any"] != 1 || woken["end"] != 1 || woken["hw"] != 0 {
		t.Fatalf("after an append: %v", woken)
	}
	watch("end2", EndChange)
	c.fetchAs(2, 1)
	c.fetchAs(3, 1)
	if woken["hw"] != 0 {
		t.Fatal("woken within the call that moved the high watermark")
	}
	c.w.run(clock.Millisecond)
	if woken["hw"] != 1 || woken["end2"] != 0 {
		t.Fatalf("after the high watermark: %v", woken)
	}
	watch("hw2", HWChange)
	c.elect(2)
	c.w.run(clock.Millisecond)
	if woken["hw2"] != 1 || woken["end2"] != 1 || woken["any"] != 1 || woken["gone"] != 0 {
		t.Fatalf("after a change of role: %v", woken)
	}
	n.p.Close()
	watch("late", AnyChange)
	c.w.run(clock.Millisecond)
	if woken["late"] != 1 {
		t.Fatal("a watcher of a closed partition sleeps for ever")
	}
}
