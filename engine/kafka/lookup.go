package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"trial/engine/kafka/control/image"
)

// topicOf finds a topic by its id (byID) or its name.
func (b *Broker) topicOf(name string, id image.UUID, byID bool) (*image.Topic, int16) {
	if byID {
		if t := b.image.TopicByID(id); t != nil {
			return t, 0
		}
		return nil, kerr.UnknownTopicID.Code
	}
	if t := b.image.Topic(name); t != nil {
		return t, 0
	}
	return nil, kerr.UnknownTopicOrPartition.Code
}

// partitionOf finds the open partition of a topic on this broker
// (ReplicaManager.getPartitionOrError): a partition that exists elsewhere, or is
// still being opened here, is NOT_LEADER_OR_FOLLOWER.
func (b *Broker) partitionOf(t *image.Topic, partition int32) (*hosted, int16) {
	if t.Partition(partition) == nil {
		return nil, kerr.UnknownTopicOrPartition.Code
	}
	p := b.parts.get(t.ID, partition)
	switch {
	case p == nil || p.phase == opening:
		return nil, kerr.NotLeaderForPartition.Code
	case p.phase == failed:
		return nil, kerr.KafkaStorageError.Code
	}
	return p, 0
}
