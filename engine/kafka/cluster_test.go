package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// three is a running cluster of three brokers with a topic t of one partition.
func three(t *testing.T, config func(cfg *Config)) (*cluster, [16]byte) {
	t.Helper()
	c := newCluster(t, 3, 1, config)
	c.up()
	id := c.createTopic("t", 1, 3, "min.insync.replicas", "2")
	return c, id
}

// leader is the broker that leads t-0 by the image of a broker that is alive.
func (c *cluster) leader() int32 {
	for i, b := range c.brokers {
		if !c.life(i + 1).dead {
			if p := b.image.Partition("t", 0); p != nil {
				return p.Leader
			}
		}
	}
	return -1
}

// produceAll produces until it is acknowledged, following the leader.
func (c *cluster) produceAll(id [16]byte, value string) int64 {
	c.t.Helper()
	for range 100 {
		leader := c.leader()
		if leader < 1 || c.life(int(leader)).dead || !c.life(int(leader)).listening[clientListener] {
			c.run(100 * clock.Millisecond)
			continue
		}
		resp := c.conn(int(leader)).call(produceReq("t", id, 0, -1, batch(value)), 13).(*kmsg.ProduceResponse)
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode == 0 {
			return p.BaseOffset
		}
		if err := kerr.ErrorForCode(p.ErrorCode); !kerr.IsRetriable(err) && p.ErrorCode != kerr.UnknownTopicID.Code {
			c.t.Fatalf("produce: %v", err)
		}
		c.run(100 * clock.Millisecond)
	}
	c.t.Fatal("nobody took the record")
	return -1
}

func (c *cluster) fetchAll(id [16]byte) []string {
	c.t.Helper()
	resp := c.conn(int(c.leader())).call(fetchReq("t", id, 0, 0, 1000, 1), 17).(*kmsg.FetchResponse)
	p := resp.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		c.t.Fatalf("fetch: code %d", p.ErrorCode)
	}
	return values(c.t, p.RecordBatches)
}

func TestAcknowledgedRecordsSurviveTheLeader(t *testing.T) {
	c, id := three(t, nil)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint("before-", i))
		c.produceAll(id, want[i])
	}
	old := c.leader()
	c.nodes[engine.NodeID(old)].kill()
	c.until("another leader", 30*clock.Second, func() bool { l := c.leader(); return l > 0 && l != old })
	for i := range 5 {
		v := fmt.Sprint("after-", i)
		want = append(want, v)
		c.produceAll(id, v)
	}
	if got := c.fetchAll(id); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	c.boot(int(old))
	c.until("the old leader is in the ISR again", 60*clock.Second, func() bool {
		p := c.broker(c.leader()).image.Partition("t", 0)
		return len(p.ISR) == 3
	})
	c.until("and has all records", 10*clock.Second, func() bool {
		h := c.broker(old).parts.get(id, 0)
		return h != nil && h.phase == online && h.log.End() == int64(len(want)) && h.part.HW() == int64(len(want))
	})
}

func TestAProduceOnAFollowerNamesTheLeader(t *testing.T) {
	c, id := three(t, nil)
	leader := c.leader()
	other := int(leader)%3 + 1
	p := c.conn(other).call(produceReq("t", id, 0, -1, batch("x")), 13).(*kmsg.ProduceResponse)
	got := p.Topics[0].Partitions[0]
	if got.ErrorCode != kerr.NotLeaderForPartition.Code || got.CurrentLeader.LeaderID != leader || len(p.Brokers) != 1 || p.Brokers[0].NodeID != leader {
		t.Errorf("produce: %+v, brokers %+v", got, p.Brokers)
	}
	f := c.conn(other).call(fetchReq("t", id, 0, 0, 0, 1), 16).(*kmsg.FetchResponse)
	if fp := f.Topics[0].Partitions[0]; fp.ErrorCode != kerr.NotLeaderForPartition.Code || fp.CurrentLeader.LeaderID != leader || len(f.Brokers) != 1 {
		t.Errorf("fetch: %+v, brokers %+v", fp, f.Brokers)
	}
}

func TestAnOrderlyStopMovesTheLeadershipWithoutWaitingForTheSession(t *testing.T) {
	c, id := three(t, nil)
	c.produceAll(id, "a")
	old := c.leader()
	l := c.life(int(old))
	start := c.now
	l.event(0, c.broker(old).Stop)
	c.until("the broker exits", 20*clock.Second, func() bool { return l.exited })
	if l.exit != nil || c.now.Sub(start) > 8*clock.Second {
		t.Errorf("stop took %s and ended with %v", c.now.Sub(start), l.exit)
	}
	c.until("another leader", 5*clock.Second, func() bool { n := c.leader(); return n > 0 && n != old })
	c.produceAll(id, "b")
	c.boot(int(old))
	c.until("back in the ISR", 60*clock.Second, func() bool { return len(c.broker(c.leader()).image.Partition("t", 0).ISR) == 3 })
	if got := c.fetchAll(id); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("read %v", got)
	}
	if c.broker(old).lifecycle.previous < 0 {
		t.Error("the clean shutdown was not noticed")
	}
}

func TestAFollowerThatIsCutOffLeavesTheISRAndComesBack(t *testing.T) {
	c, id := three(t, func(cfg *Config) { cfg.Settings["replica.lag.time.max.ms"] = "2000" })
	leader := c.leader()
	var lost int32
	for n := int32(1); n <= 3; n++ {
		if id, _ := c.broker(leader).node.Leader(); n != leader && n != id {
			lost = n
		}
	}
	for n := engine.NodeID(1); n <= 3; n++ {
		if n != engine.NodeID(lost) {
			c.cutPair(n, engine.NodeID(lost))
		}
	}
	if off := c.produceAll(id, "x"); off != 0 {
		t.Errorf("offset %d", off)
	}
	c.until("shrunk", 30*clock.Second, func() bool { return len(c.broker(leader).image.Partition("t", 0).ISR) == 2 })
	clear(c.cut)
	c.until("expanded", 60*clock.Second, func() bool { return len(c.broker(leader).image.Partition("t", 0).ISR) == 3 })
	if got := c.broker(lost).parts.get(id, 0).log.End(); got != 1 {
		t.Errorf("the follower ends at %d", got)
	}
}

func TestTheViewShowsLeadersAndFollowers(t *testing.T) {
	c, id := three(t, nil)
	c.produceAll(id, "x")
	c.run(2 * clock.Second)
	leaders := 0
	for _, b := range c.brokers {
		v := b.View()
		if v.State != "RUNNING" || v.Fenced || v.ControllerID < 1 || len(v.Partitions) != 1 {
			t.Fatalf("view %+v", v)
		}
		p := v.Partitions[0]
		if p.HW != 1 || p.LEO != 1 || p.Leader != c.leader() || p.Phase != "online" {
			t.Errorf("replica %+v", p)
		}
		m := b.Metrics()
		if p.Leading {
			leaders++
			if len(p.ISR) != 3 || m.LeaderCount != 1 || m.BytesIn == 0 || m.MessagesIn != 1 {
				t.Errorf("leader %+v, metrics %+v", p, m)
			}
		}
		if m.PartitionCount != 1 || m.UnderReplicatedPartitions != 0 {
			t.Errorf("metrics %+v", m)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders", leaders)
	}
	m, names := c.brokers[0].Metrics(), map[string]bool{}
	m.Each(func(name string, _ bool, _ int64) {
		if names[name] {
			t.Errorf("metric %s twice", name)
		}
		names[name] = true
	})
	for _, want := range []string{"kafka_server_ReplicaManager_UnderReplicatedPartitions", "kafka_controller_KafkaController_ActiveControllerCount"} {
		if !names[want] {
			t.Errorf("no metric %s among %d", want, len(names))
		}
	}
}

func TestAFailedVolumeOfTwoTakesOnlyItsPartitionsOffline(t *testing.T) {
	c := newCluster(t, 3, 2, nil)
	c.up()
	id := c.createTopic("t", 4, 3)
	var victim *hosted
	for _, p := range c.broker(1).parts.list {
		if p.vol == 1 && c.broker(1).image.Topic("t").Partition(p.tp.Partition).Leader == 1 {
			victim = p
		}
	}
	if victim == nil {
		t.Fatal("no partition on the second volume is led by broker 1")
	}
	c.nodes[1].failDisk = func(op *engine.DiskOp) error {
		if op.Volume == 1 && op.Kind == engine.OpAppend {
			return engine.ErrIO
		}
		return nil
	}
	part := victim.tp.Partition
	got := c.conn(1).call(produceReq("t", id, part, 1, batch("x")), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if got.ErrorCode != kerr.KafkaStorageError.Code {
		t.Errorf("produce on a failed volume: code %d", got.ErrorCode)
	}
	c.until("the controller moves the leader", 20*clock.Second, func() bool {
		p := c.broker(2).image.Topic("t").Partition(part)
		return p.Leader > 1
	})
	if c.life(1).exited {
		t.Fatal("the broker ended although a volume is left")
	}
	for _, p := range c.broker(1).parts.list {
		if want := map[bool]phase{true: failed, false: online}[p.vol == 1]; p.phase != want {
			t.Errorf("%s on volume %d is %v", p.dir, p.vol, p.phase)
		}
	}
}

func TestABrokerThatIsNoVoterServesToo(t *testing.T) {
	c := newCluster(t, 4, 1, func(cfg *Config) { cfg.Voters = cfg.Voters[:3] })
	c.up()
	id := c.createTopic("t", 1, 4)
	c.produceAll(id, "x")
	c.until("everywhere", 5*clock.Second, func() bool { return c.broker(4).parts.get(id, 0).log.End() == 1 })
	if got := c.broker(4).View().QuorumRole; got != "follower" && got != "observer" {
		t.Errorf("role in the quorum is %s", got)
	}
}

func TestStoppingAllAtOnceEndsInBoundedTime(t *testing.T) {
	c, id := three(t, nil)
	c.produceAll(id, "x")
	for i := range 3 {
		c.life(i+1).event(0, c.brokers[i].Stop)
	}
	c.until("all exit", 3*clock.Second, func() bool { return c.life(1).exited && c.life(2).exited && c.life(3).exited })
	for i := range 3 {
		if err := c.life(i + 1).exit; err != nil {
			t.Errorf("broker %d: %v", i+1, err)
		}
		c.boot(i + 1)
	}
	c.up()
	c.until("led again", 30*clock.Second, func() bool { return c.leader() > 0 })
	c.produceAll(id, "y")
	if got := c.fetchAll(id); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("read %v", got)
	}
}

func TestStoppingOneAfterTheOtherDoesNotWaitForAQuorumThatIsGone(t *testing.T) {
	c, id := three(t, nil)
	c.produceAll(id, "x")
	for i := range 3 {
		l := c.life(i + 1)
		l.event(0, c.brokers[i].Stop)
		c.until("exit", 6*clock.Second, func() bool { return l.exited })
		if l.exit != nil {
			t.Errorf("broker %d: %v", i+1, l.exit)
		}
	}
}

func TestManyPartitionsComeBackAfterARestart(t *testing.T) {
	c := newCluster(t, 1, 2, nil)
	c.up()
	id := c.createTopic("many", 100, 1)
	conn := c.conn(1)
	for p := range int32(100) {
		if got := conn.call(produceReq("many", id, p, 1, batch("x")), 13).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; got.ErrorCode != 0 {
			t.Fatalf("partition %d: code %d", p, got.ErrorCode)
		}
	}
	c.run(6 * clock.Second) // past a checkpoint of the high watermarks
	c.nodes[1].kill()
	c.boot(1)
	c.up()
	c.until("all led", 10*clock.Second, func() bool { return c.broker(1).Metrics().LeaderCount == 100 })
	for _, p := range c.broker(1).parts.list {
		if p.log.End() != 1 || p.part.HW() != 1 || p.fresh {
			t.Errorf("%s ends at %d, high watermark %d", p.dir, p.log.End(), p.part.HW())
		}
	}
	byVolume := map[engine.VolumeID]int{}
	for _, p := range c.broker(1).parts.list {
		byVolume[p.vol]++
	}
	if byVolume[0] != 50 || byVolume[1] != 50 {
		t.Errorf("partitions by volume: %v", byVolume)
	}
}

// A log that lost records below its checkpointed high watermark takes no new ones
// before the file says less: a second crash must not bring the old one back.
func TestCheckpointIsCappedBeforeALogIsUsed(t *testing.T) {
	c := newCluster(t, 1, 1, nil)
	c.up()
	id := c.createTopic("t", 1, 1)
	produce := func(n int) {
		conn := c.conn(1)
		for range n {
			if got := conn.call(produceReq("t", id, 0, 1, batch("x")), 13).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; got.ErrorCode != 0 {
				t.Fatalf("code %d", got.ErrorCode)
			}
		}
	}
	produce(10)
	c.run(6 * clock.Second) // past a checkpoint of the high watermarks
	disk := c.disks[1][0]
	written := func() int64 { return parseCheckpoint(disk.files[checkpointFile].data)["t-0"] }
	if written() != 10 {
		t.Fatalf("checkpoint %d, want 10", written())
	}
	c.nodes[1].kill()
	log := disk.files["t-0/00000000000000000000.log"]
	log.data = log.data[:len(log.data)*3/10]
	c.boot(1)
	c.until("the log is open", 20*clock.Second, func() bool { return len(c.broker(1).parts.list) == 1 && c.broker(1).parts.list[0].phase == online })
	if written() != 3 {
		t.Fatalf("the log ends at 3, but its checkpoint says %d when it takes records again", written())
	}
	c.up()
	c.until("led", 10*clock.Second, func() bool { return c.broker(1).Metrics().LeaderCount == 1 })
	produce(4)
	c.nodes[1].kill()
	c.boot(1)
	c.up()
	if hw := c.broker(1).parts.list[0].part.HW(); hw > 7 {
		t.Errorf("high watermark %d", hw)
	}
}
