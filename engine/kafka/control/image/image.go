package image

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Broker is one registered broker. Immutable.
type Broker struct {
	ID                   int32
	Epoch                int64 // offset of its registration record
	RegisteredAt         int64 // offset of the last RegisterBroker record; equals Epoch unless amended
	Incarnation          UUID
	Endpoints            []Endpoint
	Features             []FeatureRange
	Rack                 *string
	Fenced               bool
	InControlledShutdown bool
	LogDirs              []UUID
}

// Active reports whether the broker may lead and be in an ISR.
func (b *Broker) Active() bool { return b != nil && !b.Fenced && !b.InControlledShutdown }

// Partition is the registration of one partition. Immutable.
type Partition struct {
	Replicas       []int32
	Directories    []UUID
	ISR            []int32
	ELR            []int32
	LastKnownELR   []int32
	Removing       []int32
	Adding         []int32
	Leader         int32
	LeaderEpoch    int32
	PartitionEpoch int32
	RecoveryState  int8
}

// Reassigning reports whether replicas are being added or removed.
func (p *Partition) Reassigning() bool { return len(p.Removing)+len(p.Adding) > 0 }

// Topic is a topic with its partitions, whose ids are their indexes. Immutable.
type Topic struct {
	Name       string
	ID         UUID
	Partitions []*Partition

	owner *token
}

// Partition returns the partition of that id, nil if there is none.
func (t *Topic) Partition(id int32) *Partition {
	if t == nil || id < 0 || int(id) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[id]
}

// ConfigEntry is one explicitly set config.
type ConfigEntry struct{ Name, Value string }

// ResourceKey names a resource that has configs.
type ResourceKey struct {
	Type int8
	Name string
}

// Resource holds the configs set on one resource, sorted by name. Immutable.
type Resource struct {
	ResourceKey
	Entries []ConfigEntry
}

// Feature is a finalized feature level.
type Feature struct {
	Name  string
	Level int16
}

// Image is the cluster's metadata as of an offset. Immutable: share it freely.
type Image struct {
	offset    int64
	epoch     int32
	brokers   []*Broker   // by id
	topics    []*Topic    // by name
	byID      []*Topic    // by id
	resources []*Resource // by (type, name)
	features  []Feature   // by name
	nextPID   int64
	hash      uint64
}

// Empty is the image before the first record.
func Empty() *Image { return &Image{epoch: -1} }

// Offset is the end of what was applied: every record below it is in.
func (im *Image) Offset() int64 { return im.offset }

// Epoch is the quorum epoch of the last applied batch, -1 before the first.
func (im *Image) Epoch() int32 { return im.epoch }

// Hash is a hash over the content (not over offset and epoch).
func (im *Image) Hash() uint64 { return im.hash }

// Brokers are all registered brokers by ascending id. Read only.
func (im *Image) Brokers() []*Broker { return im.brokers }

// Topics are all topics by name. Read only.
func (im *Image) Topics() []*Topic { return im.topics }

// Features are the finalized features by name. Read only.
func (im *Image) Features() []Feature { return im.features }

// NextProducerID is the first producer id that has not been handed out.
func (im *Image) NextProducerID() int64 { return im.nextPID }

// Broker returns a registered broker, nil if there is none of that id.
func (im *Image) Broker(id int32) *Broker {
	if i, ok := im.brokerIdx(id); ok {
		return im.brokers[i]
	}
	return nil
}

// Topic returns the topic of that name, nil if there is none.
func (im *Image) Topic(name string) *Topic {
	if i, ok := topicIdx(im.topics, name); ok {
		return im.topics[i]
	}
	return nil
}

// TopicByID returns the topic of that id, nil if there is none.
func (im *Image) TopicByID(id UUID) *Topic {
	if i, ok := idIdx(im.byID, id); ok {
		return im.byID[i]
	}
	return nil
}

// Partition returns a partition by topic name, nil if there is none.
func (im *Image) Partition(topic string, id int32) *Partition { return im.Topic(topic).Partition(id) }

// Feature returns the finalized level of a feature, 0 if it is not finalized.
func (im *Image) Feature(name string) int16 {
	if i, ok := featureIdx(im.features, name); ok {
		return im.features[i].Level
	}
	return 0
}

// Config returns the value set on a resource.
func (im *Image) Config(typ int8, resource, name string) (string, bool) {
	r := im.Resource(typ, resource)
	if r == nil {
		return "", false
	}
	if i, ok := entryIdx(r.Entries, name); ok {
		return r.Entries[i].Value, true
	}
	return "", false
}

// Configs returns what is set on a resource, sorted by name. Read only.
func (im *Image) Configs(typ int8, resource string) []ConfigEntry {
	if r := im.Resource(typ, resource); r != nil {
		return r.Entries
	}
	return nil
}

// Resource returns a resource with configs, nil if none are set on it.
func (im *Image) Resource(typ int8, name string) *Resource {
	if i, ok := resourceIdx(im.resources, ResourceKey{typ, name}); ok {
		return im.resources[i]
	}
	return nil
}

// Resources are all resources that have configs. Read only.
func (im *Image) Resources() []*Resource { return im.resources }

// BrokerResource is the name of a broker's own config resource.
func BrokerResource(id int32) string { return strconv.Itoa(int(id)) }

func (im *Image) brokerIdx(id int32) (int, bool) {
	return slices.BinarySearchFunc(im.brokers, id, func(b *Broker, id int32) int { return cmp.Compare(b.ID, id) })
}

func topicIdx(s []*Topic, name string) (int, bool) {
	return slices.BinarySearchFunc(s, name, func(t *Topic, n string) int { return strings.Compare(t.Name, n) })
}

func idIdx(s []*Topic, id UUID) (int, bool) {
	return slices.BinarySearchFunc(s, id, func(t *Topic, id UUID) int { return slices.Compare(t.ID[:], id[:]) })
}

func featureIdx(s []Feature, name string) (int, bool) {
	return slices.BinarySearchFunc(s, name, func(f Feature, n string) int { return strings.Compare(f.Name, n) })
}

func entryIdx(s []ConfigEntry, name string) (int, bool) {
	return slices.BinarySearchFunc(s, name, func(e ConfigEntry, n string) int { return strings.Compare(e.Name, n) })
}

func resourceIdx(s []*Resource, k ResourceKey) (int, bool) {
	return slices.BinarySearchFunc(s, k, func(r *Resource, k ResourceKey) int {
		if c := cmp.Compare(r.Type, k.Type); c != 0 {
			return c
		}
		return strings.Compare(r.Name, k.Name)
	})
}
