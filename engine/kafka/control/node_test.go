package control

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/control/quorum"
)

func TestANodeWithAFailedMetadataVolumeEnds(t *testing.T) {
	w := newWorld(t, 1, 3, 3, true).start()
	w.ready(clock.Second)
	l := w.leader()
	w.nodes[l-1].disk.broken = true
	w.Run(2 * clock.Second)
	if n := w.nodes[l-1]; !n.Exited || !errors.Is(n.ExitErr, engine.ErrIO) {
		t.Errorf("exited %v with %v", n.Exited, n.ExitErr)
	}
	w.awaitLeader(22 * clock.Second)
	w.rules.check()
}

func TestANodeStopsWhileItStarts(t *testing.T) {
	for wait := range clock.Duration(20) {
		w := newWorld(t, uint64(wait), 3, 3, false).start()
		w.Run(wait * 500 * clock.Microsecond)
		before, had := w.nodes[2].File("__cluster_metadata-0/quorum-state")
		w.nodes[2].Stop()
		w.Run(3 * clock.Second)
		if !w.nodes[2].Exited {
			t.Errorf("stopped %v after its start, it does not end", wait*500*clock.Microsecond)
		}
		if after, has := w.nodes[2].File("__cluster_metadata-0/quorum-state"); had && (!has || len(after) < len(before)-1) {
			t.Errorf("the vote is gone: %s, then %s", before, after)
		}
		w.rules.check()
	}
}

func TestDescribeQuorumShowsVotersAndObservers(t *testing.T) {
	w := newWorld(t, 2, 3, 4, true).start()
	w.ready(clock.Second)
	w.Run(5 * clock.Second)
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Version = 2
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: quorum.TopicName, Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
	p := w.call(4, req).(*kmsg.DescribeQuorumResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 || p.LeaderID != 1 || len(p.CurrentVoters) != 3 || len(p.Observers) != 1 || p.Observers[0].ReplicaID != 4 {
		t.Fatalf("%+v", p)
	}
	for _, v := range append(p.CurrentVoters, p.Observers...) {
		if v.LogEndOffset < p.HighWatermark-3 || v.LastFetchTimestamp <= 0 {
			t.Errorf("replica %d: %+v at high watermark %d", v.ReplicaID, v, p.HighWatermark)
		}
	}
}

func TestMalformedQuorumRequestsAreRefused(t *testing.T) {
	w := newWorld(t, 3, 3, 3, false).start()
	w.awaitLeader(clock.Second)
	n := w.prog(1).node
	answered := 0
	ask := func(req kmsg.Request) {
		if !n.q.Handle(respondFunc(func(kmsg.Response) { answered++ }), req) {
			t.Errorf("%T is not handled", req)
		}
	}
	other := "other"
	ask(&kmsg.VoteRequest{Version: 2})
	ask(&kmsg.VoteRequest{Version: 2, ClusterID: &other})
	ask(&kmsg.VoteRequest{Version: 2, Topics: []kmsg.VoteRequestTopic{{Partitions: []kmsg.VoteRequestTopicPartition{{CandidateEpoch: 9, CandidateID: 77}}}}})
	ask(&kmsg.VoteRequest{Version: 2, Topics: []kmsg.VoteRequestTopic{{Partitions: []kmsg.VoteRequestTopicPartition{{CandidateEpoch: 9, CandidateID: 2, LastOffset: -1}}}}})
	ask(&kmsg.BeginQuorumEpochRequest{})
	ask(&kmsg.BeginQuorumEpochRequest{Topics: []kmsg.BeginQuorumEpochRequestTopic{{Partitions: []kmsg.BeginQuorumEpochRequestTopicPartition{{LeaderID: 50, LeaderEpoch: 99}}}}})
	ask(&kmsg.EndQuorumEpochRequest{})
	ask(&kmsg.DescribeQuorumRequest{})
	for _, p := range []kmsg.FetchRequestTopicPartition{{CurrentLeaderEpoch: 1, FetchOffset: -5}, {CurrentLeaderEpoch: 1, LastFetchedEpoch: -1},
		{CurrentLeaderEpoch: 1, FetchOffset: 1 << 40, LastFetchedEpoch: 1}, {CurrentLeaderEpoch: 5}, {CurrentLeaderEpoch: 1, PartitionMaxBytes: -1}} {
		ask(&kmsg.FetchRequest{Version: 17, MaxBytes: -1, Topics: []kmsg.FetchRequestTopic{{TopicID: quorum.TopicID, Partitions: []kmsg.FetchRequestTopicPartition{p}}}})
	}
	w.Run(clock.Second)
	if answered != 13 {
		t.Errorf("%d of 13 requests answered", answered)
	}
	if n.q.Epoch() != 1 || w.leader() != 1 {
		t.Errorf("malformed requests moved the quorum to epoch %d", n.q.Epoch())
	}
	if n.q.Handle(nil, &kmsg.FetchRequest{Version: 17, Topics: []kmsg.FetchRequestTopic{{TopicID: [16]byte{9}}}}) {
		t.Error("a fetch of another topic is taken")
	}
}

func TestPeriodicElectionsRestorePreferredAndUncleanLeaders(t *testing.T) {
	w, ctl := office(t, func(c *Config) {
		c.LeaderImbalance, c.UncleanCheck, c.SessionTimeout = clock.Second, clock.Second, clock.Minute
	})
	cluster(ctl, 3)
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(2, 1), Leader: 2})
	d := ctl.decide()
	other := image.UUID{6: 6}
	d.add(&image.TopicRecord{Name: "u", TopicID: other})
	p := image.Partition{Replicas: ints(9, 3), ISR: ints(9), Leader: -1}
	d.add(p.Record(other, 0))
	d.commit()
	w.Run(2500 * clock.Millisecond)
	if p := ctl.work.Partition("t", 0); p.Leader != 1 || p.LeaderEpoch != 1 {
		t.Errorf("the preferred leader is not back: %+v", p)
	}
	if p := ctl.work.Partition("u", 0); p.Leader != -1 {
		t.Errorf("unclean without leave: %+v", p)
	}
	w.ask(ctl, alterConf(image.ResourceTopic, "u", entry("unclean.leader.election.enable", 0, str("true"))))
	w.Run(1500 * clock.Millisecond)
	if p := ctl.work.Partition("u", 0); p.Leader != 3 || !slices.Equal(p.ISR, ints(3)) || p.RecoveryState != image.Recovering {
		t.Errorf("no unclean leader: %+v", p)
	}
	w.rules.check()
}
