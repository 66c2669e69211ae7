package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/replica"
	"trial/engine/kafka/view"
)

// env is what the partitions see of their broker.
type env struct{ b *Broker }

var _ replica.Env = env{}

func (b *Broker) env() replica.Env { return env{b} }

// Host implements replica.Env.
func (e env) Host() engine.Host { return e.b.h }

// Settings implements replica.Env.
func (e env) Settings(tp view.TP) replica.Settings { return e.b.topicConfig(tp.Topic).replica }

// Eligible implements replica.Env.
func (e env) Eligible(broker int32) (epoch int64, ok bool) {
	br := e.b.image.Broker(broker)
	if br == nil {
		return -1, false
	}
	return br.Epoch, br.Active()
}

// BrokerEpoch implements replica.Env.
func (e env) BrokerEpoch() int64 { return e.b.lifecycle.epoch }

// LowerCheckpoint implements replica.Env.
func (e env) LowerCheckpoint(tp view.TP, hw int64, done func()) bool {
	p := e.b.parts.get(tp.ID, tp.Partition)
	return p != nil && e.b.lowerCheckpoint(p, hw, done)
}

// AlterPartition implements replica.Env: one partition a request, in the order
// in which partitions asked (AlterPartitionManager).
func (e env) AlterPartition(a replica.AlterRequest, done func(replica.AlterResult)) {
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version = 3
	req.BrokerID, req.BrokerEpoch = e.b.cfg.NodeID, e.BrokerEpoch()
	p := kmsg.NewAlterPartitionRequestTopicPartition()
	p.Partition, p.LeaderEpoch, p.PartitionEpoch = a.TP.Partition, a.LeaderEpoch, a.PartitionEpoch
	for _, m := range a.ISR {
		member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
		member.BrokerID, member.BrokerEpoch = m.Broker, m.Epoch
		p.NewEpochISR = append(p.NewEpochISR, member)
	}
	t := kmsg.NewAlterPartitionRequestTopic()
	t.TopicID, t.Partitions = a.TP.ID, []kmsg.AlterPartitionRequestTopicPartition{p}
	req.Topics = []kmsg.AlterPartitionRequestTopic{t}
	e.b.isrChanges.Send(req, e.b.settings.ms("request.timeout.ms"), func(resp kmsg.Response, err error) {
		done(alterResult(resp, err))
	})
}

func alterResult(resp kmsg.Response, err error) replica.AlterResult {
	r, ok := resp.(*kmsg.AlterPartitionResponse)
	switch {
	case err != nil:
		return replica.AlterResult{Err: err}
	case !ok:
		return replica.AlterResult{Err: engine.ErrIO}
	case r.ErrorCode != 0:
		return replica.AlterResult{Code: r.ErrorCode}
	case len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1:
		return replica.AlterResult{Err: engine.ErrIO}
	}
	p := &r.Topics[0].Partitions[0]
	return replica.AlterResult{
		Code: p.ErrorCode, Leader: p.LeaderID, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch,
		ISR: p.ISR, Recovering: p.LeaderRecoveryState != 0,
	}
}
