package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
)

// api is one API key as this broker serves it. Only what is in the table is
// served, and only what is served is advertised.
type api struct {
	key      int16
	min, max int16 // versions served
	// advertised is the lowest version in ApiVersions. It differs from min for
	// Produce only: librdkafka up to 2.11 drops compression silently unless the
	// advertised range holds its oldest version (KAFKA-18659).
	advertised int16
	handle     func(r *request)
}

func serve(key kmsg.Key, min, max int16, handle func(r *request)) api {
	return api{key: int16(key), min: min, max: max, advertised: min, handle: handle}
}

// clientAPIs is what the client listener serves, by key.
func clientAPIs() []api {
	produce := serve(kmsg.Produce, 3, 13, handleProduce)
	produce.advertised = 0
	return []api{
		produce,
		serve(kmsg.Fetch, 4, 18, handleFetch),
		serve(kmsg.ListOffsets, 1, 10, handleListOffsets),
		serve(kmsg.Metadata, 0, 13, handleMetadata),
		serve(kmsg.SASLHandshake, 0, 1, handleSASLHandshake),
		serve(kmsg.ApiVersions, 0, 4, handleApiVersions),
		serve(kmsg.CreateTopics, 2, 7, forward),
		serve(kmsg.DeleteTopics, 1, 6, forward),
		serve(kmsg.InitProducerID, 0, 5, handleInitProducerID),
		serve(kmsg.OffsetForLeaderEpoch, 2, 4, handleOffsetForLeaderEpoch),
		serve(kmsg.DescribeConfigs, 1, 4, handleDescribeConfigs),
		serve(kmsg.AlterConfigs, 0, 2, forward),
		serve(kmsg.SASLAuthenticate, 0, 2, handleSASLAuthenticate),
		serve(kmsg.CreatePartitions, 0, 3, forward),
		serve(kmsg.ElectLeaders, 0, 2, forward),
		serve(kmsg.IncrementalAlterConfigs, 0, 1, forward),
		serve(kmsg.DescribeQuorum, 0, 2, forward),
		serve(kmsg.DescribeCluster, 0, 2, handleDescribeCluster),
		serve(kmsg.UnregisterBroker, 0, 0, forward),
		serve(kmsg.DescribeTopicPartitions, 0, 0, handleDescribeTopicPartitions),
	}
}

// controllerAPIs is what the controller listener serves, by key. The quorum and
// the controller take all but the front end's own.
func controllerAPIs() []api {
	return []api{
		serve(kmsg.Fetch, 4, 18, handleControl),
		serve(kmsg.SASLHandshake, 0, 1, handleSASLHandshake),
		serve(kmsg.ApiVersions, 0, 4, handleApiVersions),
		serve(kmsg.CreateTopics, 2, 7, handleControl),
		serve(kmsg.DeleteTopics, 1, 6, handleControl),
		serve(kmsg.AlterConfigs, 0, 2, handleControl),
		serve(kmsg.SASLAuthenticate, 0, 2, handleSASLAuthenticate),
		serve(kmsg.CreatePartitions, 0, 3, handleControl),
		serve(kmsg.ElectLeaders, 0, 2, handleControl),
		serve(kmsg.IncrementalAlterConfigs, 0, 1, handleControl),
		serve(kmsg.Vote, 0, 2, handleControl),
		serve(kmsg.BeginQuorumEpoch, 0, 1, handleControl),
		serve(kmsg.EndQuorumEpoch, 0, 1, handleControl),
		serve(kmsg.DescribeQuorum, 0, 2, handleControl),
		serve(kmsg.AlterPartition, 2, 3, handleControl),
		serve(kmsg.BrokerRegistration, 0, 4, handleControl),
		serve(kmsg.BrokerHeartbeat, 0, 1, handleControl),
		serve(kmsg.UnregisterBroker, 0, 0, handleControl),
		serve(kmsg.AllocateProducerIDs, 0, 0, handleControl),
		serve(kmsg.AssignReplicasToDirs, 0, 0, handleControl),
	}
}

func (b *Broker) listenerAPIs(l engine.ListenerID) []api {
	if l == controllerListener {
		return b.controllerAPIs
	}
	return b.clientAPIs
}

// lookupAPI finds an API key on a listener; nil if it is not served there.
func (b *Broker) lookupAPI(key int16, l engine.ListenerID) *api {
	table := b.listenerAPIs(l)
	for i := range table {
		if table[i].key == key {
			return &table[i]
		}
	}
	return nil
}

// handleControl gives a request to the quorum and the controller of this node.
func handleControl(r *request) {
	if !r.b.node.Handle(r, r.hdr, r.body) {
		r.hangUp("the controller does not serve this request")
	}
}
