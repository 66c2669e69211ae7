package client

import (
	"sort"

	"trial/checks/history"
	"trial/clock"
	"trial/engine"
	"trial/internal/record/codec"
)

// Consumer reads assigned partitions from their leaders.
type Consumer struct {
	h   engine.Host
	cfg ConsumerConfig
	c   *Cluster
	rng *engine.Stream

	codecs codec.State

	parts        []*assignment // by topic, partition
	fetches      []*fetchCall  // on the wire, at most one per broker
	turn         int
	closed       bool
	soonSet      bool // the timer is set for a run in an event of its own
	timer        engine.Timer
	deliverTimer engine.Timer
}

// NewConsumer makes a consumer. It connects with the first assignment.
func NewConsumer(h engine.Host, cfg ConsumerConfig) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c, err := NewCluster(h, cfg.Config)
	if err != nil {
		return nil, err
	}
	k := &Consumer{h: h, cfg: cfg, c: c, rng: h.Stream(cfg.Stream + ".consumer")}
	k.timer.Fire = func() { k.soonSet = false; k.run() }
	k.deliverTimer.Fire = k.deliver
	c.onChange = k.run
	return k, nil
}

// Cluster is the consumer's own view of the cluster.
func (k *Consumer) Cluster() *Cluster { return k.c }

// Assign adds a partition, to be read from offset: a number, OffsetEarliest or
// OffsetLatest. Assigning it again moves the position and says start, not seek.
func (k *Consumer) Assign(topic string, partition int32, offset int64) {
	a := k.find(topic, partition)
	if a == nil {
		a = k.insert(topic, partition)
	}
	k.moveTo(a, offset, history.WhyStart)
}

// Seek moves the position of an assigned partition.
func (k *Consumer) Seek(topic string, partition int32, offset int64) {
	if a := k.find(topic, partition); a != nil {
		k.moveTo(a, offset, history.WhySeek)
	}
}

// Unassign stops reading a partition.
func (k *Consumer) Unassign(topic string, partition int32) {
	for i, a := range k.parts {
		if a.topic == topic && a.partition == partition {
			a.moved(stopped)
			k.dropChunk(a)
			k.parts = append(k.parts[:i], k.parts[i+1:]...)
			return
		}
	}
}

// Pause stops fetching a partition until Resume; what is buffered waits.
func (k *Consumer) Pause(topic string, partition int32) { k.setPaused(topic, partition, true) }

// Resume undoes Pause.
func (k *Consumer) Resume(topic string, partition int32) { k.setPaused(topic, partition, false) }

func (k *Consumer) setPaused(topic string, partition int32, paused bool) {
	if a := k.find(topic, partition); a != nil {
		a.paused = paused
		k.soon()
	}
}

// Position is the offset of the next record of a partition; false while it is
// not known.
func (k *Consumer) Position(topic string, partition int32) (offset int64, ok bool) {
	a := k.find(topic, partition)
	if a == nil || a.state == needsOffset || a.state == stopped {
		return 0, false
	}
	return a.offset, true
}

// Close ends the consumer. No callback follows.
func (k *Consumer) Close() {
	if k.closed {
		return
	}
	k.closed = true
	for _, a := range k.parts {
		k.dropChunk(a)
	}
	k.h.StopTimer(&k.timer)
	k.h.StopTimer(&k.deliverTimer)
	k.c.Close()
}

func (k *Consumer) find(topic string, partition int32) *assignment {
	i := k.search(topic, partition)
	if i < len(k.parts) && k.parts[i].topic == topic && k.parts[i].partition == partition {
		return k.parts[i]
	}
	return nil
}

func (k *Consumer) search(topic string, partition int32) int {
	return sort.Search(len(k.parts), func(i int) bool {
		a := k.parts[i]
		return a.topic > topic || a.topic == topic && a.partition >= partition
	})
}

func (k *Consumer) insert(topic string, partition int32) *assignment {
	i := k.search(topic, partition)
	a := &assignment{topic: topic, partition: partition, offsetEpoch: -1, leaderEpoch: -1}
	k.parts = append(k.parts, nil)
	copy(k.parts[i+1:], k.parts[i:])
	k.parts[i] = a
	k.c.Want(topic)
	return a
}

func (k *Consumer) moveTo(a *assignment, offset int64, why string) {
	if k.closed {
		return
	}
	k.dropChunk(a)
	a.why = why
	if offset < 0 {
		a.query = offset
		a.moved(needsOffset)
	} else {
		a.moved(fetchable)
		if t := k.c.topic(a.topic); t != nil {
			a.id = t.id
		}
		a.offset, a.offsetEpoch, a.leaderEpoch = offset, -1, -1
		k.tellPosition(a)
	}
	k.soon()
}

func (k *Consumer) tellPosition(a *assignment) {
	if k.cfg.OnPosition != nil {
		k.cfg.OnPosition(a.topic, a.id, a.partition, a.offset, a.why)
	}
}

// soon runs the consumer in an event of its own.
func (k *Consumer) soon() {
	if !k.closed && !k.soonSet {
		k.soonSet = true
		k.h.SetTimer(&k.timer, k.h.Now())
	}
}

// run does whatever can be done now; it follows every event.
func (k *Consumer) run() {
	if k.closed {
		return
	}
	now, at := k.h.Now(), clock.Never
	for i := 0; i < len(k.parts) && !k.closed; i++ {
		a := k.parts[i]
		if now.Before(a.retryAt) {
			at = min(at, a.retryAt)
			continue
		}
		k.advance(a)
	}
	if k.closed {
		return
	}
	for i := 0; i < len(k.c.brokers); i++ {
		k.fetchFrom(k.c.brokers[i])
	}
	if k.soonSet || k.closed {
		return
	}
	if at != clock.Never {
		k.h.SetTimer(&k.timer, at)
	} else {
		k.h.StopTimer(&k.timer)
	}
}

// advance brings a partition closer to being fetched.
func (k *Consumer) advance(a *assignment) {
	leader, epoch, ok := k.c.Leader(a.topic, a.partition)
	if !ok {
		k.c.meta.request()
		return
	}
	if t := k.c.topic(a.topic); t.id != a.id {
		if a.id != (TopicID{}) {
			k.lostPosition(a, history.WhyReset, ErrTopicRecreated)
		}
		a.id = t.id
	}
	if a.state == fetchable && epoch > a.leaderEpoch {
		// A newer leader may have a shorter log: see whether the position is still on it.
		if a.offsetEpoch >= 0 && epoch != a.offsetEpoch {
			a.moved(validating)
			k.dropChunk(a)
		} else {
			a.leaderEpoch = epoch
		}
	}
	if a.asking {
		return
	}
	switch a.state {
	case needsOffset:
		k.lookUp(a, leader, epoch)
	case validating:
		k.validate(a, leader, epoch)
	}
}

// lostPosition starts over by auto.offset.reset, or stops the partition.
func (k *Consumer) lostPosition(a *assignment, why string, err error) {
	k.dropChunk(a)
	if k.cfg.AutoOffsetReset == ResetNone {
		a.moved(stopped)
		k.report(a, err)
		return
	}
	a.query, a.why = OffsetEarliest, why
	if k.cfg.AutoOffsetReset == ResetLatest {
		a.query = OffsetLatest
	}
	a.moved(needsOffset)
}

func (k *Consumer) report(a *assignment, err error) {
	if k.cfg.OnError != nil {
		k.cfg.OnError(a.topic, a.partition, a.offset, err)
	}
}

// backOff keeps a partition quiet for a while after an error.
func (k *Consumer) backOff(a *assignment) {
	a.retryAt = k.h.Now().Add(backoff(k.cfg.RetryBackoff, k.cfg.RetryBackoffMax, a.fails, k.rng))
	a.fails++
}
