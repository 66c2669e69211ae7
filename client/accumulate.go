package client

import (
	"trial/internal/mutant"
)

// enqueue puts a message into a batch of its partition. False: the topic or the
// partition is not known yet.
func (p *Producer) enqueue(t *sendTopic, m *Message) bool {
	meta := p.c.topic(t.name)
	if meta == nil || !meta.known || len(meta.parts) == 0 || m.Partition >= int32(len(meta.parts)) {
		return false
	}
	if m.TimestampMs == 0 {
		m.TimestampMs = p.h.WallMs()
	}
	partition, chosen := m.Partition, m.Partition < 0
	if chosen {
		partition = p.choose(meta, m)
	}
	q := p.queue(t, meta, partition)
	b := q.open()
	if b != nil && !p.hasRoom(t, b, m) {
		b.closed = true
		p.wake(p.h.Now())
		b = nil
	}
	if b == nil {
		if chosen && m.Key == nil {
			p.cfg.Partitioner.NewBatch(t.name)
			q = p.queue(t, meta, p.choose(meta, m))
			b = q.open()
			if b != nil && !p.hasRoom(t, b, m) {
				b.closed = true
				b = nil
			}
		}
		if b == nil {
			b = p.newBatch()
			q.waiting = append(q.waiting, b)
			p.wake(b.created.Add(p.cfg.Linger))
		}
	}
	b.b.Add(m.TimestampMs, m.Key, m.Value, m.headers()...)
	b.msgs = append(b.msgs, m)
	if p.estimate(t, b) >= p.cfg.BatchSize {
		b.closed = true
		p.wake(p.h.Now())
	}
	return true
}

func (p *Producer) choose(t *topicMeta, m *Message) int32 {
	var available []int32
	for i := range t.parts {
		if t.parts[i].leader >= 0 {
			available = append(available, int32(i))
		}
	}
	n := int32(len(t.parts))
	i := p.cfg.Partitioner.Partition(t.name, m.Key, m.Value, n, available)
	if i < 0 || i >= n { // a user's function: keep it in range
		i = ((i % n) + n) % n
	}
	return i
}

func (p *Producer) queue(t *sendTopic, meta *topicMeta, partition int32) *sendQueue {
	for int(partition) >= len(t.queues) {
		t.queues = append(t.queues, nil)
	}
	if t.queues[partition] == nil {
		q := &sendQueue{topic: t, partition: partition, id: meta.id, seq: newSequence()}
		t.queues[partition] = q
		p.queues = append(p.queues, q)
	}
	return t.queues[partition]
}

func (p *Producer) newBatch() *batch {
	var b *batch
	if n := len(p.free); n > 0 {
		b = p.free[n-1]
		p.free = p.free[:n-1]
		dst := b.b.Bytes()[:0]
		*b = batch{b: b.b, msgs: b.msgs[:0]}
		b.b.Reset(dst)
	} else {
		b = &batch{}
		b.b.Reset(nil)
	}
	b.created, b.pid = p.h.Now(), -1
	return b
}

// recycle keeps a finished batch's buffers for the next one.
func (p *Producer) recycle(b *batch) {
	if len(p.free) < 64 {
		p.free = append(p.free, b)
	}
}

// settleQueues moves partitions on whose numbers are settled: it starts a new
// producer epoch where one is needed, once nothing of the partition is on the
// wire any more, since an answer under way may still tell what the broker has. A
// batch in front of the hole whose outcome is unknown is sent again first, under
// its old number: under a new one the broker could not tell that it has it. (The
// Java client numbers all of them anew.)
func (p *Producer) settleQueues() {
	if !p.cfg.EnableIdempotence {
		return
	}
	for _, q := range p.queues {
		if len(q.wire) > 0 {
			continue
		}
		if _, some := q.outstanding(); !some {
			q.seq.settle()
		}
		if !q.seq.rewrite || len(q.waiting) > 0 && q.seq.inDoubt(q.waiting[0]) {
			continue
		}
		if q.seq.pid == p.pid && q.seq.epoch == p.epoch && p.pid >= 0 {
			p.bumpEpoch()
		}
		if p.pid >= 0 && q.seq.restart(p.pid, p.epoch, q.waiting) > 0 {
			p.h.Probe("client.renumbered.unknown")
		}
	}
	p.initProducerID()
}

// bumpEpoch starts the next producer epoch locally (KIP-360 without a
// transactional id); after the last one a new producer id is needed.
func (p *Producer) bumpEpoch() {
	p.h.Probe("client.epoch.bumped")
	if p.epoch == 1<<15-1 {
		p.pid, p.epoch = -1, -1
		return
	}
	p.epoch++
}

// head is the batch of q to send now, nil if none may leave.
func (p *Producer) head(q *sendQueue) (i int, b *batch) {
	if len(q.waiting) == 0 {
		return 0, nil
	}
	i = 0
	if p.skipsRetried(q) {
		i = 1
	}
	b = q.waiting[i]
	now := p.h.Now()
	if b.attempts > 0 {
		if now.Before(b.retryAt) && !p.leaderMoved(q, b) {
			return 0, nil
		}
	} else if !b.closed && i == len(q.waiting)-1 && !p.flushing && now.Before(b.created.Add(p.cfg.Linger)) {
		return 0, nil
	}
	if p.cfg.MaxInFlight == 1 && len(q.wire) > 0 && i == 0 {
		return 0, nil // guaranteeMessageOrder: the partition is mute while its batch is under way
	}
	if p.cfg.EnableIdempotence && !p.mayNumber(q, b) {
		return 0, nil
	}
	return i, b
}

// skipsRetried is the planted bug CLI-03 (KAFKA-3197): with one request in
// flight the partition is forgotten to be mute while its first batch waits for
// its retry, and the second one is sent.
func (p *Producer) skipsRetried(q *sendQueue) bool {
	if !mutant.Enabled || p.cfg.Mutant != mutant.CLI03 || p.cfg.EnableIdempotence || p.cfg.MaxInFlight != 1 {
		return false
	}
	if q.waiting[0].attempts == 0 || !p.h.Now().Before(q.waiting[0].retryAt) {
		return false
	}
	p.h.Probe("mutant.reached")
	if len(q.waiting) < 2 {
		return false
	}
	p.h.Probe("mutant.infected")
	return true
}

// leaderMoved: a batch does not wait out its back-off when a newer leader is
// known than the one that refused it (KIP-951).
func (p *Producer) leaderMoved(q *sendQueue, b *batch) bool {
	_, epoch, ok := p.c.Leader(q.topic.name, q.partition)
	return ok && epoch > b.epochAt
}

// mayNumber decides whether the sequence rules let b leave now
// (RecordAccumulator.shouldStopDrainBatchesForPartition).
func (p *Producer) mayNumber(q *sendQueue, b *batch) bool {
	s := &q.seq
	if s.rewrite {
		return len(q.wire) == 0 && s.inDoubt(b)
	}
	if b.sequenced {
		return q.first(b) // sent again one by one, in order
	}
	oldest, some := q.outstanding()
	if s.pid != p.pid || s.epoch != p.epoch {
		if some || s.unresolved >= 0 || len(q.wire) > 0 {
			return false
		}
		s.restart(p.pid, p.epoch, nil)
	}
	if s.unresolved >= 0 {
		return false
	}
	if !some {
		return true
	}
	// The broker recognizes only the last five batches. Counting those in flight,
	// as the Java client does, is not enough: while one batch is sent again and
	// again, later ones that are acknowledged at once would push it out.
	return q.numbered-oldest < rememberedBatches && (!p.cfg.FirstBatchAlone || s.lastAcked >= 0 || p.followsFirst())
}

// followsFirst is the planted bug IDM-08 (KAFKA-14359): a broker without state
// takes any first sequence, as Kafka's does, and the producer sends more batches
// before its first one is known to have landed.
func (p *Producer) followsFirst() bool {
	if !mutant.Enabled || p.cfg.Mutant != mutant.IDM08 {
		return false
	}
	p.h.Probe("mutant.reached")
	p.h.Probe("mutant.infected")
	return true
}
