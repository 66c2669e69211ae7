package image

import "github.com/twmb/franz-go/pkg/kbin"

// Types of resources that have configs (ConfigResource.Type).
const (
	ResourceTopic  int8 = 2
	ResourceBroker int8 = 4
)

// ConfigRecord (4): a config of a resource was set, or deleted by a nil value.
type ConfigRecord struct {
	ResourceType int8
	ResourceName string // of a broker its id, empty for the cluster-wide default
	Name         string
	Value        *string
}

// Key implements Record.
func (*ConfigRecord) Key() int16     { return 4 }
func (*ConfigRecord) version() int16 { return 0 }
func (m *ConfigRecord) appendBody(d []byte) []byte {
	d = kbin.AppendInt8(d, m.ResourceType)
	d = kbin.AppendCompactString(d, m.ResourceName)
	d = kbin.AppendCompactString(d, m.Name)
	return kbin.AppendUvarint(kbin.AppendCompactNullableString(d, m.Value), 0)
}
func (m *ConfigRecord) readBody(r *reader, _ int16) {
	m.ResourceType, m.ResourceName, m.Name, m.Value = r.Int8(), r.str(), r.str(), r.nullStr()
	r.tags(nil)
}

// FeatureLevel (12): a feature was finalized at a level; 0 removes it.
type FeatureLevel struct {
	Name  string
	Level int16
}

// Key implements Record.
func (*FeatureLevel) Key() int16     { return 12 }
func (*FeatureLevel) version() int16 { return 0 }
func (m *FeatureLevel) appendBody(d []byte) []byte {
	return kbin.AppendUvarint(kbin.AppendInt16(kbin.AppendCompactString(d, m.Name), m.Level), 0)
}
func (m *FeatureLevel) readBody(r *reader, _ int16) {
	m.Name, m.Level = r.str(), r.Int16()
	r.tags(nil)
}

// ProducerIDs (15): producer ids below NextProducerID have been handed out.
type ProducerIDs struct {
	BrokerID       int32
	BrokerEpoch    int64
	NextProducerID int64
}

// Key implements Record.
func (*ProducerIDs) Key() int16     { return 15 }
func (*ProducerIDs) version() int16 { return 0 }
func (m *ProducerIDs) appendBody(d []byte) []byte {
	d = kbin.AppendInt64(kbin.AppendInt32(d, m.BrokerID), m.BrokerEpoch)
	return kbin.AppendUvarint(kbin.AppendInt64(d, m.NextProducerID), 0)
}
func (m *ProducerIDs) readBody(r *reader, _ int16) {
	m.BrokerID, m.BrokerEpoch, m.NextProducerID = r.Int32(), r.Int64(), r.Int64()
	r.tags(nil)
}

// NoOp (20) moves the committed offset on an idle cluster (KIP-835).
type NoOp struct{}

// Key implements Record.
func (*NoOp) Key() int16                  { return 20 }
func (*NoOp) version() int16              { return 0 }
func (*NoOp) appendBody(d []byte) []byte  { return kbin.AppendUvarint(d, 0) }
func (*NoOp) readBody(r *reader, _ int16) { r.tags(nil) }
