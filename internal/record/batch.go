package record

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"trial/internal/record/codec"
)

// HeaderBytes is the size of a batch without its records.
const HeaderBytes = 61

// Positions of the header's fields.
const (
	atLength      = 8
	atLeaderEpoch = 12
	atMagic       = 16
	atCRC         = 17
	atAttributes  = 21
	atLastDelta   = 23
	atBaseTime    = 27
	atMaxTime     = 35
	atProducer    = 43
	atProdEpoch   = 51
	atBaseSeq     = 53
	atNumRecords  = 57

	lengthBase = 12 // Length counts from here
)

// Bits of the attributes.
const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

// NoTimestamp is the timestamp of a record without one (RecordBatch.NO_TIMESTAMP).
const NoTimestamp = -1

// Codec is a compression type, numbered as in the attributes.
type Codec = codec.ID

// The codecs. Five to seven are unassigned.
const (
	None   = codec.None
	Gzip   = codec.Gzip
	Snappy = codec.Snappy
	LZ4    = codec.LZ4
	Zstd   = codec.Zstd
)

// MaxUncompressed is the size up to which the records of a compressed batch are
// read. Kafka has no such limit; what a producer with max.request.size can make is
// far below it.
const MaxUncompressed = 128 << 20

// What a batch may fail with.
var (
	ErrShort      = errors.New("record: batch ends early")
	ErrLength     = errors.New("record: batch length is impossible")
	ErrMagic      = errors.New("record: magic is not 2")
	ErrCRC        = errors.New("record: CRC does not match")
	ErrCount      = errors.New("record: offsets or record count are impossible")
	ErrCodec      = errors.New("record: unknown compression codec")
	ErrMalformed  = errors.New("record: malformed record")
	ErrCompressed = errors.New("record: batch is compressed")
)

// Batch is a view of one record batch, from its base offset to its last byte.
type Batch []byte

// Next splits the first batch off b. ErrShort means that b holds only a part of
// it, as the end of a fetched record set may; ErrLength that no batch can start
// here.
func Next(b []byte) (batch Batch, rest []byte, err error) {
	if len(b) < lengthBase {
		return nil, b, ErrShort
	}
	n := int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + lengthBase
	if n < HeaderBytes {
		return nil, b, ErrLength
	}
	if n > int64(len(b)) {
		return nil, b, ErrShort
	}
	return Batch(b[:n:n]), b[n:], nil
}

// Trim returns the longest prefix of b that consists of whole batches by their
// length fields; a fetched record set may end within a batch.
func Trim(b []byte) []byte {
	rest := b
	for {
		_, r, err := Next(rest)
		if err != nil {
			return b[:len(b)-len(rest)]
		}
		rest = r
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Check verifies length, magic, codec, counts and CRC of one batch. It does not
// look into the records.
func (b Batch) Check() error {
	if err := b.CheckHeader(); err != nil {
		return err
	}
	if b.Size() != int64(len(b)) {
		return ErrLength
	}
	if crc32.Checksum(b[atAttributes:], castagnoli) != b.CRC() {
		return ErrCRC
	}
	return nil
}

// CheckHeader verifies what the header alone tells; b may end behind it.
func (b Batch) CheckHeader() error {
	switch {
	case len(b) < HeaderBytes:
		return ErrShort
	case b.Size() < HeaderBytes:
		return ErrLength
	case b.Magic() != 2:
		return ErrMagic
	case !b.Codec().Known():
		return ErrCodec
	}
	delta, n := b.LastOffsetDelta(), b.NumRecords()
	if delta < 0 || n < 0 || int64(n) > int64(delta)+1 || b.BaseOffset() < 0 ||
		b.BaseOffset() > math.MaxInt64-int64(delta)-1 {
		return ErrCount
	}
	return nil
}

// CRCUpdate continues a CRC-32C over p, for batches that are read in pieces.
func CRCUpdate(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// CRCFrom is where the bytes start that a batch's CRC covers.
const CRCFrom = atAttributes

// Size is the number of bytes of the whole batch, by its length field.
func (b Batch) Size() int64 { return int64(b.Length()) + lengthBase }

// BaseOffset is the offset of the first record (0 in a produce request).
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b)) }

// Length is the number of bytes behind the length field.
func (b Batch) Length() int32 { return b.i32(atLength) }

// LeaderEpoch is the leader epoch in which the batch was appended.
func (b Batch) LeaderEpoch() int32 { return b.i32(atLeaderEpoch) }

// Magic is the version of the format.
func (b Batch) Magic() int8 { return int8(b[atMagic]) }

// CRC is the CRC-32C of everything from the attributes on.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[atCRC:]) }

// Attributes are the raw attribute bits.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[atAttributes:])) }

// Codec is how the records are compressed.
func (b Batch) Codec() Codec { return Codec(b[atAttributes+1] & attrCodec) }

// LogAppendTime says that MaxTimestamp is the time of the append, for every record.
func (b Batch) LogAppendTime() bool { return b[atAttributes+1]&attrLogAppendTime != 0 }

// Transactional says that the batch belongs to a transaction.
func (b Batch) Transactional() bool { return b[atAttributes+1]&attrTransactional != 0 }

// Control says that the batch holds control records.
func (b Batch) Control() bool { return b[atAttributes+1]&attrControl != 0 }

// LastOffsetDelta is LastOffset - BaseOffset.
func (b Batch) LastOffsetDelta() int32 { return b.i32(atLastDelta) }

// LastOffset is the offset of the last record.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset behind the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// BaseTimestamp is what the records' timestamps are relative to.
func (b Batch) BaseTimestamp() int64 { return b.i64(atBaseTime) }

// MaxTimestamp is the largest timestamp of the records.
func (b Batch) MaxTimestamp() int64 { return b.i64(atMaxTime) }

// ProducerID is -1 for a producer without idempotence.
func (b Batch) ProducerID() int64 { return b.i64(atProducer) }

// ProducerEpoch is the epoch of the producer id.
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[atProdEpoch:])) }

// BaseSequence is the sequence number of the first record, -1 without idempotence.
func (b Batch) BaseSequence() int32 { return b.i32(atBaseSeq) }

// LastSequence is the sequence number of the last record.
func (b Batch) LastSequence() int32 {
	if s := b.BaseSequence(); s >= 0 {
		return AddSequence(s, b.LastOffsetDelta())
	}
	return -1
}

// NumRecords is the number of records.
func (b Batch) NumRecords() int32 { return b.i32(atNumRecords) }

func (b Batch) i32(at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
func (b Batch) i64(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }

// AddSequence adds n to a sequence number; they wrap from 2^31-1 to 0
// (DefaultRecordBatch.incrementSequence).
func AddSequence(seq, n int32) int32 { return int32((int64(seq) + int64(n)) & math.MaxInt32) }

// SetBaseOffset patches the base offset, which the CRC does not cover.
func (b Batch) SetBaseOffset(offset int64) { binary.BigEndian.PutUint64(b, uint64(offset)) }

// SetLeaderEpoch patches the partition leader epoch, which the CRC does not cover.
func (b Batch) SetLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(epoch))
}

// SetMaxTimestamp sets the largest timestamp and its type and recomputes the
// CRC if something changed (DefaultRecordBatch.setMaxTimestamp).
func (b Batch) SetMaxTimestamp(ts int64, logAppendTime bool) {
	if b.MaxTimestamp() == ts && b.LogAppendTime() == logAppendTime {
		return
	}
	b[atAttributes+1] &^= attrLogAppendTime
	if logAppendTime {
		b[atAttributes+1] |= attrLogAppendTime
	}
	binary.BigEndian.PutUint64(b[atMaxTime:], uint64(ts))
	b.SetCRC()
}

// SetCRC recomputes the CRC.
func (b Batch) SetCRC() {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
}
