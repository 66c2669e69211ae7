package client

import (
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
	"trial/clock"
	"trial/engine"
	"trial/internal/mutant"
	"trial/internal/record/codec"
)

// Producer sends records. Messages gather in a batch per partition until it is
// full or linger.ms has passed; batches of one partition leave in order.
type Producer struct {
	h   engine.Host
	cfg ProducerConfig
	c   *Cluster
	rng *engine.Stream

	topics []*sendTopic // by name
	queues []*sendQueue // in the order of their first message
	turn   int          // where the next request starts to collect, for fairness
	free   []*batch
	codecs codec.State

	pid      int64 // -1: none yet
	epoch    int16
	pidAsked bool
	pidFails int
	pidAt    clock.Instant

	buffered    int
	wasFull     bool
	outstanding int // messages without a result
	flushing    bool
	flushed     []func()
	closed      bool
	timer       engine.Timer
	wakeAt      clock.Instant
}

// NewProducer makes a producer. It connects with the first message.
func NewProducer(h engine.Host, cfg ProducerConfig) (*Producer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c, err := NewCluster(h, cfg.Config)
	if err != nil {
		return nil, err
	}
	p := &Producer{h: h, cfg: cfg, c: c, rng: h.Stream(cfg.Stream + ".producer"), pid: -1, epoch: -1, wakeAt: clock.Never}
	if p.cfg.Partitioner == nil {
		p.cfg.Partitioner = DefaultPartitioner(p.rng)
	}
	p.timer.Fire = p.onTimer
	c.onChange = p.run
	return p, nil
}

// Cluster is the producer's own view of the cluster.
func (p *Producer) Cluster() *Cluster { return p.c }

// Outstanding is the number of messages that have no result yet.
func (p *Producer) Outstanding() int { return p.outstanding }

// Buffered is the buffer memory in use, in bytes.
func (p *Producer) Buffered() int { return p.buffered }

// ProducerID is the producer id and epoch in use, -1 before one is known.
func (p *Producer) ProducerID() (id int64, epoch int16) { return p.pid, p.epoch }

// Send accepts a message; its Done follows in a later event. An error means that
// the message was not accepted and Done will not be called.
func (p *Producer) Send(m *Message) error {
	if p.closed {
		return ErrClosed
	}
	size := messageSize(m)
	if size > p.cfg.MaxRequestSize {
		return ErrRecordTooLarge
	}
	if p.buffered+size > p.cfg.BufferMemory {
		p.wasFull = true
		return ErrBufferFull
	}
	p.buffered += size
	p.outstanding++
	t := p.topic(m.Topic)
	if len(t.pending) > 0 || !p.enqueue(t, m) {
		deadline := p.h.Now().Add(p.cfg.MaxBlock)
		t.pending = append(t.pending, pendingMessage{m, deadline})
		p.wake(deadline)
		p.c.meta.request()
	}
	return nil
}

// messageSize is what a message counts against buffer.memory: its bytes and
// those of the batch format around it, rounded up.
func messageSize(m *Message) int {
	size := 64 + len(m.Key) + len(m.Value)
	for i := range m.Headers {
		size += 10 + len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	return size
}

// Flush sends what has gathered without waiting for linger.ms; done is called
// when no message is outstanding.
func (p *Producer) Flush(done func()) {
	p.flushing = true
	p.flushed = append(p.flushed, done)
	p.wake(p.h.Now())
}

// Close ends the producer at once. Messages without a result get no callback
// any more; call Flush first for an orderly end.
func (p *Producer) Close() {
	p.closed = true
	p.h.StopTimer(&p.timer)
	p.c.Close()
}

func (p *Producer) topic(name string) *sendTopic {
	i := sort.Search(len(p.topics), func(i int) bool { return p.topics[i].name >= name })
	if i == len(p.topics) || p.topics[i].name != name {
		p.topics = append(p.topics, nil)
		copy(p.topics[i+1:], p.topics[i:])
		p.topics[i] = &sendTopic{name: name}
		p.c.Want(name)
	}
	return p.topics[i]
}

// wake sees to a run at the given instant at the latest.
func (p *Producer) wake(at clock.Instant) {
	if at < p.wakeAt {
		p.wakeAt = at
		p.h.SetTimer(&p.timer, at)
	}
}

func (p *Producer) onTimer() {
	p.wakeAt = clock.Never
	p.run()
}

// run does whatever can be done now: it follows every event of the cluster and
// the timer. Send never calls it, so that a callback that sends does not recurse.
func (p *Producer) run() {
	if p.closed {
		return
	}
	p.placePending()
	p.expire()
	p.initProducerID()
	p.settleQueues()
	if p.ready() {
		p.sendAll()
	}
	p.finish()
	if !p.closed {
		p.arm()
	}
}

// ready reports whether batches may leave: an idempotent producer needs its id.
func (p *Producer) ready() bool { return !p.closed && (!p.cfg.EnableIdempotence || p.pid >= 0) }

// placePending moves messages whose topic has become known into batches and
// gives up those that waited too long.
func (p *Producer) placePending() {
	now := p.h.Now()
	for _, t := range p.topics {
		placed := 0
		for placed < len(t.pending) && p.enqueue(t, t.pending[placed].m) {
			placed++
		}
		t.pending = append(t.pending[:0], t.pending[placed:]...)
		late := 0
		for late < len(t.pending) && !now.Before(t.pending[late].deadline) {
			late++
		}
		given := append([]pendingMessage(nil), t.pending[:late]...)
		t.pending = append(t.pending[:0], t.pending[late:]...)
		for _, w := range given {
			p.complete(w.m, Result{Outcome: history.Fail, Offset: -1, LeaderEpoch: -1, Partition: w.m.Partition, Err: ErrUnknownTopic, Code: codeUnknownTopic})
		}
		if len(t.pending) > 0 {
			p.c.meta.request()
		}
	}
}

func (p *Producer) complete(m *Message, r Result) {
	p.buffered -= messageSize(m)
	p.outstanding--
	if m.Done != nil && !p.closed {
		m.Done(m, r)
	}
}

// completeBatch gives every message of b its result.
func (p *Producer) completeBatch(q *sendQueue, b *batch, outcome history.Outcome, base int64, err error) {
	msgs := b.msgs
	b.msgs, b.done = b.msgs[len(b.msgs):], true
	r := Result{
		Outcome: outcome, Offset: -1, TopicID: q.id, Partition: q.partition,
		Err: err, Code: codeOf(err), Attempts: b.attempts, Renumbered: b.renumbered || b.disputed,
		LeaderEpoch: -1,
	}
	if b.attempts > 0 {
		r.LeaderEpoch = b.epochAt
	}
	for i, m := range msgs {
		if base >= 0 {
			r.Offset = base + int64(i)
		}
		p.complete(m, r)
	}
}

// giveUp completes b without an acknowledgement.
func (p *Producer) giveUp(q *sendQueue, b *batch, err error) {
	outcome := history.Fail
	if b.unknown {
		outcome = history.Info
	}
	if b.sequenced {
		q.seq.gaveUp(b, outcome == history.Fail)
	}
	p.completeBatch(q, b, outcome, -1, err)
}

// expire gives up batches whose delivery.timeout.ms has passed, and those whose
// topic is no longer the one they were meant for.
func (p *Producer) expire() {
	now := p.h.Now()
	for i := 0; i < len(p.queues); i++ {
		q := p.queues[i]
		gone := p.recreated(q)
		for n := 0; n < len(q.waiting); {
			b := q.waiting[n]
			late := !now.Before(b.created.Add(p.cfg.DeliveryTimeout))
			if !late && !gone {
				n++
				continue
			}
			q.take(n)
			err := ErrDeliveryTimeout
			if !late {
				err = ErrTopicRecreated
			}
			if !p.forgets(b) {
				p.giveUp(q, b, err)
			}
			p.recycle(b)
		}
		for _, b := range append([]*batch(nil), q.wire...) {
			if !b.done && !now.Before(b.created.Add(p.cfg.DeliveryTimeout)) {
				b.unknown = true
				p.giveUp(q, b, ErrDeliveryTimeout)
			}
		}
		if gone && len(q.wire) == 0 {
			p.adoptTopic(q)
		}
	}
}

// forgets is the planted bug SYN-V8: a batch whose time runs out while it waits to
// be sent again is dropped without a word to those who sent its messages.
func (p *Producer) forgets(b *batch) bool {
	if !mutant.Enabled || p.cfg.Mutant != mutant.SynV8 || b.attempts == 0 {
		return false
	}
	p.h.Probe("mutant.reached")
	p.h.Probe("mutant.infected")
	return true
}

// recreated reports whether the topic's name now stands for another topic id.
func (p *Producer) recreated(q *sendQueue) bool {
	t := p.c.topic(q.topic.name)
	return t != nil && t.id != q.id && q.id != (TopicID{})
}

// adoptTopic points an empty queue to the topic that now has the name.
func (p *Producer) adoptTopic(q *sendQueue) {
	q.id = p.c.topic(q.topic.name).id
	q.seq = newSequence()
}

// initProducerID asks for a producer id when there is none (KIP-98).
func (p *Producer) initProducerID() {
	if !p.cfg.EnableIdempotence || p.pid >= 0 || p.pidAsked || p.outstanding == 0 {
		return
	}
	if now := p.h.Now(); now.Before(p.pidAt) {
		return
	}
	p.pidAsked = true
	req := kmsg.NewPtrInitProducerIDRequest()
	req.ProducerID, req.ProducerEpoch = -1, -1
	p.c.DoAny(req, p.onProducerID)
}

func (p *Producer) onProducerID(r *Reply) {
	p.pidAsked = false
	resp, ok := r.Resp.(*kmsg.InitProducerIDResponse)
	if r.Err != nil || !ok || resp.ErrorCode != codeNone || resp.ProducerID < 0 {
		p.pidAt = p.h.Now().Add(backoff(p.cfg.RetryBackoff, p.cfg.RetryBackoffMax, p.pidFails, p.rng))
		p.pidFails++
		return // run follows
	}
	p.pid, p.epoch, p.pidFails = resp.ProducerID, resp.ProducerEpoch, 0
}

// finish tells those who wait for an empty producer or for space.
func (p *Producer) finish() {
	if p.wasFull && p.buffered <= p.cfg.BufferMemory/2 {
		p.wasFull = false
		if p.cfg.OnSpace != nil {
			p.cfg.OnSpace()
		}
	}
	if p.outstanding == 0 && p.flushing {
		done := p.flushed
		p.flushing, p.flushed = false, nil
		for _, f := range done {
			if f != nil && !p.closed {
				f()
			}
		}
	}
}

// arm sets the timer to the next moment at which time alone changes something.
func (p *Producer) arm() {
	now, at := p.h.Now(), clock.Never
	sooner := func(t clock.Instant) {
		if t > now && t < at {
			at = t
		}
	}
	for _, t := range p.topics {
		if len(t.pending) > 0 {
			sooner(t.pending[0].deadline)
		}
	}
	if p.cfg.EnableIdempotence && p.pid < 0 && p.outstanding > 0 {
		sooner(p.pidAt)
	}
	for _, q := range p.queues {
		for i, b := range q.waiting {
			if i > rememberedBatches { // those in front are older
				break
			}
			sooner(b.created.Add(p.cfg.DeliveryTimeout))
			sooner(b.retryAt)
			sooner(b.created.Add(p.cfg.Linger))
		}
		for _, b := range q.wire {
			if !b.done {
				sooner(b.created.Add(p.cfg.DeliveryTimeout))
			}
		}
	}
	p.wake(at)
}
