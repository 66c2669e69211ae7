package image

import (
	"errors"
	"fmt"
	"slices"

	"trial/engine/kafka/view"
)

// ErrBadRecord is what Apply returns for a well-formed record that does not fit
// the image: an unknown topic, a gap in partition ids. In a committed log it
// means that the image or the log is wrong.
var ErrBadRecord = errors.New("metadata record does not fit the image")

// token marks what an editor has already copied and may change in place.
type token struct{ _ byte }

// Editor makes the next image from an image by applying records. The original
// stays as it is; what does not change is shared.
type Editor struct {
	Observe Observer

	im    *Image
	delta Delta
	owner *token

	ownBrokers, ownTopics, ownResources, ownFeatures bool

	partIdx map[partKey]int // into delta.Partitions; lookups only
	brokIdx map[int32]int
	resIdx  map[ResourceKey]bool
	scratch []byte
}

type partKey struct {
	topic UUID
	id    int32
}

// Edit starts an edit of im.
func (im *Image) Edit() *Editor {
	next := *im
	return &Editor{im: &next, owner: &token{}, partIdx: map[partKey]int{}, brokIdx: map[int32]int{}, resIdx: map[ResourceKey]bool{}}
}

// Image is the state in the middle of the edit, for look-ups only; it changes
// with further Apply calls.
func (e *Editor) Image() *Image { return e.im }

// Done ends the edit: everything below end has been applied, the last batch being
// of that quorum epoch.
func (e *Editor) Done(end int64, epoch int32) (*Image, Delta) {
	e.im.offset, e.im.epoch = end, epoch
	im := e.im
	e.im, e.owner = nil, nil
	return im, e.delta
}

// Apply applies the record at offset. After an error the edit is good for nothing
// but to be dropped.
func (e *Editor) Apply(rec Record, offset int64) error {
	switch m := rec.(type) {
	case *RegisterBroker:
		return e.registerBroker(m, offset)
	case *UnregisterBroker:
		return e.unregisterBroker(m, offset)
	case *BrokerRegistrationChange:
		return e.changeBroker(m, offset)
	case *FenceBroker:
		return e.changeBroker(&BrokerRegistrationChange{BrokerID: m.ID, BrokerEpoch: m.Epoch, Fenced: 1}, offset)
	case *UnfenceBroker:
		return e.changeBroker(&BrokerRegistrationChange{BrokerID: m.ID, BrokerEpoch: m.Epoch, Fenced: -1}, offset)
	case *TopicRecord:
		return e.addTopic(m)
	case *RemoveTopic:
		return e.removeTopic(m, offset)
	case *PartitionRecord:
		return e.setPartition(m, offset)
	case *PartitionChange:
		return e.changePartition(m, offset)
	case *ConfigRecord:
		e.config(m)
	case *FeatureLevel:
		e.feature(m)
	case *ProducerIDs:
		e.im.hash += hashPID(m.NextProducerID) - hashPID(e.im.nextPID)
		e.im.nextPID = m.NextProducerID
		e.delta.ProducerIDs = true
	case *NoOp, *Unknown:
	}
	return nil
}

func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadRecord, fmt.Sprintf(format, args...))
}

func (e *Editor) registerBroker(m *RegisterBroker, offset int64) error {
	b := &Broker{ID: m.BrokerID, Epoch: m.BrokerEpoch, RegisteredAt: offset, Incarnation: m.IncarnationID,
		Endpoints: m.Endpoints, Features: m.Features, Rack: m.Rack, Fenced: m.Fenced,
		InControlledShutdown: m.InControlledShutdown, LogDirs: m.LogDirs}
	e.putBroker(b, offset)
	return nil
}

func (e *Editor) unregisterBroker(m *UnregisterBroker, offset int64) error {
	i, ok := e.im.brokerIdx(m.BrokerID)
	if !ok || e.im.brokers[i].Epoch != m.BrokerEpoch {
		return misfit("unregistration of broker %d epoch %d, which is not registered", m.BrokerID, m.BrokerEpoch)
	}
	old := e.im.brokers[i]
	e.cloneBrokers()
	e.im.brokers = slices.Delete(e.im.brokers, i, i+1)
	e.im.hash -= e.hashBroker(old)
	e.noteBroker(old, nil, offset)
	return nil
}

func (e *Editor) changeBroker(m *BrokerRegistrationChange, offset int64) error {
	old := e.im.Broker(m.BrokerID)
	if old == nil || old.Epoch != m.BrokerEpoch {
		return misfit("change of broker %d epoch %d, which is not registered", m.BrokerID, m.BrokerEpoch)
	}
	b := *old
	if m.Fenced != 0 {
		b.Fenced = m.Fenced > 0
	}
	if m.InControlledShutdown > 0 {
		b.InControlledShutdown = true
	}
	if len(m.LogDirs) > 0 {
		b.LogDirs = m.LogDirs
	}
	e.putBroker(&b, offset)
	return nil
}

func (e *Editor) cloneBrokers() {
	if !e.ownBrokers {
		e.im.brokers, e.ownBrokers = slices.Clone(e.im.brokers), true
	}
}

func (e *Editor) putBroker(b *Broker, offset int64) {
	e.cloneBrokers()
	var old *Broker
	if i, ok := e.im.brokerIdx(b.ID); ok {
		old = e.im.brokers[i]
		e.im.hash -= e.hashBroker(old)
		e.im.brokers[i] = b
	} else {
		e.im.brokers = slices.Insert(e.im.brokers, i, b)
	}
	e.im.hash += e.hashBroker(b)
	e.noteBroker(old, b, offset)
}

func (e *Editor) noteBroker(old, new *Broker, offset int64) {
	id := int32(0)
	if new != nil {
		id = new.ID
	} else {
		id = old.ID
	}
	if i, ok := e.brokIdx[id]; ok {
		e.delta.Brokers[i].New = new
	} else {
		e.brokIdx[id] = len(e.delta.Brokers)
		e.delta.Brokers = append(e.delta.Brokers, BrokerDelta{ID: id, Old: old, New: new})
	}
	if e.Observe.Broker != nil {
		e.Observe.Broker(offset, old, new)
	}
}

func (e *Editor) cloneTopics() {
	if !e.ownTopics {
		e.im.topics, e.im.byID, e.ownTopics = slices.Clone(e.im.topics), slices.Clone(e.im.byID), true
	}
}

func (e *Editor) addTopic(m *TopicRecord) error {
	i, taken := topicIdx(e.im.topics, m.Name)
	j, known := idIdx(e.im.byID, m.TopicID)
	if taken || known {
		return misfit("topic %s exists already", m.Name)
	}
	e.cloneTopics()
	t := &Topic{Name: m.Name, ID: m.TopicID, owner: e.owner}
	e.im.topics = slices.Insert(e.im.topics, i, t)
	e.im.byID = slices.Insert(e.im.byID, j, t)
	e.im.hash += hashTopic(t)
	e.delta.TopicsAdded = append(e.delta.TopicsAdded, t)
	return nil
}

func (e *Editor) removeTopic(m *RemoveTopic, offset int64) error {
	j, ok := idIdx(e.im.byID, m.TopicID)
	if !ok {
		return misfit("removal of an unknown topic id")
	}
	e.cloneTopics()
	t := e.im.byID[j]
	i, _ := topicIdx(e.im.topics, t.Name)
	e.im.byID = slices.Delete(e.im.byID, j, j+1)
	e.im.topics = slices.Delete(e.im.topics, i, i+1)
	e.im.hash -= hashTopic(t)
	for id, p := range t.Partitions {
		e.im.hash -= e.hashPartition(t.ID, int32(id), p)
		e.notePartition(t, int32(id), p, nil, offset)
	}
	if k := slices.Index(e.delta.TopicsAdded, t); k >= 0 {
		e.delta.TopicsAdded = slices.Delete(e.delta.TopicsAdded, k, k+1)
	} else {
		e.delta.TopicsRemoved = append(e.delta.TopicsRemoved, t)
	}
	if r := e.im.Resource(ResourceTopic, t.Name); r != nil { // configs go with their topic
		for _, c := range slices.Clone(r.Entries) {
			e.config(&ConfigRecord{ResourceType: ResourceTopic, ResourceName: t.Name, Name: c.Name})
		}
	}
	return nil
}

// ownTopic returns the topic, copied unless this edit has done so before.
func (e *Editor) ownTopic(id UUID) *Topic {
	j, ok := idIdx(e.im.byID, id)
	if !ok {
		return nil
	}
	t := e.im.byID[j]
	if t.owner == e.owner {
		return t
	}
	e.cloneTopics()
	t = &Topic{Name: t.Name, ID: t.ID, Partitions: slices.Clone(t.Partitions), owner: e.owner}
	i, _ := topicIdx(e.im.topics, t.Name)
	e.im.topics[i], e.im.byID[j] = t, t
	return t
}

func (e *Editor) setPartition(m *PartitionRecord, offset int64) error {
	t := e.ownTopic(m.TopicID)
	if t == nil || m.PartitionID < 0 || int(m.PartitionID) > len(t.Partitions) {
		return misfit("partition %d of a topic that has no such place", m.PartitionID)
	}
	p := &Partition{Replicas: m.Replicas, Directories: m.Directories, ISR: m.ISR, ELR: m.ELR, LastKnownELR: m.LastKnownELR,
		Removing: m.Removing, Adding: m.Adding, Leader: m.Leader, LeaderEpoch: m.LeaderEpoch,
		PartitionEpoch: m.PartitionEpoch, RecoveryState: m.RecoveryState}
	if int(m.PartitionID) == len(t.Partitions) {
		t.Partitions = append(t.Partitions, nil)
	}
	e.putPartition(t, m.PartitionID, p, offset)
	return nil
}

func (e *Editor) changePartition(m *PartitionChange, offset int64) error {
	t := e.ownTopic(m.TopicID)
	old := t.Partition(m.PartitionID)
	if old == nil {
		return misfit("change of an unknown partition %d", m.PartitionID)
	}
	e.putPartition(t, m.PartitionID, old.Merge(m), offset)
	return nil
}

// Merge returns the partition after a change (PartitionRegistration.merge).
func (p *Partition) Merge(m *PartitionChange) *Partition {
	n := *p
	if m.Replicas != nil {
		n.Replicas = m.Replicas
	}
	if m.Directories != nil {
		n.Directories = m.Directories
	} else if m.Replicas != nil {
		n.Directories = directoriesFor(p, m.Replicas)
	}
	for _, f := range [...]struct{ to, from *[]int32 }{{&n.ISR, &m.ISR}, {&n.ELR, &m.ELR},
		{&n.LastKnownELR, &m.LastKnownELR}, {&n.Removing, &m.Removing}, {&n.Adding, &m.Adding}} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	if m.Leader != NoLeaderChange {
		n.Leader = m.Leader
		n.LeaderEpoch++
	}
	if m.RecoveryState != -1 {
		n.RecoveryState = m.RecoveryState
	}
	n.PartitionEpoch++
	return &n
}

// directoriesFor keeps the directory of each replica that stays.
func directoriesFor(p *Partition, replicas []int32) []UUID {
	dirs := make([]UUID, len(replicas))
	for i, r := range replicas {
		if j := slices.Index(p.Replicas, r); j >= 0 && j < len(p.Directories) {
			dirs[i] = p.Directories[j]
		}
	}
	return dirs
}

func (e *Editor) putPartition(t *Topic, id int32, p *Partition, offset int64) {
	old := t.Partitions[id]
	if old != nil {
		e.im.hash -= e.hashPartition(t.ID, id, old)
	}
	e.im.hash += e.hashPartition(t.ID, id, p)
	t.Partitions[id] = p
	e.notePartition(t, id, old, p, offset)
}

func (e *Editor) notePartition(t *Topic, id int32, old, new *Partition, offset int64) {
	tp := view.TP{Topic: t.Name, ID: view.TopicID(t.ID), Partition: id}
	k := partKey{t.ID, id}
	if i, ok := e.partIdx[k]; ok {
		e.delta.Partitions[i].New = new
	} else {
		e.partIdx[k] = len(e.delta.Partitions)
		e.delta.Partitions = append(e.delta.Partitions, PartitionDelta{TP: tp, Old: old, New: new})
	}
	if e.Observe.Partition != nil {
		e.Observe.Partition(tp, offset, old, new)
	}
}

func (e *Editor) config(m *ConfigRecord) {
	key := ResourceKey{m.ResourceType, m.ResourceName}
	if !e.ownResources {
		e.im.resources, e.ownResources = slices.Clone(e.im.resources), true
	}
	ri, ok := resourceIdx(e.im.resources, key)
	if !ok {
		if m.Value == nil {
			return
		}
		e.im.resources = slices.Insert(e.im.resources, ri, &Resource{ResourceKey: key})
	}
	entries := slices.Clone(e.im.resources[ri].Entries)
	i, found := entryIdx(entries, m.Name)
	if found {
		e.im.hash -= hashConfig(key, entries[i])
	}
	switch {
	case m.Value == nil && found:
		entries = slices.Delete(entries, i, i+1)
	case m.Value != nil && found:
		entries[i].Value = *m.Value
	case m.Value != nil:
		entries = slices.Insert(entries, i, ConfigEntry{m.Name, *m.Value})
	}
	if m.Value != nil {
		e.im.hash += hashConfig(key, ConfigEntry{m.Name, *m.Value})
	}
	if len(entries) == 0 {
		e.im.resources = slices.Delete(e.im.resources, ri, ri+1)
	} else {
		e.im.resources[ri] = &Resource{ResourceKey: key, Entries: entries}
	}
	if !e.resIdx[key] {
		e.resIdx[key] = true
		e.delta.Resources = append(e.delta.Resources, key)
	}
}

func (e *Editor) feature(m *FeatureLevel) {
	if !e.ownFeatures {
		e.im.features, e.ownFeatures = slices.Clone(e.im.features), true
	}
	i, found := featureIdx(e.im.features, m.Name)
	if found {
		e.im.hash -= hashFeature(e.im.features[i])
	}
	switch f := (Feature{m.Name, m.Level}); {
	case m.Level == 0 && found:
		e.im.features = slices.Delete(e.im.features, i, i+1)
	case m.Level == 0:
	case found:
		e.im.features[i] = f
	default:
		e.im.features = slices.Insert(e.im.features, i, f)
	}
	if m.Level != 0 {
		e.im.hash += hashFeature(Feature{m.Name, m.Level})
	}
	e.delta.Features = true
}
