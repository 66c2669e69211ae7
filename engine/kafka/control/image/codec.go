package image

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
)

// frameVersion is the version of the frame around each record, see Kafka's
// AbstractApiMessageSerde.
const frameVersion = 1

// ErrMalformed is what decoding returns for bytes that are no metadata record.
var ErrMalformed = errors.New("malformed metadata record")

// Record is one record of the metadata log. The concrete types are the structs of
// this package; fields carry the names of Kafka's schemas
// (metadata/src/main/resources/common/metadata).
type Record interface {
	// Key is the record's api key.
	Key() int16
	// version is the schema version we write.
	version() int16
	appendBody(dst []byte) []byte
	readBody(r *reader, version int16)
}

// Append encodes r as Kafka's MetadataRecordSerde does: frame version, api key
// and schema version as unsigned varints, then the body.
func Append(dst []byte, r Record) []byte {
	dst = kbin.AppendUvarint(dst, frameVersion)
	dst = kbin.AppendUvarint(dst, uint32(r.Key()))
	dst = kbin.AppendUvarint(dst, uint32(r.version()))
	return r.appendBody(dst)
}

// Unknown stands for a record whose type this package does not know.
type Unknown struct {
	APIKey  int16
	Version int16
}

// Decode reads one record. A record of an unknown type or of a newer version
// comes back as *Unknown; anything malformed is an error.
func Decode(b []byte) (Record, error) {
	r := &reader{Reader: kbin.Reader{Src: b}}
	frame, key, version := r.Uvarint(), r.Uvarint(), r.Uvarint()
	if !r.Ok() || frame != frameVersion || key > 32767 || version > 32767 {
		return nil, ErrMalformed
	}
	rec, newest := blank(int16(key))
	if rec == nil || int16(version) > newest {
		return &Unknown{APIKey: int16(key), Version: int16(version)}, nil
	}
	rec.readBody(r, int16(version))
	if r.bad || !r.Ok() || len(r.Src) != 0 {
		return nil, fmt.Errorf("%w: type %d version %d", ErrMalformed, key, version)
	}
	return rec, nil
}

// blank returns an empty record of a type and the newest version we read.
func blank(key int16) (Record, int16) {
	switch key {
	case 0:
		return &RegisterBroker{}, 3
	case 1:
		return &UnregisterBroker{}, 0
	case 2:
		return &TopicRecord{}, 0
	case 3:
		return &PartitionRecord{}, 2
	case 4:
		return &ConfigRecord{}, 0
	case 5:
		return &PartitionChange{}, 2
	case 7:
		return &FenceBroker{}, 0
	case 8:
		return &UnfenceBroker{}, 0
	case 9:
		return &RemoveTopic{}, 0
	case 12:
		return &FeatureLevel{}, 0
	case 15:
		return &ProducerIDs{}, 0
	case 17:
		return &BrokerRegistrationChange{}, 2
	case 20:
		return &NoOp{}, 0
	}
	return nil, 0
}

// Key implements Record.
func (u *Unknown) Key() int16                 { return u.APIKey }
func (u *Unknown) version() int16             { return u.Version }
func (u *Unknown) appendBody(d []byte) []byte { return kbin.AppendUvarint(d, 0) }
func (u *Unknown) readBody(*reader, int16)    {}

// reader is kbin's with lengths checked before anything is allocated.
type reader struct {
	kbin.Reader
	bad bool
}

// count reads the length of a compact array whose elements take at least
// elemBytes each; null is -1.
func (r *reader) count(elemBytes int) int {
	n := int64(r.Uvarint()) - 1
	if n > int64(len(r.Src)/elemBytes) || !r.Ok() {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) str() string {
	n := r.count(1)
	if n < 0 {
		r.bad = true
		return ""
	}
	return string(r.Span(n))
}

func (r *reader) nullStr() *string {
	n := r.count(1)
	if n < 0 {
		return nil
	}
	s := string(r.Span(n))
	return &s
}

func (r *reader) ints() []int32 {
	n := r.count(4)
	if n < 0 {
		return nil
	}
	v := make([]int32, n)
	for i := range v {
		v[i] = r.Int32()
	}
	return v
}

func (r *reader) uuids() []UUID {
	n := r.count(16)
	if n < 0 {
		return nil
	}
	v := make([]UUID, n)
	for i := range v {
		v[i] = r.Uuid()
	}
	return v
}

// tags reads the tagged fields: known is called for each with a reader over its
// bytes and says whether it knew the tag; unknown ones are skipped.
func (r *reader) tags(known func(tag uint32, f *reader) bool) {
	n := r.Uvarint()
	for ; n > 0; n-- {
		tag, size := r.Uvarint(), r.Uvarint()
		if !r.Ok() || int64(size) > int64(len(r.Src)) {
			r.bad = true
			return
		}
		f := &reader{Reader: kbin.Reader{Src: r.Span(int(size))}}
		if known != nil && known(tag, f) && (f.bad || !f.Ok() || len(f.Src) != 0) {
			r.bad = true
			return
		}
	}
}

// tagged collects the tagged fields of one struct, in ascending order of tag.
type tagged struct {
	n    uint32
	body []byte
}

func (t *tagged) add(tag uint32, value []byte) {
	t.n++
	t.body = kbin.AppendUvarint(t.body, tag)
	t.body = kbin.AppendUvarint(t.body, uint32(len(value)))
	t.body = append(t.body, value...)
}

func (t *tagged) append(dst []byte) []byte {
	return append(kbin.AppendUvarint(dst, t.n), t.body...)
}

func appendInts(dst []byte, v []int32) []byte {
	dst = kbin.AppendCompactArrayLen(dst, len(v))
	for _, x := range v {
		dst = kbin.AppendInt32(dst, x)
	}
	return dst
}

func appendUUIDs(dst []byte, v []UUID) []byte {
	dst = kbin.AppendCompactArrayLen(dst, len(v))
	for _, x := range v {
		dst = kbin.AppendUuid(dst, x)
	}
	return dst
}
