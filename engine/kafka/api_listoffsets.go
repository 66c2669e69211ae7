package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

// latestTiered asks for the end of tiered storage (KIP-1005), which there is none of.
const latestTiered = -5

// listing is a ListOffsets request whose searches are under way.
type listing struct {
	r    *request
	resp *kmsg.ListOffsetsResponse
	left int
}

// handleListOffsets answers ListOffsets 1-10.
func handleListOffsets(r *request) {
	req := r.body.(*kmsg.ListOffsetsRequest)
	l := &listing{r: r, resp: kmsg.NewPtrListOffsetsResponse(), left: 1}
	l.resp.Version = req.Version
	l.resp.Topics = make([]kmsg.ListOffsetsResponseTopic, len(req.Topics))
	seen := map[partKeyName]bool{}
	for i := range req.Topics {
		t, out := &req.Topics[i], &l.resp.Topics[i]
		out.Topic = t.Topic
		out.Partitions = make([]kmsg.ListOffsetsResponseTopicPartition, len(t.Partitions))
		topic, topicCode := r.b.topicOf(t.Topic, [16]byte{}, false)
		for j := range t.Partitions {
			key, code := partKeyName{t.Topic, t.Partitions[j].Partition}, topicCode
			if seen[key] {
				code = kerr.InvalidRequest.Code
			}
			seen[key] = true
			l.list(&out.Partitions[j], req, &t.Partitions[j], topic, code)
		}
	}
	l.done()
}

type partKeyName struct {
	topic     string
	partition int32
}

func (l *listing) list(out *kmsg.ListOffsetsResponseTopicPartition, req *kmsg.ListOffsetsRequest,
	in *kmsg.ListOffsetsRequestTopicPartition, topic *image.Topic, code int16) {
	*out = kmsg.NewListOffsetsResponseTopicPartition()
	out.Partition, out.Offset, out.Timestamp, out.LeaderEpoch = in.Partition, -1, -1, -1
	var p *hosted
	if code == 0 {
		p, code = l.r.b.partitionOf(topic, in.Partition)
	}
	if code == 0 && !offsetQueryKnown(in.Timestamp, req.Version) {
		code = kerr.UnsupportedVersion.Code
	}
	if code != 0 || in.Timestamp == latestTiered {
		out.ErrorCode = code
		return
	}
	epoch := in.CurrentLeaderEpoch
	if req.Version < 4 {
		epoch = -1
	}
	l.left++
	p.part.ListOffsets(in.Timestamp, epoch, req.IsolationLevel == 1, req.ReplicaID >= 0,
		func(code int16, offset, timestamp int64, epoch int32) {
			out.ErrorCode, out.Offset, out.Timestamp, out.LeaderEpoch = code, offset, timestamp, epoch
			l.done()
		})
}

// offsetQueryKnown reports whether a special timestamp exists in a version.
func offsetQueryKnown(timestamp int64, version int16) bool {
	switch {
	case timestamp >= -2:
		return true
	case timestamp == -3:
		return version >= 7
	case timestamp == -4:
		return version >= 8
	case timestamp == latestTiered:
		return version >= 9
	}
	return false
}

func (l *listing) done() {
	if l.left--; l.left == 0 && !l.r.answered {
		l.r.reply(l.resp)
	}
}
