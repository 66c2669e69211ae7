package replica

import (
	"slices"
	"testing"

	"trial/clock"
	"trial/engine/kafka/view"
)

func (c *cluster) wantISR(t *testing.T, committed, maximal []int32) {
	t.Helper()
	p := c.node(1).p
	if !slices.Equal(p.ISR(), committed) || !slices.Equal(p.MaximalISR(), maximal) {
		t.Fatalf("ISR %v maximal %v, want %v and %v", p.ISR(), p.MaximalISR(), committed, maximal)
	}
}

// tickFor lets time pass with a fetch of the living follower 2 at our end every second.
func (c *cluster) tickFor(d clock.Duration) {
	for end := c.w.now.Add(d); c.w.now < end; {
		c.w.run(clock.Second)
		c.fetchAs(2, c.node(1).p.Log().End())
	}
}

func TestShrinkDropsWhoHasNotCaughtUpForTheLagTime(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	s := n.produce(c.batch("a", 1), -1)
	c.tickFor(29 * clock.Second)
	n.p.TickISR()
	if len(c.alters) != 0 {
		t.Fatal("shrink before replica.lag.time.max.ms")
	}
	c.tickFor(2 * clock.Second)
	n.p.TickISR()
	if len(c.alters) != 1 {
		t.Fatalf("%d proposals, want one", len(c.alters))
	}
	r := c.alters[0]
	want := []view.ISRMember{{Broker: 1, Epoch: 10}, {Broker: 2, Epoch: 10}}
	if !slices.Equal(r.ISR, want) || r.LeaderEpoch != 1 {
		t.Fatalf("proposal %+v", r)
	}
	c.wantISR(t, []int32{1, 2, 3}, []int32{1, 2, 3}) // still the old one
	s.wantOpen(t)
	n.p.TickISR()
	if len(c.alters) != 1 {
		t.Fatal("a second proposal while one is in flight")
	}
	c.w.run(clock.Millisecond)
	c.wantISR(t, []int32{1, 2}, []int32{1, 2})
	s.want(t, 0, 0)
	if got := facts[view.ISRProposed](n); len(got) != 1 || len(got[0].Added) != 0 {
		t.Fatalf("facts: %+v", got)
	}
}

func TestAFollowerOneRoundBehindStaysCaughtUp(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	for i := range int64(60) { // each fetch asks where our end was at the previous one
		n.produce(c.batch("a", 1), 1)
		c.w.run(clock.Second)
		c.fetchAs(2, i)
		c.fetchAs(3, i+1)
		n.p.TickISR()
	}
	if len(c.alters) != 0 {
		t.Fatal("dropped a follower that is one round behind")
	}
	for range 40 { // now it stands still
		n.produce(c.batch("a", 1), 1)
		c.w.run(clock.Second)
		c.fetchAs(2, 59)
		c.fetchAs(3, n.p.Log().End())
		n.p.TickISR()
	}
	c.wantISR(t, []int32{1, 3}, []int32{1, 3})
}

func TestExpandNeedsHighWatermarkEpochStartAndEligibility(t *testing.T) {
	for _, tt := range []struct {
		name   string
		set    func(c *cluster)
		offset int64
		want   bool
	}{
		{"at the end", func(*cluster) {}, 4, true},
		{"at the high watermark", func(*cluster) {}, 3, true},
		{"below the high watermark", func(*cluster) {}, 2, false},
		{"fenced", func(c *cluster) { c.node(3).fenced = true }, 4, false},
		{"fetched in an earlier incarnation", func(c *cluster) { c.node(3).epoch = 20 }, 4, false},
		{"no broker epoch", func(c *cluster) { c.node(3).epoch = -1 }, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := soloLeader(t, "")
			n := c.leader()
			c.setISR(1, 2)
			n.produce(c.batch("a", 3), 1)
			c.w.run(31 * clock.Second) // so that 3, which is about to join, does not hold it
			c.fetchAs(2, 3)
			if n.p.HW() != 3 {
				t.Fatalf("high watermark %d, want 3", n.p.HW())
			}
			n.produce(c.batch("b", 1), 1)
			c.w.run(clock.Millisecond)
			epoch := c.node(3).epoch
			tt.set(c)
			if tt.name == "no broker epoch" {
				epoch = -1
			}
			n.p.Fetch(FetchArgs{
				Offset: tt.offset, MaxBytes: 1000, CurrentEpoch: 1, LastFetchedEpoch: -1, Follower: 3, FollowerEpoch: epoch,
			})
			if got := len(c.alters) == 1; got != tt.want {
				t.Fatalf("proposed %v, want %v", got, tt.want)
			}
			if tt.want {
				c.wantISR(t, []int32{1, 2}, []int32{1, 2, 3})
			}
		})
	}
}

func TestExpandWaitsForTheEpochStart(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	c.setISR(1, 2)
	n.produce(c.batch("a", 3), 1)
	c.w.run(clock.Millisecond)
	c.elect(1) // leads anew from 3, with high watermark 0
	c.w.run(clock.Millisecond)
	c.fetchAs(3, 2)
	if len(c.alters) != 0 {
		t.Fatal("a follower below the start of the leader epoch was proposed")
	}
	n.h.probed(t, "replica.expand.epoch-start")
	c.fetchAs(3, 3)
	if len(c.alters) != 1 {
		t.Fatal("a follower at the start of the leader epoch was not proposed")
	}
	if got := facts[view.ISRProposed](n); got[0].EpochStart != 3 || got[0].Added[0] != (view.AddedReplica{Broker: 3, End: 3}) {
		t.Fatalf("fact %+v", got[0])
	}
}

func TestHighWatermarkCountsTheNewcomerWhileExpansionIsInFlight(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	c.setISR(1, 2)
	c.altering = func(n *node, r AlterRequest) (AlterResult, bool) { return AlterResult{}, false }
	c.w.run(31 * clock.Second)
	c.fetchAs(2, 0)
	c.fetchAs(3, 0) // at our end: proposed
	c.wantISR(t, []int32{1, 2}, []int32{1, 2, 3})
	c.w.run(31 * clock.Second) // 3 is no longer caught up, but the controller may have it
	s := n.produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 1)
	s.wantOpen(t)
	c.fetchAs(3, 1)
	s.want(t, 0, 0)
	if len(c.alters) < 2 {
		t.Fatal("a proposal without an answer was not sent again")
	}
	for _, r := range c.alters {
		if r.PartitionEpoch != c.alters[0].PartitionEpoch || len(r.ISR) != 3 {
			t.Fatalf("proposal changed on the way: %+v", r)
		}
	}
}

func TestCaughtUpOutsiderHoldsTheHighWatermark(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	c.setISR(1, 2)
	c.node(3).fenced = true
	c.fetchAs(3, 0) // caught up but not eligible
	s := n.produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 1)
	s.want(t, 0, 0)
	c.node(3).fenced = false // now it is about to join
	s = n.produce(c.batch("b", 1), -1)
	c.w.run(clock.Millisecond)
	c.fetchAs(2, 2)
	s.wantOpen(t)
	c.w.run(31 * clock.Second)
	n.p.TickISR()
	s.want(t, 0, 1)
}

func TestAnswersOfAlterPartition(t *testing.T) {
	type want int
	const (
		committed want = iota // the proposal holds
		back                  // the committed ISR stands
		stuck                 // pending until metadata
		again                 // sent again
	)
	old, grown := []int32{1, 2}, []int32{1, 2, 3}
	accept := func(dLeader, dPart int32) AlterResult {
		return AlterResult{Leader: 1, LeaderEpoch: 1 + dLeader, PartitionEpoch: 2 + dPart, ISR: []int32{3, 1, 2}}
	}
	for _, tt := range []struct {
		name string
		res  AlterResult
		want want
	}{
		{"accepted", accept(0, 1), committed},
		{"accepted, nothing changed", accept(0, 0), committed},
		{"of an older partition epoch", accept(0, -1), stuck},
		{"of another leader epoch", accept(1, 1), stuck},
		{"OPERATION_NOT_ATTEMPTED", AlterResult{Code: codeNotAttempted}, back},
		{"INELIGIBLE_REPLICA", AlterResult{Code: codeIneligibleReplica}, back},
		{"UNKNOWN_TOPIC_OR_PARTITION", AlterResult{Code: codeUnknownTopic}, stuck},
		{"UNKNOWN_TOPIC_ID", AlterResult{Code: codeUnknownTopicID}, stuck},
		{"FENCED_LEADER_EPOCH", AlterResult{Code: codeFencedEpoch}, stuck},
		{"INVALID_UPDATE_VERSION", AlterResult{Code: codeBadUpdate}, stuck},
		{"INVALID_REQUEST", AlterResult{Code: codeInvalidRequest}, stuck},
		{"NEW_LEADER_ELECTED", AlterResult{Code: codeNewLeader}, stuck},
		{"NOT_CONTROLLER", AlterResult{Code: 41}, again},
		{"no answer", AlterResult{Err: errLink}, again},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := soloLeader(t, "")
			c.setISR(old...)
			c.altering = func(*node, AlterRequest) (AlterResult, bool) { return tt.res, true }
			c.fetchAs(3, 0)
			c.w.run(20 * clock.Millisecond)
			num := 1
			switch tt.want {
			case committed:
				c.wantISR(t, grown, grown)
				if got := c.leader().p.PartitionEpoch(); got != tt.res.PartitionEpoch {
					t.Fatalf("partition epoch %d, want %d", got, tt.res.PartitionEpoch)
				}
			case back:
				c.wantISR(t, old, old)
			case stuck, again:
				c.wantISR(t, old, grown)
			}
			if tt.want == again {
				c.w.run(40 * clock.Millisecond)
				num = 2
			}
			if tt.want != back {
				c.w.run(10 * clock.Millisecond)
			}
			if len(c.alters) != num {
				t.Fatalf("%d proposals sent, want %d", len(c.alters), num)
			}
			c.setISR(grown...) // metadata decides everything
			c.reg.PartitionEpoch += 5
			c.setISR(grown...)
			c.wantISR(t, grown, grown)
		})
	}
}

func TestMetadataOvertakesAPendingProposal(t *testing.T) {
	c := soloLeader(t, "")
	c.setISR(1, 2)
	c.altering = func(n *node, r AlterRequest) (AlterResult, bool) {
		return AlterResult{Leader: 1, LeaderEpoch: 1, PartitionEpoch: 3, ISR: []int32{1, 2, 3}}, true
	}
	c.latency = func() clock.Duration { return 5 * clock.Millisecond }
	c.fetchAs(3, 0)
	c.reg.ISR, c.reg.PartitionEpoch = []int32{1}, 9
	c.leader().p.Apply(c.reg)
	c.wantISR(t, []int32{1}, []int32{1})
	c.w.run(clock.Second)
	c.wantISR(t, []int32{1}, []int32{1})
}

func TestOlderRegistrationIsIgnoredAndAnEqualOneKeepsTheProposal(t *testing.T) {
	c := soloLeader(t, "")
	c.setISR(1, 2)
	c.altering = func(*node, AlterRequest) (AlterResult, bool) { return AlterResult{Code: codeBadUpdate}, true }
	c.fetchAs(3, 0)
	c.w.run(clock.Millisecond * 10)
	c.leader().p.Apply(c.reg)
	c.wantISR(t, []int32{1, 2}, []int32{1, 2, 3})
	old := c.reg
	old.PartitionEpoch--
	old.ISR = []int32{1}
	c.leader().p.Apply(old)
	c.wantISR(t, []int32{1, 2}, []int32{1, 2, 3})
}

func TestANewLeaderEpochForgetsWhatFollowersHad(t *testing.T) {
	c := soloLeader(t, "")
	n := c.leader()
	s := n.produce(c.batch("a", 1), 1)
	c.w.run(clock.Millisecond)
	s.want(t, 0, 0)
	c.fetchAs(2, 1)
	c.elect(1)
	c.w.run(clock.Millisecond)
	c.fetchAs(3, 1)
	if n.p.HW() != 0 {
		t.Fatal("the high watermark rests on a fetch of an earlier leader epoch")
	}
	c.fetchAs(2, 1)
	if n.p.HW() != 1 {
		t.Fatalf("high watermark %d, want 1", n.p.HW())
	}
}

func TestBuggifiedISRIsOnlyLate(t *testing.T) {
	c := newCluster(t, 1, 3, "")
	c.solo = 1
	hits := 0
	c.node(1).h.sites["isr.late"] = func() bool { hits++; return hits <= 2 }
	c.node(1).p.siteLate.Choose = c.node(1).h.sites["isr.late"]
	c.elect(1)
	c.w.run(clock.Millisecond)
	c.setISR(1, 2)
	c.fetchAs(3, 0)
	c.fetchAs(3, 0)
	if len(c.alters) != 0 {
		t.Fatal("the site did not hold the proposal back")
	}
	c.fetchAs(3, 0)
	if len(c.alters) != 1 {
		t.Fatal("no proposal after the site")
	}
}
