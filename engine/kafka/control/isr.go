package control

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// onAlterPartition decides on the ISR changes that a leader asks for
// (ReplicationControlManager.alterPartition, versions 2 and 3).
func (c *controller) onAlterPartition(to Responder, req *kmsg.AlterPartitionRequest) {
	resp := req.ResponseKind().(*kmsg.AlterPartitionResponse)
	if resp.ErrorCode = c.checkEpoch(req.BrokerID, req.BrokerEpoch); resp.ErrorCode != 0 {
		c.answer(to, req, resp)
		return
	}
	d := c.decide()
	for i := range req.Topics {
		topic := &req.Topics[i]
		ot := kmsg.NewAlterPartitionResponseTopic()
		ot.TopidID = topic.TopicID
		t := d.image().TopicByID(topic.TopicID)
		for k := range topic.Partitions {
			asked := &topic.Partitions[k]
			out := kmsg.NewAlterPartitionResponseTopicPartition()
			out.Partition = asked.Partition
			if t == nil {
				out.ErrorCode = kerr.UnknownTopicID.Code
			} else {
				c.alterPartition(d, req, t, asked, &out)
			}
			ot.Partitions = append(ot.Partitions, out)
		}
		resp.Topics = append(resp.Topics, ot)
	}
	if !d.commit() {
		resp.Topics, resp.ErrorCode = nil, kerr.UnknownServerError.Code
	}
	c.answer(to, req, resp)
}

func (c *controller) alterPartition(d *decision, req *kmsg.AlterPartitionRequest, t *image.Topic,
	asked *kmsg.AlterPartitionRequestTopicPartition, out *kmsg.AlterPartitionResponseTopicPartition) {
	p := d.image().TopicByID(t.ID).Partition(asked.Partition)
	members := askedISR(req.Version, asked)
	if out.ErrorCode = c.checkAlter(d, req.BrokerID, p, asked, members); out.ErrorCode != 0 {
		return
	}
	if c.h.Observed() {
		c.h.Emit(view.AlterPartitionAccepted{TP: view.TP{Topic: t.Name, ID: view.TopicID(t.ID), Partition: asked.Partition},
			Broker: req.BrokerID, AskedLeaderEpoch: asked.LeaderEpoch, LeaderEpoch: p.LeaderEpoch,
			AskedPartitionEpoch: asked.PartitionEpoch, PartEpochNow: p.PartitionEpoch, ISR: slices.Clone(members)})
	}
	x := c.newChange(d, t, asked.Partition, p, image.NoLeader)
	x.isr, x.recovery = nil, asked.LeaderRecoveryState
	for _, m := range members {
		x.isr = append(x.isr, m.Broker)
	}
	rec := x.record(c)
	if rec != nil {
		d.add(rec)
		p = p.Merge(rec)
		if rec.Leader != image.NoLeaderChange && rec.Leader != req.BrokerID {
			// It completed a reassignment that moves the leader: applied, yet an error,
			// so that the old leader waits for the metadata.
			out.ErrorCode = kerr.NewLeaderElected.Code
			return
		}
	}
	out.LeaderID, out.LeaderEpoch, out.PartitionEpoch = p.Leader, p.LeaderEpoch, p.PartitionEpoch
	out.ISR, out.LeaderRecoveryState = nonNil(p.ISR), p.RecoveryState
}

// askedISR is the ISR of the request; before version 3 without broker epochs.
func askedISR(version int16, asked *kmsg.AlterPartitionRequestTopicPartition) []view.ISRMember {
	var out []view.ISRMember
	if version < 3 {
		for _, b := range asked.NewISR {
			out = append(out, view.ISRMember{Broker: b, Epoch: -1})
		}
		return out
	}
	for _, m := range asked.NewEpochISR {
		out = append(out, view.ISRMember{Broker: m.BrokerID, Epoch: m.BrokerEpoch})
	}
	return out
}

// checkAlter makes the checks in Kafka's order (validateAlterPartitionData). An
// epoch ahead of ours means that we are the stale one (KAFKA-14154).
func (c *controller) checkAlter(d *decision, broker int32, p *image.Partition,
	asked *kmsg.AlterPartitionRequestTopicPartition, members []view.ISRMember) int16 {
	switch {
	case p == nil:
		return kerr.UnknownTopicOrPartition.Code
	case asked.LeaderEpoch > p.LeaderEpoch || asked.PartitionEpoch > p.PartitionEpoch:
		return kerr.NotController.Code
	case asked.LeaderEpoch < p.LeaderEpoch:
		return kerr.FencedLeaderEpoch.Code
	case broker != p.Leader:
		return kerr.InvalidRequest.Code
	case asked.PartitionEpoch < p.PartitionEpoch && !c.ignoresPartitionEpoch():
		return kerr.InvalidUpdateVersion.Code
	case !legalISR(p, members):
		return kerr.InvalidRequest.Code
	case asked.LeaderRecoveryState != image.Recovered && asked.LeaderRecoveryState != image.Recovering:
		return kerr.InvalidRequest.Code
	case asked.LeaderRecoveryState == image.Recovering && (len(members) > 1 || p.RecoveryState == image.Recovered):
		return kerr.InvalidRequest.Code
	case !c.eligible(d, members):
		return kerr.IneligibleReplica.Code
	}
	return 0
}

func (c *controller) ignoresPartitionEpoch() bool {
	if mutant.Enabled && c.cfg.Mutant == mutant.REP07 {
		c.h.Probe("mutant.reached")
		c.h.Probe("mutant.infected")
		return true
	}
	return false
}

// legalISR: replicas only, each once, the leader among them.
func legalISR(p *image.Partition, members []view.ISRMember) bool {
	leads := false
	for i, m := range members {
		leads = leads || m.Broker == p.Leader
		twice := slices.ContainsFunc(members[:i], func(o view.ISRMember) bool { return o.Broker == m.Broker })
		if twice || !slices.Contains(p.Replicas, m.Broker) {
			return false
		}
	}
	return leads
}

// eligible: every member is registered, unfenced, not shutting down, and the
// incarnation that the leader means (KIP-841, KIP-903).
func (c *controller) eligible(d *decision, members []view.ISRMember) bool {
	ok := true
	for _, m := range members {
		b := d.image().Broker(m.Broker)
		ok = ok && b.Active() && (m.Epoch == -1 || m.Epoch == b.Epoch)
	}
	if mutant.Enabled && c.cfg.Mutant == mutant.REP09 {
		c.h.Probe("mutant.reached")
		if !ok {
			c.h.Probe("mutant.infected")
		}
		return true
	}
	return ok
}
