package image

import "github.com/twmb/franz-go/pkg/kbin"

// The hash of an image is the sum of the hashes of its elements, so that an edit
// costs what it changes. An element's hash covers its encoding; the first byte
// keeps the kinds apart.

func fnv(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	// A sum of plain FNV values cancels easily: finish with splitmix64's mixer.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (e *Editor) hashBroker(b *Broker) uint64 {
	m := RegisterBroker{BrokerID: b.ID, IncarnationID: b.Incarnation, BrokerEpoch: b.Epoch, Endpoints: b.Endpoints,
		Features: b.Features, Rack: b.Rack, Fenced: b.Fenced, InControlledShutdown: b.InControlledShutdown, LogDirs: b.LogDirs}
	e.scratch = m.appendBody(append(e.scratch[:0], 'b'))
	return fnv(e.scratch)
}

func (e *Editor) hashPartition(topic UUID, id int32, p *Partition) uint64 {
	m := p.Record(topic, id)
	e.scratch = m.appendBody(append(e.scratch[:0], 'p'))
	return fnv(e.scratch)
}

// Record returns the record that sets the partition as a whole.
func (p *Partition) Record(topic UUID, id int32) *PartitionRecord {
	return &PartitionRecord{PartitionID: id, TopicID: topic, Replicas: p.Replicas, ISR: p.ISR, Removing: p.Removing,
		Adding: p.Adding, Leader: p.Leader, RecoveryState: p.RecoveryState, LeaderEpoch: p.LeaderEpoch,
		PartitionEpoch: p.PartitionEpoch, Directories: p.Directories, ELR: p.ELR, LastKnownELR: p.LastKnownELR}
}

func hashTopic(t *Topic) uint64 {
	return fnv(append(append([]byte{'t'}, t.ID[:]...), t.Name...))
}

func hashConfig(k ResourceKey, c ConfigEntry) uint64 {
	m := ConfigRecord{ResourceType: k.Type, ResourceName: k.Name, Name: c.Name, Value: &c.Value}
	return fnv(m.appendBody([]byte{'c'}))
}

func hashFeature(f Feature) uint64 {
	m := FeatureLevel(f)
	return fnv(m.appendBody([]byte{'f'}))
}

func hashPID(next int64) uint64 {
	if next == 0 {
		return 0
	}
	return fnv(kbin.AppendInt64([]byte{'i'}, next))
}
