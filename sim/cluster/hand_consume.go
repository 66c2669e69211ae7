package cluster

import (
	"errors"
	"slices"

	"trial/checks/history"
	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
)

// Where a Consumer may begin, beside any offset.
const (
	FromStart int64 = client.OffsetEarliest
	FromEnd   int64 = client.OffsetLatest
)

// Record is one record that a Consumer was given.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Key, Value []byte
	At         clock.Instant
}

// Consumer reads the partitions that a Stage's caller assigns to it. Killed and
// started again it has forgotten what it read and begins anew where each
// assignment began.
type Consumer struct {
	hand     *hand
	cfg      client.ConsumerConfig
	assigned []assigned
	records  []Record
}

type assigned struct {
	topic     string
	partition int32
	from      int64
}

// Consumer starts a consumer on a node of its own. change, if given, edits its
// configuration, which begins with Kafka's defaults.
func (s *Stage) Consumer(name string, change ...func(*client.ConsumerConfig)) (*Consumer, error) {
	c := &Consumer{cfg: client.DefaultConsumerConfig(s.run.clients.Bootstrap...)}
	c.cfg.ClientID, c.cfg.AllowAutoTopicCreation = name, false
	c.cfg.OnRecord = func(*client.Record) {} // each life has its own
	for _, f := range change {
		f(&c.cfg)
	}
	if err := c.cfg.Validate(); err != nil {
		return nil, err
	}
	h, err := s.newHand(name, workload.Consumer, func() life { return &consuming{c: c} })
	if err != nil {
		return nil, err
	}
	c.hand = h
	s.run.panel.AddClient(c.cfg.RequestTimeout, c.cfg.RequestTimeout)
	return c, nil
}

// Name is the name of the consumer's node.
func (c *Consumer) Name() string { return c.hand.name }

// Records lists what the present life was given, in the order in which it came.
func (c *Consumer) Records() []Record { return c.records }

// Assign has the consumer read a partition from an offset, FromStart or FromEnd.
// Assigning it again begins again.
func (c *Consumer) Assign(topic string, partition int32, from int64) {
	a := assigned{topic, partition, from}
	if i := c.find(topic, partition); i >= 0 {
		c.assigned[i] = a
	} else {
		c.assigned = append(c.assigned, a)
	}
	if l, _ := c.hand.life.(*consuming); l != nil {
		c.hand.call(func() { l.assign(a) })
	}
}

func (c *Consumer) find(topic string, partition int32) int {
	return slices.IndexFunc(c.assigned, func(a assigned) bool { return a.topic == topic && a.partition == partition })
}

// consuming is one life of a Consumer.
type consuming struct {
	c        *Consumer
	h        engine.Host
	k        *client.Consumer
	sessions []session
}

type session struct {
	topic     string
	partition int32
	id        int32
}

// Boot starts the client.
func (l *consuming) Boot(h engine.Host) {
	l.h, l.c.records = h, nil
	l.c.hand.w.clients.Started(h)
	cfg := l.c.cfg
	own := cfg.OnRecord
	cfg.OnRecord = func(r *client.Record) { l.onRecord(r); own(r) }
	cfg.OnPosition, cfg.OnFetch, cfg.OnError = l.onPosition, l.onFetch, l.onError
	k, err := client.NewConsumer(h, cfg)
	if err != nil {
		l.c.hand.end(h, err)
		return
	}
	l.k = k
	if h.Incarnation() > 1 { // the first life is told
		for _, a := range l.c.assigned {
			l.assign(a)
		}
	}
}

// Accept refuses: nobody connects to a client.
func (l *consuming) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the client.
func (l *consuming) Stop() {
	l.k.Close()
	l.c.hand.end(l.h, nil)
}

func (l *consuming) lost() {}

func (l *consuming) assign(a assigned) {
	id := l.c.hand.w.history.NewSession()
	if s := l.session(a.topic, a.partition); s != nil {
		s.id = id
	} else {
		l.sessions = append(l.sessions, session{a.topic, a.partition, id})
	}
	l.k.Assign(a.topic, a.partition, a.from)
}

func (l *consuming) session(topic string, partition int32) *session {
	i := slices.IndexFunc(l.sessions, func(s session) bool { return s.topic == topic && s.partition == partition })
	if i < 0 {
		return nil
	}
	return &l.sessions[i]
}

func (l *consuming) add(e history.Event) {
	e.At, e.Client = l.h.Now(), int32(l.h.Node())
	l.c.hand.w.history.Add(e)
}

func (l *consuming) onRecord(r *client.Record) {
	e := workload.Observed(history.Delivered, r)
	e.Session, e.Committed = l.session(r.Topic, r.Partition).id, l.c.cfg.ReadCommitted
	l.add(e)
	l.c.records = append(l.c.records, Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: copied(r.Key), Value: copied(history.UnwrapPayload(r.Value)), At: l.h.Now(),
	})
}

func (l *consuming) onPosition(topic string, id client.TopicID, partition int32, offset int64, why string) {
	l.add(history.Event{
		Kind: history.Positioned, Session: l.session(topic, partition).id, Topic: history.TopicID(id),
		Partition: partition, Offset: offset, Why: why, Committed: l.c.cfg.ReadCommitted,
	})
}

func (l *consuming) onFetch(f *client.Fetch) {
	if !f.Done {
		f.Tag = l.c.hand.w.history.NewOp()
		l.add(history.Event{Kind: history.FetchInvoked, Op: f.Tag, Topic: history.TopicID(f.TopicID), Partition: f.Partition, Offset: f.Offset})
		return
	}
	e := history.Event{Kind: history.FetchDone, Op: f.Tag, Outcome: history.OK, Offset: f.HighWatermark, LeaderEpoch: f.LeaderEpoch, Err: f.Code}
	if f.Err != nil {
		e.Outcome, e.Offset = history.Fail, -1
	}
	l.add(e)
}

func (l *consuming) onError(topic string, partition int32, offset int64, err error) {
	var damaged *client.CorruptError
	if !errors.As(err, &damaged) {
		l.h.Logf(engine.Info, "consumer %s-%d@%d: %v", topic, partition, offset, err)
		return
	}
	t, _ := l.k.Cluster().Topic(topic)
	l.add(history.Event{
		Kind: history.Delivered, Session: l.session(topic, partition).id, Topic: history.TopicID(t.ID),
		Partition: partition, Offset: offset, Bad: damaged.Error(),
	})
}
