package control

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/image"
)

// office is an active controller of a single node, for tests of its decisions.
func office(t *testing.T, opts ...option) (*testWorld, *controller) {
	w := newWorld(t, 1, 1, 1, false, opts...).start()
	w.awaitLeader(clock.Second)
	w.Run(100 * clock.Millisecond)
	return w, w.prog(1).node.c
}

// cluster registers brokers; those in down are fenced.
func cluster(c *controller, n int32, down ...int32) {
	d := c.decide()
	for id := int32(1); id <= n; id++ {
		fenced := false
		for _, x := range down {
			fenced = fenced || x == id
		}
		d.add(&image.RegisterBroker{BrokerID: id, BrokerEpoch: d.next(), Fenced: fenced, LogDirs: []image.UUID{{0: 9, 15: byte(id)}}})
	}
	if !d.commit() {
		panic("commit")
	}
}

func str(s string) *string { return &s }

func ints(v ...int32) []int32 { return append([]int32{}, v...) }

var testTopic = image.UUID{5: 5}

// partition makes topic t with one partition.
func partition(c *controller, p image.Partition, conf ...string) {
	d := c.decide()
	d.add(&image.TopicRecord{Name: "t", TopicID: testTopic})
	for i := 0; i+1 < len(conf); i += 2 {
		d.add(&image.ConfigRecord{ResourceType: image.ResourceTopic, ResourceName: "t", Name: conf[i], Value: &conf[i+1]})
	}
	d.add(p.Record(testTopic, 0))
	if !d.commit() {
		panic("commit")
	}
}

func TestLeadersAreChosenByKafkasRules(t *testing.T) {
	const unclean, minISR = "unclean.leader.election.enable", "min.insync.replicas"
	type set struct{ ISR, ELR, LastKnown []int32 }
	for _, c := range []struct {
		name     string
		down     []int32
		before   image.Partition
		leave    int32
		crashed  bool
		conf     []string
		elr      bool
		leader   int32
		after    set
		recovery int8
	}{
		{name: "a follower leaves, the leader stays", before: image.Partition{ISR: ints(1, 2, 3), Leader: 1}, leave: 2,
			leader: 1, after: set{ISR: ints(1, 3)}},
		{name: "the leader leaves, the first in replica order follows", before: image.Partition{ISR: ints(3, 1, 2), Leader: 1}, leave: 1,
			leader: 2, after: set{ISR: ints(3, 2)}},
		{name: "offline members are passed over", down: ints(2), before: image.Partition{ISR: ints(1, 2, 3), Leader: 1}, leave: 1,
			leader: 3, after: set{ISR: ints(2, 3)}},
		{name: "the last member stays in the ISR", before: image.Partition{ISR: ints(1), Leader: 1}, leave: 1,
			leader: -1, after: set{ISR: ints(1)}},
		{name: "unclean takes any live replica, alone", before: image.Partition{ISR: ints(1), Leader: 1}, leave: 1, conf: []string{unclean, "true"},
			leader: 2, after: set{ISR: ints(2)}, recovery: image.Recovering},
		{name: "unclean is not used while the ISR has a live member", before: image.Partition{ISR: ints(1, 3), Leader: 1}, leave: 1,
			conf: []string{unclean, "true"}, leader: 3, after: set{ISR: ints(3)}},
		{name: "ELR: below the minimum the leaver becomes eligible", elr: true, conf: []string{minISR, "2"},
			before: image.Partition{ISR: ints(1, 2), Leader: 1}, leave: 2, leader: 1, after: set{ISR: ints(1), ELR: ints(2)}},
		{name: "ELR: at the minimum nobody is remembered", elr: true, conf: []string{minISR, "2"},
			before: image.Partition{ISR: ints(1, 2, 3), Leader: 1}, leave: 2, leader: 1, after: set{ISR: ints(1, 3)}},
		{name: "ELR: the ISR may become empty, an eligible one leads", elr: true, conf: []string{minISR, "2"},
			before: image.Partition{ISR: ints(1), ELR: ints(3), Leader: 1}, leave: 1, leader: 3, after: set{ISR: ints(3), ELR: ints(1)}},
		{name: "ELR: a crashed member is not eligible", elr: true, conf: []string{minISR, "2"}, crashed: true,
			before: image.Partition{ISR: ints(1, 2), Leader: 1}, leave: 2, leader: 1, after: set{ISR: ints(1)}},
		{name: "ELR: the last one gone is remembered", elr: true, conf: []string{minISR, "2"}, crashed: true,
			before: image.Partition{ISR: ints(1), Leader: 1}, leave: 1, leader: -1, after: set{ISR: ints(), LastKnown: ints(1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, ctl := office(t, func(cfg *Config) { cfg.ELR = c.elr })
			cluster(ctl, 4, c.down...)
			c.before.Replicas = ints(1, 2, 3)
			partition(ctl, c.before, c.conf...)
			d := ctl.decide()
			who := leaving{remove: c.leave, unclean: image.NoLeader}
			if c.crashed {
				who.unclean = c.leave
			}
			ctl.leaveAll(d, who)
			p := d.image().Partition("t", 0)
			got := set{nilIfEmpty(p.ISR), nilIfEmpty(p.ELR), nilIfEmpty(p.LastKnownELR)}
			want := set{nilIfEmpty(c.after.ISR), nilIfEmpty(c.after.ELR), nilIfEmpty(c.after.LastKnown)}
			if diff := cmp.Diff(want, got); diff != "" || p.Leader != c.leader || p.RecoveryState != c.recovery {
				t.Errorf("leader %d want %d, recovery %d want %d, sets (-want +got)\n%s", p.Leader, c.leader, p.RecoveryState, c.recovery, diff)
			}
			if moved := p.Leader != 1; (p.LeaderEpoch == 1) != moved || p.PartitionEpoch != 1 {
				t.Errorf("epochs %d and %d after the change", p.LeaderEpoch, p.PartitionEpoch)
			}
		})
	}
}

func nilIfEmpty(v []int32) []int32 {
	if len(v) == 0 {
		return nil
	}
	return v
}

func TestTheLastKnownLeaderLeadsAgainUncleanly(t *testing.T) {
	_, ctl := office(t, func(c *Config) { c.ELR = true })
	cluster(ctl, 3)
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(), LastKnownELR: ints(2), Leader: -1}, "min.insync.replicas", "2")
	d := ctl.decide()
	ctl.electLeaderless(d)
	p := d.image().Partition("t", 0)
	if p.Leader != 2 || !cmp.Equal(p.ISR, ints(2)) || len(p.LastKnownELR) != 0 || p.RecoveryState != image.Recovering {
		t.Errorf("elected %+v", p)
	}
}

func TestReassignmentCompletesWhenAllTargetsAreInSync(t *testing.T) {
	for _, c := range []struct {
		isr, removing, adding []int32
		done                  bool
		leader                int32
	}{
		{isr: ints(1, 2, 3), adding: ints(4), removing: ints(1)},
		{isr: ints(1, 2, 4), adding: ints(4), removing: ints(1), done: true, leader: 2},
		{isr: ints(1, 2, 4), adding: ints(4), removing: ints(3), done: true, leader: 1},
		{isr: ints(1, 2), removing: ints(3), done: true, leader: 1},
		{isr: ints(1, 3), removing: ints(3)}, // the factor shrinks: 2 must be in sync too
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			_, ctl := office(t)
			cluster(ctl, 4)
			replicas := append(ints(1, 2, 3), c.adding...)
			partition(ctl, image.Partition{Replicas: replicas, ISR: ints(1), Adding: c.adding, Removing: c.removing, Leader: 1})
			d := ctl.decide()
			x := ctl.newChange(d, d.image().Topic("t"), 0, d.image().Partition("t", 0), image.NoLeader)
			x.isr = c.isr
			d.add(x.record(ctl))
			p := d.image().Partition("t", 0)
			if p.Reassigning() == c.done {
				t.Fatalf("reassigning %v: %+v", p.Reassigning(), p)
			}
			if c.done && (p.Leader != c.leader || p.LeaderEpoch != 1 || len(p.Directories) != len(p.Replicas)) {
				t.Errorf("completed as %+v", p)
			}
		})
	}
}

func alterReq(broker int32, epoch int64, leaderEpoch, partitionEpoch int32, isr ...int32) *kmsg.AlterPartitionRequest {
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = 3, broker, epoch
	p := kmsg.NewAlterPartitionRequestTopicPartition()
	p.LeaderEpoch, p.PartitionEpoch = leaderEpoch, partitionEpoch
	for _, b := range isr {
		p.NewEpochISR = append(p.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: b, BrokerEpoch: -1})
	}
	t := kmsg.NewAlterPartitionRequestTopic()
	t.TopicID, t.Partitions = testTopic, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func TestAlterPartitionChecksInKafkasOrder(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 5, 4)
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3, 4), ISR: ints(1, 2), Leader: 1, LeaderEpoch: 5, PartitionEpoch: 9})
	epoch := func(id int32) int64 { return ctl.work.Broker(id).Epoch }
	ask := func(req *kmsg.AlterPartitionRequest) *kmsg.AlterPartitionResponse {
		var got kmsg.Response
		ctl.onAlterPartition(respondFunc(func(r kmsg.Response) { got = r }), req)
		w.Until(clock.Second, func() bool { return got != nil })
		return got.(*kmsg.AlterPartitionResponse)
	}
	stale := alterReq(1, 1, 5, 9, 1)
	if resp := ask(stale); resp.ErrorCode != kerr.StaleBrokerEpoch.Code {
		t.Errorf("an old incarnation gets %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	withEpoch := func(r *kmsg.AlterPartitionRequest, e int64) *kmsg.AlterPartitionRequest {
		r.Topics[0].Partitions[0].NewEpochISR[1].BrokerEpoch = e
		return r
	}
	recovering := alterReq(1, epoch(1), 5, 9, 1, 2)
	recovering.Topics[0].Partitions[0].LeaderRecoveryState = image.Recovering
	unknown := alterReq(1, epoch(1), 5, 9, 1)
	unknown.Topics[0].TopicID = image.UUID{1}
	noPart := alterReq(1, epoch(1), 5, 9, 1)
	noPart.Topics[0].Partitions[0].Partition = 7
	for name, c := range map[string]struct {
		req  *kmsg.AlterPartitionRequest
		want *kerr.Error
	}{
		"unknown topic":             {unknown, kerr.UnknownTopicID},
		"unknown partition":         {noPart, kerr.UnknownTopicOrPartition},
		"leader epoch ahead":        {alterReq(1, epoch(1), 6, 1, 1), kerr.NotController},
		"partition epoch ahead":     {alterReq(1, epoch(1), 4, 10, 1), kerr.NotController},
		"leader epoch behind":       {alterReq(2, epoch(2), 4, 1, 1), kerr.FencedLeaderEpoch},
		"not the leader":            {alterReq(2, epoch(2), 5, 1, 1), kerr.InvalidRequest},
		"partition epoch behind":    {alterReq(1, epoch(1), 5, 8, 9), kerr.InvalidUpdateVersion},
		"not a replica":             {alterReq(1, epoch(1), 5, 9, 1, 5), kerr.InvalidRequest},
		"twice":                     {alterReq(1, epoch(1), 5, 9, 1, 1), kerr.InvalidRequest},
		"without the leader":        {alterReq(1, epoch(1), 5, 9, 2), kerr.InvalidRequest},
		"recovering with more":      {recovering, kerr.InvalidRequest},
		"fenced":                    {alterReq(1, epoch(1), 5, 9, 1, 4), kerr.IneligibleReplica},
		"another incarnation of it": {withEpoch(alterReq(1, epoch(1), 5, 9, 1, 2), 1), kerr.IneligibleReplica},
	} {
		if got := ask(c.req).Topics[0].Partitions[0]; got.ErrorCode != c.want.Code {
			t.Errorf("%s: %v, want %v", name, kerr.ErrorForCode(got.ErrorCode), c.want)
		}
	}
	got := ask(withEpoch(alterReq(1, epoch(1), 5, 9, 1, 3), epoch(3))).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || got.PartitionEpoch != 10 || got.LeaderEpoch != 5 || !cmp.Equal(got.ISR, ints(1, 3)) {
		t.Errorf("accepted as %+v", got)
	}
	if p := w.image().Partition("t", 0); !cmp.Equal(p.ISR, ints(1, 3)) {
		w.Run(100 * clock.Millisecond)
		if p = w.image().Partition("t", 0); !cmp.Equal(p.ISR, ints(1, 3)) {
			t.Errorf("committed as %+v", p)
		}
	}
	w.rules.check()
}
