package workload

import (
	"strconv"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
)

// producer sends records at a rate and writes down what becomes of each.
type producer struct {
	*program
	p        *client.Producer
	instance uint32
	counter  uint64
	turn     int
	free     []*client.Message
	stopped  bool
	begun    bool
}

func (w *producer) boot() error {
	cfg := client.DefaultProducerConfig(w.run.Bootstrap...)
	w.cfg.base(w.run, &cfg.Config)
	cfg.Acks = client.Acks(w.cfg.Acks)
	cfg.EnableIdempotence = w.cfg.Idempotent != 0
	cfg.MaxInFlight = w.cfg.MaxInFlight
	if w.cfg.BatchBytes > 0 {
		cfg.BatchSize = w.cfg.BatchBytes
	}
	if w.cfg.LingerMs >= 0 {
		cfg.Linger = clock.Ms(int64(w.cfg.LingerMs))
	}
	setMs(&cfg.DeliveryTimeout, w.cfg.DeliveryMs)
	if least := cfg.Linger + cfg.RequestTimeout; cfg.DeliveryTimeout < least {
		cfg.DeliveryTimeout = least
	}
	cfg.FirstBatchAlone = w.cfg.FirstTogether == 0
	cfg.Compression = w.cfg.Codec
	cfg.Mutant = w.run.Mutant
	cfg.OnAttempt = func(m *client.Message, a client.Attempt) {
		w.add(history.Event{Kind: history.SendAttempt, Op: m.Tag, Renumbered: a.Renumbered, Disputed: a.Disputed})
	}
	p, err := client.NewProducer(w.h, cfg)
	if err != nil {
		return err
	}
	w.p, w.instance = p, w.run.Instance()
	for _, t := range w.topics() {
		p.Cluster().Want(t)
	}
	return nil
}

func (w *producer) begin() {
	w.begun = true
	w.tick()
}

// tick sends what is due and sets the time of the next tick. Below 1,000 records
// a second that is one record, above it what falls into a millisecond.
func (w *producer) tick() {
	if w.over() || w.stopped || w.cfg.Rate <= 0 {
		w.stopped = true
		return
	}
	n, every := 1, clock.Second/clock.Duration(w.cfg.Rate)
	if every < clock.Millisecond {
		n, every = w.cfg.Rate/1000, clock.Millisecond
	}
	for ; n > 0; n-- {
		if w.cfg.Records > 0 && w.counter >= uint64(w.cfg.Records) {
			w.stopped = true
			return
		}
		if w.p.Outstanding() >= w.cfg.MaxOutstanding || w.cfg.Sync != 0 && w.p.Outstanding() > 0 {
			break
		}
		w.send()
	}
	w.after(w.jittered(every), w.tick)
}

// send sends one record, if its topic is known.
func (w *producer) send() {
	topic, partition, key := w.target()
	t, ok := w.p.Cluster().Topic(w.topicName(topic))
	if !ok || partition >= t.Partitions {
		return
	}
	w.counter++
	id := history.MakeID(w.instance, w.counter)
	m := w.message()
	m.Topic, m.Partition, m.Key, m.Tag = t.Name, partition, key, w.run.History.NewOp()
	m.Value = history.AppendPayload(m.Value[:0], id, history.TopicID(t.ID), partition, w.cfg.RecordBytes)
	e := history.Event{
		Kind: history.SendInvoked, Op: m.Tag, Topic: history.TopicID(t.ID), Partition: partition, Record: id,
		Acks: int8(w.cfg.Acks), Idempotent: w.cfg.Idempotent != 0, MaxInFlight: int16(w.cfg.MaxInFlight),
	}
	w.add(e)
	if err := w.p.Send(m); err != nil {
		w.done(m, client.Result{Outcome: history.Fail, Offset: -1, Err: err, Code: client.Code(err)})
	}
}

func (w *producer) message() *client.Message {
	if n := len(w.free); n > 0 {
		m := w.free[n-1]
		w.free = w.free[:n-1]
		m.TimestampMs = 0
		return m
	}
	m := &client.Message{}
	m.Done = w.done
	return m
}

// done writes the result down. The leader epoch is unknown: no answer to a
// Produce request carries it.
func (w *producer) done(m *client.Message, r client.Result) {
	w.add(history.Event{
		Kind: history.SendDone, Op: m.Tag, Outcome: r.Outcome, Offset: r.Offset, Err: r.Code, LeaderEpoch: r.LeaderEpoch,
	})
	w.free = append(w.free, m)
}

// target chooses where the next record goes.
func (w *producer) target() (topic int, partition int32, key []byte) {
	all := w.numParts()
	i := 0
	switch w.cfg.Spread {
	case SpreadTurns:
		i = w.turn % all
		w.turn++
	case SpreadHot:
		if w.rng.Chance(1, 2) {
			i = w.rng.Pick(all)
		}
	case SpreadKeys:
		topic = w.rng.Pick(w.numTopics())
		key = strconv.AppendInt([]byte("k"), w.rng.N(int64(w.cfg.Keys)), 10)
		return topic, client.KeyPartition(key, int32(w.partitionsOf(topic))), key
	default:
		i = w.rng.Pick(all)
	}
	topic, partition = w.part(i)
	return topic, partition, nil
}

func (w *producer) finished() bool {
	return w.begun && (w.stopped || w.over()) && w.p.Outstanding() == 0
}

func (w *producer) close(then func()) {
	w.stopped = true
	if w.p == nil {
		then()
		return
	}
	w.p.Flush(then)
}
