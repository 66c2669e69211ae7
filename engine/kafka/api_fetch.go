package kafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/replica"
	"trial/internal/record"
	"trial/internal/wire"
)

// fetching is the fetch request of a connection, from the first look at the
// logs to its answer (DelayedFetch in Kafka). A connection has one and uses it
// again for every request.
type fetching struct {
	b        *Broker
	r        *request // nil: idle
	follower int32    // node id of a replica, -1 for a consumer
	slots    []fetchSlot
	minBytes int
	maxBytes int
	timer    engine.Timer
	watching bool

	resp    kmsg.FetchResponse
	regions []wire.Region
	enc     wire.FetchEncoder
}

// fetchSlot is one partition of a fetch request.
type fetchSlot struct {
	topic *image.Topic
	part  *replica.Partition // nil: code decides
	args  replica.FetchArgs
	code  int16 // why there is no part
	res   replica.FetchResult
	watch replica.Watcher
}

// handleFetch answers Fetch 4-18. There are no sessions: session id 0 in every
// answer makes clients send full requests (KIP-227).
func handleFetch(r *request) {
	req := r.body.(*kmsg.FetchRequest)
	f := r.conn.fetching()
	f.begin(r, req)
	if req.SessionID != 0 && req.SessionEpoch > 0 {
		f.resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		f.slots = f.slots[:0]
		f.answer()
		return
	}
	done := f.look(false)
	if done || req.MaxWaitMillis <= 0 || len(f.slots) == 0 {
		f.answer()
		return
	}
	f.b.metrics.DelayedFetches++
	f.b.h.SetTimer(&f.timer, r.arrived.Add(clock.Ms(int64(req.MaxWaitMillis))))
	r.conn.cancel = f.cancel
	f.watch()
}

func (c *conn) fetching() *fetching {
	if c.fetch == nil {
		f := &fetching{b: c.b}
		f.timer.Fire = f.onDeadline
		c.fetch = f
	}
	return c.fetch
}

// begin lays out the slots and the answer.
func (f *fetching) begin(r *request, req *kmsg.FetchRequest) {
	f.r, f.follower = r, req.ReplicaID
	followerEpoch := int64(-1)
	if req.Version >= 15 {
		f.follower, followerEpoch = req.ReplicaState.ID, req.ReplicaState.Epoch
	}
	if f.follower < 0 {
		f.follower = -1
	}
	f.maxBytes = max(min(int(req.MaxBytes), int(f.b.settings.long("fetch.max.bytes"))), 0)
	f.minBytes = min(int(req.MinBytes), f.maxBytes)
	f.resp = kmsg.FetchResponse{Version: req.Version, Topics: f.resp.Topics[:0]}
	f.layOut(req, followerEpoch)
	on := replica.HWChange
	if f.follower >= 0 {
		on = replica.EndChange
	}
	for i := range f.slots {
		f.slots[i].watch = replica.Watcher{Wake: f.onWake, On: on}
	}
}

func (f *fetching) layOut(req *kmsg.FetchRequest, followerEpoch int64) {
	f.slots = f.slots[:0]
	for i := range req.Topics {
		t := &req.Topics[i]
		topic, code := f.b.topicOf(t.Topic, t.TopicID, req.Version >= 13)
		for j := range t.Partitions {
			in := &t.Partitions[j]
			s := fetchSlot{topic: topic, code: code, args: replica.FetchArgs{
				Offset: in.FetchOffset, MaxBytes: int(in.PartitionMaxBytes), CurrentEpoch: in.CurrentLeaderEpoch,
				LastFetchedEpoch: in.LastFetchedEpoch, Follower: f.follower, FollowerEpoch: followerEpoch,
				FollowerLogStart: in.LogStartOffset, Committed: req.IsolationLevel == 1,
			}}
			if code == 0 && req.Version < 10 && f.b.topicConfig(topic.Name).codec == record.Zstd {
				s.code = kerr.UnsupportedCompressionType.Code // such clients do not know zstd (KIP-110)
			} else if code == 0 {
				var p *hosted
				if p, s.code = f.b.partitionOf(topic, in.Partition); p != nil {
					s.part = p.part
				}
			}
			f.slots = append(f.slots, s)
		}
	}
}

// look reads what is there now; true if that is an answer: enough bytes, an
// error, or a log that leaves ours (ReplicaManager.fetchMessages). The first
// partition with data may exceed the limits (KIP-74).
func (f *fetching) look(again bool) bool {
	left, total, minOne, done := f.maxBytes, 0, true, false
	for i := range f.slots {
		s := &f.slots[i]
		if s.part == nil {
			s.res = replica.FetchResult{Code: s.code, HW: -1, LSO: -1, LogStart: -1, LeaderID: -1, LeaderEpoch: -1}
			done = true
			continue
		}
		args := s.args
		args.MaxBytes, args.MinOne, args.ReadOnly = max(min(args.MaxBytes, left), 0), minOne, again
		s.res = s.part.Fetch(args)
		s.args.ToEnd = s.args.ToEnd || !again && s.res.AtEnd
		if s.res.Bytes > 0 {
			minOne = false
			total += s.res.Bytes
			left = max(left-s.res.Bytes, 0)
		}
		done = done || s.res.Code != 0 || s.res.Diverging != nil
	}
	return done || total >= f.minBytes
}

func (f *fetching) watch() {
	f.watching = true
	for i := range f.slots {
		f.slots[i].part.Watch(&f.slots[i].watch)
	}
}

func (f *fetching) unwatch() {
	if !f.watching {
		return
	}
	f.watching = false
	for i := range f.slots {
		f.slots[i].part.Unwatch(&f.slots[i].watch)
	}
}

// onWake looks again after something changed.
func (f *fetching) onWake(w *replica.Watcher) {
	if f.look(true) {
		f.answer()
		return
	}
	for i := range f.slots {
		if s := &f.slots[i]; &s.watch == w {
			s.part.Watch(w)
			return
		}
	}
}

// onDeadline answers with what there is: max.wait.ms has passed.
func (f *fetching) onDeadline() {
	f.look(true)
	f.answer()
}

// cancel forgets the request: its connection ended.
func (f *fetching) cancel() {
	f.unwatch()
	f.b.h.StopTimer(&f.timer)
	f.b.metrics.DelayedFetches--
	f.r = nil
}

func (f *fetching) answer() {
	r := f.r
	if r.conn.cancel != nil {
		r.conn.cancel = nil
		f.cancel()
	}
	f.fill(r.body.(*kmsg.FetchRequest))
	f.r = nil
	if !r.finish() {
		return
	}
	f.b.h.SendParts(r.conn.id, f.enc.Encode(f.b.h, r.hdr.CorrelationID, &f.resp, f.regions))
}

// fill writes the answer in the order of the request.
func (f *fetching) fill(req *kmsg.FetchRequest) {
	f.regions = f.regions[:0]
	if f.resp.ErrorCode != 0 {
		return
	}
	n := 0
	for i := range req.Topics {
		in := &req.Topics[i]
		if i < cap(f.resp.Topics) {
			f.resp.Topics = f.resp.Topics[:i+1]
		} else {
			f.resp.Topics = append(f.resp.Topics, kmsg.NewFetchResponseTopic())
		}
		out := &f.resp.Topics[i]
		out.Topic, out.TopicID = in.Topic, in.TopicID
		out.Partitions = slices.Grow(out.Partitions[:0], len(in.Partitions))[:len(in.Partitions)]
		for j := range in.Partitions {
			f.fillPartition(&out.Partitions[j], &in.Partitions[j], &f.slots[n])
			n++
		}
	}
}

func (f *fetching) fillPartition(out *kmsg.FetchResponseTopicPartition, in *kmsg.FetchRequestTopicPartition, s *fetchSlot) {
	*out = kmsg.NewFetchResponseTopicPartition()
	res := &s.res
	out.Partition, out.ErrorCode = in.Partition, res.Code
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = res.HW, res.LSO, res.LogStart
	out.RecordBatches = []byte{} // length 0, never null: librdkafka refuses null
	if s.args.Committed && f.follower < 0 {
		out.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
	}
	if out.ErrorCode == kerr.KafkaStorageError.Code && f.resp.Version <= 5 {
		out.ErrorCode = kerr.NotLeaderForPartition.Code // such clients do not know the code
	}
	if res.Code != 0 {
		out.HighWatermark, out.LastStableOffset, out.LogStartOffset = -1, -1, -1
	}
	if res.Diverging != nil {
		out.DivergingEpoch.Epoch, out.DivergingEpoch.EndOffset = res.Diverging.Epoch, res.Diverging.End
	}
	f.noteLeader(out, s.topic)
	region := wire.Region{}
	if res.Code == 0 && res.Diverging == nil && res.Bytes > 0 {
		region = wire.Region{File: res.Slice.File, Pos: res.Slice.Pos, Len: res.Slice.Len}
		if f.follower >= 0 {
			f.b.metrics.ReplicationBytesOut += int64(res.Bytes)
		} else {
			f.b.metrics.BytesOut += int64(res.Bytes)
		}
	}
	f.regions = append(f.regions, region)
}

// noteLeader tells where the leader is (KIP-951).
func (f *fetching) noteLeader(out *kmsg.FetchResponseTopicPartition, topic *image.Topic) {
	if f.resp.Version < 16 || out.ErrorCode != kerr.NotLeaderForPartition.Code && out.ErrorCode != kerr.FencedLeaderEpoch.Code {
		return
	}
	p := topic.Partition(out.Partition)
	if p == nil {
		return
	}
	out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = p.Leader, p.LeaderEpoch
	for i := range f.resp.Brokers {
		if f.resp.Brokers[i].NodeID == p.Leader {
			return
		}
	}
	br := f.b.image.Broker(p.Leader)
	if host, port, ok := clientEndpoint(br); ok {
		f.resp.Brokers = append(f.resp.Brokers, kmsg.FetchResponseBroker{NodeID: br.ID, Host: host, Port: port, Rack: br.Rack})
	}
}
