package ledger

import (
	"fmt"
	"slices"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/history"
)

// Metadata is the metadata log, replayed from the bytes of a disk.
type Metadata struct {
	Node       int32 // whose log it is: the longest
	End        int64
	Partitions []Partition // in order of creation
	Topics     []Topic
	Problems   []string // records that could not be decoded

	index   map[checks.Part]int
	brokers []broker
	batch   int64 // base offset of the one being replayed
}

// Topic is a topic that ever existed.
type Topic struct {
	Name    string
	ID      history.TopicID
	Removed bool
}

// Partition is the life of one partition.
type Partition struct {
	Key       checks.Part
	TopicName string
	Changes   []Change
}

// Change is the state of a partition from one metadata record on.
type Change struct {
	Offset                      int64
	Leader                      int32
	LeaderEpoch, PartitionEpoch int32
	Replicas, ISR, ELR          []int32
	Elected                     bool // this record set the leader
	// Unclean says that it elected a leader outside the ISR and ELR before it, which
	// Before holds; Alive is one of them that was alive then, -1 nobody.
	Unclean bool
	Before  []int32
	Alive   int32
	// LastKnown says that nobody was left in ISR and ELR and the latest leader leads again.
	LastKnown bool
}

type broker struct {
	id       int32
	epoch    int64
	fenced   bool
	stopping bool
	gone     bool
	// registered is the base offset of the batch in which it last registered.
	registered int64
}

// Name is the partition's name and the name of its directory.
func (p *Partition) Name() string { return fmt.Sprintf("%s-%d", p.TopicName, p.Key.Partition) }

// Last is the partition's final state.
func (p *Partition) Last() *Change { return &p.Changes[len(p.Changes)-1] }

// lastLeader is the latest leader that was one; -1 none.
func (p *Partition) lastLeader() int32 {
	for i := len(p.Changes) - 1; i >= 0; i-- {
		if n := p.Changes[i].Leader; n >= 0 {
			return n
		}
	}
	return -1
}

// LeaderChanges counts the leader epochs after the first.
func (p *Partition) LeaderChanges() int {
	return int(p.Last().LeaderEpoch - p.Changes[0].LeaderEpoch)
}

// ReadMetadata replays the longest metadata log on the nodes' disks.
func ReadMetadata(d checks.Disk, nodes []int32) *Metadata {
	var best bytes.Log
	m := &Metadata{Node: -1, index: map[checks.Part]int{}}
	for _, n := range nodes {
		log := bytes.DecodeLog(bytes.Segments(d, n, bytes.MetadataDir))
		if e := log.End(0); m.Node < 0 || e > m.End {
			best, m.Node, m.End = log, n, e
		}
	}
	for i := range best.Batches {
		m.apply(&best.Batches[i])
	}
	return m
}

// apply replays one batch: its records take effect together.
func (m *Metadata) apply(b *bytes.Batch) {
	if b.Control() {
		return
	}
	first := make([]int, len(m.Partitions)) // changes before this batch
	for i := range m.Partitions {
		first[i] = len(m.Partitions[i].Changes)
	}
	m.batch = b.Base
	err := b.Each(func(r bytes.Record) {
		rec, err := bytes.DecodeMetadata(r.Value)
		if err != nil {
			m.Problems = append(m.Problems, fmt.Sprintf("metadata offset %d: %v", r.Offset, err))
			return
		}
		m.record(r.Offset, rec)
	})
	if err != nil {
		m.Problems = append(m.Problems, fmt.Sprintf("metadata batch at offset %d: %v", b.Base, err))
	}
	for i := range first {
		for k := first[i]; k < len(m.Partitions[i].Changes); k++ {
			m.findAlive(&m.Partitions[i].Changes[k], b.Base)
		}
	}
}

// findAlive looks, after the whole batch, for a live member of the ISR and ELR that
// an unclean election passed over. One that registered anew in the same batch came
// back uncleanly and was taken out of them.
func (m *Metadata) findAlive(c *Change, batch int64) {
	if !c.Unclean {
		return
	}
	for _, id := range c.Before {
		k := m.broker(id)
		if !k.gone && !k.fenced && !k.stopping {
			c.Alive = id
		}
		if k.registered != batch {
			c.LastKnown = false // it came back in this batch, or it could still have led
		}
	}
}

func (m *Metadata) broker(id int32) *broker {
	for i := range m.brokers {
		if m.brokers[i].id == id {
			return &m.brokers[i]
		}
	}
	m.brokers = append(m.brokers, broker{id: id, gone: true, registered: -1})
	return &m.brokers[len(m.brokers)-1]
}

func (m *Metadata) record(offset int64, rec any) {
	switch r := rec.(type) {
	case bytes.RegisterBroker:
		*m.broker(r.ID) = broker{r.ID, r.Epoch, r.Fenced, r.Stopping, false, m.batch}
	case bytes.UnregisterBroker:
		m.broker(r.ID).gone = true
	case bytes.BrokerChange:
		b := m.broker(r.ID)
		if r.Fenced != 0 {
			b.fenced = r.Fenced > 0
		}
		b.stopping = b.stopping || r.Stopping
	case bytes.Topic:
		m.Topics = append(m.Topics, Topic{Name: r.Name, ID: r.ID})
	case bytes.RemoveTopic:
		for i := range m.Topics {
			if m.Topics[i].ID == r.ID {
				m.Topics[i].Removed = true
			}
		}
	case bytes.Partition:
		m.created(offset, &r)
	case bytes.PartitionChange:
		m.changed(offset, &r)
	}
}

func (m *Metadata) created(offset int64, r *bytes.Partition) {
	key := checks.Part{Topic: r.Topic, Partition: r.ID}
	p := m.Partition(key)
	if p == nil {
		m.index[key] = len(m.Partitions)
		m.Partitions = append(m.Partitions, Partition{Key: key, TopicName: m.Name(r.Topic)})
		p = m.Partition(key)
	}
	p.Changes = append(p.Changes, Change{
		Offset: offset, Leader: r.Leader, LeaderEpoch: r.LeaderEpoch, PartitionEpoch: r.PartitionEpoch,
		Replicas: r.Replicas, ISR: r.ISR, ELR: r.ELR, Elected: true, Alive: -1,
	})
}

// changed merges a PartitionChangeRecord as PartitionRegistration.merge does: the
// leader epoch grows when the record names a leader, the partition epoch always.
func (m *Metadata) changed(offset int64, r *bytes.PartitionChange) {
	p := m.Partition(checks.Part{Topic: r.Topic, Partition: r.ID})
	if p == nil {
		m.Problems = append(m.Problems, fmt.Sprintf("metadata offset %d changes a partition that does not exist", offset))
		return
	}
	was := p.Last()
	c := *was
	c.Offset, c.Elected, c.Unclean, c.Before, c.Alive, c.LastKnown = offset, false, false, nil, -1, false
	c.PartitionEpoch++
	if r.ISR != nil {
		c.ISR = r.ISR
	}
	if r.Replicas != nil {
		c.Replicas = r.Replicas
	}
	if r.ELR != nil {
		c.ELR = r.ELR
	}
	if r.Leader != -2 {
		c.Leader, c.Elected = r.Leader, true
		c.LeaderEpoch++
		if r.Leader >= 0 && !slices.Contains(was.ISR, r.Leader) && !slices.Contains(was.ELR, r.Leader) {
			c.Unclean, c.Before = true, slices.Concat(was.ISR, was.ELR)
			c.LastKnown = p.lastLeader() == r.Leader // findAlive decides the rest
		}
	}
	p.Changes = append(p.Changes, c)
}

// Partition finds a partition; nil if the log never had it.
func (m *Metadata) Partition(key checks.Part) *Partition {
	if i, found := m.index[key]; found {
		return &m.Partitions[i]
	}
	return nil
}

// Name returns a topic's name, or its id for a stranger.
func (m *Metadata) Name(id history.TopicID) string {
	for i := range m.Topics {
		if m.Topics[i].ID == id {
			return m.Topics[i].Name
		}
	}
	return fmt.Sprintf("%x", id[:4])
}

// Removed reports whether the topic was deleted (case R).
func (m *Metadata) Removed(id history.TopicID) bool {
	for i := range m.Topics {
		if m.Topics[i].ID == id {
			return m.Topics[i].Removed
		}
	}
	return false
}

// LeaderChanges counts the leader epochs of a partition after its first.
func (m *Metadata) LeaderChanges(key checks.Part) int {
	if p := m.Partition(key); p != nil {
		return p.LeaderChanges()
	}
	return 0
}
