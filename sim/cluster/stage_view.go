package cluster

import (
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// Leader is who leads a partition, as the brokers that run believe; the newest
// leader epoch wins. ok is false while nobody does.
func (s *Stage) Leader(topic string, partition int32) (node string, ok bool) {
	id, epoch := int32(-1), int32(-1)
	s.eachReplica(topic, partition, func(broker int32, r *view.Replica) {
		if r.Leading && r.LeaderEpoch > epoch {
			id, epoch = broker, r.LeaderEpoch
		}
	})
	if id < 0 {
		return "", false
	}
	return s.run.name(engine.NodeID(id)), true
}

// ISR names the in-sync replicas of a partition, as the newest committed metadata
// have them; nil for a partition that is not there.
func (s *Stage) ISR(topic string, partition int32) []string {
	p := s.run.newestImage().Partition(topic, partition)
	if p == nil {
		return nil
	}
	return s.names(p.ISR)
}

// Replicas names the replicas of a partition; nil for one that is not there.
func (s *Stage) Replicas(topic string, partition int32) []string {
	p := s.run.newestImage().Partition(topic, partition)
	if p == nil {
		return nil
	}
	return s.names(p.Replicas)
}

// Partitions is how many partitions a topic has; 0 for one that is not there.
func (s *Stage) Partitions(topic string) int32 {
	t := s.run.newestImage().Topic(topic)
	if t == nil {
		return 0
	}
	return int32(len(t.Partitions))
}

func (s *Stage) names(ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, s.run.name(engine.NodeID(id)))
	}
	return out
}

// Ends are the high watermark and the log end offset of a broker's replica.
func (s *Stage) Ends(node, topic string, partition int32) (hw, leo int64, ok bool) {
	s.eachReplica(topic, partition, func(broker int32, r *view.Replica) {
		if s.run.name(engine.NodeID(broker)) == node && r.Phase == "online" {
			hw, leo, ok = r.HW, r.LEO, true
		}
	})
	return hw, leo, ok
}

func (s *Stage) eachReplica(topic string, partition int32, f func(broker int32, r *view.Replica)) {
	s.run.replicas(func(node int32, r *view.Replica) {
		if r.Topic == topic && r.Partition == partition {
			f(node, r)
		}
	})
}

// Controller names the active controller, as the brokers that run believe; the
// newest quorum epoch wins. ok is false while there is none.
func (s *Stage) Controller() (node string, ok bool) {
	if node, ok = s.targets().activeController(); !ok {
		node = ""
	}
	return node, ok
}

// Up reports whether the process of a node runs, paused or not; false for a name
// that no node has.
func (s *Stage) Up(node string) bool { return s.known(node) && s.targets().Up(node) }

// Ready reports whether the plan's topics are there, every broker serves, and
// every partition is led and has all its replicas in sync.
func (s *Stage) Ready() bool {
	r := s.run
	if !r.setup.finished() {
		return false
	}
	im := r.newestImage()
	for _, k := range r.plan.hosts() {
		if !r.serves(im, k) {
			return false
		}
	}
	for _, t := range im.Topics() {
		for i, p := range t.Partitions {
			if len(p.ISR) != len(p.Replicas) {
				return false
			}
			if _, led := s.Leader(t.Name, int32(i)); !led {
				return false
			}
		}
	}
	return true
}

// AwaitReady runs until Ready.
func (s *Stage) AwaitReady(limit clock.Duration) error {
	return s.Await("every partition led and in sync", limit, s.Ready)
}
