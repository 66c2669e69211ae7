package kafka

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/configs"
)

func TestDescribeConfigsShowsWhereAValueComesFrom(t *testing.T) {
	c := single(t, "log.retention.hours", "2", "log.index.interval.bytes", "1024")
	c.createTopic("t", 1, 1, "segment.bytes", "2097152")
	c.createTopic("u", 1, 1, "internal.segment.bytes", "2000000")
	conn := c.conn(1)
	describe := func(typ kmsg.ConfigResourceType, name string, synonyms bool, names ...string) kmsg.DescribeConfigsResponseResource {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.IncludeSynonyms = synonyms
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = typ, name, names
		req.Resources = append(req.Resources, r)
		return conn.call(req, 4).(*kmsg.DescribeConfigsResponse).Resources[0]
	}
	all := describe(kmsg.ConfigResourceTypeTopic, "t", false)
	if all.ErrorCode != 0 || len(all.Configs) != len(configs.Topics())-1 { // without internal.segment.bytes
		t.Fatalf("code %d, %d configs", all.ErrorCode, len(all.Configs))
	}
	for _, row := range []struct {
		name, value string
		source      kmsg.ConfigSource
		synonyms    []string
	}{
		{"segment.bytes", "2097152", kmsg.ConfigSourceDynamicTopicConfig, []string{"segment.bytes", "log.segment.bytes"}},
		// Kafka shows what stands behind the nearest synonym only, log.retention.ms here:
		// a value of log.retention.hours shows as a default.
		{"retention.ms", "7200000", kmsg.ConfigSourceDefaultConfig, nil},
		{"index.interval.bytes", "1024", kmsg.ConfigSourceStaticBrokerConfig, []string{"log.index.interval.bytes", "log.index.interval.bytes"}},
		{"max.message.bytes", "1048588", kmsg.ConfigSourceDefaultConfig, []string{"message.max.bytes"}},
		{"flush.ms", "9223372036854775807", kmsg.ConfigSourceDefaultConfig, nil},
		{"internal.segment.bytes", "2000000", kmsg.ConfigSourceDynamicTopicConfig, []string{"internal.segment.bytes"}},
	} {
		topic := "t"
		if row.name == configs.InternalSegmentBytes {
			topic = "u"
		}
		got := describe(kmsg.ConfigResourceTypeTopic, topic, true, row.name).Configs
		if len(got) != 1 || *got[0].Value != row.value || got[0].Source != row.source || got[0].ReadOnly || got[0].Documentation != nil {
			t.Errorf("%s: %+v", row.name, got)
			continue
		}
		var names []string
		for _, s := range got[0].ConfigSynonyms {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, row.synonyms) {
			t.Errorf("%s: synonyms %v, want %v", row.name, names, row.synonyms)
		}
	}
	for name, want := range map[string]string{"log.retention.ms": "null DEFAULT_CONFIG", "log.retention.hours": "2 STATIC_BROKER_CONFIG log.retention.hours log.retention.hours"} {
		got := describe(kmsg.ConfigResourceTypeBroker, "1", true, name).Configs[0]
		shown := "null"
		if got.Value != nil {
			shown = *got.Value
		}
		shown += " " + got.Source.String()
		for _, s := range got.ConfigSynonyms {
			shown += " " + s.Name
		}
		if shown != want {
			t.Errorf("%s: %s, want %s", name, shown, want)
		}
	}
	broker := describe(kmsg.ConfigResourceTypeBroker, "1", true, "node.id", "min.insync.replicas", "replica.lag.time.max.ms")
	if len(broker.Configs) != 3 || !broker.Configs[0].ReadOnly || broker.Configs[1].ReadOnly || !broker.Configs[2].ReadOnly {
		t.Errorf("broker configs: %+v", broker)
	}
	for name, r := range map[string]kmsg.DescribeConfigsResponseResource{
		"unknown topic": describe(kmsg.ConfigResourceTypeTopic, "none", false),
		"other broker":  describe(kmsg.ConfigResourceTypeBroker, "2", false),
		"other kind":    describe(kmsg.ConfigResourceTypeGroupConfig, "g", false),
	} {
		if r.ErrorCode == 0 || len(r.Configs) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAlteredConfigsReachTheLogs(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	set := func(typ kmsg.ConfigResourceType, resource, name, value string) int16 {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = typ, resource
		cf := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		cf.Name, cf.Value = name, &value
		r.Configs = append(r.Configs, cf)
		req.Resources = append(req.Resources, r)
		return conn.call(req, 1).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode
	}
	if code := set(kmsg.ConfigResourceTypeTopic, "t", "max.message.bytes", "200"); code != 0 {
		t.Fatalf("code %d", code)
	}
	c.run(100 * clock.Millisecond)
	big := string(make([]byte, 1000))
	got := conn.call(produceReq("t", id, 0, 1, batch(big)), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if got.ErrorCode != kerr.MessageTooLarge.Code {
		t.Errorf("a batch over max.message.bytes: code %d", got.ErrorCode)
	}
	if code := set(kmsg.ConfigResourceTypeTopic, "t", "max.message.bytes", "lots"); code == 0 {
		t.Error("nonsense was accepted")
	}
}

func TestDescribeTopicPartitionsPagesWithoutNulls(t *testing.T) {
	c := single(t)
	c.createTopic("a", 3, 1)
	c.createTopic("b", 2, 1)
	conn := c.conn(1)
	ask := func(limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) *kmsg.DescribeTopicPartitionsResponse {
		req := kmsg.NewPtrDescribeTopicPartitionsRequest()
		req.ResponsePartitionLimit, req.Cursor = limit, cursor
		for _, n := range names {
			req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: n})
		}
		return conn.call(req, 0).(*kmsg.DescribeTopicPartitionsResponse)
	}
	var seen []string
	var cursor *kmsg.DescribeTopicPartitionsRequestCursor
	for range 10 {
		resp := ask(2, cursor)
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				seen = append(seen, partitionDir(*topic.Topic, p.Partition))
				if p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil || p.LeaderID != 1 {
					t.Errorf("partition %+v", p)
				}
			}
		}
		if resp.NextCursor == nil {
			break
		}
		cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
	if want := []string{"a-0", "a-1", "a-2", "b-0", "b-1"}; !slices.Equal(seen, want) {
		t.Errorf("paged through %v", seen)
	}
	if got := ask(10, nil, "none", "a"); len(got.Topics) != 2 || got.Topics[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("got %+v", got.Topics)
	}
}

func TestDescribeClusterAndQuorum(t *testing.T) {
	c := single(t)
	conn := c.conn(1)
	for version := int16(0); version <= 2; version++ {
		req := kmsg.NewPtrDescribeClusterRequest()
		got := conn.call(req, version).(*kmsg.DescribeClusterResponse)
		if got.ErrorCode != 0 || got.ClusterID != "AAAAAAAAAAAAAAAAAAAAAQ" || len(got.Brokers) != 1 || got.ControllerID != 1 || got.ClusterAuthorizedOperations != -1<<31 {
			t.Errorf("v%d: %+v", version, got)
		}
	}
	wrong := kmsg.NewPtrDescribeClusterRequest()
	wrong.EndpointType = 2
	if got := conn.call(wrong, 1).(*kmsg.DescribeClusterResponse); got.ErrorCode != kerr.MismatchedEndpointType.Code {
		t.Errorf("an endpoint of the other kind: %+v", got)
	}
	req := kmsg.NewPtrDescribeQuorumRequest()
	qt := kmsg.NewDescribeQuorumRequestTopic()
	qt.Topic = metadataTopic
	qt.Partitions = append(qt.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, qt)
	got := conn.call(req, 2).(*kmsg.DescribeQuorumResponse)
	if got.ErrorCode != 0 || len(got.Topics) != 1 || got.Topics[0].Partitions[0].LeaderID != 1 {
		t.Errorf("quorum: %+v", got)
	}
}

func TestCreateTopicsAnswersWithoutNulls(t *testing.T) {
	c := single(t)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 5000
	ct := kmsg.NewCreateTopicsRequestTopic()
	ct.Topic, ct.NumPartitions, ct.ReplicationFactor = "t", -1, -1
	req.Topics = append(req.Topics, ct)
	got := c.conn(1).call(req, 7).(*kmsg.CreateTopicsResponse).Topics[0]
	if got.ErrorCode != 0 || got.Configs == nil || got.NumPartitions != 1 || got.ReplicationFactor != 1 {
		t.Errorf("got %+v", got)
	}
	if again := c.conn(1).call(req, 7).(*kmsg.CreateTopicsResponse).Topics[0]; again.ErrorCode != kerr.TopicAlreadyExists.Code {
		t.Errorf("twice: %+v", again)
	}
}
