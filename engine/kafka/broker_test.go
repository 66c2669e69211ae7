package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// single is a booted cluster of one broker.
func single(t testing.TB, settings ...string) *cluster {
	t.Helper()
	c := newCluster(t, 1, 1, func(cfg *Config) {
		for i := 0; i < len(settings); i += 2 {
			cfg.Settings[settings[i]] = settings[i+1]
		}
	})
	c.up()
	return c
}

func TestAFreshBrokerServesWithinAHundredMilliseconds(t *testing.T) {
	c := newCluster(t, 3, 1, nil)
	c.up()
	if c.now.Ms() > 100 {
		t.Errorf("serving only after %s", c.now)
	}
	resp := c.conn(1).call(kmsg.NewPtrMetadataRequest(), 13).(*kmsg.MetadataResponse)
	if len(resp.Brokers) != 3 || resp.ControllerID < 1 {
		t.Errorf("metadata has %d brokers and controller %d", len(resp.Brokers), resp.ControllerID)
	}
}

func TestMetadataCreatesTopicsThatAClientNames(t *testing.T) {
	c := single(t, "num.partitions", "3")
	conn := c.conn(1)
	ask := func(auto bool, version int16, names ...string) *kmsg.MetadataResponse {
		req := kmsg.NewPtrMetadataRequest()
		req.AllowAutoTopicCreation = auto
		req.Topics = []kmsg.MetadataRequestTopic{}
		for _, n := range names {
			req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: kmsg.StringPtr(n)})
		}
		return conn.call(req, version).(*kmsg.MetadataResponse)
	}
	if got := ask(false, 9, "t"); got.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Fatalf("an unknown topic: %+v", got.Topics)
	}
	c.run(clock.Second)
	if c.broker(1).image.Topic("t") != nil {
		t.Fatal("the topic was created although the client forbade it")
	}
	if got := ask(true, 9, "t"); got.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Fatalf("the answer does not wait for the creation: %+v", got.Topics)
	}
	c.run(clock.Second)
	got := ask(true, 12, "t")
	topic := got.Topics[0]
	if topic.ErrorCode != 0 || len(topic.Partitions) != 3 || topic.TopicID == [16]byte{} || topic.AuthorizedOperations != -1<<31 {
		t.Fatalf("after the creation: %+v", topic)
	}
	for _, p := range topic.Partitions {
		if p.ErrorCode != 0 || p.Leader != 1 || !slices.Equal(p.Replicas, []int32{1}) || !slices.Equal(p.ISR, []int32{1}) || len(p.OfflineReplicas) != 0 {
			t.Errorf("partition %+v", p)
		}
	}
	if got := ask(true, 9, "no/good").Topics[0].ErrorCode; got != kerr.InvalidTopicException.Code {
		t.Errorf("an illegal name gave code %d", got)
	}
	byID := kmsg.NewPtrMetadataRequest()
	byID.Topics = []kmsg.MetadataRequestTopic{{TopicID: topic.TopicID}, {TopicID: [16]byte{9}}}
	r := conn.call(byID, 12).(*kmsg.MetadataResponse)
	if r.Topics[0].ErrorCode != 0 || *r.Topics[0].Topic != "t" || r.Topics[1].ErrorCode != kerr.UnknownTopicID.Code || r.Topics[1].Topic != nil {
		t.Errorf("by id: %+v", r.Topics)
	}
}

func TestMetadataOfAllTopicsAndOfNone(t *testing.T) {
	c := single(t)
	c.createTopic("t", 1, 1)
	conn := c.conn(1)
	for version := int16(0); version <= 13; version++ {
		all, none := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataRequest()
		all.Topics, none.Topics = nil, []kmsg.MetadataRequestTopic{}
		wantNone := 0
		if version == 0 {
			all.Topics, wantNone = []kmsg.MetadataRequestTopic{}, 1
		}
		if got := conn.call(all, version).(*kmsg.MetadataResponse); len(got.Topics) != 1 || got.Topics[0].ErrorCode != 0 {
			t.Errorf("v%d: all topics are %+v", version, got.Topics)
		}
		if got := conn.call(none, version).(*kmsg.MetadataResponse); len(got.Topics) != wantNone {
			t.Errorf("v%d: no topics are %+v", version, got.Topics)
		}
	}
}

func TestProduceAndFetchInEveryVersion(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	var want []string
	for version := int16(3); version <= 13; version++ {
		v := fmt.Sprintf("v%d", version)
		acks := int16(-1)
		if version%2 == 0 {
			acks = 1
		}
		resp := conn.call(produceReq("t", id, 0, acks, batch(v, v+"b")), version).(*kmsg.ProduceResponse)
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.BaseOffset != int64(len(want)) || p.LogAppendTime != -1 {
			t.Fatalf("produce v%d: %+v", version, p)
		}
		want = append(want, v, v+"b")
	}
	for version := int16(4); version <= 18; version++ {
		resp := conn.call(fetchReq("t", id, 0, 0, 0, 1), version).(*kmsg.FetchResponse)
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.HighWatermark != int64(len(want)) || p.LastStableOffset != int64(len(want)) || resp.SessionID != 0 {
			t.Fatalf("fetch v%d: %+v", version, p)
		}
		if diff := cmp.Diff(want, values(t, p.RecordBatches)); diff != "" {
			t.Errorf("fetch v%d:\n%s", version, diff)
		}
		end := conn.call(fetchReq("t", id, 0, int64(len(want)), 0, 1), version).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if end.ErrorCode != 0 || end.RecordBatches == nil || len(end.RecordBatches) != 0 {
			t.Errorf("fetch v%d at the end: %+v", version, end)
		}
	}
}

func TestProduceErrors(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	good := batch("x")
	bad := slices.Clone(good)
	bad[len(bad)-1] ^= 1
	two := append(slices.Clone(good), good...)
	for _, row := range []struct {
		name    string
		req     *kmsg.ProduceRequest
		version int16
		code    *kerr.Error
	}{
		{"unknown topic", produceReq("none", id, 0, -1, good), 9, kerr.UnknownTopicOrPartition},
		{"unknown partition", produceReq("t", id, 1, -1, good), 9, kerr.UnknownTopicOrPartition},
		{"unknown id", produceReq("", [16]byte{1}, 0, -1, good), 13, kerr.UnknownTopicID},
		{"corrupt batch", produceReq("t", id, 0, -1, bad), 9, kerr.CorruptMessage},
		{"no batch", produceReq("t", id, 0, -1, nil), 9, kerr.InvalidRecord},
		{"two batches", produceReq("t", id, 0, -1, two), 9, kerr.InvalidRecord},
		{"acks 2", produceReq("t", id, 0, 2, good), 9, kerr.InvalidRequiredAcks},
	} {
		resp := conn.call(row.req, row.version).(*kmsg.ProduceResponse)
		if got := resp.Topics[0].Partitions[0]; got.ErrorCode != row.code.Code || got.BaseOffset != -1 {
			t.Errorf("%s: code %d, base %d; want %v", row.name, got.ErrorCode, got.BaseOffset, row.code)
		}
	}
	if got := c.broker(1).parts.list[0].log.End(); got != 0 {
		t.Errorf("%d records were appended", got)
	}
}

func TestAcksZeroHasNoAnswerAndAnErrorHangsUp(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	for i := range 3 {
		req := produceReq("t", id, 0, 0, batch(fmt.Sprint(i)))
		req.Version = 9
		conn.send(req)
	}
	resp := conn.call(fetchReq("t", id, 0, 0, 500, 200), 12).(*kmsg.FetchResponse)
	if got := values(t, resp.Topics[0].Partitions[0].RecordBatches); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("acks=0 produced %v", got)
	}
	req := produceReq("none", id, 0, 0, batch("x"))
	req.Version = 9
	conn.send(req)
	c.until("the connection ends", clock.Second, func() bool { return conn.closed != nil })
	if len(conn.frames) > 0 {
		t.Error("acks=0 was answered")
	}
}

func TestALongPollEndsWithDataOrWithItsTime(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	consumer, producer := c.conn(1), c.conn(1)
	start := c.now
	resp := consumer.call(fetchReq("t", id, 0, 0, 300, 1), 16).(*kmsg.FetchResponse)
	if len(resp.Topics[0].Partitions[0].RecordBatches) != 0 || c.now.Sub(start) < 300*clock.Millisecond || c.now.Sub(start) > 320*clock.Millisecond {
		t.Errorf("an empty poll of 300ms took %s", c.now.Sub(start))
	}
	poll := fetchReq("t", id, 0, 0, 5000, 1)
	poll.Version = 16
	consumer.send(poll)
	c.run(100 * clock.Millisecond)
	if c.broker(1).metrics.DelayedFetches != 1 {
		t.Errorf("%d fetches wait", c.broker(1).metrics.DelayedFetches)
	}
	start = c.now
	producer.call(produceReq("t", id, 0, 1, batch("x")), 9)
	got := consumer.receive(poll, clock.Second).(*kmsg.FetchResponse)
	if v := values(t, got.Topics[0].Partitions[0].RecordBatches); !slices.Equal(v, []string{"x"}) || c.now.Sub(start) > 20*clock.Millisecond {
		t.Errorf("woken after %s with %v", c.now.Sub(start), v)
	}
	// A connection that ends leaves nothing behind.
	consumer.send(poll2(id))
	c.run(50 * clock.Millisecond)
	c.client.h.Close(consumer.id)
	c.run(50 * clock.Millisecond)
	if c.broker(1).metrics.DelayedFetches != 0 {
		t.Error("the fetch of a dead connection still waits")
	}
	c.run(10 * clock.Second)
}

func poll2(id [16]byte) *kmsg.FetchRequest {
	req := fetchReq("t", id, 0, 1, 5000, 1)
	req.Version = 16
	return req
}

func TestFetchLimits(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 2, 1)
	conn := c.conn(1)
	big := strings.Repeat("x", 1000)
	for p := range int32(2) {
		for range 3 {
			conn.call(produceReq("t", id, p, 1, batch(big)), 9)
		}
	}
	both := func(partMax, max int32) (int, int) {
		req := fetchReq("t", id, 0, 0, 0, 1)
		req.MaxBytes = max
		req.Topics[0].Partitions[0].PartitionMaxBytes = partMax
		second := req.Topics[0].Partitions[0]
		second.Partition = 1
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, second)
		resp := conn.call(req, 11).(*kmsg.FetchResponse)
		return len(values(t, resp.Topics[0].Partitions[0].RecordBatches)), len(values(t, resp.Topics[0].Partitions[1].RecordBatches))
	}
	for _, row := range []struct {
		partMax, max int32
		a, b         int
	}{
		{1 << 20, 1 << 20, 3, 3},
		{1, 1 << 20, 1, 0},    // the first with data may exceed its limit, the second may not
		{1 << 20, 1, 1, 0},    // the same for the limit of the whole
		{1500, 1 << 20, 1, 1}, // whole batches within the limit
		{2500, 3500, 2, 1},
	} {
		if a, b := both(row.partMax, row.max); a != row.a || b != row.b {
			t.Errorf("limits %d and %d gave %d and %d records, want %d and %d", row.partMax, row.max, a, b, row.a, row.b)
		}
	}
	over := conn.call(fetchReq("t", id, 0, 99, 0, 1), 11).(*kmsg.FetchResponse)
	if got := over.Topics[0].Partitions[0]; got.ErrorCode != kerr.OffsetOutOfRange.Code || got.HighWatermark != -1 {
		t.Errorf("beyond the end: %+v", got)
	}
	session := fetchReq("t", id, 0, 0, 0, 1)
	session.SessionID, session.SessionEpoch = 7, 3
	if got := conn.call(session, 11).(*kmsg.FetchResponse); got.ErrorCode != kerr.FetchSessionIDNotFound.Code || len(got.Topics) != 0 {
		t.Errorf("a session we never opened: %+v", got)
	}
}

func TestListOffsetsAndEpochs(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	conn.call(produceReq("t", id, 0, 1, batch("a", "b", "c")), 9)
	for _, row := range []struct {
		timestamp int64
		version   int16
		code      int16
		offset    int64
	}{
		{-1, 1, 0, 3}, {-1, 10, 0, 3}, {-2, 5, 0, 0}, {0, 7, 0, 0}, {1 << 60, 7, 0, -1},
		{-3, 6, kerr.UnsupportedVersion.Code, -1}, {-3, 7, 0, 0}, {-4, 8, 0, 0}, {-5, 9, 0, -1}, {-6, 10, kerr.UnsupportedVersion.Code, -1},
	} {
		req := kmsg.NewPtrListOffsetsRequest()
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = "t"
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Timestamp = row.timestamp
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		got := conn.call(req, row.version).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
		if got.ErrorCode != row.code || got.Offset != row.offset {
			t.Errorf("query %d in v%d: code %d, offset %d; want %d, %d", row.timestamp, row.version, got.ErrorCode, got.Offset, row.code, row.offset)
		}
	}
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	et := kmsg.NewOffsetForLeaderEpochRequestTopic()
	et.Topic = "t"
	for _, part := range []int32{0, 5} {
		ep := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		ep.Partition, ep.CurrentLeaderEpoch = part, -1
		et.Partitions = append(et.Partitions, ep)
	}
	req.Topics = append(req.Topics, et)
	got := conn.call(req, 4).(*kmsg.OffsetForLeaderEpochResponse).Topics[0].Partitions
	if got[0].ErrorCode != 0 || got[0].EndOffset != 3 || got[0].LeaderEpoch != 0 || got[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("epoch ends: %+v", got)
	}
}

func TestIdempotentProducersGetDistinctIDsAndDuplicatesOneAnswer(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	seen := map[int64]bool{}
	var pid int64
	for version := int16(0); version <= 5; version++ {
		resp := conn.call(kmsg.NewPtrInitProducerIDRequest(), version).(*kmsg.InitProducerIDResponse)
		if resp.ErrorCode != 0 || resp.ProducerID < 0 || resp.ProducerEpoch != 0 || seen[resp.ProducerID] {
			t.Fatalf("v%d: %+v", version, resp)
		}
		pid = resp.ProducerID
		seen[pid] = true
	}
	for range 2 {
		got := conn.call(produceReq("t", id, 0, -1, producerBatch(pid, 0, 0, "once")), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if got.ErrorCode != 0 || got.BaseOffset != 0 {
			t.Errorf("got %+v", got)
		}
	}
	if end := c.broker(1).parts.list[0].log.End(); end != 1 {
		t.Errorf("the duplicate was appended: log ends at %d", end)
	}
	txn := kmsg.NewPtrInitProducerIDRequest()
	txn.TransactionalID = kmsg.StringPtr("x")
	if got := conn.call(txn, 4).(*kmsg.InitProducerIDResponse); got.ErrorCode != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("a transactional id without a coordinator: %+v", got)
	}
}

func TestApiVersionsAdvertiseWhatIsServed(t *testing.T) {
	c := single(t)
	for version := int16(0); version <= 4; version++ {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1.0"
		resp := c.conn(1).call(req, version).(*kmsg.ApiVersionsResponse)
		if resp.ErrorCode != 0 || len(resp.ApiKeys) != len(c.broker(1).clientAPIs) {
			t.Fatalf("v%d: %+v", version, resp)
		}
		for _, k := range resp.ApiKeys {
			a := c.broker(1).lookupAPI(k.ApiKey, clientListener)
			if a == nil || k.MaxVersion != a.max || k.MinVersion > a.min {
				t.Errorf("v%d advertises %+v", version, k)
			}
			if k.ApiKey == 0 && k.MinVersion != 0 || k.ApiKey == 17 && k.MinVersion != 0 {
				t.Errorf("librdkafka needs version 0 of key %d advertised", k.ApiKey)
			}
		}
		if version >= 3 && (len(resp.FinalizedFeatures) == 0 || len(resp.SupportedFeatures) == 0) {
			t.Errorf("v%d: no features", version)
		}
		for _, f := range resp.SupportedFeatures {
			if version < 4 && f.MinVersion == 0 {
				t.Errorf("v%d shows a feature with minimum 0: %+v", version, f)
			}
		}
	}
	bad := kmsg.NewPtrApiVersionsRequest()
	bad.ClientSoftwareName = "no spaces"
	if got := c.conn(1).call(bad, 3).(*kmsg.ApiVersionsResponse); got.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a bad client name: %+v", got)
	}
	// A version from the future is answered in version 0 (KIP-511).
	conn := c.conn(1)
	conn.sendRaw([]byte{0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff})
	c.until("answer", clock.Second, func() bool { return len(conn.frames) > 0 })
	want := []byte{0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4}
	if diff := cmp.Diff(want, conn.frames[0]); diff != "" {
		t.Errorf("answer to a version from the future:\n%s", diff)
	}
}

func TestFramesThatAreNoRequestsOfOursEndTheConnection(t *testing.T) {
	c := single(t)
	for name, frame := range map[string][]byte{
		"empty":                 {},
		"short":                 {0, 3, 0},
		"unknown key":           {1, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"not on this listener":  {0, 62, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"groups are not served": {0, 11, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"version too low":       {0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff},
		"version too high":      {0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff},
		"body too short":        {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 9},
		"bytes behind the body": {0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		conn := c.conn(1)
		conn.sendRaw(frame)
		c.until(name, clock.Second, func() bool { return conn.closed != nil })
		if len(conn.frames) > 0 {
			t.Errorf("%s was answered", name)
		}
	}
	if c.broker(1).metrics.Connections > 3 {
		t.Errorf("%d connections are still counted", c.broker(1).metrics.Connections)
	}
	if got := c.life(1).lent; got > 8 {
		t.Errorf("%d buffers were not given back", got)
	}
}

func TestSaslOnAPlaintextListener(t *testing.T) {
	c := single(t)
	for version := int16(0); version <= 1; version++ {
		req := kmsg.NewPtrSASLHandshakeRequest()
		req.Mechanism = "PLAIN"
		if got := c.conn(1).call(req, version).(*kmsg.SASLHandshakeResponse); got.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("v%d: %+v", version, got)
		}
	}
	if got := c.conn(1).call(kmsg.NewPtrSASLAuthenticateRequest(), 2).(*kmsg.SASLAuthenticateResponse); got.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("%+v", got)
	}
}

func TestAnOrderlyStopLeavesAMarkerAndARestartServesTheSameRecords(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	c.conn(1).call(produceReq("t", id, 0, -1, batch("a", "b")), 9)
	first := c.broker(1).lifecycle.epoch
	l := c.life(1)
	l.event(0, c.broker(1).Stop)
	c.until("the broker exits", 20*clock.Second, func() bool { return l.exited })
	if l.exit != nil {
		t.Fatalf("exit: %v", l.exit)
	}
	if got := string(c.disks[1][0].files[cleanShutdownFile].data); got != string(encodeCleanShutdown(first)) {
		t.Errorf("marker is %q", got)
	}
	c.boot(1)
	c.up()
	if got := c.broker(1).lifecycle.previous; got != first {
		t.Errorf("previous epoch is %d, want %d", got, first)
	}
	if c.disks[1][0].files[cleanShutdownFile] != nil {
		t.Error("the marker outlived the boot")
	}
	c.until("leads again", 10*clock.Second, func() bool { return c.broker(1).parts.list[0].part.HW() == 2 })
	got := c.conn(1).call(fetchReq("t", id, 0, 0, 500, 1), 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if v := values(t, got.RecordBatches); !slices.Equal(v, []string{"a", "b"}) {
		t.Errorf("after the restart: %v, code %d", v, got.ErrorCode)
	}
}

func TestAKilledBrokerComesBackWithoutAPreviousEpoch(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	c.conn(1).call(produceReq("t", id, 0, -1, batch("a")), 9)
	c.nodes[1].kill()
	c.boot(1)
	c.up()
	if got := c.broker(1).lifecycle.previous; got != -1 {
		t.Errorf("previous epoch is %d", got)
	}
	c.until("leads again", 10*clock.Second, func() bool { return c.broker(1).parts.list[0].part.HW() == 1 })
}

func TestADirectoryOfAnotherTopicIDIsDeletedAndNeverReused(t *testing.T) {
	c := single(t)
	old := c.createTopic("t", 1, 1)
	c.conn(1).call(produceReq("t", old, 0, -1, batch("old")), 9)
	deleteTopic(c, "t")
	c.run(clock.Second)
	for dir := range c.disks[1][0].dirs {
		if strings.HasPrefix(dir, "t-0") {
			t.Errorf("directory %s outlived its topic", dir)
		}
	}
	id := c.createTopic("t", 1, 1)
	if id == old {
		t.Fatal("the same id twice")
	}
	c.nodes[1].kill()
	// What a crash in the middle of a deletion leaves: a directory of the old id.
	c.disks[1][0].files["t-0/"+partitionMetaFile].data = encodePartitionMeta(old)
	c.boot(1)
	c.up()
	got := c.conn(1).call(fetchReq("t", id, 0, 0, 0, 1), 13).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || got.HighWatermark != 0 {
		t.Errorf("the new topic has %+v", got)
	}
	if meta := c.disks[1][0].files["t-0/"+partitionMetaFile]; meta == nil || string(meta.data) != string(encodePartitionMeta(id)) {
		t.Error("the directory does not carry the new id")
	}
}

func deleteTopic(c *cluster, name string) {
	c.t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 5000
	dt := kmsg.NewDeleteTopicsRequestTopic()
	dt.Topic = &name
	req.Topics = append(req.Topics, dt)
	resp := c.conn(1).call(req, 6).(*kmsg.DeleteTopicsResponse)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		c.t.Fatalf("deletion of %s: code %d", name, code)
	}
}

func TestAVolumeOfSomebodyElseEndsTheNode(t *testing.T) {
	c := single(t)
	c.nodes[1].kill()
	c.disks[1][0].files[metaPropertiesFile].data = metaProperties{nodeID: 2, clusterID: "AAAAAAAAAAAAAAAAAAAAAQ"}.encode()
	c.boot(1)
	l := c.life(1)
	c.until("exit", clock.Second, func() bool { return l.exited })
	if l.exit == nil || !strings.Contains(l.exit.Error(), "belongs to node 2") {
		t.Errorf("exit: %v", l.exit)
	}
}

func TestABadConfigurationEndsTheNode(t *testing.T) {
	w := newWorld(t)
	l := w.addNode(1, 1, "n1:9092", "n1:9093").start(New(Config{NodeID: 1}))
	w.run(clock.Second)
	if !l.exited || l.exit == nil {
		t.Fatal("booted without a cluster id")
	}
}

func TestAFailedOnlyVolumeEndsTheNode(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	c.nodes[1].failDisk = func(op *engine.DiskOp) error {
		if op.Kind == engine.OpAppend {
			return engine.ErrIO
		}
		return nil
	}
	conn := c.conn(1)
	req := produceReq("t", id, 0, -1, batch("x"))
	req.Version = 9
	conn.send(req)
	l := c.life(1)
	c.until("exit", 5*clock.Second, func() bool { return l.exited })
	if l.exit == nil {
		t.Error("a clean exit after a failed append")
	}
}

func TestEveryBufferComesBack(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	c.run(clock.Second)
	before := c.life(1).lent
	conn := c.conn(1)
	for range 20 {
		conn.call(produceReq("t", id, 0, -1, batch("x")), 9)
		conn.call(produceReq("none", id, 0, 1, batch("x")), 9)
		conn.call(fetchReq("t", id, 0, 0, 0, 1), 12)
		conn.call(fetchReq("none", id, 0, 0, 0, 1), 12)
		conn.call(kmsg.NewPtrMetadataRequest(), 12)
	}
	silent := produceReq("t", id, 0, 0, batch("x"))
	silent.Version = 9
	conn.send(silent)
	poll := fetchReq("t", id, 0, 99, 5000, 1)
	poll.Topics[0].Partitions[0].FetchOffset = 21
	poll.Version = 12
	conn.send(poll)
	c.run(100 * clock.Millisecond)
	c.client.h.Close(conn.id)
	c.run(clock.Second)
	if got := c.life(1).lent; got != before {
		t.Errorf("%d buffers are out, %d were", got, before)
	}
}
