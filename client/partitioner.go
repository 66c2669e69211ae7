package client

import "trial/engine"

// Partitioner chooses the partition of a message that names none.
type Partitioner interface {
	// Partition returns a number in [0, n). key is nil without one. available
	// lists the partitions that have a leader, ascending; it may be empty.
	Partition(topic string, key, value []byte, n int32, available []int32) int32
	// NewBatch tells that the message did not fit into the open batch of the
	// partition last chosen for the topic.
	NewBatch(topic string)
}

// DefaultPartitioner hashes keys as Java does and sticks to one random
// partition per batch without a key (KIP-480, KIP-794 without the adaptive part).
func DefaultPartitioner(rng *engine.Stream) Partitioner { return &sticky{rng: rng} }

type sticky struct {
	rng    *engine.Stream
	topics []stickyTopic // few; in order of first use
}

type stickyTopic struct {
	name string
	at   int32 // -1: choose
}

func (s *sticky) topic(name string) *stickyTopic {
	for i := range s.topics {
		if s.topics[i].name == name {
			return &s.topics[i]
		}
	}
	s.topics = append(s.topics, stickyTopic{name: name, at: -1})
	return &s.topics[len(s.topics)-1]
}

func (s *sticky) Partition(topic string, key, _ []byte, n int32, available []int32) int32 {
	if key != nil {
		return KeyPartition(key, n)
	}
	t := s.topic(topic)
	if t.at < 0 || t.at >= n {
		t.at = choose(s.rng, n, available)
	}
	return t.at
}

func (s *sticky) NewBatch(topic string) { s.topic(topic).at = -1 }

func choose(rng *engine.Stream, n int32, available []int32) int32 {
	if len(available) > 0 {
		return available[rng.Pick(len(available))]
	}
	return int32(rng.N(int64(n)))
}

// RoundRobinPartitioner goes through the partitions in turn, keys or not.
func RoundRobinPartitioner() Partitioner { return &roundRobin{} }

type roundRobin struct{ topics []stickyTopic }

func (r *roundRobin) Partition(topic string, _, _ []byte, n int32, available []int32) int32 {
	var t *stickyTopic
	for i := range r.topics {
		if r.topics[i].name == topic {
			t = &r.topics[i]
		}
	}
	if t == nil {
		r.topics = append(r.topics, stickyTopic{name: topic, at: -1})
		t = &r.topics[len(r.topics)-1]
	}
	t.at = (t.at + 1) & 0x7fffffff
	if len(available) > 0 {
		return available[int(t.at)%len(available)]
	}
	return t.at % n
}

func (r *roundRobin) NewBatch(string) {}

// UniformPartitioner draws a partition for each message without a key and
// hashes keys as Java does.
func UniformPartitioner(rng *engine.Stream) Partitioner { return uniform{rng} }

type uniform struct{ rng *engine.Stream }

func (u uniform) Partition(_ string, key, _ []byte, n int32, available []int32) int32 {
	if key != nil {
		return KeyPartition(key, n)
	}
	return choose(u.rng, n, available)
}

func (u uniform) NewBatch(string) {}

// PartitionerFunc makes a Partitioner of a user's function.
type PartitionerFunc func(topic string, key, value []byte, n int32) int32

// Partition calls f.
func (f PartitionerFunc) Partition(topic string, key, value []byte, n int32, _ []int32) int32 {
	return f(topic, key, value, n)
}

// NewBatch does nothing.
func (f PartitionerFunc) NewBatch(string) {}
