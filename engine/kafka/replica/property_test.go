package replica

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// judge holds what must be true of all replicas at all times.
type judge struct {
	t      testing.TB
	seed   uint64
	owner  map[[2]int64]view.Batch // (leader epoch, base offset) -> batch, over all replicas and all time
	hw     int64                   // the highest a leader has reached
	trueAt map[int64]view.Batch    // committed batches by base
	acked  map[int64]view.Batch
	latest int64
	failed string
}

func (j *judge) fail(format string, args ...any) {
	if j.failed == "" {
		j.failed = fmt.Sprintf(format, args...)
	}
}

// leadsNow tells that the controller, too, takes this node for the leader.
func (n *node) leadsNow() bool {
	return n.c.reg.Leader == n.id && n.p != nil && n.p.LeaderEpoch() == n.c.reg.LeaderEpoch
}

// holds fails unless a follower's log is the leader's below an offset.
func (j *judge) holds(follower, leader *node, end int64, what string) {
	if end == 0 {
		return
	}
	a, _ := follower.log.BatchAt(end - 1)
	b, _ := leader.log.BatchAt(end - 1)
	if a != b {
		j.fail("node %d: %s up to %d by leader %d: holds %+v, the leader %+v", follower.id, what, end, leader.id, a, b)
	}
}

func (j *judge) see(n *node, f engine.Fact) {
	switch f := f.(type) {
	case view.Appended:
		key := [2]int64{int64(f.LeaderEpoch), f.Base}
		if was, ok := j.owner[key]; ok && was != f.Batch {
			j.fail("node %d: W1: epoch %d offset %d is %+v and %+v", n.id, f.LeaderEpoch, f.Base, was, f.Batch)
		}
		j.owner[key] = f.Batch
	case view.BecameLeader:
		if f.Start < j.hw {
			j.fail("node %d: W2: leads from %d, committed is %d", n.id, f.Start, j.hw)
		}
		for base, b := range j.trueAt {
			if at, ok := n.log.BatchAt(base); !ok || at != b {
				j.fail("node %d: W2: leads without committed batch %+v, has %+v", n.id, b, at)
			}
		}
	case view.HWMoved:
		if f.Leader {
			if f.To < f.From {
				j.fail("node %d: W5: leader's high watermark falls %d -> %d", n.id, f.From, f.To)
			}
			for _, b := range n.log.Batches() {
				if was, ok := j.trueAt[b.Base]; ok && b.Last < f.To && was != b {
					j.fail("node %d: W2: committed batch %+v became %+v", n.id, was, b)
				}
				if b.Last < f.To {
					j.trueAt[b.Base] = b
				}
			}
			j.hw = max(j.hw, f.To)
			for _, id := range n.c.reg.ISR {
				if n.leadsNow() && n.c.node(id).p != nil {
					j.holds(n.c.node(id), n, f.To, "W3: in the ISR")
				}
			}
		}
	case view.Truncated:
		if f.Leader {
			j.fail("node %d: W13: truncated while leading", n.id)
		}
	case view.FollowerFetched:
		if f.AskedEpoch != f.LeaderEpoch {
			j.fail("node %d: W4: counts a fetch of another leader epoch: %+v", n.id, f)
		}
		if from := n.c.node(f.Follower); n.leadsNow() && from.p != nil && from.p.LeaderEpoch() == f.LeaderEpoch {
			j.holds(from, n, f.Offset, "W4: counted")
		}
	case view.FetchServed:
		if f.End > f.Bound {
			j.fail("node %d: W6: served up to %d, bound %d", n.id, f.End, f.Bound)
		}
	case view.FetchApplied:
		if f.AskedEpoch != f.NowEpoch || f.AskedOffset != f.NowOffset {
			j.fail("node %d: W21: applied a stale answer %+v", n.id, f)
		}
	case view.ISRProposed:
		for _, a := range f.Added {
			if a.End < f.HW || a.End < f.EpochStart {
				j.fail("node %d: W11: proposed %+v", n.id, f)
			}
			if n.c.node(a.Broker).fenced {
				j.fail("node %d: W10: proposed the fenced broker %d", n.id, a.Broker)
			}
		}
	case view.ProduceAcked:
		if f.Acks == -1 && (!f.StillThere || f.HW <= f.Batch.Last || len(f.MaximalISR) < int(f.MinISR)) {
			j.fail("node %d: W12: acknowledged %+v", n.id, f)
		}
		if f.Acks == -1 {
			j.acked[f.Batch.Base] = f.Batch
		}
	}
}

// chaos runs one random schedule of produces, elections from the ISR, kills, cuts
// and slow links, heals, and returns the judge.
func chaos(t testing.TB, seed uint64, mut string) *judge {
	c := newCluster(t, seed, 3, mut)
	j := &judge{t: t, seed: seed, owner: map[[2]int64]view.Batch{}, trueAt: map[int64]view.Batch{}, acked: map[int64]view.Batch{}}
	rnd := engine.NewStream(seed, "chaos")
	base := clock.Duration(rnd.Between(20, 20_000)) * clock.Microsecond
	c.latency = func() clock.Duration { return clock.Duration(rnd.N(int64(base))) + clock.Microsecond }
	c.settings.LagTimeMax = clock.Duration(rnd.Between(1, 10)) * clock.Second
	for _, n := range c.nodes {
		n.h.sink = func(f engine.Fact) { j.see(n, f) }
		n.h.diskDelay = func() clock.Duration { return clock.Duration(rnd.N(2000)) * clock.Microsecond }
	}
	c.elect(1)
	idem := []*idempotent{{pid: 1000}, {pid: 2000}, {pid: 3000}}
	c.altering = func(n *node, r AlterRequest) (AlterResult, bool) {
		if rnd.Chance(1, 8) {
			return AlterResult{}, false // lost on its way there
		}
		return c.alter(n, r), rnd.Chance(5, 6)
	}
	for i := 0; i < 150 && j.failed == ""; i++ {
		c.chaosStep(j, rnd, idem)
		c.w.run(clock.Duration(rnd.N(int64(200 * clock.Millisecond))))
	}
	c.heal(rnd)
	for i := 0; i < 60; i++ {
		c.w.run(clock.Second)
		for _, n := range c.nodes {
			n.p.TickISR()
		}
	}
	j.end(c)
	return j
}

// idempotent is a producer that sends a batch again until it is acknowledged, and
// begins anew under another id when its sequence is broken.
type idempotent struct {
	pid  int64
	seq  int32
	open int
}

func (i *idempotent) produce(n *node, acks int16, twice bool) {
	if i.open > 0 {
		return
	}
	broken, acked := false, false
	send := func() {
		i.open++
		w := &ProduceWaiter{Done: func(w *ProduceWaiter) {
			i.open--
			acked = acked || w.Code == 0
			broken = broken || w.Code == 45 || w.Code == 59 || w.Code == 47
			if i.open > 0 {
				return
			}
			if broken {
				i.pid, i.seq = i.pid+1, 0
			} else if acked {
				i.seq++
			}
		}}
		n.p.Produce(w, n.c.idem("i", i.pid, i.seq), acks)
	}
	i.open++ // so that a refusal within the call does not end it early
	send()
	if twice {
		send()
	}
	if i.open--; i.open == 0 && acked {
		i.seq++
	}
}

func (c *cluster) chaosStep(j *judge, rnd *engine.Stream, idem []*idempotent) {
	n := c.nodes[rnd.Pick(3)]
	switch k := rnd.N(100); {
	case k < 55:
		if n = c.nodes[max(0, int(c.reg.Leader)-1)]; n.p == nil || rnd.Chance(1, 10) {
			return
		}
		acks := int16(-1)
		if rnd.Chance(1, 4) {
			acks = 1
		}
		for range rnd.Between(1, 4) {
			if rnd.Chance(1, 2) {
				n.produce(c.batch(strconv.FormatInt(rnd.N(1<<40), 36), int(rnd.Between(1, 3))), acks)
			} else {
				idem[rnd.Pick(3)].produce(n, acks, rnd.Chance(1, 3))
			}
		}
	case k < 65:
		c.electClean(rnd)
	case k < 70:
		if n.up && n.p != nil {
			n.kill()
			c.fence(n, rnd)
		}
	case k < 80:
		c.startAll(rnd)
	case k < 83:
		j.consume(c)
	case k < 88:
		c.cut[[2]int32{n.id, int32(rnd.Between(1, 3))}] = true
	case k < 92:
		n.deaf = !n.deaf
		c.tell(n)
	case k < 95:
		clear(c.cut)
	case k < 96:
		c.corrupt = 1
	case k < 98:
		if n.fenced = !n.fenced; n.fenced && slices.Contains(c.reg.ISR, n.id) {
			c.fence(n, rnd)
		}
	default:
		if n.p != nil {
			n.p.TickISR()
		}
	}
}

// electClean elects a living member of the ISR, or nobody.
func (c *cluster) electClean(rnd *engine.Stream) {
	var can []int32
	for _, id := range c.reg.ISR {
		if n := c.node(id); n.up && !n.fenced {
			can = append(can, id)
		}
	}
	if len(can) > 0 {
		c.elect(can[rnd.Pick(len(can))])
	}
}

func (c *cluster) heal(rnd *engine.Stream) {
	clear(c.cut)
	c.altering = nil
	for _, n := range c.nodes {
		n.deaf, n.fenced = false, false
	}
	c.startAll(rnd)
	c.w.run(clock.Second)
	c.electClean(rnd)
}

// startAll starts who is down; a partition without a leader gets one.
func (c *cluster) startAll(rnd *engine.Stream) {
	for _, n := range c.nodes {
		if !n.up {
			n.start()
		}
	}
	if c.reg.Leader < 0 {
		c.electClean(rnd)
	}
}

// fence does what a controller does for a broker that has died.
func (c *cluster) fence(n *node, rnd *engine.Stream) {
	if len(c.reg.ISR) > 1 {
		c.reg.ISR = slices.DeleteFunc(slices.Clone(c.reg.ISR), func(id int32) bool { return id == n.id })
	}
	c.reg.PartitionEpoch++
	if c.reg.Leader == n.id {
		c.reg.Leader = -1
		c.reg.LeaderEpoch++
		c.electClean(rnd)
	}
	c.tellAll()
}

// consume reads the latest offset and the records of every node that believes it
// leads: what it shows must not go backwards, nor be taken back.
func (j *judge) consume(c *cluster) {
	l := c.nodes[max(0, int(c.reg.Leader)-1)]
	if l.p == nil || l.p.LeaderEpoch() != c.reg.LeaderEpoch {
		return
	}
	l.p.ListOffsets(QueryLatest, -1, false, false, func(code int16, offset, _ int64, _ int32) {
		if code == 0 && offset < j.latest {
			j.fail("L8: latest offset %d after %d", offset, j.latest)
		}
		j.latest = max(j.latest, offset)
	})
	if l.p.Role() == RoleLeader {
		l.p.Fetch(FetchArgs{Offset: l.p.HW(), MaxBytes: 1000, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1, Follower: -1, FollowerEpoch: -1})
	}
}

func (j *judge) end(c *cluster) {
	if j.failed != "" {
		return
	}
	l := c.leader()
	if l.p.Role() != RoleLeader {
		j.fail("after healing node %d does not lead", l.id)
		return
	}
	want := l.log.Batches()
	for _, n := range c.nodes {
		if !slices.Equal(n.log.Batches(), want) {
			j.fail("C1: after healing node %d holds\n%v\nthe leader %d\n%v", n.id, n.log.Batches(), l.id, want)
		}
		if n.p.HW() != l.log.End() {
			j.fail("V3: after healing node %d has high watermark %d, the leader's end is %d", n.id, n.p.HW(), l.log.End())
		}
	}
	if len(c.reg.ISR) != 3 {
		j.fail("V5: after healing the ISR is %v", c.reg.ISR)
	}
	for base, b := range j.acked {
		if at, ok := l.log.BatchAt(base); !ok || at != b {
			j.fail("L3: acknowledged %+v is gone, there is %+v", b, at)
		}
	}
}

func propertySeeds(t testing.TB) int {
	if s := os.Getenv("SIM_RUNS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("SIM_RUNS: %v", err)
		}
		return n
	}
	return 60
}

func TestAcknowledgedRecordsSurviveCleanElections(t *testing.T) {
	acked := 0
	for seed := range uint64(propertySeeds(t)) {
		j := chaos(t, seed, "")
		if j.failed != "" {
			t.Fatalf("seed %d: %s", seed, j.failed)
		}
		acked += len(j.acked)
	}
	if acked < 10*propertySeeds(t) {
		t.Fatalf("only %d batches were acknowledged: this proves nothing", acked)
	}
}
