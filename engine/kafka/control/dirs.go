package control

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

// unassignedDir stands for a replica whose log directory is not known yet
// (DirectoryId.UNASSIGNED); lostDir for one that is known to be offline.
var (
	unassignedDir = image.UUID{}
	lostDir       = image.UUID{15: 1}
)

// reservedDir reports whether an id is one of the first hundred, which stand for
// states and never for a directory.
func reservedDir(d image.UUID) bool {
	for _, x := range d[:15] {
		if x != 0 {
			return false
		}
	}
	return d[15] < 100
}

// dirOnline reports whether the replica's directory may be used.
func dirOnline(b *image.Broker, p *image.Partition, replica int32) bool {
	i := slices.Index(p.Replicas, replica)
	if i < 0 || i >= len(p.Directories) {
		return true
	}
	switch d := p.Directories[i]; {
	case d == lostDir:
		return false
	case reservedDir(d):
		return true
	default:
		return slices.Contains(b.LogDirs, d)
	}
}

// defaultDir is the directory of a new replica: the broker's only one, or unassigned.
func defaultDir(im *image.Image, id int32) image.UUID {
	if b := im.Broker(id); b != nil && len(b.LogDirs) == 1 {
		return b.LogDirs[0]
	}
	return unassignedDir
}

// dirsOffline takes note of directories that a broker reports as failed: its
// replicas there leave their ISRs (ReplicationControlManager.handleDirectoriesOffline).
func (c *controller) dirsOffline(d *decision, req *kmsg.BrokerHeartbeatRequest) {
	b := d.image().Broker(req.BrokerID)
	var gone, left []image.UUID
	for _, dir := range b.LogDirs {
		if slices.Contains(req.OfflineLogDirs, dir) {
			gone = append(gone, dir)
		} else {
			left = append(left, dir)
		}
	}
	if len(gone) == 0 || len(left) == 0 { // a broker without any directory stops by itself
		return
	}
	d.add(&image.BrokerRegistrationChange{BrokerID: b.ID, BrokerEpoch: b.Epoch, LogDirs: left})
	c.eachPartition(d, func(t *image.Topic, id int32, p *image.Partition) {
		i := slices.Index(p.Replicas, b.ID)
		if i >= 0 && i < len(p.Directories) && slices.Contains(gone, p.Directories[i]) && slices.Contains(p.ISR, b.ID) {
			c.leave(d, t, id, p, leaving{remove: b.ID, unclean: image.NoLeader})
		}
	})
}

// onAssignDirs notes in which directories a broker keeps its replicas (KIP-858).
func (c *controller) onAssignDirs(to Responder, req *kmsg.AssignReplicasToDirsRequest) {
	resp := req.ResponseKind().(*kmsg.AssignReplicasToDirsResponse)
	if resp.ErrorCode = c.checkEpoch(req.BrokerID, req.BrokerEpoch); resp.ErrorCode != 0 {
		c.answer(to, req, resp)
		return
	}
	d := c.decide()
	for _, dir := range req.Directories {
		od := kmsg.NewAssignReplicasToDirsResponseDirectory()
		od.ID = dir.ID
		for _, t := range dir.Topics {
			ot := kmsg.NewAssignReplicasToDirsResponseDirectoryTopic()
			ot.TopicID = t.TopicID
			for _, p := range t.Partitions {
				op := kmsg.NewAssignReplicasToDirsResponseDirectoryTopicPartition()
				op.Partition, op.ErrorCode = p.Partition, c.assignDir(d, req.BrokerID, dir.ID, t.TopicID, p.Partition)
				ot.Partitions = append(ot.Partitions, op)
			}
			od.Topics = append(od.Topics, ot)
		}
		resp.Directories = append(resp.Directories, od)
	}
	if !d.commit() {
		resp.Directories, resp.ErrorCode = nil, kerr.UnknownServerError.Code
	}
	c.answer(to, req, resp)
}

func (c *controller) assignDir(d *decision, broker int32, dir, topic image.UUID, id int32) int16 {
	t := d.image().TopicByID(topic)
	if t == nil {
		return kerr.UnknownTopicID.Code
	}
	p := t.Partition(id)
	if p == nil {
		return kerr.UnknownTopicOrPartition.Code
	}
	i := slices.Index(p.Replicas, broker)
	if i < 0 {
		return kerr.NotLeaderForPartition.Code // Kafka: not a replica
	}
	dirs := make([]image.UUID, len(p.Replicas))
	copy(dirs, p.Directories)
	if dirs[i] == dir {
		return 0
	}
	dirs[i] = dir
	rec := image.NewPartitionChange(topic, id)
	rec.Directories = dirs
	d.add(rec)
	// A replica in a directory that has failed since is out of sync.
	if p = d.image().TopicByID(topic).Partition(id); !dirOnline(d.image().Broker(broker), p, broker) && slices.Contains(p.ISR, broker) {
		c.leave(d, t, id, p, leaving{remove: broker, unclean: image.NoLeader})
	}
	return 0
}
