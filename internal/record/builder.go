package record

import (
	"encoding/binary"
	"math/bits"

	"trial/internal/record/codec"
)

// Builder makes batches. It is reused by Reset and does not allocate once its
// buffer has grown. The zero Builder needs a Reset.
type Builder struct {
	buf     []byte
	from    int // where the batch starts in buf
	n       int32
	base    int64 // timestamp of the first record
	maxTime int64
	packed  []byte // what Compress makes before it takes the records' place
}

// Reset starts a new uncompressed batch behind dst, which may be nil or the
// batch made before, sliced to zero: base offset 0, no leader epoch, no producer.
func (w *Builder) Reset(dst []byte) {
	w.from, w.n, w.base, w.maxTime = len(dst), 0, 0, NoTimestamp
	var head [HeaderBytes]byte
	h := Batch(head[:])
	h.SetLeaderEpoch(-1)
	h[atMagic] = 2
	w.buf = append(dst, h...)
	w.SetProducer(-1, -1, -1)
}

// SetProducer makes the batch idempotent.
func (w *Builder) SetProducer(id int64, epoch int16, baseSequence int32) {
	h := w.buf[w.from:]
	binary.BigEndian.PutUint64(h[atProducer:], uint64(id))
	binary.BigEndian.PutUint16(h[atProdEpoch:], uint16(epoch))
	binary.BigEndian.PutUint32(h[atBaseSeq:], uint32(baseSequence))
}

// SetTransactional makes the batch part of a transaction.
func (w *Builder) SetTransactional() { w.buf[w.from+atAttributes+1] |= attrTransactional }

// SetControl makes the batch one of control records.
func (w *Builder) SetControl() { w.buf[w.from+atAttributes+1] |= attrControl }

// SetBase sets base offset and leader epoch, for logs that assign them beforehand.
func (w *Builder) SetBase(offset int64, leaderEpoch int32) {
	h := Batch(w.buf[w.from:])
	h.SetBaseOffset(offset)
	h.SetLeaderEpoch(leaderEpoch)
}

// Add appends a record. A nil key or value is null.
func (w *Builder) Add(timestamp int64, key, value []byte, headers ...Header) {
	if w.n == 0 {
		w.base = timestamp
	}
	w.maxTime = max(w.maxTime, timestamp)
	size := w.recordSize(timestamp, key, value, headers)
	b := appendVarint(w.buf, int64(size))
	b = append(b, 0) // attributes
	b = appendVarint(b, timestamp-w.base)
	b = appendVarint(b, int64(w.n))
	b = appendBytes(b, key)
	b = appendBytes(b, value)
	b = appendVarint(b, int64(len(headers)))
	for _, h := range headers {
		b = appendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	w.buf = b
	w.n++
}

// AddSize is how many bytes Add would append.
func (w *Builder) AddSize(timestamp int64, key, value []byte, headers ...Header) int {
	n := w.recordSize(timestamp, key, value, headers)
	return n + varintSize(int64(n))
}

// AddControl appends a control record of a type, see the Control constants.
func (w *Builder) AddControl(timestamp int64, kind int16, value []byte) {
	key := [4]byte{0, 0, byte(kind >> 8), byte(kind)} // version, type
	w.Add(timestamp, key[:], value)
}

// Count is the number of records so far.
func (w *Builder) Count() int { return int(w.n) }

// Len is the size of the batch so far in bytes.
func (w *Builder) Len() int { return len(w.buf) - w.from }

// Compress compresses the records added so far, once and before Batch. Nothing can
// be added behind it; the header can be set as before. As Java's producer it takes
// what comes out even if that is larger (MemoryRecordsBuilder).
func (w *Builder) Compress(s *codec.State, c Codec, level int) {
	if c == None {
		return
	}
	at := w.from + HeaderBytes
	w.packed = s.Compress(w.packed[:0], w.buf[at:], c, level)
	w.buf = append(w.buf[:at], w.packed...)
	w.buf[w.from+atAttributes+1] |= byte(c)
}

// Batch completes the header and returns the batch, valid until the next Reset.
func (w *Builder) Batch() Batch {
	b := Batch(w.buf[w.from:])
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-lengthBase))
	binary.BigEndian.PutUint32(b[atLastDelta:], uint32(max(w.n-1, 0)))
	binary.BigEndian.PutUint64(b[atBaseTime:], uint64(w.base))
	binary.BigEndian.PutUint64(b[atMaxTime:], uint64(w.maxTime))
	binary.BigEndian.PutUint32(b[atNumRecords:], uint32(w.n))
	b.SetCRC()
	return b
}

// Bytes returns everything: what Reset was given and the batch behind it. Call
// Batch first.
func (w *Builder) Bytes() []byte { return w.buf }

func (w *Builder) recordSize(timestamp int64, key, value []byte, headers []Header) int {
	base := w.base
	if w.n == 0 {
		base = timestamp
	}
	n := 1 + varintSize(timestamp-base) + varintSize(int64(w.n)) +
		bytesSize(key) + bytesSize(value) + varintSize(int64(len(headers)))
	for _, h := range headers {
		n += varintSize(int64(len(h.Key))) + len(h.Key) + bytesSize(h.Value)
	}
	return n
}

func appendVarint(dst []byte, x int64) []byte {
	return binary.AppendUvarint(dst, uint64(x<<1)^uint64(x>>63))
}

func varintSize(x int64) int {
	return (bits.Len64(uint64(x<<1)^uint64(x>>63)|1) + 6) / 7
}

func appendBytes(dst, p []byte) []byte {
	if p == nil {
		return append(dst, 1) // -1
	}
	return append(appendVarint(dst, int64(len(p))), p...)
}

func bytesSize(p []byte) int {
	if p == nil {
		return 1
	}
	return varintSize(int64(len(p))) + len(p)
}
