package image

import "github.com/twmb/franz-go/pkg/kbin"

// NoLeader is the leader of a partition that has none.
const NoLeader int32 = -1

// NoLeaderChange in a PartitionChange leaves the leader and its epoch alone.
const NoLeaderChange int32 = -2

// Recovery states of a partition's leader (LeaderRecoveryState).
const (
	Recovered  int8 = 0
	Recovering int8 = 1
)

// TopicRecord (2): a topic was created.
type TopicRecord struct {
	Name    string
	TopicID UUID
}

// Key implements Record.
func (*TopicRecord) Key() int16     { return 2 }
func (*TopicRecord) version() int16 { return 0 }
func (m *TopicRecord) appendBody(d []byte) []byte {
	return kbin.AppendUvarint(kbin.AppendUuid(kbin.AppendCompactString(d, m.Name), m.TopicID), 0)
}
func (m *TopicRecord) readBody(r *reader, _ int16) {
	m.Name, m.TopicID = r.str(), r.Uuid()
	r.tags(nil)
}

// RemoveTopic (9): a topic and all its partitions were deleted.
type RemoveTopic struct{ TopicID UUID }

// Key implements Record.
func (*RemoveTopic) Key() int16     { return 9 }
func (*RemoveTopic) version() int16 { return 0 }
func (m *RemoveTopic) appendBody(d []byte) []byte {
	return kbin.AppendUvarint(kbin.AppendUuid(d, m.TopicID), 0)
}
func (m *RemoveTopic) readBody(r *reader, _ int16) {
	m.TopicID = r.Uuid()
	r.tags(nil)
}

// PartitionRecord (3): a partition was created, or set as a whole.
type PartitionRecord struct {
	PartitionID    int32
	TopicID        UUID
	Replicas       []int32
	ISR            []int32
	Removing       []int32
	Adding         []int32
	Leader         int32
	RecoveryState  int8
	LeaderEpoch    int32
	PartitionEpoch int32
	Directories    []UUID
	ELR            []int32
	LastKnownELR   []int32
}

// Key implements Record.
func (*PartitionRecord) Key() int16     { return 3 }
func (*PartitionRecord) version() int16 { return 2 }

func (m *PartitionRecord) appendBody(d []byte) []byte {
	d = kbin.AppendUuid(kbin.AppendInt32(d, m.PartitionID), m.TopicID)
	d = appendInts(d, m.Replicas)
	d = appendInts(d, m.ISR)
	d = appendInts(d, m.Removing)
	d = appendInts(d, m.Adding)
	d = kbin.AppendInt32(d, m.Leader)
	d = kbin.AppendInt32(d, m.LeaderEpoch)
	d = kbin.AppendInt32(d, m.PartitionEpoch)
	d = appendUUIDs(d, m.Directories)
	var t tagged
	if m.RecoveryState != Recovered {
		t.add(0, []byte{byte(m.RecoveryState)})
	}
	if len(m.ELR) > 0 {
		t.add(1, appendInts(nil, m.ELR))
	}
	if len(m.LastKnownELR) > 0 {
		t.add(2, appendInts(nil, m.LastKnownELR))
	}
	return t.append(d)
}

func (m *PartitionRecord) readBody(r *reader, version int16) {
	m.PartitionID, m.TopicID = r.Int32(), r.Uuid()
	m.Replicas, m.ISR, m.Removing, m.Adding = r.ints(), r.ints(), r.ints(), r.ints()
	m.Leader, m.LeaderEpoch, m.PartitionEpoch = r.Int32(), r.Int32(), r.Int32()
	if version >= 1 {
		m.Directories = r.uuids()
	}
	r.tags(func(tag uint32, f *reader) bool {
		switch {
		case tag == 0:
			m.RecoveryState = f.Int8()
		case tag == 1 && version >= 2:
			m.ELR = f.ints()
		case tag == 2 && version >= 2:
			m.LastKnownELR = f.ints()
		default:
			return false
		}
		return true
	})
}

// PartitionChange (5): some fields of a partition changed. Every one of them adds
// one to the partition epoch; a Leader other than NoLeaderChange adds one to the
// leader epoch. A nil slice means no change, an empty one is a value.
type PartitionChange struct {
	PartitionID   int32
	TopicID       UUID
	ISR           []int32
	Leader        int32
	Replicas      []int32
	Removing      []int32
	Adding        []int32
	RecoveryState int8 // -1 no change
	ELR           []int32
	LastKnownELR  []int32
	Directories   []UUID
}

// NewPartitionChange returns a change that changes nothing yet.
func NewPartitionChange(topic UUID, partition int32) *PartitionChange {
	return &PartitionChange{TopicID: topic, PartitionID: partition, Leader: NoLeaderChange, RecoveryState: -1}
}

// Empty reports whether the change says nothing.
func (m *PartitionChange) Empty() bool {
	return m.ISR == nil && m.Leader == NoLeaderChange && m.Replicas == nil && m.Removing == nil && m.Adding == nil &&
		m.RecoveryState == -1 && m.ELR == nil && m.LastKnownELR == nil && m.Directories == nil
}

// Key implements Record.
func (*PartitionChange) Key() int16     { return 5 }
func (*PartitionChange) version() int16 { return 2 }

func (m *PartitionChange) appendBody(d []byte) []byte {
	d = kbin.AppendUuid(kbin.AppendInt32(d, m.PartitionID), m.TopicID)
	var t tagged
	ints := func(tag uint32, v []int32) {
		if v != nil {
			t.add(tag, appendInts(nil, v))
		}
	}
	ints(0, m.ISR)
	if m.Leader != NoLeaderChange {
		t.add(1, kbin.AppendInt32(nil, m.Leader))
	}
	ints(2, m.Replicas)
	ints(3, m.Removing)
	ints(4, m.Adding)
	if m.RecoveryState != -1 {
		t.add(5, []byte{byte(m.RecoveryState)})
	}
	ints(6, m.ELR)
	ints(7, m.LastKnownELR)
	if m.Directories != nil {
		t.add(8, appendUUIDs(nil, m.Directories))
	}
	return t.append(d)
}

func (m *PartitionChange) readBody(r *reader, version int16) {
	m.PartitionID, m.TopicID = r.Int32(), r.Uuid()
	m.Leader, m.RecoveryState = NoLeaderChange, -1
	r.tags(func(tag uint32, f *reader) bool {
		switch {
		case tag == 0:
			m.ISR = f.ints()
		case tag == 1:
			m.Leader = f.Int32()
		case tag == 2:
			m.Replicas = f.ints()
		case tag == 3:
			m.Removing = f.ints()
		case tag == 4:
			m.Adding = f.ints()
		case tag == 5:
			m.RecoveryState = f.Int8()
		case tag == 6 && version >= 2:
			m.ELR = f.ints()
		case tag == 7 && version >= 2:
			m.LastKnownELR = f.ints()
		case tag == 8 && version >= 1:
			m.Directories = f.uuids()
		default:
			return false
		}
		return true
	})
}
