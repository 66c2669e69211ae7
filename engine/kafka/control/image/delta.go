package image

import "trial/engine/kafka/view"

// Delta says what an Editor changed: the state before the edit beside the state
// after it, in the order of the first touch.
type Delta struct {
	Partitions    []PartitionDelta
	TopicsAdded   []*Topic
	TopicsRemoved []*Topic // as they were before the edit
	Brokers       []BrokerDelta
	Resources     []ResourceKey // whose configs changed
	Features      bool
	ProducerIDs   bool
}

// PartitionDelta is one changed partition. Old is nil for a new one, New is nil
// for a removed one.
type PartitionDelta struct {
	view.TP
	Old, New *Partition
}

// BrokerDelta is one changed broker. Old is nil for a new one, New is nil for a
// removed one.
type BrokerDelta struct {
	ID       int32
	Old, New *Broker
}

// Empty reports whether nothing changed.
func (d *Delta) Empty() bool {
	return len(d.Partitions)+len(d.TopicsAdded)+len(d.TopicsRemoved)+len(d.Brokers)+len(d.Resources) == 0 &&
		!d.Features && !d.ProducerIDs
}

// Observer hears of each single step of an edit, for facts. Either may be nil.
type Observer struct {
	Partition func(tp view.TP, offset int64, old, new *Partition)
	Broker    func(offset int64, old, new *Broker)
}
