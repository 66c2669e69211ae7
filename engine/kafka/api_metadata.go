package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/control/image"
)

// handleMetadata answers Metadata 0-13 (KafkaApis.handleTopicMetadataRequest).
func handleMetadata(r *request) {
	b, req := r.b, r.body.(*kmsg.MetadataRequest)
	im := b.image
	resp := kmsg.NewPtrMetadataResponse()
	resp.Version = req.Version
	resp.ClusterID = kmsg.StringPtr(b.cfg.ClusterID)
	resp.ControllerID = b.anyBroker(im)
	resp.Topics = []kmsg.MetadataResponseTopic{}
	for _, br := range im.Brokers() {
		if host, port, ok := clientEndpoint(br); ok && !br.Fenced {
			resp.Brokers = append(resp.Brokers, kmsg.MetadataResponseBroker{NodeID: br.ID, Host: host, Port: port, Rack: br.Rack})
		}
	}
	// Version 0 has no null: there empty means all. From 1 on null means all.
	if req.Topics == nil || req.Version == 0 && len(req.Topics) == 0 {
		for _, t := range im.Topics() {
			resp.Topics = append(resp.Topics, b.topicMetadata(im, t, req.Version))
		}
		authorize(req, resp)
		r.reply(resp)
		return
	}
	if !metadataTopicsValid(req) {
		r.hangUp("Metadata with a topic id or without a name below version 12")
		return
	}
	b.someTopics(req, resp)
	authorize(req, resp)
	r.reply(resp)
}

// authorize fills in what the client may do, if it asks: everything.
func authorize(req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse) {
	if req.IncludeClusterAuthorizedOperations && req.Version >= 8 && req.Version <= 10 {
		resp.AuthorizedOperations = allClusterOperations
	}
	if !req.IncludeTopicAuthorizedOperations || req.Version < 8 {
		return
	}
	for i := range resp.Topics {
		resp.Topics[i].AuthorizedOperations = allTopicOperations
	}
}

// metadataTopicsValid: before version 12 a topic has a name and no id.
func metadataTopicsValid(req *kmsg.MetadataRequest) bool {
	for i := range req.Topics {
		t := &req.Topics[i]
		if req.Version < 12 && (t.Topic == nil || t.TopicID != [16]byte{}) {
			return false
		}
	}
	return true
}

// someTopics looks up the topics asked for; an id, if there is one, decides.
func (b *Broker) someTopics(req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse) {
	autoCreate := b.settings.bool("auto.create.topics.enable") && (req.Version < 4 || req.AllowAutoTopicCreation)
	var create []string
	seen := make(map[string]bool, len(req.Topics))
	for i := range req.Topics {
		asked := &req.Topics[i]
		var t *image.Topic
		switch {
		case asked.TopicID != [16]byte{}:
			if t = b.image.TopicByID(asked.TopicID); t == nil {
				resp.Topics = append(resp.Topics, missingTopic(nil, asked.TopicID, kerr.UnknownTopicID.Code))
				continue
			}
		case asked.Topic == nil:
			continue
		default:
			t = b.image.Topic(*asked.Topic)
		}
		name := ""
		if t != nil {
			name = t.Name
		} else {
			name = *asked.Topic
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case t != nil:
			resp.Topics = append(resp.Topics, b.topicMetadata(b.image, t, req.Version))
		case !validTopicName(name):
			resp.Topics = append(resp.Topics, missingTopic(asked.Topic, [16]byte{}, kerr.InvalidTopicException.Code))
		default:
			// Also while it is being created: the client asks again.
			resp.Topics = append(resp.Topics, missingTopic(asked.Topic, [16]byte{}, kerr.UnknownTopicOrPartition.Code))
			if autoCreate && !internalTopic(name) {
				create = append(create, name)
			}
		}
	}
	if len(create) > 0 {
		b.autoCreate(create)
	}
}

func missingTopic(name *string, id [16]byte, code int16) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	t.ErrorCode, t.Topic, t.TopicID = code, name, id
	t.IsInternal = name != nil && internalTopic(*name)
	t.Partitions = []kmsg.MetadataResponseTopicPartition{}
	return t
}

// topicMetadata describes a topic (KRaftMetadataCache.getPartitionMetadata).
func (b *Broker) topicMetadata(im *image.Image, t *image.Topic, version int16) kmsg.MetadataResponseTopic {
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.IsInternal = kmsg.StringPtr(t.Name), t.ID, internalTopic(t.Name)
	out.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for i, p := range t.Partitions {
		out.Partitions[i] = partitionMetadata(im, int32(i), p, version)
	}
	return out
}

func partitionMetadata(im *image.Image, id int32, p *image.Partition, version int16) kmsg.MetadataResponseTopicPartition {
	out := kmsg.NewMetadataResponseTopicPartition()
	out.Partition, out.Leader, out.LeaderEpoch = id, -1, p.LeaderEpoch
	out.Replicas, out.ISR = clone32(p.Replicas), clone32(p.ISR)
	out.OfflineReplicas = offlineReplicas(im, p)
	if version == 0 {
		out.Replicas, out.ISR = aliveOf(im, p.Replicas), aliveOf(im, p.ISR)
	}
	leader := im.Broker(p.Leader)
	switch _, _, reachable := clientEndpoint(leader); {
	case leader == nil:
		out.ErrorCode = kerr.LeaderNotAvailable.Code
	case !reachable:
		out.ErrorCode = kerr.LeaderNotAvailable.Code
		if version >= 6 {
			out.ErrorCode = kerr.ListenerNotFound.Code
		}
	default:
		out.Leader = p.Leader
		if len(out.Replicas) < len(p.Replicas) || len(out.ISR) < len(p.ISR) {
			out.ErrorCode = kerr.ReplicaNotAvailable.Code
		}
	}
	return out
}

// offlineReplicas are those whose broker is gone or fenced or whose volume failed.
func offlineReplicas(im *image.Image, p *image.Partition) []int32 {
	offline := []int32{}
	for i, id := range p.Replicas {
		br := im.Broker(id)
		if br == nil || br.Fenced || i < len(p.Directories) && !onlineDir(br, p.Directories[i]) {
			offline = append(offline, id)
		}
	}
	return offline
}

// onlineDir reports whether a directory of a broker is in use: one that it
// registered, or one of the reserved ids below 100 that stand for "not assigned
// yet" (0) and "unknown, migrating" (2); 1 is "lost" (DirectoryId in Kafka).
func onlineDir(br *image.Broker, dir image.UUID) bool {
	lost := image.UUID{15: 1}
	if dir == lost {
		return false
	}
	if dir == (image.UUID{}) || dir == (image.UUID{15: 2}) || len(br.LogDirs) == 0 {
		return true
	}
	for _, d := range br.LogDirs {
		if d == dir {
			return true
		}
	}
	return false
}

func aliveOf(im *image.Image, ids []int32) []int32 {
	alive := []int32{}
	for _, id := range ids {
		if br := im.Broker(id); br != nil && !br.Fenced {
			alive = append(alive, id)
		}
	}
	return alive
}

// clientEndpoint is the address of a broker's client listener.
func clientEndpoint(br *image.Broker) (host string, port int32, ok bool) {
	if br == nil {
		return "", 0, false
	}
	for i := range br.Endpoints {
		if br.Endpoints[i].Name == clientListenerName {
			return br.Endpoints[i].Host, int32(br.Endpoints[i].Port), true
		}
	}
	return "", 0, false
}

// anyBroker is a random live broker, which clients take for the controller:
// every broker forwards (KRaftMetadataCache.getRandomAliveBrokerId). -1: none.
func (b *Broker) anyBroker(im *image.Image) int32 {
	alive := b.scratch32[:0]
	for _, br := range im.Brokers() {
		if !br.Fenced {
			alive = append(alive, br.ID)
		}
	}
	b.scratch32 = alive
	if len(alive) == 0 {
		return -1
	}
	return alive[b.random.Pick(len(alive))]
}

// autoCreate asks the controller for topics that a client named; the client
// gets UNKNOWN_TOPIC_OR_PARTITION and asks again (AutoTopicCreationManager).
// A topic is asked for once at a time, and no more than maxCreating are; who
// comes then asks again anyway.
func (b *Broker) autoCreate(names []string) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	req.TimeoutMillis = int32(b.settings.long("request.timeout.ms"))
	for _, name := range names {
		if b.creating[name] || len(b.creating) >= maxCreating {
			continue
		}
		b.creating[name] = true
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic = name
		t.NumPartitions = int32(b.settings.long("num.partitions"))
		t.ReplicationFactor = int16(b.settings.long("default.replication.factor"))
		req.Topics = append(req.Topics, t)
	}
	if len(req.Topics) == 0 {
		return
	}
	b.forwards.Send(req, b.settings.ms("request.timeout.ms"), func(resp kmsg.Response, err error) {
		for i := range req.Topics {
			delete(b.creating, req.Topics[i].Topic)
		}
		created, ok := resp.(*kmsg.CreateTopicsResponse)
		if err != nil || !ok {
			b.h.Logf(engine.Info, "auto-creation of topics failed: %v", err)
			return
		}
		for i := range created.Topics {
			if t := &created.Topics[i]; t.ErrorCode != 0 {
				b.h.Logf(engine.Info, "auto-creation of topic %s: %v", t.Topic, kerr.ErrorForCode(t.ErrorCode))
			}
		}
	})
}

const maxCreating = 1000

func clone32(s []int32) []int32 { return append(make([]int32, 0, len(s)), s...) }
