package workload

import (
	"errors"

	"trial/checks/history"
	"trial/client"
	"trial/engine"
)

// consumer reads all partitions from their beginning, in sessions, and writes
// down every record and every position.
type consumer struct {
	*program
	k        *client.Consumer
	sessions []int32 // by topic and partition
}

func (w *consumer) boot() (err error) {
	cfg := fetchConfig(w.program)
	cfg.OnRecord, cfg.OnPosition, cfg.OnFetch, cfg.OnError = w.onRecord, w.onPosition, w.onFetch, w.onError
	cfg.Mutant = w.run.Mutant
	w.k, err = client.NewConsumer(w.h, cfg)
	w.sessions = make([]int32, w.numParts())
	return err
}

func fetchConfig(p *program) client.ConsumerConfig {
	cfg := client.DefaultConsumerConfig(p.run.Bootstrap...)
	p.cfg.base(p.run, &cfg.Config)
	setMs(&cfg.FetchMaxWait, p.cfg.FetchWaitMs)
	if cfg.FetchMaxWait >= cfg.RequestTimeout {
		cfg.FetchMaxWait = cfg.RequestTimeout / 2
	}
	if p.cfg.FetchBytes > 0 {
		cfg.FetchMaxBytes = int32(p.cfg.FetchBytes)
	}
	if p.cfg.PartitionBytes > 0 {
		cfg.MaxPartitionFetchBytes = int32(p.cfg.PartitionBytes)
	}
	if p.cfg.MaxPoll > 0 {
		cfg.MaxPollRecords = p.cfg.MaxPoll
	}
	cfg.ReadCommitted = p.cfg.Committed != 0
	cfg.AutoOffsetReset = client.ResetEarliest
	return cfg
}

// begin starts a session of every partition.
func (w *consumer) begin() {
	for i := range w.sessions {
		t, p := w.part(i)
		w.sessions[i] = w.run.History.NewSession()
		w.k.Assign(w.topicName(t), p, client.OffsetEarliest)
	}
	if w.cfg.SessionMs > 0 && !w.over() {
		w.after(w.jittered(duration(w.cfg.SessionMs)), w.begin)
	}
}

func (w *consumer) onPosition(topic string, id client.TopicID, partition int32, offset int64, why string) {
	w.add(history.Event{
		Kind: history.Positioned, Session: w.sessions[w.index(topic, partition)], Topic: history.TopicID(id),
		Partition: partition, Offset: offset, Why: why, Committed: w.cfg.Committed != 0,
	})
}

func (w *consumer) onRecord(r *client.Record) {
	e := Observed(history.Delivered, r)
	e.Session, e.Committed = w.sessions[w.index(r.Topic, r.Partition)], w.cfg.Committed != 0
	w.add(e)
}

// Observed makes the event of a record that was read, with what is wrong about it.
func Observed(kind history.Kind, r *client.Record) history.Event {
	e := history.Event{
		Kind: kind, Topic: history.TopicID(r.TopicID), Partition: r.Partition, Offset: r.Offset,
		LeaderEpoch: r.LeaderEpoch, Timestamp: r.TimestampMs,
	}
	id, topic, partition, err := history.ParsePayload(r.Value)
	switch {
	case err != nil:
		e.Bad = err.Error()
	case topic != history.TopicID(r.TopicID):
		e.Bad = "the record was meant for another topic"
	case partition != r.Partition:
		e.Bad = "the record was meant for another partition"
	}
	e.Record = id
	return e
}

// onFetch writes fetches down; their Tag carries the operation.
func (w *consumer) onFetch(f *client.Fetch) {
	if !f.Done {
		f.Tag = w.run.History.NewOp()
		w.add(history.Event{
			Kind: history.FetchInvoked, Op: f.Tag, Topic: history.TopicID(f.TopicID), Partition: f.Partition, Offset: f.Offset,
		})
		return
	}
	e := history.Event{Kind: history.FetchDone, Op: f.Tag, Outcome: history.OK, Offset: f.HighWatermark, LeaderEpoch: f.LeaderEpoch, Err: f.Code}
	if f.Err != nil {
		e.Outcome, e.Offset = history.Fail, -1
	}
	w.add(e)
}

func (w *consumer) onError(topic string, partition int32, offset int64, err error) {
	var damaged *client.CorruptError
	if !errors.As(err, &damaged) {
		w.h.Logf(engine.Info, "consumer %s-%d@%d: %v", topic, partition, offset, err)
		return
	}
	t, _ := w.k.Cluster().Topic(topic)
	w.add(history.Event{
		Kind: history.Delivered, Session: w.sessions[w.index(topic, partition)], Topic: history.TopicID(t.ID),
		Partition: partition, Offset: offset, Bad: damaged.Error(),
	})
}

func (w *consumer) finished() bool { return true }

func (w *consumer) close(then func()) {
	if w.k != nil {
		w.k.Close()
	}
	then()
}
