package control

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
)

// ask hands a request to the controller and runs until it is answered.
func (w *testWorld) ask(c *controller, req kmsg.Request) kmsg.Response {
	var got kmsg.Response
	if !c.handle(respondFunc(func(r kmsg.Response) { got = r }), req) {
		w.t.Fatalf("%T is not handled", req)
	}
	w.Until(clock.Second, func() bool { return got != nil })
	return got
}

func TestCreateTopicsAnswersWithKafkasErrors(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 4, 4)
	create := func(change func(*kmsg.CreateTopicsRequest)) kmsg.CreateTopicsResponseTopic {
		req := createReq("ok", 1, 1)
		change(req)
		return w.ask(ctl, req).(*kmsg.CreateTopicsResponse).Topics[0]
	}
	named := func(name string) func(*kmsg.CreateTopicsRequest) {
		return func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = name }
	}
	manual := func(replicas ...[]int32) func(*kmsg.CreateTopicsRequest) {
		return func(r *kmsg.CreateTopicsRequest) {
			r.Topics[0].NumPartitions, r.Topics[0].ReplicationFactor = -1, -1
			for i, v := range replicas {
				r.Topics[0].ReplicaAssignment = append(r.Topics[0].ReplicaAssignment,
					kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: v})
			}
		}
	}
	conf := func(name string, value *string) func(*kmsg.CreateTopicsRequest) {
		return func(r *kmsg.CreateTopicsRequest) {
			r.Topics[0].Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: name, Value: value}}
		}
	}
	if got := create(named("a.b")); got.ErrorCode != 0 || got.NumPartitions != 1 || len(got.Configs) < 30 {
		t.Fatalf("a plain topic: %+v", got)
	}
	for name, c := range map[string]struct {
		change func(*kmsg.CreateTopicsRequest)
		want   *kerr.Error
	}{
		"exists":            {named("a.b"), kerr.TopicAlreadyExists},
		"collides":          {named("a_b"), kerr.InvalidTopicException},
		"empty name":        {named(""), kerr.InvalidTopicException},
		"dots":              {named(".."), kerr.InvalidTopicException},
		"slash":             {named("a/b"), kerr.InvalidTopicException},
		"long":              {named(strings.Repeat("x", 250)), kerr.InvalidTopicException},
		"factor":            {func(r *kmsg.CreateTopicsRequest) { r.Topics[0].ReplicationFactor = 0 }, kerr.InvalidReplicationFactor},
		"factor over":       {func(r *kmsg.CreateTopicsRequest) { r.Topics[0].ReplicationFactor = 5 }, kerr.InvalidReplicationFactor},
		"partitions":        {func(r *kmsg.CreateTopicsRequest) { r.Topics[0].NumPartitions = 0 }, kerr.InvalidPartitions},
		"too many":          {func(r *kmsg.CreateTopicsRequest) { r.Topics[0].NumPartitions = 20000 }, kerr.PolicyViolation},
		"unknown config":    {conf("no.such", str("1")), kerr.InvalidConfig},
		"bad config":        {conf("retention.ms", str("x")), kerr.InvalidConfig},
		"null config":       {conf("retention.ms", nil), kerr.InvalidConfig},
		"manual + factor":   {func(r *kmsg.CreateTopicsRequest) { manual(ints(1))(r); r.Topics[0].ReplicationFactor = 1 }, kerr.InvalidRequest},
		"manual unknown":    {manual(ints(9)), kerr.InvalidReplicaAssignment},
		"manual twice":      {manual(ints(1, 1)), kerr.InvalidReplicaAssignment},
		"manual uneven":     {manual(ints(1, 2), ints(3)), kerr.InvalidReplicaAssignment},
		"manual all fenced": {manual(ints(4)), kerr.InvalidReplicaAssignment},
		"duplicate":         {func(r *kmsg.CreateTopicsRequest) { r.Topics = append(r.Topics, r.Topics[0]) }, kerr.InvalidRequest},
	} {
		if got := create(c.change); got.ErrorCode != c.want.Code || got.ErrorMessage == nil && c.want != kerr.PolicyViolation {
			t.Errorf("%s: %v, want %v", name, kerr.ErrorForCode(got.ErrorCode), c.want)
		}
	}
	if got := create(func(r *kmsg.CreateTopicsRequest) { r.ValidateOnly = true }); got.ErrorCode != 0 || ctl.work.Topic("ok") != nil {
		t.Errorf("validate only: %+v", got)
	}
	if got := create(manual(ints(4, 2), ints(2, 3))); got.ErrorCode != 0 {
		t.Errorf("manual: %+v", got)
	}
	if p := ctl.work.Partition("ok", 0); p.Leader != 2 || !slices.Equal(p.ISR, ints(2)) || !slices.Equal(p.Replicas, ints(4, 2)) {
		t.Errorf("a fenced replica is in the ISR or leads: %+v", p)
	}
	if got := w.ask(ctl, createReq("def", -1, -1)).(*kmsg.CreateTopicsResponse).Topics[0]; got.NumPartitions != 1 || got.ReplicationFactor != 1 {
		t.Errorf("defaults: %+v", got)
	}
	w.rules.check()
}

func TestDeletedTopicsAreGoneByNameAndByID(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 3)
	w.ask(ctl, createReq("a", 2, 3, "retention.ms", "5"))
	w.ask(ctl, createReq("b", 1, 1))
	b := ctl.work.Topic("b").ID
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 6
	req.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: str("a")}, {TopicID: b}, {Topic: str("nope")}, {TopicID: image.UUID{8}}, {}}
	resp := w.ask(ctl, req).(*kmsg.DeleteTopicsResponse)
	want := []int16{0, 0, kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code, kerr.InvalidRequest.Code}
	for i, r := range resp.Topics {
		if r.ErrorCode != want[i] {
			t.Errorf("part %d: %v", i, kerr.ErrorForCode(r.ErrorCode))
		}
	}
	if *resp.Topics[1].Topic != "b" || len(ctl.work.Topics()) != 0 || len(ctl.work.Configs(image.ResourceTopic, "a")) != 0 {
		t.Errorf("left over: %v %v", ctl.work.Topics(), ctl.work.Resources())
	}
	w.ask(ctl, createReq("a", 1, 1))
	if _, ok := ctl.work.Config(image.ResourceTopic, "a", "retention.ms"); ok {
		t.Error("a new topic has the configs of an old one")
	}
	w.rules.check()
}

func TestPartitionsCanOnlyGrow(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 3)
	w.ask(ctl, createReq("a", 2, 2))
	grow := func(count int32, assignment ...[]int32) int16 {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Version = 3
		r := kmsg.NewCreatePartitionsRequestTopic()
		r.Topic, r.Count = "a", count
		for _, v := range assignment {
			r.Assignment = append(r.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: v})
		}
		req.Topics = append(req.Topics, r)
		return w.ask(ctl, req).(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode
	}
	for _, c := range []struct {
		got  int16
		want int16
	}{
		{grow(2), kerr.InvalidPartitions.Code}, {grow(1), kerr.InvalidPartitions.Code},
		{grow(4, ints(1, 2)), kerr.InvalidReplicaAssignment.Code}, {grow(3, ints(1)), kerr.InvalidReplicaAssignment.Code},
		{grow(3, ints(3, 1)), 0}, {grow(5), 0},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", kerr.ErrorForCode(c.got), kerr.ErrorForCode(c.want))
		}
	}
	top := ctl.work.Topic("a")
	if len(top.Partitions) != 5 || !slices.Equal(top.Partitions[2].Replicas, ints(3, 1)) || len(top.Partitions[4].Replicas) != 2 {
		t.Errorf("partitions: %+v", top.Partitions)
	}
	w.rules.check()
}

func TestPlacementSpreadsLeadersAndRacks(t *testing.T) {
	rack := func(s string) *string { return &s }
	var brokers []*image.Broker
	for id := int32(1); id <= 6; id++ {
		brokers = append(brokers, &image.Broker{ID: id, Rack: rack([]string{"a", "b", "c"}[id%3])})
	}
	brokers = append(brokers, &image.Broker{ID: 7, Rack: rack("a"), InControlledShutdown: true}, &image.Broker{ID: 8, Rack: rack("b"), Fenced: true})
	for seed := range uint64(50) {
		pl := newPlacer(engine.NewStream(seed, "placement"), brokers)
		leaders := map[int32]int{}
		for range 60 {
			got := pl.place(3)
			racks, seen := map[string]bool{}, map[int32]bool{}
			for _, b := range got {
				i := slices.IndexFunc(brokers, func(x *image.Broker) bool { return x.ID == b })
				racks[*brokers[i].Rack], seen[b] = true, true
			}
			if len(racks) != 3 || len(seen) != 3 || seen[7] || got[0] == 8 {
				t.Fatalf("seed %d places %v", seed, got)
			}
			leaders[got[0]]++
		}
		for id := int32(1); id <= 6; id++ {
			if leaders[id] < 5 || leaders[id] > 15 {
				t.Errorf("seed %d: broker %d leads %d of 60", seed, id, leaders[id])
			}
		}
		if got := pl.place(7); len(got) != 7 {
			t.Errorf("all brokers: %v", got)
		}
	}
}

func alterConf(typ int8, name string, entries ...kmsg.IncrementalAlterConfigsRequestResourceConfig) *kmsg.IncrementalAlterConfigsRequest {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version = 1
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kmsg.ConfigResourceType(typ), name, entries
	req.Resources = append(req.Resources, r)
	return req
}

func entry(name string, op int8, value *string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
	return kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Op: kmsg.IncrementalAlterConfigOp(op), Value: value}
}

func TestConfigsChangeAsKafkaChangesThem(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 3)
	w.ask(ctl, createReq("a", 1, 1))
	alter := func(typ int8, name string, e ...kmsg.IncrementalAlterConfigsRequestResourceConfig) *kerr.Error {
		code := w.ask(ctl, alterConf(typ, name, e...)).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
		if code == 0 {
			return nil
		}
		return kerr.TypedErrorForCode(code)
	}
	const set, del, app, sub = 0, 1, 2, 3
	steps := []struct {
		got, want *kerr.Error
		value     string
	}{
		{alter(image.ResourceTopic, "a", entry("cleanup.policy", app, str("compact"))), nil, ""},
		{alter(image.ResourceTopic, "nope", entry("cleanup.policy", set, str("compact"))), kerr.UnknownTopicOrPartition, ""},
		{alter(image.ResourceTopic, "a", entry("no.such", set, str("1"))), kerr.InvalidConfig, ""},
		{alter(image.ResourceTopic, "a", entry("retention.ms", set, str("x"))), kerr.InvalidConfig, ""},
		{alter(image.ResourceTopic, "a", entry("retention.ms", app, str("5"))), kerr.InvalidConfig, ""},
		{alter(image.ResourceTopic, "a", entry("retention.ms", set, str("5")), entry("retention.ms", set, str("6"))), kerr.InvalidRequest, ""},
		{alter(image.ResourceBroker, "x", entry("message.max.bytes", set, str("5"))), kerr.InvalidRequest, ""},
		{alter(image.ResourceBroker, "1", entry("num.partitions", set, str("5"))), kerr.InvalidRequest, ""},
		{alter(image.ResourceBroker, "", entry("message.max.bytes", set, str("500"))), nil, ""},
		{alter(77, "x", entry("message.max.bytes", set, str("500"))), kerr.InvalidRequest, ""},
	}
	for i, s := range steps {
		if s.got != s.want {
			t.Errorf("step %d: %v, want %v", i, s.got, s.want)
		}
	}
	value := func(name string) string {
		v, ok := ctl.work.Config(image.ResourceTopic, "a", name)
		if !ok {
			return "-"
		}
		return v
	}
	if v := value("cleanup.policy"); v != "delete,compact" {
		t.Errorf("appended to the default: %s", v)
	}
	alter(image.ResourceTopic, "a", entry("cleanup.policy", sub, str("delete")))
	if v := value("cleanup.policy"); v != "compact" {
		t.Errorf("subtracted: %s", v)
	}
	if v := ctl.lookup(ctl.work).Int("a", "max.message.bytes"); v != 500 {
		t.Errorf("cluster-wide default in force: %d", v)
	}
	alter(image.ResourceTopic, "a", entry("cleanup.policy", del, nil))
	if v := value("cleanup.policy"); v != "-" {
		t.Errorf("deleted: %s", v)
	}
	old := kmsg.NewPtrAlterConfigsRequest()
	r := kmsg.NewAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "a"
	r.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: "flush.ms", Value: str("7")}}
	alter(image.ResourceTopic, "a", entry("retention.ms", set, str("9")))
	old.Resources = append(old.Resources, r)
	w.ask(ctl, old)
	if value("retention.ms") != "-" || value("flush.ms") != "7" {
		t.Errorf("AlterConfigs leaves retention.ms=%s flush.ms=%s", value("retention.ms"), value("flush.ms"))
	}
	w.rules.check()
}

func TestWithELRTheMinimumIsTheClustersAndItsChangeClearsTheELR(t *testing.T) {
	w, ctl := office(t, func(c *Config) { c.ELR = true; c.Settings = map[string]string{"min.insync.replicas": "2"} })
	cluster(ctl, 3)
	if v, _ := ctl.work.Config(image.ResourceBroker, "", "min.insync.replicas"); v != "2" {
		t.Errorf("pinned at %q", v)
	}
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(1), ELR: ints(2), Leader: 1})
	alter := func(typ int8, name string, op int8, v *string) int16 {
		return w.ask(ctl, alterConf(typ, name, entry("min.insync.replicas", op, v))).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
	}
	if alter(image.ResourceBroker, "1", 0, str("1")) != kerr.InvalidConfig.Code || alter(image.ResourceBroker, "", 1, nil) != kerr.InvalidConfig.Code {
		t.Error("the minimum can be taken from the cluster")
	}
	if code := alter(image.ResourceTopic, "t", 0, str("1")); code != 0 {
		t.Error(kerr.ErrorForCode(code))
	}
	if p := ctl.work.Partition("t", 0); len(p.ELR) != 0 {
		t.Errorf("ELR after the change: %+v", p)
	}
	w.rules.check()
}

func TestElectionsOnDemand(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 3, 3)
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(2, 1), Leader: 2})
	elect := func(kind int8, p int32) int16 {
		req := kmsg.NewPtrElectLeadersRequest()
		req.Version, req.ElectionType = 2, kind
		req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "t", Partitions: []int32{p}}}
		return w.ask(ctl, req).(*kmsg.ElectLeadersResponse).Topics[0].Partitions[0].ErrorCode
	}
	for i, c := range []struct{ got, want int16 }{
		{elect(0, 9), kerr.UnknownTopicOrPartition.Code}, {elect(1, 0), kerr.ElectionNotNeeded.Code},
		{elect(0, 0), 0}, {elect(0, 0), kerr.ElectionNotNeeded.Code},
	} {
		if c.got != c.want {
			t.Errorf("step %d: %v", i, kerr.ErrorForCode(c.got))
		}
	}
	if p := ctl.work.Partition("t", 0); p.Leader != 1 || p.LeaderEpoch != 1 {
		t.Errorf("after the preferred election: %+v", p)
	}
	w.rules.check()
}

func TestFailedDirectoriesTakeTheirReplicasOutOfTheISR(t *testing.T) {
	w, ctl := office(t)
	cluster(ctl, 2)
	good, bad := image.UUID{0: 7, 15: 1}, image.UUID{0: 7, 15: 2}
	d := ctl.decide()
	d.add(&image.RegisterBroker{BrokerID: 3, BrokerEpoch: d.next(), LogDirs: []image.UUID{good, bad}})
	d.commit()
	epoch := ctl.work.Broker(3).Epoch
	partition(ctl, image.Partition{Replicas: ints(3, 1), ISR: ints(3, 1), Leader: 3, Directories: []image.UUID{{}, {}}})
	assign := kmsg.NewPtrAssignReplicasToDirsRequest()
	assign.BrokerID, assign.BrokerEpoch = 3, epoch
	assign.Directories = []kmsg.AssignReplicasToDirsRequestDirectory{{ID: bad, Topics: []kmsg.AssignReplicasToDirsRequestDirectoryTopic{
		{TopicID: testTopic, Partitions: []kmsg.AssignReplicasToDirsRequestDirectoryTopicPartition{{Partition: 0}, {Partition: 4}}}}}}
	got := w.ask(ctl, assign).(*kmsg.AssignReplicasToDirsResponse).Directories[0].Topics[0].Partitions
	if got[0].ErrorCode != 0 || got[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("assigned: %+v", got)
	}
	hb := kmsg.NewPtrBrokerHeartbeatRequest()
	hb.Version, hb.BrokerID, hb.BrokerEpoch, hb.CurrentMetadataOffset = 1, 3, epoch, 1<<40
	hb.OfflineLogDirs = [][16]byte{bad}
	if r := w.ask(ctl, hb).(*kmsg.BrokerHeartbeatResponse); r.ErrorCode != 0 || r.IsFenced {
		t.Errorf("heartbeat: %+v", r)
	}
	if p := ctl.work.Partition("t", 0); p.Leader != 1 || !slices.Equal(p.ISR, ints(1)) {
		t.Errorf("after the failure: %+v", p)
	}
	if dirs := ctl.work.Broker(3).LogDirs; len(dirs) != 1 || dirs[0] != good {
		t.Errorf("directories left: %v", dirs)
	}
	w.rules.check()
}
