package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
)

// consumerReplicaID is the replica id by which a consumer asks.
const consumerReplicaID = -1

// lookUp asks the leader for the first or last offset (ListOffsets).
func (k *Consumer) lookUp(a *assignment, leader, epoch int32) {
	a.asking = true
	gen := a.gen
	req := listOffsetsRequest(a.topic, a.partition, a.query, epoch, k.cfg.ReadCommitted)
	k.c.Do(leader, req, func(r *Reply) {
		if k.closed || a.gen != gen {
			return
		}
		a.asking = false
		p, code := listOffsetsAnswer(r, a.topic, a.partition, a.query)
		if code != codeNone {
			k.failed(a, code)
			return
		}
		a.offset, a.offsetEpoch, a.leaderEpoch = p.Offset, p.LeaderEpoch, epoch
		a.moved(fetchable)
		k.tellPosition(a)
	})
}

func listOffsetsRequest(topic string, partition int32, query int64, epoch int32, committed bool) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = consumerReplicaID
	if committed {
		req.IsolationLevel = 1
	}
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Partition, rp.Timestamp, rp.CurrentLeaderEpoch, rp.MaxNumOffsets = partition, query, epoch, 1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// listOffsetsAnswer finds the partition's answer; without one the code says why.
func listOffsetsAnswer(r *Reply, topic string, partition int32, query int64) (kmsg.ListOffsetsResponseTopicPartition, int16) {
	resp, ok := r.Resp.(*kmsg.ListOffsetsResponse)
	if r.Err != nil || !ok {
		return kmsg.ListOffsetsResponseTopicPartition{}, codeOf(r.Err)
	}
	for i := range resp.Topics {
		for _, p := range resp.Topics[i].Partitions {
			if resp.Topics[i].Topic != topic || p.Partition != partition {
				continue
			}
			if p.ErrorCode == codeNone && p.Offset < 0 && query < 0 { // by timestamp, -1 means that there is no such record
				return p, codeOffsetNotAvailable
			}
			return p, p.ErrorCode
		}
	}
	return kmsg.ListOffsetsResponseTopicPartition{}, codeNetworkException
}

// failed notes that a look-up failed; it is repeated after a while.
func (k *Consumer) failed(a *assignment, code int16) {
	k.backOff(a)
	k.c.meta.request()
	if !retriable(code) {
		k.report(a, kafkaError(code))
	}
}

// validate asks a new leader where the leader epoch of the last record read
// ended on its log (KIP-320, OffsetForLeaderEpoch from version 3 on).
func (k *Consumer) validate(a *assignment, leader, epoch int32) {
	a.asking = true
	gen := a.gen
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = consumerReplicaID
	rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
	rt.Topic = a.topic
	rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.LeaderEpoch = a.partition, epoch, a.offsetEpoch
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	k.c.Do(leader, req, func(r *Reply) {
		if k.closed || a.gen != gen { // the position changed meanwhile (KAFKA-8429)
			return
		}
		a.asking = false
		if r.Err == nil && req.GetVersion() < 3 || r.Err == ErrNoVersion {
			a.leaderEpoch = epoch // the broker cannot be asked by a consumer
			a.moved(fetchable)
			return
		}
		p, code := epochAnswer(r, a.topic, a.partition)
		if code != codeNone {
			k.failed(a, code)
			return
		}
		k.validated(a, epoch, p.LeaderEpoch, p.EndOffset)
	})
}

func epochAnswer(r *Reply, topic string, partition int32) (kmsg.OffsetForLeaderEpochResponseTopicPartition, int16) {
	resp, ok := r.Resp.(*kmsg.OffsetForLeaderEpochResponse)
	if r.Err != nil || !ok {
		return kmsg.OffsetForLeaderEpochResponseTopicPartition{}, codeOf(r.Err)
	}
	for i := range resp.Topics {
		for _, p := range resp.Topics[i].Partitions {
			if resp.Topics[i].Topic == topic && p.Partition == partition {
				return p, p.ErrorCode
			}
		}
	}
	return kmsg.OffsetForLeaderEpochResponseTopicPartition{}, codeNetworkException
}

// validated compares the position with where its leader epoch ends on the new
// leader's log (SubscriptionState.maybeCompleteValidation).
func (k *Consumer) validated(a *assignment, current, epoch int32, end int64) {
	switch {
	case epoch >= 0 && end >= a.offset:
		a.leaderEpoch = current
		a.moved(fetchable)
	case k.cfg.AutoOffsetReset == ResetNone:
		k.lostPosition(a, history.WhyTruncation, ErrTruncated)
	case epoch < 0 || end < 0:
		k.h.Probe("client.truncation.unknown")
		k.lostPosition(a, history.WhyTruncation, ErrTruncated)
	default:
		k.h.Probe("client.truncation.detected")
		a.offset, a.offsetEpoch, a.leaderEpoch, a.why = end, epoch, current, history.WhyTruncation
		a.moved(fetchable)
		k.tellPosition(a)
	}
}
