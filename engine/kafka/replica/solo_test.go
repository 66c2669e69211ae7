package replica

import (
	"testing"

	"trial/clock"
)

// soloLeader is a cluster in which node 1 leads in epoch 1 and the test plays the
// followers 2 and 3.
func soloLeader(t testing.TB, mut string) *cluster {
	c := newCluster(t, 1, 3, mut)
	c.solo = 1
	c.elect(1)
	c.w.run(clock.Millisecond)
	if c.node(1).p.Role() != RoleLeader {
		t.Fatal("node 1 does not lead")
	}
	return c
}

// fetchAs plays one fetch of a follower.
func (c *cluster) fetchAs(id int32, offset int64) FetchResult {
	n := c.leader()
	return n.p.Fetch(FetchArgs{
		Offset: offset, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: n.p.LeaderEpoch(), LastFetchedEpoch: -1,
		Follower: id, FollowerEpoch: c.node(id).epoch,
	})
}

func (c *cluster) consume(offset int64) FetchResult {
	return c.leader().p.Fetch(FetchArgs{
		Offset: offset, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1, Follower: -1, FollowerEpoch: -1,
	})
}

// setISR makes the controller's ISR that and tells node 1.
func (c *cluster) setISR(isr ...int32) {
	c.reg.ISR = isr
	c.reg.PartitionEpoch++
	c.tellAll()
	c.w.run(clock.Millisecond)
}
