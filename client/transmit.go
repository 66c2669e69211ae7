package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
)

// produceTopicIDs is the first version of Produce that names topics by id.
const produceTopicIDs = 13

// produceCall is one Produce request on its way.
type produceCall struct {
	p       *Producer
	batches []*batch
	queues  []*sendQueue
}

// sendAll sends to every broker as much as its connection takes.
func (p *Producer) sendAll() {
	stale := false
	for _, q := range p.queues {
		if len(q.waiting) == 0 {
			continue
		}
		if _, _, ok := p.c.Leader(q.topic.name, q.partition); !ok {
			stale = true
		}
	}
	if stale {
		p.c.meta.request()
	}
	for i := 0; i < len(p.c.brokers) && !p.closed; i++ {
		n := p.c.brokers[i]
		for !p.closed && p.sendTo(n) {
		}
	}
}

// sendTo makes one request of at most one batch per partition that n leads and
// reports whether it did.
func (p *Producer) sendTo(n *node) bool {
	if n.gone || n.load() >= p.cfg.MaxInFlight && n.conn != nil {
		return false
	}
	call := &produceCall{p: p}
	size := 0
	p.turn++
	for i := range p.queues {
		q := p.queues[(p.turn+i)%len(p.queues)]
		if leader, _, ok := p.c.Leader(q.topic.name, q.partition); !ok || leader != n.id {
			continue
		}
		at, b := p.head(q)
		if b == nil || p.recreated(q) {
			continue
		}
		if len(call.batches) == 0 && !p.c.Ready(n.id) {
			return false // the client is woken when the connection is there
		}
		p.seal(q.topic, b)
		if size > 0 && size+b.b.Len() > p.cfg.MaxRequestSize {
			break
		}
		size += b.b.Len()
		q.take(at)
		q.wire = append(q.wire, b)
		call.batches, call.queues = append(call.batches, b), append(call.queues, q)
	}
	if len(call.batches) == 0 {
		return false
	}
	p.transmit(n, call)
	return true
}

func (p *Producer) transmit(n *node, pc *produceCall) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks = int16(p.cfg.Acks)
	req.TimeoutMillis = int32(p.cfg.RequestTimeout.Ms())
	max := int16(-1)
	for i, b := range pc.batches {
		q := pc.queues[i]
		p.stamp(q, b)
		if q.id == (TopicID{}) {
			max = produceTopicIDs - 1
		}
		rt := produceTopic(req, q)
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = q.partition, b.b.Batch()
		rt.Partitions = append(rt.Partitions, rp)
	}
	oneWay := p.cfg.Acks == AcksNone
	p.c.submit(n.id, &call{req: req, done: pc.onReply, timeout: p.cfg.RequestTimeout, max: max, oneWay: oneWay})
	p.observe(pc)
	if oneWay {
		for i, b := range pc.batches {
			pc.queues[i].unwire(b)
			p.completeBatch(pc.queues[i], b, history.OK, -1, nil)
			p.recycle(b)
		}
	}
}

// stamp prepares b for an attempt.
func (p *Producer) stamp(q *sendQueue, b *batch) {
	b.closed = true
	b.attempts++
	_, b.epochAt, _ = p.c.Leader(q.topic.name, q.partition)
	if p.cfg.EnableIdempotence && !b.sequenced {
		b.number(q.seq.pid, q.seq.epoch, q.seq.next)
		q.seq.next = b.nextSeq()
		b.ord = q.numbered
		q.numbered++
	}
}

func (p *Producer) observe(pc *produceCall) {
	if p.cfg.OnAttempt == nil {
		return
	}
	for _, b := range pc.batches {
		for _, m := range b.msgs {
			p.cfg.OnAttempt(m, Attempt{Renumbered: b.renumbered, Disputed: b.disputed})
		}
	}
}

func produceTopic(req *kmsg.ProduceRequest, q *sendQueue) *kmsg.ProduceRequestTopic {
	for i := range req.Topics {
		if req.Topics[i].Topic == q.topic.name {
			return &req.Topics[i]
		}
	}
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = q.topic.name, q.id
	req.Topics = append(req.Topics, rt)
	return &req.Topics[len(req.Topics)-1]
}

// onReply takes the answer to one Produce request.
func (pc *produceCall) onReply(r *Reply) {
	p := pc.p
	if p.cfg.Acks == AcksNone {
		return // completed when it was handed over
	}
	resp, _ := r.Resp.(*kmsg.ProduceResponse)
	if resp != nil {
		for i := range resp.Brokers {
			b := &resp.Brokers[i]
			p.c.addBroker(b.NodeID, address(b.Host, b.Port), "")
		}
	}
	for i, b := range pc.batches {
		if p.closed {
			return
		}
		q := pc.queues[i]
		q.unwire(b)
		a := answer{code: codeNetworkException, base: -1, logStart: -1, leader: -1, epochOf: -1}
		switch {
		case r.Err == ErrNoVersion:
			a.code = codeUnsupportedVersion
		case r.Err == ErrRequestTimeout:
			a.code = codeRequestTimedOut // KAFKA-14317
		case r.Err == nil && resp != nil:
			a = findAnswer(resp, q)
		}
		p.onAnswer(q, b, a)
	}
}

// answer is what a broker said about one batch.
type answer struct {
	code            int16
	base, logStart  int64
	leader, epochOf int32
}

func findAnswer(resp *kmsg.ProduceResponse, q *sendQueue) answer {
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		if resp.Version >= produceTopicIDs && rt.TopicID != q.id || resp.Version < produceTopicIDs && rt.Topic != q.topic.name {
			continue
		}
		for j := range rt.Partitions {
			if rp := &rt.Partitions[j]; rp.Partition == q.partition {
				return answer{
					code: rp.ErrorCode, base: rp.BaseOffset, logStart: rp.LogStartOffset,
					leader: rp.CurrentLeader.LeaderID, epochOf: rp.CurrentLeader.LeaderEpoch,
				}
			}
		}
	}
	return answer{code: codeNetworkException, base: -1, logStart: -1, leader: -1, epochOf: -1}
}

// onAnswer completes a batch or sees to it that it is sent again.
func (p *Producer) onAnswer(q *sendQueue, b *batch, a answer) {
	outcome := produceOutcome(a.code, b.attempts == 1)
	b.answered(a.code, outcome)
	if staleMetadata(a.code) && !p.c.hint(p.c.topic(q.topic.name), q.partition, a.leader, a.epochOf) {
		p.c.meta.request()
	}
	if outcome == history.OK {
		if b.sequenced {
			q.seq.acked(b)
		}
		if a.code == codeDuplicateSequence {
			a.base = -1
		}
		if !b.done {
			p.completeBatch(q, b, history.OK, a.base, nil)
		}
		p.recycle(b)
		return
	}
	if b.done { // given up while on the wire
		p.recycle(b)
		return
	}
	late := !p.h.Now().Before(b.created.Add(p.cfg.DeliveryTimeout))
	again := retriable(a.code) || b.sequenced && b.pid == q.seq.pid && b.epoch == q.seq.epoch && q.seq.retry(b, a.code, a.logStart)
	if again && !late && b.attempts <= p.cfg.Retries {
		b.retryAt = p.h.Now().Add(backoff(p.cfg.RetryBackoff, p.cfg.RetryBackoffMax, int(b.attempts-1), p.rng))
		q.requeue(b)
		return
	}
	p.giveUp(q, b, kafkaError(a.code))
	p.recycle(b)
}
