package kafka

import "github.com/twmb/franz-go/pkg/kmsg"

// handleOffsetForLeaderEpoch answers OffsetForLeaderEpoch 2-4 (KIP-320).
func handleOffsetForLeaderEpoch(r *request) {
	req := r.body.(*kmsg.OffsetForLeaderEpochRequest)
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	resp.Version = req.Version
	resp.Topics = make([]kmsg.OffsetForLeaderEpochResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t, out := &req.Topics[i], &resp.Topics[i]
		out.Topic = t.Topic
		out.Partitions = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(t.Partitions))
		topic, topicCode := r.b.topicOf(t.Topic, [16]byte{}, false)
		for j := range t.Partitions {
			in, o := &t.Partitions[j], &out.Partitions[j]
			*o = kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			o.Partition, o.LeaderEpoch, o.EndOffset = in.Partition, -1, -1
			var p *hosted
			o.ErrorCode = topicCode
			if o.ErrorCode == 0 {
				p, o.ErrorCode = r.b.partitionOf(topic, in.Partition)
			}
			if o.ErrorCode == 0 {
				o.ErrorCode, o.LeaderEpoch, o.EndOffset = p.part.OffsetForLeaderEpoch(in.CurrentLeaderEpoch, in.LeaderEpoch, req.ReplicaID >= 0)
			}
		}
	}
	r.reply(resp)
}
