package cluster

import (
	"slices"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/faults"
)

var _ faults.Pods = target{}

// NewPod empties the volumes of a node that end with its pod.
func (t target) NewPod(node string) {
	id := t.id(node)
	if id >= firstClientID {
		return
	}
	spec := t.plan.Node(int32(id))
	var emptied []int
	for v := range t.Volumes(id) {
		if spec.ephemeral(v) {
			emptied = append(emptied, v)
		}
	}
	if len(emptied) == 0 {
		return
	}
	t.log.before(id)
	for _, v := range emptied {
		t.WipeDisk(id, engine.VolumeID(v))
	}
	t.made[id-1], t.lossy[id-1] = true, true
	t.log.wipe(id, emptied)
}

// Zone names the nodes that stand in a zone.
func (t target) Zone(name string) []string { return t.plan.zone(name) }

// Ready is what Kubernetes asks a Strimzi pod: a broker serves, a controller takes
// part in the quorum.
func (t target) Ready(node string) bool {
	id := int32(t.id(node))
	b := t.broker(id)
	if b == nil {
		return false
	}
	if !t.plan.isBroker(id) {
		return b.View().ControllerID >= 0
	}
	return t.serves(t.newestImage(), id)
}

// quorumLag is how many records of metadata a controller may be behind and still
// count as caught up: no-op records come all the time.
const quorumLag = 8

// Spare holds the rules of Strimzi's KafkaRoller: the active controller is rolled
// after the other controllers, a controller only while a majority without it has
// caught up, and a broker only if every partition that it hosts stays writable
// with acks=all, or is never writable without it anyway.
func (t target) Spare(node string, queue []string) bool {
	id := int32(t.id(node))
	if t.plan.isVoter(id) && !t.spareVoter(id, queue) {
		return false
	}
	return t.spareBroker(id)
}

func (t target) spareVoter(id int32, queue []string) bool {
	voters := t.plan.voters()
	if active, ok := t.activeController(); ok && active == t.name(engine.NodeID(id)) {
		for _, n := range queue {
			if n != active && t.plan.isVoter(int32(t.id(n))) {
				return false
			}
		}
	}
	if len(voters) == 1 {
		return true
	}
	newest, caughtUp := t.newestImage().Offset(), 0
	for _, v := range voters {
		if b := t.broker(v); v != id && b != nil && !t.World.Paused(engine.NodeID(v)) && b.View().MetadataOffset+quorumLag >= newest {
			caughtUp++
		}
	}
	return 2*caughtUp > len(voters) || len(voters) == 2 && caughtUp == 1
}

func (t target) spareBroker(id int32) bool {
	im := t.newestImage()
	for _, topic := range im.Topics() {
		minISR := t.plan.MinISR(topic.Name)
		for _, p := range topic.Partitions {
			in := slices.Contains(p.ISR, id)
			switch {
			case !slices.Contains(p.Replicas, id) || len(p.Replicas) <= minISR:
			case len(p.ISR) < minISR || len(p.ISR) == minISR && in:
				return false
			}
		}
	}
	return true
}

// MinISR is min.insync.replicas of a topic as the plan has it.
func (p *Plan) MinISR(topic string) int {
	t := &Topic{Name: topic}
	if i := slices.IndexFunc(p.Topics, func(x Topic) bool { return x.Name == topic }); i >= 0 {
		t = &p.Topics[i]
	}
	return int(p.number(t, minISR, 1))
}

// legalOffline reports whether a partition may stay without a leader: all who have
// what was committed, or may lead at all, came back with empty volumes. They are
// new directories to the controller, which elects nobody whose directory it does
// not know; whether it hears of the directory in time is open (KIP-858).
func (w *world) legalOffline(p *image.Partition) bool {
	if p.Leader >= 0 || !slices.ContainsFunc(p.Replicas, w.madeAnew) {
		return false
	}
	for _, id := range slices.Concat(p.ISR, p.ELR) {
		if !w.madeAnew(id) {
			return false
		}
	}
	return true
}

func (w *world) madeAnew(id int32) bool { return int(id) <= len(w.made) && w.made[id-1] }

// forgotten ends a run in which the quorum has forgotten the plan's topics: what
// could be read at the end is not there any more.
func (r *run) forgotten() bool {
	if !slices.Contains(r.made, true) {
		return false
	}
	for limit := r.Now().Add(forgetLimit); r.panel.Forgot(disks{r.world}) != nil; {
		if im := r.decidingImage(); im != nil {
			return slices.ContainsFunc(r.plan.Topics, func(t Topic) bool { return im.Topic(t.Name) == nil })
		}
		if r.Now() >= limit {
			return true // no controller decides any more, and what they knew is gone
		}
		if !r.until(r.Now().Add(clock.Second)) {
			return false
		}
	}
	return false
}

// decidingImage is the metadata of a voter that acts as controller; nil if none does.
func (w *world) decidingImage() *image.Image {
	for _, id := range w.plan.voters() {
		if b := w.broker(id); b != nil && b.View().ControllerID == id {
			return b.Image()
		}
	}
	return nil
}

// forgetLimit is how long a cluster may take to show that its topics are gone.
const forgetLimit = 30 * clock.Second
