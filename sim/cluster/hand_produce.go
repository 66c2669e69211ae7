package cluster

import (
	"errors"

	"trial/checks/history"
	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
)

// What a client of a Stage may fail with beside the errors of package client.
var (
	ErrDown    = errors.New("the client's process is down")
	ErrCrashed = errors.New("the client's process ended before an answer came")
)

// Sent is one record that a Producer was told to send.
type Sent struct {
	Topic      string
	Partition  int32 // -1 until it is chosen
	Key, Value []byte

	// Outcome: OK acknowledged, Fail certainly without effect, Info unknown; zero
	// while it is open.
	Outcome  history.Outcome
	Offset   int64 // -1 unknown
	Err      error
	Attempts int32
	At       clock.Instant // when it was done
}

// Done reports whether the outcome is settled, be it unknown.
func (s *Sent) Done() bool { return s.Outcome != 0 }

// OK reports whether the record was acknowledged.
func (s *Sent) OK() bool { return s.Outcome == history.OK }

func (s *Sent) end(at clock.Instant, outcome history.Outcome, offset int64, err error) {
	if !s.Done() {
		s.At, s.Outcome, s.Offset, s.Err = at, outcome, offset, err
	}
}

// Producer is a producer that a Stage's caller drives. Killed and started again it
// is a new producer; what it had under way is unknown.
type Producer struct {
	hand *hand
	cfg  client.ProducerConfig
	sent []*Sent
	open int
	acks int
}

// Producer starts a producer on a node of its own. change, if given, edits its
// configuration, which begins with Kafka's defaults.
func (s *Stage) Producer(name string, change ...func(*client.ProducerConfig)) (*Producer, error) {
	p := &Producer{cfg: client.DefaultProducerConfig(s.run.clients.Bootstrap...)}
	p.cfg.ClientID, p.cfg.AllowAutoTopicCreation, p.cfg.Mutant = name, false, s.run.plan.Mutant
	for _, f := range change {
		f(&p.cfg)
	}
	if err := p.cfg.Validate(); err != nil {
		return nil, err
	}
	h, err := s.newHand(name, workload.Producer, func() life { return &producing{p: p} })
	if err != nil {
		return nil, err
	}
	p.hand = h
	s.run.panel.AddClient(p.cfg.RequestTimeout, max(p.cfg.DeliveryTimeout, p.cfg.MaxBlock))
	return p, nil
}

// Name is the name of the producer's node.
func (p *Producer) Name() string { return p.hand.name }

// Sent lists everything that the producer was told to send, in order.
func (p *Producer) Sent() []*Sent { return p.sent }

// Open counts the records without an outcome.
func (p *Producer) Open() int { return p.open }

// Acked counts the records that were acknowledged.
func (p *Producer) Acked() int { return p.acks }

// Send hands a record over; what becomes of it shows in the result as time passes.
// Partition -1 lets the key decide or, without a key, takes the partitions in turn.
func (p *Producer) Send(topic string, partition int32, key, value []byte) *Sent {
	m := &Sent{Topic: topic, Partition: partition, Key: copied(key), Value: copied(value), Offset: -1}
	p.sent = append(p.sent, m)
	p.open++
	l, _ := p.hand.life.(*producing)
	if l == nil || !p.hand.call(func() { l.take(m) }) {
		p.done(m, p.hand.w.Now(), history.Fail, -1, ErrDown)
		return m
	}
	l.asked = append(l.asked, m)
	return m
}

func (p *Producer) done(m *Sent, at clock.Instant, outcome history.Outcome, offset int64, err error) {
	if !m.Done() {
		p.open--
		if outcome == history.OK {
			p.acks++
		}
		m.end(at, outcome, offset, err)
	}
}

func copied(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// producing is one life of a Producer.
type producing struct {
	p        *Producer
	h        engine.Host
	c        *client.Producer
	instance uint32
	counter  uint64
	turn     int32
	asked    []*Sent   // in order; the front is dropped as outcomes come
	waiting  []waiting // for metadata
	handed   map[*Sent]bool
	timer    engine.Timer
	ending   bool
}

type waiting struct {
	m     *Sent
	until clock.Instant
}

// Boot starts the client.
func (l *producing) Boot(h engine.Host) {
	run := l.p.hand.w.clients
	l.h, l.handed, l.instance = h, map[*Sent]bool{}, run.Instance()
	run.Started(h)
	cfg := l.p.cfg
	cfg.OnAttempt = func(m *client.Message, a client.Attempt) {
		l.add(history.Event{Kind: history.SendAttempt, Op: m.Tag, Renumbered: a.Renumbered, Disputed: a.Disputed})
	}
	c, err := client.NewProducer(h, cfg)
	if err != nil {
		l.p.hand.end(h, err)
		return
	}
	l.c, l.timer.Fire = c, l.look
	for _, t := range run.Topics {
		c.Cluster().Want(t.Name)
	}
}

// Accept refuses: nobody connects to a client.
func (l *producing) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop sends what it was told to send, waits for the answers and ends.
func (l *producing) Stop() {
	l.ending = true
	l.finish()
}

func (l *producing) add(e history.Event) {
	e.At, e.Client = l.h.Now(), int32(l.h.Node())
	l.p.hand.w.history.Add(e)
}

func (l *producing) take(m *Sent) {
	l.waiting = append(l.waiting, waiting{m, l.h.Now().Add(l.p.cfg.MaxBlock)})
	l.c.Cluster().Want(m.Topic)
	l.look()
}

// look hands over, in order, what has a known topic.
func (l *producing) look() {
	for len(l.waiting) > 0 {
		w := l.waiting[0]
		t, known := l.c.Cluster().Topic(w.m.Topic)
		if known = known && w.m.Partition < t.Partitions; !known && l.h.Now() < w.until {
			l.c.Cluster().RequestUpdate()
			l.h.SetTimer(&l.timer, l.h.Now().Add(retryEvery))
			return
		}
		l.waiting = l.waiting[1:]
		if known {
			l.send(w.m, t)
		} else {
			l.p.done(w.m, l.h.Now(), history.Fail, -1, client.ErrUnknownTopic)
		}
	}
	l.finish()
}

func (l *producing) send(m *Sent, t client.Topic) {
	switch {
	case m.Partition >= 0:
	case m.Key != nil:
		m.Partition = client.KeyPartition(m.Key, t.Partitions)
	default:
		m.Partition = l.turn % t.Partitions
		l.turn++
	}
	l.counter++
	cfg := &l.p.cfg
	id, op := history.MakeID(l.instance, l.counter), l.p.hand.w.history.NewOp()
	l.add(history.Event{
		Kind: history.SendInvoked, Op: op, Topic: history.TopicID(t.ID), Partition: m.Partition, Record: id,
		Acks: int8(cfg.Acks), Idempotent: cfg.EnableIdempotence, MaxInFlight: int16(min(cfg.MaxInFlight, 1000)),
	})
	l.handed[m] = true
	msg := &client.Message{
		Topic: m.Topic, Partition: m.Partition, Key: m.Key, Tag: op,
		Value: history.WrapPayload(nil, id, history.TopicID(t.ID), m.Partition, m.Value),
	}
	msg.Done = func(_ *client.Message, r client.Result) { l.done(m, op, r) }
	if err := l.c.Send(msg); err != nil {
		l.done(m, op, client.Result{Outcome: history.Fail, Offset: -1, Err: err, Code: client.Code(err)})
	}
}

func (l *producing) done(m *Sent, op int64, r client.Result) {
	l.add(history.Event{Kind: history.SendDone, Op: op, Outcome: r.Outcome, Offset: r.Offset, Err: r.Code, LeaderEpoch: -1})
	m.Attempts = r.Attempts
	l.p.done(m, l.h.Now(), r.Outcome, r.Offset, r.Err)
	for len(l.asked) > 0 && l.asked[0].Done() {
		l.asked = l.asked[1:]
	}
	delete(l.handed, m)
}

func (l *producing) finish() {
	if l.ending && len(l.waiting) == 0 {
		l.c.Flush(func() { l.p.hand.end(l.h, nil) })
	}
}

// lost settles what the process had under way: unknown, if it was handed to the
// client.
func (l *producing) lost() {
	now := l.p.hand.w.Now()
	for _, m := range l.asked {
		switch {
		case m.Done():
		case l.handed[m]:
			l.p.done(m, now, history.Info, -1, ErrCrashed)
		default:
			l.p.done(m, now, history.Fail, -1, ErrDown)
		}
	}
	l.asked = nil
}
