package kafka

import (
	"trial/engine/kafka/replica"
	"trial/engine/kafka/view"
)

// Metrics are the counters and gauges of a broker. Each lists them under Kafka's
// names.
type Metrics struct {
	PartitionCount, LeaderCount                                         int
	UnderReplicatedPartitions, UnderMinISRPartitionCount, AtMinISRCount int
	OfflineReplicaCount                                                 int
	ISRShrinks, ISRExpands                                              int64
	FailedPartitions                                                    int // of the fetchers

	BytesIn, BytesOut, MessagesIn           int64
	ReplicationBytesIn, ReplicationBytesOut int64
	FailedProduceRequests                   int64
	Requests                                int64
	RefusedFrames                           int64 // requests that ended their connection
	Connections                             int
	DelayedFetches                          int // in the purgatory

	ActiveControllerCount, GlobalPartitionCount, GlobalTopicCount int
	OfflinePartitionsCount, PreferredReplicaImbalanceCount        int
	FencedBrokerCount, ActiveBrokerCount                          int
	LastAppliedRecordOffset                                       int64
}

// Each calls f with every metric under Kafka's name: kafka, the domain, type and
// name of the MBean, joined by underscores. Counters only grow.
func (m *Metrics) Each(f func(name string, counter bool, value int64)) {
	gauge := func(name string, v int) { f(name, false, int64(v)) }
	count := func(name string, v int64) { f(name, true, v) }
	gauge("kafka_server_ReplicaManager_PartitionCount", m.PartitionCount)
	gauge("kafka_server_ReplicaManager_LeaderCount", m.LeaderCount)
	gauge("kafka_server_ReplicaManager_UnderReplicatedPartitions", m.UnderReplicatedPartitions)
	gauge("kafka_server_ReplicaManager_UnderMinIsrPartitionCount", m.UnderMinISRPartitionCount)
	gauge("kafka_server_ReplicaManager_AtMinIsrPartitionCount", m.AtMinISRCount)
	gauge("kafka_server_ReplicaManager_OfflineReplicaCount", m.OfflineReplicaCount)
	count("kafka_server_ReplicaManager_IsrShrinksPerSec", m.ISRShrinks)
	count("kafka_server_ReplicaManager_IsrExpandsPerSec", m.ISRExpands)
	gauge("kafka_server_ReplicaFetcherManager_FailedPartitionsCount", m.FailedPartitions)
	count("kafka_server_BrokerTopicMetrics_MessagesInPerSec", m.MessagesIn)
	count("kafka_server_BrokerTopicMetrics_BytesInPerSec", m.BytesIn)
	count("kafka_server_BrokerTopicMetrics_BytesOutPerSec", m.BytesOut)
	count("kafka_server_BrokerTopicMetrics_ReplicationBytesInPerSec", m.ReplicationBytesIn)
	count("kafka_server_BrokerTopicMetrics_ReplicationBytesOutPerSec", m.ReplicationBytesOut)
	count("kafka_server_BrokerTopicMetrics_FailedProduceRequestsPerSec", m.FailedProduceRequests)
	count("kafka_network_RequestMetrics_RequestsPerSec", m.Requests)
	count("kafka_network_SocketServer_RefusedRequests", m.RefusedFrames)
	gauge("kafka_network_SocketServer_ConnectionCount", m.Connections)
	gauge("kafka_server_DelayedOperationPurgatory_FetchPurgatorySize", m.DelayedFetches)
	gauge("kafka_controller_KafkaController_ActiveControllerCount", m.ActiveControllerCount)
	gauge("kafka_controller_KafkaController_GlobalPartitionCount", m.GlobalPartitionCount)
	gauge("kafka_controller_KafkaController_GlobalTopicCount", m.GlobalTopicCount)
	gauge("kafka_controller_KafkaController_OfflinePartitionsCount", m.OfflinePartitionsCount)
	gauge("kafka_controller_KafkaController_PreferredReplicaImbalanceCount", m.PreferredReplicaImbalanceCount)
	gauge("kafka_controller_KafkaController_FencedBrokerCount", m.FencedBrokerCount)
	gauge("kafka_controller_KafkaController_ActiveBrokerCount", m.ActiveBrokerCount)
	f("kafka_controller_KafkaController_LastAppliedRecordOffset", false, m.LastAppliedRecordOffset)
}

// Metrics returns the counters, and the gauges as they are now.
func (b *Broker) Metrics() Metrics {
	m := b.metrics
	for _, p := range b.parts.list {
		m.PartitionCount++
		if p.phase == failed {
			m.OfflineReplicaCount++
		}
		if p.phase == online && p.part.Role() == replica.RoleLeader {
			b.leaderMetrics(&m, p)
		}
	}
	for _, f := range b.follows {
		m.FailedPartitions += f.fetcher.NumFailed()
	}
	b.controllerMetrics(&m)
	return m
}

func (b *Broker) leaderMetrics(m *Metrics, p *hosted) {
	m.LeaderCount++
	isr, replicas := len(p.part.ISR()), len(p.reg.Replicas)
	minISR := min(int(b.topicConfig(p.tp.Topic).replica.MinISR), replicas)
	if isr < replicas {
		m.UnderReplicatedPartitions++
	}
	switch {
	case isr < minISR:
		m.UnderMinISRPartitionCount++
	case isr == minISR:
		m.AtMinISRCount++
	}
}

// controllerMetrics fills what only the active controller counts.
func (b *Broker) controllerMetrics(m *Metrics) {
	m.LastAppliedRecordOffset = b.metadataOffset()
	if b.node == nil {
		return
	}
	if id, _ := b.node.Leader(); id != b.cfg.NodeID {
		return
	}
	m.ActiveControllerCount = 1
	for _, br := range b.image.Brokers() {
		if br.Fenced {
			m.FencedBrokerCount++
		} else {
			m.ActiveBrokerCount++
		}
	}
	for _, t := range b.image.Topics() {
		m.GlobalTopicCount++
		for _, p := range t.Partitions {
			m.GlobalPartitionCount++
			if p.Leader < 0 {
				m.OfflinePartitionsCount++
			}
			if len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
				m.PreferredReplicaImbalanceCount++
			}
		}
	}
}

// View shows the broker's state to the judges.
func (b *Broker) View() view.Broker {
	v := view.Broker{
		ID: b.cfg.NodeID, State: b.lifecycle.state.String(), Epoch: b.lifecycle.epoch, Incarnation: b.lifecycle.incarnation,
		Fenced: b.lifecycle.fenced, MetadataOffset: b.image.Offset(), MetadataHash: b.image.Hash(), ControllerID: -1, ControllerEpoch: -1,
	}
	if b.node != nil {
		v.ControllerID, v.ControllerEpoch = b.node.Leader()
		v.QuorumRole = b.node.Role().String()
	}
	for _, p := range b.parts.list {
		v.Partitions = append(v.Partitions, p.view(b.cfg.NodeID))
	}
	return v
}

func (p *hosted) view(self int32) view.Replica {
	r := view.Replica{TP: p.tp, Volume: int32(p.vol), Phase: p.phase.String(), Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1}
	if p.phase != online {
		return r
	}
	r.Leader, r.LeaderEpoch, r.PartitionEpoch = p.part.LeaderID(), p.part.LeaderEpoch(), p.part.PartitionEpoch()
	r.Leading = p.part.Role() == replica.RoleLeader
	r.ISR, r.MaximalISR = clone32(p.part.ISR()), p.part.MaximalISR()
	r.LogStart, r.HW, r.LEO = p.log.Start(), p.part.HW(), p.log.End()
	return r
}
