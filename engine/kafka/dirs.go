package kafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
)

// assignments tells the controller in which directories our replicas are, where
// its image says something else (AssignmentsManager, KIP-858): only then can it
// know which replicas a failed volume takes down. One request is under way.
type assignments struct {
	b     *Broker
	todo  []*hosted
	busy  bool
	timer engine.Timer
}

const assignmentRetry = 500 * clock.Millisecond

// lostDir stands for a directory that is known to be offline (DirectoryId.LOST).
func lostDir() image.UUID { return image.UUID{15: 1} }

// check queues a partition whose registered directory is not the one it is in.
func (a *assignments) check(p *hosted) {
	if a.registered(p) || slices.Contains(a.todo, p) {
		return
	}
	a.todo = append(a.todo, p)
	a.send()
}

// registered reports whether the image has the directory of a partition right. A
// volume that failed is told of by the heartbeat; but if the controller did not
// know that the partition was on it, it has to be told that the replica is lost.
func (a *assignments) registered(p *hosted) bool {
	if p.phase != online && p.phase != failed {
		return true
	}
	i := slices.Index(p.reg.Replicas, a.b.cfg.NodeID)
	if i < 0 || i >= len(p.reg.Directories) {
		return i < 0
	}
	v, dir := &a.b.volumes[p.vol], p.reg.Directories[i]
	return dir == v.dir || v.offline && dir == lostDir()
}

// send asks for everything that is due.
func (a *assignments) send() {
	if a.busy || a.timer.Armed() || len(a.todo) == 0 || a.b.lifecycle.epoch < 0 {
		return
	}
	req := kmsg.NewPtrAssignReplicasToDirsRequest()
	req.BrokerID, req.BrokerEpoch = a.b.cfg.NodeID, a.b.lifecycle.epoch
	lost := kmsg.NewAssignReplicasToDirsRequestDirectory()
	lost.ID = lostDir()
	for i := range a.b.volumes {
		v := &a.b.volumes[i]
		dir := kmsg.NewAssignReplicasToDirsRequestDirectory()
		dir.ID = v.dir
		for _, p := range a.todo {
			switch {
			case p.vol != v.id || a.registered(p):
			case v.offline:
				lost.Topics = append(lost.Topics, assignedTopic(p))
			default:
				dir.Topics = append(dir.Topics, assignedTopic(p))
			}
		}
		if len(dir.Topics) > 0 {
			req.Directories = append(req.Directories, dir)
		}
	}
	if len(lost.Topics) > 0 {
		req.Directories = append(req.Directories, lost)
	}
	a.todo = a.todo[:0]
	if len(req.Directories) == 0 {
		return
	}
	a.busy = true
	a.b.isrChanges.Send(req, a.b.settings.ms("request.timeout.ms"), func(resp kmsg.Response, err error) {
		a.busy = false
		if r, ok := resp.(*kmsg.AssignReplicasToDirsResponse); err != nil || !ok || r.ErrorCode != 0 {
			a.b.h.Logf(engine.Info, "assignment of replicas to directories failed: %v", err)
		}
		// What was taken over shows in the image; the rest is asked for again.
		a.b.h.SetTimer(&a.timer, a.b.h.Now().Add(assignmentRetry))
	})
}

func assignedTopic(p *hosted) kmsg.AssignReplicasToDirsRequestDirectoryTopic {
	t := kmsg.NewAssignReplicasToDirsRequestDirectoryTopic()
	t.TopicID = p.tp.ID
	part := kmsg.NewAssignReplicasToDirsRequestDirectoryTopicPartition()
	part.Partition = p.tp.Partition
	t.Partitions = append(t.Partitions, part)
	return t
}

// again looks for what is still registered wrongly.
func (a *assignments) again() {
	for _, p := range a.b.parts.list {
		if !a.registered(p) && !slices.Contains(a.todo, p) {
			a.todo = append(a.todo, p)
		}
	}
	a.send()
}
