package control

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

// maxBalance is how many preferred leaders are elected at a time
// (MAX_ELECTIONS_PER_IMBALANCE).
const maxBalance = 1000

// onBalance moves leaderships back to preferred replicas
// (auto.leader.rebalance.enable).
func (c *controller) onBalance() {
	if !c.active {
		return
	}
	c.arm(&c.balance, c.cfg.LeaderImbalance)
	d := c.decide()
	c.eachPartition(d, func(t *image.Topic, id int32, p *image.Partition) {
		if p.Leader == p.Replicas[0] || len(d.records) >= maxBalance {
			return
		}
		x := c.newChange(d, t, id, p, image.NoLeader)
		if slices.Contains(p.ISR, p.Replicas[0]) && x.acceptable(p.Replicas[0]) {
			x.elect = electPreferred
			if rec := x.record(c); rec != nil {
				d.add(rec)
			}
		}
	})
	d.commit()
}

// onUncleanCheck elects for leaderless partitions whose topic allows unclean
// leaders meanwhile.
func (c *controller) onUncleanCheck() {
	if !c.active {
		return
	}
	c.arm(&c.unclean, c.cfg.UncleanCheck)
	d := c.decide()
	c.electLeaderless(d)
	d.commit()
}

// onElectLeaders elects on an operator's demand (KIP-460): preferred leaders, or
// unclean ones for partitions that have no leader.
func (c *controller) onElectLeaders(to Responder, req *kmsg.ElectLeadersRequest) {
	resp := req.ResponseKind().(*kmsg.ElectLeadersResponse)
	if req.ElectionType != 0 && req.ElectionType != 1 {
		resp.ErrorCode = kerr.InvalidRequest.Code
		c.answer(to, req, resp)
		return
	}
	d := c.decide()
	all := req.Topics == nil
	wanted := req.Topics
	if all {
		for _, t := range d.image().Topics() {
			w := kmsg.NewElectLeadersRequestTopic()
			w.Topic = t.Name
			for id := range t.Partitions {
				w.Partitions = append(w.Partitions, int32(id))
			}
			wanted = append(wanted, w)
		}
	}
	for _, w := range wanted {
		ot := kmsg.NewElectLeadersResponseTopic()
		ot.Topic, ot.Partitions = w.Topic, []kmsg.ElectLeadersResponseTopicPartition{}
		for _, id := range w.Partitions {
			op := kmsg.NewElectLeadersResponseTopicPartition()
			op.Partition, op.ErrorCode = id, c.electOnDemand(d, w.Topic, id, req.ElectionType == 1)
			if all && op.ErrorCode == kerr.ElectionNotNeeded.Code {
				continue
			}
			if op.ErrorCode != 0 {
				op.ErrorMessage = &kerr.TypedErrorForCode(op.ErrorCode).Description
			}
			ot.Partitions = append(ot.Partitions, op)
		}
		resp.Topics = append(resp.Topics, ot)
	}
	if !d.commit() {
		resp.Topics, resp.ErrorCode = nil, kerr.PolicyViolation.Code
	}
	c.answer(to, req, resp)
}

func (c *controller) electOnDemand(d *decision, topic string, id int32, unclean bool) int16 {
	t := d.image().Topic(topic)
	p := t.Partition(id)
	switch {
	case p == nil:
		return kerr.UnknownTopicOrPartition.Code
	case unclean && p.Leader != image.NoLeader, !unclean && p.Leader == p.Replicas[0]:
		return kerr.ElectionNotNeeded.Code
	}
	x := c.newChange(d, t, id, p, image.NoLeader)
	x.elect = electPreferred
	if unclean {
		x.elect = electUnclean
	}
	rec := x.record(c)
	if rec == nil || rec.Leader < 0 {
		if unclean {
			return kerr.EligibleLeadersNotAvailable.Code
		}
		return kerr.PreferredLeaderNotAvailable.Code
	}
	d.add(rec)
	return 0
}
