package replica

import (
	"testing"

	"trial/clock"
)

type listed struct {
	code   int16
	offset int64
	ts     int64
	epoch  int32
}

func (c *cluster) list(t *testing.T, query int64, follower bool) listed {
	t.Helper()
	var got *listed
	c.leader().p.ListOffsets(query, -1, false, follower, func(code int16, offset, ts int64, epoch int32) {
		if got != nil {
			t.Fatal("answered twice")
		}
		got = &listed{code, offset, ts, epoch}
	})
	c.w.run(clock.Millisecond)
	if got == nil {
		t.Fatal("not answered")
	}
	return *got
}

func TestListOffsets(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	base := int64(1_700_000_000_000)
	c.w.run(5 * clock.Second)
	ts1 := base + c.w.now.Ms()
	n.produce(c.batch("a", 2), 1)
	c.w.run(5 * clock.Second)
	ts2 := base + c.w.now.Ms()
	n.produce(c.batch("b", 1), 1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 3)
	c.fetchAs(3, 2) // high watermark 2
	for _, tt := range []struct {
		name     string
		query    int64
		follower bool
		want     listed
	}{
		{"latest", QueryLatest, false, listed{0, 2, -1, 1}},
		{"latest, follower", QueryLatest, true, listed{0, 3, -1, 1}},
		{"earliest", QueryEarliest, false, listed{0, 0, -1, 1}},
		{"earliest local", QueryEarliestLocal, false, listed{0, 0, -1, 1}},
		{"max timestamp", QueryMaxTimestamp, false, listed{0, 0, ts1, 1}},
		{"a time before all", 0, false, listed{0, 0, ts1, 1}},
		{"a time that only uncommitted records reach", ts1 + 1, false, listed{0, -1, -1, -1}},
		{"the same, follower", ts1 + 1, true, listed{0, 2, ts2, 1}},
		{"unknown query", -9, false, listed{codeUnsupported, -1, -1, -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.list(t, tt.query, tt.follower); got != tt.want {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestOffsetIsNotAvailableWhileTheHighWatermarkLags(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 3), 1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 1)
	c.elect(1) // leads from 3, high watermark 0
	c.w.run(clock.Millisecond)
	n.produce(c.batch("b", 1), 1)
	c.w.run(clock.Millisecond)
	na := listed{codeNotAvailable, -1, -1, -1}
	if got := c.list(t, QueryLatest, false); got != na {
		t.Fatalf("latest: %+v", got)
	}
	if got := c.list(t, 1_800_000_000_000, false); got != na {
		t.Fatalf("a future time: %+v", got)
	}
	if got := c.list(t, QueryEarliest, false); got.code != 0 {
		t.Fatalf("earliest: %+v", got)
	}
	if got := c.list(t, QueryLatest, true); got != (listed{0, 4, -1, 2}) {
		t.Fatalf("latest of a follower: %+v", got)
	}
	n.h.probed(t, "replica.offset-not-available")
	c.fetchAs(2, 3)
	c.fetchAs(3, 3)
	if got := c.list(t, QueryLatest, false); got != (listed{0, 3, -1, 2}) {
		t.Fatalf("latest when the epoch start is reached: %+v", got)
	}
}

func TestLookupIsVoidWhenLeadershipChanges(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 3), 1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 3)
	c.fetchAs(3, 3)
	var got int16 = -1
	n.p.ListOffsets(0, -1, false, false, func(code int16, _, _ int64, _ int32) { got = code })
	c.reg.Leader, c.reg.LeaderEpoch, c.reg.PartitionEpoch = 2, 2, 9
	n.p.Apply(c.reg)
	c.w.run(clock.Second)
	if got != codeNotLeader {
		t.Fatalf("code %d, want NOT_LEADER_OR_FOLLOWER", got)
	}
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	n.produce(c.batch("a", 3), 1)
	c.w.run(clock.Millisecond)
	c.reg.LeaderEpoch = 4
	c.elect(1)
	c.w.run(clock.Millisecond)
	for _, tt := range []struct {
		epoch, wantEpoch int32
		wantEnd          int64
	}{{0, 0, 0}, {1, 1, 3}, {3, 1, 3}, {5, 5, 3}, {6, -1, -1}} {
		if code, e, end := n.p.OffsetForLeaderEpoch(5, tt.epoch, false); code != 0 || e != tt.wantEpoch || end != tt.wantEnd {
			t.Errorf("epoch %d: code %d, %d ends at %d; want %d at %d", tt.epoch, code, e, end, tt.wantEpoch, tt.wantEnd)
		}
	}
}
