//go:build mutants

package replica

import (
	"testing"

	"trial/clock"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

func (c *cluster) infected(t *testing.T) {
	t.Helper()
	c.leader().h.probed(t, "mutant.reached")
	c.leader().h.probed(t, "mutant.infected")
}

// A fetch that is refused for its leader epoch counts for nothing, but with REP-17
// it makes its sender forget all it had and still passes for caught up.
func TestREP17CountsAFailedFetch(t *testing.T) {
	for _, id := range []string{"", mutant.REP17} {
		c := soloLeader(t, id)
		c.fetchAs(2, 0)
		before := len(facts[view.FollowerFetched](c.leader()))
		p := c.leader().p
		r := p.Fetch(FetchArgs{CurrentEpoch: p.LeaderEpoch() + 1, LastFetchedEpoch: -1, Follower: 2, FollowerEpoch: c.node(2).epoch})
		counted := facts[view.FollowerFetched](c.leader())[before:]
		if r.Code != codeUnknownEpoch || len(counted) != len(id)/len(mutant.REP17) {
			t.Fatalf("mutant %q: code %d, counted %+v", id, r.Code, counted)
		}
		if id != "" {
			c.infected(t)
			if counted[0].Offset != -1 || p.follower(2).leo != -1 {
				t.Errorf("counted %+v", counted[0])
			}
		}
	}
}

// What waits when the ISR gets too small stays open; with SYN-L5 it is told that
// nothing was appended.
func TestSYNL5RefusesAfterTheAppend(t *testing.T) {
	c := soloLeader(t, mutant.SynL5)
	s := c.leader().produce(c.batch("a", 1), -1)
	c.w.run(clock.Millisecond)
	s.wantOpen(t)
	c.setISR(1)
	s.want(t, codeTooFew, -1)
	if c.leader().p.Log().End() != 1 {
		t.Error("the record is not there")
	}
	c.infected(t)
}

func TestSYNW5FollowsDown(t *testing.T) {
	for id, want := range map[string]int64{"": 2, mutant.SynW5: 0} {
		c := soloLeader(t, id)
		c.leader().produce(c.batch("a", 2), 1)
		c.w.run(clock.Millisecond)
		c.fetchAs(2, 2)
		c.fetchAs(3, 2)
		if hw := c.leader().p.HW(); hw != 2 {
			t.Fatalf("mutant %q: high watermark %d", id, hw)
		}
		c.leader().produce(c.batch("b", 1), 1)
		c.w.run(clock.Millisecond)
		c.fetchAs(2, 0)
		if hw := c.leader().p.HW(); hw != want {
			t.Errorf("mutant %q: high watermark %d, want %d", id, hw, want)
		}
		if id != "" {
			c.infected(t)
		}
	}
}
