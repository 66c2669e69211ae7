package kafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

// maxDescribedPartitions is max.request.partition.size.limit of Kafka.
const maxDescribedPartitions = 2000

// handleDescribeTopicPartitions answers DescribeTopicPartitions 0 (KIP-966): topics
// by name, cut off at a limit of partitions, with a cursor to go on from.
func handleDescribeTopicPartitions(r *request) {
	b, req := r.b, r.body.(*kmsg.DescribeTopicPartitionsRequest)
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	resp.Version = req.Version
	resp.Topics = []kmsg.DescribeTopicPartitionsResponseTopic{}
	names, ok := b.describedTopics(req)
	if !ok {
		r.hangUp("DescribeTopicPartitions with a cursor outside its topics")
		return
	}
	all := len(req.Topics) == 0
	left := min(max(int(req.ResponsePartitionLimit), 1), maxDescribedPartitions)
	for _, name := range names {
		if left == 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name}
			break
		}
		t := b.image.Topic(name)
		if t == nil {
			if !all {
				resp.Topics = append(resp.Topics, undescribedTopic(name))
			}
			continue
		}
		first := 0
		if req.Cursor != nil && req.Cursor.Topic == name {
			first = min(int(req.Cursor.Partition), len(t.Partitions))
		}
		end := min(first+left, len(t.Partitions))
		resp.Topics = append(resp.Topics, describeTopic(b.image, t, first, end))
		left -= end - first
		if end < len(t.Partitions) {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: int32(end)}
			break
		}
	}
	r.reply(resp)
}

// describedTopics are the names asked for, in order, from the cursor on.
func (b *Broker) describedTopics(req *kmsg.DescribeTopicPartitionsRequest) (names []string, ok bool) {
	cursor := ""
	if req.Cursor != nil {
		cursor = req.Cursor.Topic
		if req.Cursor.Partition < 0 {
			return nil, false
		}
	}
	if len(req.Topics) == 0 {
		for _, t := range b.image.Topics() {
			if t.Name >= cursor {
				names = append(names, t.Name)
			}
		}
		return names, true
	}
	for i := range req.Topics {
		if n := req.Topics[i].Topic; n >= cursor {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, req.Cursor == nil || slices.Contains(names, cursor)
}

func undescribedTopic(name string) kmsg.DescribeTopicPartitionsResponseTopic {
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.ErrorCode = kerr.UnknownTopicOrPartition.Code
	if !validTopicName(name) {
		t.ErrorCode = kerr.InvalidTopicException.Code
	}
	t.Topic, t.IsInternal = kmsg.StringPtr(name), internalTopic(name)
	t.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
	t.AuthorizedOperations = allTopicOperations
	return t
}

func describeTopic(im *image.Image, t *image.Topic, first, end int) kmsg.DescribeTopicPartitionsResponseTopic {
	out := kmsg.NewDescribeTopicPartitionsResponseTopic()
	out.Topic, out.TopicID, out.IsInternal = kmsg.StringPtr(t.Name), t.ID, internalTopic(t.Name)
	out.AuthorizedOperations = allTopicOperations
	out.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
	for i := first; i < end; i++ {
		p := t.Partitions[i]
		o := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		o.Partition, o.LeaderID, o.LeaderEpoch = int32(i), -1, p.LeaderEpoch
		if _, _, ok := clientEndpoint(im.Broker(p.Leader)); ok {
			o.LeaderID = p.Leader
		}
		// Empty, never null: the Java client fails on null.
		o.Replicas, o.ISR = clone32(p.Replicas), clone32(p.ISR)
		o.EligibleLeaderReplicas, o.LastKnownELR = clone32(p.ELR), clone32(p.LastKnownELR)
		o.OfflineReplicas = offlineReplicas(im, p)
		out.Partitions = append(out.Partitions, o)
	}
	return out
}
