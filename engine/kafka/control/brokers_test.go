package control

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/image"
)

// ready runs until all brokers are unfenced in everybody's image.
func (w *testWorld) ready(d clock.Duration) {
	w.t.Helper()
	if !w.Until(d, func() bool {
		for i := range w.nodes {
			for k := range w.nodes {
				if w.prog(i+1).node == nil || !w.prog(i+1).node.Image().Broker(int32(k+1)).Active() {
					return false
				}
			}
		}
		return true
	}) {
		w.t.Fatalf("not all brokers are unfenced after %v", d)
	}
}

func createReq(name string, partitions int32, factor int16, conf ...string) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, factor
	for i := 0; i+1 < len(conf); i += 2 {
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: conf[i], Value: &conf[i+1]})
	}
	req.Topics = append(req.Topics, t)
	return req
}

// create makes a topic and waits until every node knows it.
func (w *testWorld) create(name string, partitions int32, factor int16, conf ...string) *image.Topic {
	w.t.Helper()
	resp := w.call(1, createReq(name, partitions, factor, conf...)).(*kmsg.CreateTopicsResponse)
	if resp.Topics[0].ErrorCode != 0 {
		w.t.Fatalf("create %s: %v", name, kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	}
	w.Until(clock.Second, func() bool {
		for i, n := range w.nodes {
			if n.Alive() && w.prog(i+1).node.Image().Topic(name) == nil {
				return false
			}
		}
		return true
	})
	return w.image().Topic(name)
}

// image is the committed image of the active controller.
func (w *testWorld) image() *image.Image {
	return w.prog(w.awaitLeader(10 * clock.Second)).node.Image()
}

func TestBrokersAreServingWithin200msOfAFreshStart(t *testing.T) {
	w := newWorld(t, 1, 3, 4, true).start()
	w.ready(200 * clock.Millisecond)
	w.Run(20 * clock.Second)
	w.ready(0)
	epochs := map[int64]bool{}
	for _, b := range w.image().Brokers() {
		if b.Epoch != b.RegisteredAt || epochs[b.Epoch] {
			t.Errorf("broker %d has epoch %d, registered at %d", b.ID, b.Epoch, b.RegisteredAt)
		}
		epochs[b.Epoch] = true
	}
	w.rules.check()
}

func TestASilentBrokerIsFencedAfterItsSessionAndLosesItsLeaderships(t *testing.T) {
	w := newWorld(t, 2, 3, 4, true).start()
	w.ready(clock.Second)
	w.create("t", 8, 3)
	const victim = 4
	if !leads(w.image(), victim) {
		t.Fatal("the victim leads nothing: pick another seed")
	}
	w.prog(victim).broker.silent = true
	at := w.Now()
	if !w.Until(15*clock.Second, func() bool { return !w.image().Broker(victim).Active() }) {
		t.Fatal("never fenced")
	}
	// Up to one heartbeat interval passed before the silence began.
	if d := w.Now().Sub(at); d < 7*clock.Second || d > 11*clock.Second {
		t.Errorf("fenced after %v", d)
	}
	for id, p := range w.image().Topic("t").Partitions {
		if p.Leader == victim || slices.Contains(p.ISR, int32(victim)) || p.Leader < 0 {
			t.Errorf("partition %d after the fencing: %+v", id, p)
		}
	}
	w.rules.check()
}

func leads(im *image.Image, id int32) bool {
	for _, p := range im.Topic("t").Partitions {
		if p.Leader == id {
			return true
		}
	}
	return false
}

func TestAnotherIncarnationIsRefusedWhileTheSessionLives(t *testing.T) {
	w := newWorld(t, 3, 3, 3, true).start()
	w.ready(clock.Second)
	req := registerReq(2, [16]byte{9: 9}, -1)
	if resp := w.call(1, req).(*kmsg.BrokerRegistrationResponse); resp.ErrorCode != kerr.DuplicateBrokerRegistration.Code {
		t.Errorf("another incarnation gets %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	old := w.image().Broker(2)
	w.nodes[1].PowerFail(true)
	w.Run(12 * clock.Second)
	w.nodes[1].Start()
	w.ready(5 * clock.Second)
	if b := w.image().Broker(2); b.Epoch <= old.Epoch || b.Incarnation == old.Incarnation {
		t.Errorf("the new incarnation is %+v after %+v", b, old)
	}
	hb := kmsg.NewPtrBrokerHeartbeatRequest()
	hb.BrokerID, hb.BrokerEpoch = 2, old.Epoch
	if resp := w.call(1, hb).(*kmsg.BrokerHeartbeatResponse); resp.ErrorCode != kerr.StaleBrokerEpoch.Code {
		t.Errorf("a heartbeat of the old incarnation gets %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	w.rules.check()
}

func TestRegistrationRefusesWhatDoesNotFit(t *testing.T) {
	w := newWorld(t, 4, 1, 1, true).start()
	w.ready(clock.Second)
	for name, c := range map[string]struct {
		change func(*kmsg.BrokerRegistrationRequest)
		want   *kerr.Error
	}{
		"cluster":   {func(r *kmsg.BrokerRegistrationRequest) { r.ClusterID = "other" }, kerr.InconsistentClusterID},
		"no dirs":   {func(r *kmsg.BrokerRegistrationRequest) { r.LogDirs = nil }, kerr.InvalidRegistration},
		"twice":     {func(r *kmsg.BrokerRegistrationRequest) { r.LogDirs = append(r.LogDirs, r.LogDirs[0]) }, kerr.InvalidRegistration},
		"reserved":  {func(r *kmsg.BrokerRegistrationRequest) { r.LogDirs = [][16]byte{{15: 2}} }, kerr.InvalidRegistration},
		"another's": {func(r *kmsg.BrokerRegistrationRequest) { r.LogDirs = [][16]byte{{0: 1, 15: 1}} }, kerr.InvalidRegistration},
		"feature":   {func(r *kmsg.BrokerRegistrationRequest) { r.Features[0].MaxSupportedVersion = 3 }, kerr.UnsupportedVersion},
	} {
		req := registerReq(7, [16]byte{1: 7}, -1)
		c.change(req)
		if resp := w.call(1, req).(*kmsg.BrokerRegistrationResponse); resp.ErrorCode != c.want.Code {
			t.Errorf("%s: %v, want %v", name, kerr.ErrorForCode(resp.ErrorCode), c.want)
		}
	}
}

func TestControlledShutdownMovesLeadershipsFirst(t *testing.T) {
	w := newWorld(t, 5, 3, 4, true).start()
	w.ready(clock.Second)
	w.create("t", 8, 3)
	const leaver = 4
	p := w.prog(leaver)
	p.broker.stopping = true
	if !w.Until(6*clock.Second, func() bool { return p.broker.stopped }) {
		t.Fatal("never told to stop")
	}
	if leads(w.image(), leaver) {
		t.Error("told to stop while it leads")
	}
	for id, p := range w.image().Topic("t").Partitions {
		if slices.Contains(p.ISR, int32(leaver)) || p.Leader < 0 {
			t.Errorf("partition %d after the shutdown: %+v", id, p)
		}
	}
	w.nodes[leaver-1].Kill()
	w.nodes[leaver-1].Start()
	w.ready(3 * clock.Second) // at once: no session to wait for
	w.rules.check()
}

func TestTheLastMemberStaysInTheISRAndLeadsAgain(t *testing.T) {
	w := newWorld(t, 6, 3, 3, true).start()
	w.ready(clock.Second)
	topic := w.create("t", 1, 1)
	only := topic.Partitions[0].Leader
	w.nodes[only-1].PowerFail(true)
	w.Run(15 * clock.Second)
	p := w.image().Partition("t", 0)
	if p.Leader != image.NoLeader || !slices.Equal(p.ISR, []int32{only}) {
		t.Errorf("offline: %+v", p)
	}
	w.nodes[only-1].Start()
	w.ready(10 * clock.Second)
	w.Run(clock.Second)
	if n := w.image().Partition("t", 0); n.Leader != only || n.LeaderEpoch != p.LeaderEpoch+1 {
		t.Errorf("back: %+v after %+v", n, p)
	}
	w.rules.check()
}

func TestUnregisteredBrokersAreGone(t *testing.T) {
	w := newWorld(t, 7, 3, 4, true).start()
	w.ready(clock.Second)
	w.create("t", 6, 2)
	w.nodes[3].Kill()
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = 4
	if resp := w.call(1, req).(*kmsg.UnregisterBrokerResponse); resp.ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(resp.ErrorCode))
	}
	if resp := w.call(1, req).(*kmsg.UnregisterBrokerResponse); resp.ErrorCode != kerr.BrokerIDNotRegistered.Code {
		t.Errorf("twice: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	for id, p := range w.image().Topic("t").Partitions {
		if slices.Contains(p.ISR, 4) || p.Leader == 4 {
			t.Errorf("partition %d: %+v", id, p)
		}
	}
	w.rules.check()
}

func TestProducerIDBlocksNeverOverlapAcrossControllers(t *testing.T) {
	w := newWorld(t, 8, 3, 3, true).start()
	w.ready(clock.Second)
	next := int64(0)
	take := func(i int) {
		req := kmsg.NewPtrAllocateProducerIDsRequest()
		req.BrokerID, req.BrokerEpoch = int32(i), w.prog(i).broker.epoch
		resp := w.call(i, req).(*kmsg.AllocateProducerIDsResponse)
		if resp.ErrorCode != 0 || resp.ProducerIDStart != next || resp.ProducerIDLen != 1000 {
			t.Fatalf("block %d+%d, code %d; want %d", resp.ProducerIDStart, resp.ProducerIDLen, resp.ErrorCode, next)
		}
		next += 1000
	}
	take(2)
	take(3)
	first := w.leader()
	w.nodes[first-1].PowerFail(true)
	take(first%3 + 1)
	w.rules.check()
}

func TestPendingAnswersFailWhenTheControllerLosesItsOffice(t *testing.T) {
	w := newWorld(t, 9, 3, 3, false).start()
	l := w.awaitLeader(clock.Second)
	w.Isolate(w.nodes[l-1].ID())
	var got kmsg.Response
	req := registerReq(9, [16]byte{3}, -1)
	w.prog(l).node.c.handle(respondFunc(func(r kmsg.Response) { got = r }), req)
	w.Run(clock.Second)
	if got != nil {
		t.Fatal("answered without a majority")
	}
	w.Run(5 * clock.Second)
	if r, ok := got.(*kmsg.BrokerRegistrationResponse); !ok || r.ErrorCode != kerr.NotController.Code {
		t.Errorf("got %+v, want NOT_CONTROLLER", got)
	}
	w.rules.check()
}

type respondFunc func(kmsg.Response)

func (f respondFunc) Respond(r kmsg.Response) { f(r) }
