package bytes

import "errors"

// Topic is TopicRecord (2).
type Topic struct {
	Name string
	ID   [16]byte
}

// RemoveTopic is RemoveTopicRecord (9).
type RemoveTopic struct{ ID [16]byte }

// Partition is PartitionRecord (3).
type Partition struct {
	Topic                       [16]byte
	ID                          int32
	Replicas, ISR, ELR          []int32
	Leader                      int32
	LeaderEpoch, PartitionEpoch int32
	Recovering                  bool
}

// PartitionChange is PartitionChangeRecord (5). Nil slices say: unchanged.
type PartitionChange struct {
	Topic              [16]byte
	ID                 int32
	ISR, Replicas, ELR []int32
	Leader             int32 // -2 unchanged, -1 none
	Recovery           int8  // -1 unchanged
}

// RegisterBroker is RegisterBrokerRecord (0).
type RegisterBroker struct {
	ID          int32
	Incarnation [16]byte
	Epoch       int64
	Fenced      bool
	Stopping    bool
}

// UnregisterBroker is UnregisterBrokerRecord (1).
type UnregisterBroker struct {
	ID    int32
	Epoch int64
}

// BrokerChange is BrokerRegistrationChangeRecord (17), and FenceBrokerRecord (7)
// and UnfenceBrokerRecord (8) in its form.
type BrokerChange struct {
	ID       int32
	Epoch    int64
	Fenced   int8 // -1 unfenced, 0 unchanged, 1 fenced
	Stopping bool
}

// Setting is ConfigRecord (4). Null says that the setting was removed.
type Setting struct {
	Type        int8
	Name        string
	Key, Value  string
	ValueIsNull bool
}

// Other is any record that the judges do not need.
type Other struct{ Type uint64 }

var errFrame = errors.New("metadata record has an unknown frame version")

// DecodeMetadata decodes the value of a metadata record, framed as
// MetadataRecordSerde does: frame version, type, version, message. It returns one
// of the types above.
func DecodeMetadata(value []byte) (any, error) {
	r := &reader{p: value}
	if frame := r.uvarint(); frame > 1 {
		return nil, errFrame
	}
	kind, version := r.uvarint(), r.uvarint()
	rec := decodeKind(r, kind, version)
	if r.bad {
		return nil, errRead
	}
	return rec, nil
}

func decodeKind(r *reader, kind, version uint64) any {
	switch kind {
	case 0:
		return decodeRegister(r, version)
	case 1:
		return UnregisterBroker{r.i32(), r.i64()}
	case 2:
		name, _ := r.str()
		return Topic{name, r.uuid()}
	case 3:
		return decodePartition(r, version)
	case 4:
		s := Setting{Type: r.i8()}
		s.Name, _ = r.str()
		s.Key, _ = r.str()
		s.Value, s.ValueIsNull = r.str()
		return s
	case 5:
		return decodeChange(r)
	case 7:
		return BrokerChange{ID: r.i32(), Epoch: r.i64(), Fenced: 1}
	case 8:
		return BrokerChange{ID: r.i32(), Epoch: r.i64(), Fenced: -1}
	case 9:
		return RemoveTopic{r.uuid()}
	case 17:
		c := BrokerChange{ID: r.i32(), Epoch: r.i64()}
		r.tags(func(tag uint64, v *reader) {
			switch tag {
			case 0:
				c.Fenced = v.i8()
			case 1:
				c.Stopping = v.i8() == 1
			}
		})
		return c
	}
	return Other{kind}
}

func decodeRegister(r *reader, version uint64) RegisterBroker {
	b := RegisterBroker{ID: r.i32()}
	if version >= 2 {
		r.i8() // migrating from ZooKeeper
	}
	b.Incarnation, b.Epoch = r.uuid(), r.i64()
	endpoints, _ := r.count(8)
	for range endpoints {
		r.str()
		r.str()
		r.i16()
		r.i16()
		r.tags(nil)
	}
	features, _ := r.count(6)
	for range features {
		r.str()
		r.i16()
		r.i16()
		r.tags(nil)
	}
	r.str() // rack
	b.Fenced = r.i8() != 0
	if version >= 1 {
		b.Stopping = r.i8() != 0
	}
	return b
}

func decodePartition(r *reader, version uint64) Partition {
	p := Partition{ID: r.i32(), Topic: r.uuid(), Replicas: r.i32s(), ISR: r.i32s()}
	r.i32s() // removing
	r.i32s() // adding
	p.Leader, p.LeaderEpoch, p.PartitionEpoch = r.i32(), r.i32(), r.i32()
	if version >= 1 {
		r.uuids()
	}
	r.tags(func(tag uint64, v *reader) {
		switch tag {
		case 0:
			p.Recovering = v.i8() == 1
		case 1:
			p.ELR = v.i32s()
		}
	})
	return p
}

func decodeChange(r *reader) PartitionChange {
	c := PartitionChange{ID: r.i32(), Topic: r.uuid(), Leader: -2, Recovery: -1}
	r.tags(func(tag uint64, v *reader) {
		switch tag {
		case 0:
			c.ISR = v.i32s()
		case 1:
			c.Leader = v.i32()
		case 2:
			c.Replicas = v.i32s()
		case 5:
			c.Recovery = v.i8()
		case 6:
			c.ELR = v.i32s()
		}
	})
	return c
}
