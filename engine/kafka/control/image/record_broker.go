package image

import "github.com/twmb/franz-go/pkg/kbin"

// UUID is Kafka's 128-bit id: of topics, broker incarnations and log directories.
type UUID = [16]byte

// Endpoint is one address a broker can be reached at.
type Endpoint struct {
	Name     string
	Host     string
	Port     uint16
	Protocol int16 // SecurityProtocol: 0 plaintext, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
}

// FeatureRange is what a broker supports of one feature.
type FeatureRange struct {
	Name     string
	Min, Max int16
}

// RegisterBroker (0): a broker registered a new incarnation, or amended one.
type RegisterBroker struct {
	BrokerID             int32
	IncarnationID        UUID
	BrokerEpoch          int64
	Endpoints            []Endpoint
	Features             []FeatureRange
	Rack                 *string
	Fenced               bool
	InControlledShutdown bool
	LogDirs              []UUID
}

// Key implements Record.
func (*RegisterBroker) Key() int16     { return 0 }
func (*RegisterBroker) version() int16 { return 3 }

func (m *RegisterBroker) appendBody(d []byte) []byte {
	d = kbin.AppendInt32(d, m.BrokerID)
	d = kbin.AppendBool(d, false) // IsMigratingZkBroker
	d = kbin.AppendUuid(d, m.IncarnationID)
	d = kbin.AppendInt64(d, m.BrokerEpoch)
	d = kbin.AppendCompactArrayLen(d, len(m.Endpoints))
	for _, e := range m.Endpoints {
		d = kbin.AppendCompactString(d, e.Name)
		d = kbin.AppendCompactString(d, e.Host)
		d = kbin.AppendUint16(d, e.Port)
		d = kbin.AppendInt16(d, e.Protocol)
		d = kbin.AppendUvarint(d, 0)
	}
	d = kbin.AppendCompactArrayLen(d, len(m.Features))
	for _, f := range m.Features {
		d = kbin.AppendCompactString(d, f.Name)
		d = kbin.AppendInt16(d, f.Min)
		d = kbin.AppendInt16(d, f.Max)
		d = kbin.AppendUvarint(d, 0)
	}
	d = kbin.AppendCompactNullableString(d, m.Rack)
	d = kbin.AppendBool(d, m.Fenced)
	d = kbin.AppendBool(d, m.InControlledShutdown)
	var t tagged
	if len(m.LogDirs) > 0 {
		t.add(0, appendUUIDs(nil, m.LogDirs))
	}
	return t.append(d)
}

func (m *RegisterBroker) readBody(r *reader, version int16) {
	m.BrokerID = r.Int32()
	if version >= 2 {
		r.Bool() // IsMigratingZkBroker
	}
	m.IncarnationID, m.BrokerEpoch = r.Uuid(), r.Int64()
	for n := r.count(7); n > 0; n-- {
		m.Endpoints = append(m.Endpoints, Endpoint{Name: r.str(), Host: r.str(), Port: r.Uint16(), Protocol: r.Int16()})
		r.tags(nil)
	}
	for n := r.count(6); n > 0; n-- {
		m.Features = append(m.Features, FeatureRange{Name: r.str(), Min: r.Int16(), Max: r.Int16()})
		r.tags(nil)
	}
	m.Rack, m.Fenced = r.nullStr(), r.Bool()
	if version >= 1 {
		m.InControlledShutdown = r.Bool()
	}
	r.tags(func(tag uint32, f *reader) bool {
		if tag != 0 || version < 3 {
			return false
		}
		m.LogDirs = f.uuids()
		return true
	})
}

// UnregisterBroker (1): a broker was removed from the cluster.
type UnregisterBroker struct {
	BrokerID    int32
	BrokerEpoch int64
}

// Key implements Record.
func (*UnregisterBroker) Key() int16     { return 1 }
func (*UnregisterBroker) version() int16 { return 0 }
func (m *UnregisterBroker) appendBody(d []byte) []byte {
	return appendBrokerRef(d, m.BrokerID, m.BrokerEpoch)
}
func (m *UnregisterBroker) readBody(r *reader, _ int16) { m.BrokerID, m.BrokerEpoch = readBrokerRef(r) }

// FenceBroker (7) is the older form of BrokerRegistrationChange; read, never written.
type FenceBroker struct {
	ID    int32
	Epoch int64
}

// Key implements Record.
func (*FenceBroker) Key() int16                   { return 7 }
func (*FenceBroker) version() int16               { return 0 }
func (m *FenceBroker) appendBody(d []byte) []byte { return appendBrokerRef(d, m.ID, m.Epoch) }
func (m *FenceBroker) readBody(r *reader, _ int16) {
	m.ID, m.Epoch = readBrokerRef(r)
}

// UnfenceBroker (8) is the older form of BrokerRegistrationChange; read, never written.
type UnfenceBroker struct {
	ID    int32
	Epoch int64
}

// Key implements Record.
func (*UnfenceBroker) Key() int16                   { return 8 }
func (*UnfenceBroker) version() int16               { return 0 }
func (m *UnfenceBroker) appendBody(d []byte) []byte { return appendBrokerRef(d, m.ID, m.Epoch) }
func (m *UnfenceBroker) readBody(r *reader, _ int16) {
	m.ID, m.Epoch = readBrokerRef(r)
}

func appendBrokerRef(d []byte, id int32, epoch int64) []byte {
	return kbin.AppendUvarint(kbin.AppendInt64(kbin.AppendInt32(d, id), epoch), 0)
}

func readBrokerRef(r *reader) (int32, int64) {
	id, epoch := r.Int32(), r.Int64()
	r.tags(nil)
	return id, epoch
}

// BrokerRegistrationChange (17): a broker was fenced or unfenced, began its
// controlled shutdown, or changed its log directories.
type BrokerRegistrationChange struct {
	BrokerID             int32
	BrokerEpoch          int64
	Fenced               int8 // -1 unfenced, 0 no change, 1 fenced
	InControlledShutdown int8 // 0 no change, 1 in controlled shutdown
	LogDirs              []UUID
}

// Key implements Record.
func (*BrokerRegistrationChange) Key() int16     { return 17 }
func (*BrokerRegistrationChange) version() int16 { return 2 }

func (m *BrokerRegistrationChange) appendBody(d []byte) []byte {
	d = kbin.AppendInt64(kbin.AppendInt32(d, m.BrokerID), m.BrokerEpoch)
	var t tagged
	if m.Fenced != 0 {
		t.add(0, []byte{byte(m.Fenced)})
	}
	if m.InControlledShutdown != 0 {
		t.add(1, []byte{byte(m.InControlledShutdown)})
	}
	if len(m.LogDirs) > 0 {
		t.add(2, appendUUIDs(nil, m.LogDirs))
	}
	return t.append(d)
}

func (m *BrokerRegistrationChange) readBody(r *reader, version int16) {
	m.BrokerID, m.BrokerEpoch = r.Int32(), r.Int64()
	r.tags(func(tag uint32, f *reader) bool {
		switch {
		case tag == 0:
			m.Fenced = f.Int8()
		case tag == 1 && version >= 1:
			m.InControlledShutdown = f.Int8()
		case tag == 2 && version >= 2:
			m.LogDirs = f.uuids()
		default:
			return false
		}
		return true
	})
}
