package cluster

import (
	"slices"
	"strconv"

	"trial/engine"
	"trial/engine/kafka/control/image"
)

// registeredPartition is a partition as the newest committed metadata has it.
type registeredPartition struct {
	name     string
	leader   int32
	replicas []int32
	isr      []int32
	mayLead  []int32 // ISR and ELR: who has everything that is committed
}

// newestImage is the committed metadata of the broker that has applied most; an
// empty one while none runs.
func (w *world) newestImage() *image.Image {
	newest := image.Empty()
	for k := int32(1); k <= w.plan.Brokers; k++ {
		if b := w.broker(k); b != nil {
			if im := b.Image(); im != nil && im.Offset() > newest.Offset() {
				newest = im
			}
		}
	}
	return newest
}

// registered lists the partitions of the newest committed metadata.
func (w *world) registered() []registeredPartition {
	im := w.newestImage()
	var out []registeredPartition
	for _, t := range im.Topics() {
		for i, p := range t.Partitions {
			out = append(out, registeredPartition{
				name: t.Name + "-" + strconv.Itoa(i), leader: p.Leader, replicas: p.Replicas, isr: p.ISR, mayLead: slices.Concat(p.ISR, p.ELR),
			})
		}
	}
	return out
}

// refreshLossy forgets the losses of nodes that are in every ISR again: they have
// fetched everything that is committed since. A node counts as back only after
// its present incarnation has registered, or the ISR that still names it is that
// of its former life.
func (w *world) refreshLossy() {
	parts := w.registered()
	im := w.newestImage()
	for i := range w.lossy {
		id := int32(i + 1)
		if !w.lossy[i] || !w.Running(engine.NodeID(id)) {
			continue
		}
		if w.plan.isBroker(id) && !w.serves(im, id) {
			continue
		}
		back := true
		for _, p := range parts {
			back = back && (!slices.Contains(p.replicas, id) || slices.Contains(p.isr, id))
		}
		w.lossy[i] = !back
	}
}

// serves reports whether the present incarnation of a broker is registered and
// unfenced. Before that the metadata speak of its former life, and its
// registration, if that ended uncleanly, is still to take it out of ISR and ELR.
func (w *world) serves(im *image.Image, id int32) bool {
	reg, b := im.Broker(id), w.broker(id)
	return reg != nil && b != nil && reg.Epoch == b.View().Epoch && !reg.Fenced
}

// stopsUnderWay reports whether a broker that was asked to stop has not been
// started again.
func (w *world) stopsUnderWay() bool {
	for i, inc := range w.stopped {
		if inc != 0 && w.Incarnation(engine.NodeID(i+1)) == inc {
			return true
		}
	}
	return false
}
