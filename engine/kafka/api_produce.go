package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/replica"
	"trial/internal/record"
)

// producing is a produce request between its appends and its answer.
type producing struct {
	r     *request
	resp  *kmsg.ProduceResponse
	acks  int16
	slots []produceSlot
	left  int // slots that are undecided
	timer engine.Timer
	work  []*recode // what has to be decompressed first
}

// produceSlot is one partition of a produce request.
type produceSlot struct {
	op   *producing
	w    replica.ProduceWaiter
	part *replica.Partition
	out  *kmsg.ProduceResponseTopicPartition
	size int

	records int
}

// adminClientID may write to internal topics (AdminUtils.ADMIN_CLIENT_ID).
const adminClientID = "__admin_client"

// handleProduce answers Produce 3-13 (KafkaApis.handleProduceRequest). With
// acks=0 there is no answer, and an error ends the connection instead.
func handleProduce(r *request) {
	req := r.body.(*kmsg.ProduceRequest)
	op := &producing{r: r, resp: kmsg.NewPtrProduceResponse(), acks: req.Acks}
	op.resp.Version = req.Version
	op.resp.Topics = make([]kmsg.ProduceResponseTopic, len(req.Topics))
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	op.slots = make([]produceSlot, 0, n)
	op.left = n + 1 // one for this function: nothing is answered before all is submitted
	written := func() { r.unpin(1) }
	for i := range req.Topics {
		t := &req.Topics[i]
		out := &op.resp.Topics[i]
		out.Topic, out.TopicID = t.Topic, t.TopicID
		out.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
		topic, code := r.b.topicOf(t.Topic, t.TopicID, req.Version >= 13)
		if code == 0 && internalTopic(topic.Name) && (r.hdr.ClientID == nil || *r.hdr.ClientID != adminClientID) {
			code = kerr.InvalidTopicException.Code
		}
		for j := range t.Partitions {
			op.slots = append(op.slots, produceSlot{op: op, out: &out.Partitions[j]})
			op.produce(&op.slots[len(op.slots)-1], topic, &t.Partitions[j], code, written)
		}
	}
	if len(op.work) > 0 {
		r.b.recode(op)
	}
	op.arm()
	op.decided()
}

// arm sets the deadline of what waits for replicas.
func (op *producing) arm() {
	if req := op.r.body.(*kmsg.ProduceRequest); op.left > 1 && req.Acks == -1 {
		op.timer.Fire = op.expire
		op.r.b.h.SetTimer(&op.timer, op.r.arrived.Add(clock.Ms(int64(max(req.TimeoutMillis, 0)))))
	}
}

// produce submits one partition, decides it at once, or notes that its records are
// to be looked into first.
func (op *producing) produce(s *produceSlot, topic *image.Topic, in *kmsg.ProduceRequestTopicPartition, code int16, written func()) {
	b := op.r.b
	*s.out = kmsg.NewProduceResponseTopicPartition()
	s.out.Partition, s.out.BaseOffset, s.out.LogAppendTime, s.out.LogStartOffset = in.Partition, -1, -1, -1
	var p *hosted
	if code == 0 {
		p, code = b.partitionOf(topic, in.Partition)
	}
	if code == 0 {
		s.records, code = checkRecords(in.Records, op.r.hdr.Version)
	}
	if code != 0 {
		op.refuse(s, topic, code)
		return
	}
	s.size = len(in.Records)
	if w := recodeOf(s, topic, b.topicConfig(topic.Name), in.Records); w != nil {
		op.work = append(op.work, w)
		return
	}
	s.part = p.part
	s.w.Tag, s.w.Done, s.w.Written = s, onProduced, written
	op.r.pin()
	p.part.Produce(&s.w, in.Records, op.acks)
}

func (op *producing) refuse(s *produceSlot, topic *image.Topic, code int16) {
	s.out.ErrorCode = code
	op.noteLeader(s.out, topic)
	op.decided()
}

// checkRecords holds what Kafka asks of the records of one partition
// (ProduceRequest.validateRecords): exactly one batch of the current format, and
// no codec that the client's version does not know.
func checkRecords(data []byte, version int16) (records int, code int16) {
	b, rest, err := record.Next(data)
	if err != nil || len(rest) > 0 {
		return 0, kerr.InvalidRecord.Code
	}
	if b.Codec() == record.Zstd && version < 7 {
		return 0, kerr.UnsupportedCompressionType.Code
	}
	return int(b.NumRecords()), 0
}

// onProduced takes the outcome of one partition.
func onProduced(w *replica.ProduceWaiter) {
	s := w.Tag.(*produceSlot)
	s.out.ErrorCode, s.out.BaseOffset = w.Code, w.Base
	s.out.LogStartOffset, s.out.LogAppendTime = w.LogStart, w.AppendTimeMs
	b := s.op.r.b
	if w.Code != 0 {
		b.metrics.FailedProduceRequests++
		if w.ErrMsg != "" {
			s.out.ErrorMessage = kmsg.StringPtr(w.ErrMsg)
		}
		s.op.noteLeader(s.out, b.image.TopicByID(s.part.TP().ID))
	} else {
		b.metrics.BytesIn += int64(s.size)
		b.metrics.MessagesIn += int64(s.records)
	}
	s.op.decided()
}

// noteLeader tells the client where the leader is, so that it need not ask for
// metadata (KIP-951).
func (op *producing) noteLeader(out *kmsg.ProduceResponseTopicPartition, topic *image.Topic) {
	if op.resp.Version < 10 || out.ErrorCode != kerr.NotLeaderForPartition.Code {
		return
	}
	p := topic.Partition(out.Partition)
	if p == nil {
		return
	}
	out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = p.Leader, p.LeaderEpoch
	for i := range op.resp.Brokers {
		if op.resp.Brokers[i].NodeID == p.Leader {
			return
		}
	}
	br := op.r.b.image.Broker(p.Leader)
	if host, port, ok := clientEndpoint(br); ok {
		op.resp.Brokers = append(op.resp.Brokers, kmsg.ProduceResponseBroker{NodeID: br.ID, Host: host, Port: port, Rack: br.Rack})
	}
}

// expire ends what still waits for replicas: timeout.ms has passed.
func (op *producing) expire() {
	for i := range op.slots {
		if s := &op.slots[i]; s.part != nil {
			s.part.Expire(&s.w)
		}
	}
}

// decided counts one outcome; the last one answers.
func (op *producing) decided() {
	if op.left--; op.left > 0 {
		return
	}
	op.r.b.h.StopTimer(&op.timer)
	if op.r.answered {
		return // the connection ended meanwhile
	}
	if op.acks != 0 {
		op.r.reply(op.resp)
		return
	}
	for i := range op.slots {
		if code := op.slots[i].out.ErrorCode; code != 0 {
			op.r.hangUp("produce with acks=0 failed: " + kerr.ErrorForCode(code).Error())
			return
		}
	}
	op.r.silence()
}
