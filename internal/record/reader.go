package record

import (
	"encoding/binary"
	"math"

	"trial/internal/record/codec"
)

// Record is one record of a batch. Its slices alias the batch, or what its records
// were decompressed into.
type Record struct {
	Offset    int64
	Timestamp int64
	Key       []byte // nil: null
	Value     []byte // nil: null

	numHeaders int32
	headers    []byte
}

// Header is a key and a value that travel with a record.
type Header struct {
	Key   string
	Value []byte // nil: null
}

// NumHeaders is the number of headers.
func (r *Record) NumHeaders() int { return int(r.numHeaders) }

// Headers decodes the headers. They were found well-formed when the record was read.
func (r *Record) Headers() []Header {
	if r.numHeaders == 0 {
		return nil
	}
	hs := make([]Header, 0, r.numHeaders)
	c := cursor{b: r.headers}
	for range r.numHeaders {
		key := c.bytes()
		hs = append(hs, Header{Key: string(key), Value: c.bytes()})
	}
	return hs
}

// Records returns the encoded records: those of an uncompressed batch as a part of
// it, those of a compressed one decompressed into dst[:0]. They are what Walk and
// Examine take.
func (b Batch) Records(dst []byte, s *codec.State) ([]byte, error) {
	switch {
	case len(b) < HeaderBytes:
		return nil, ErrShort
	case b.Codec() == None:
		return b[HeaderBytes:], nil
	}
	return s.Decompress(dst[:0], b[HeaderBytes:], b.Codec(), MaxUncompressed)
}

// Each calls f for every record, in order, until f returns an error. It fails with
// ErrMalformed when the records are not what the header announces, or with an error
// of package codec. Whoever goes over many compressed batches does better with
// Records and Walk, whose decoder and buffer can be used again.
func (b Batch) Each(f func(Record) error) error {
	records, err := b.Records(nil, &codec.State{})
	if err != nil {
		return err
	}
	it := b.Walk(records)
	var r Record
	for {
		ok, err := it.Next(&r)
		if err != nil || !ok {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
}

// Iter walks over the records of a batch.
type Iter struct {
	c         cursor
	left      int32
	base      int64
	baseTime  int64
	fixedTime bool // log append time: all records carry the batch's
	maxTime   int64
}

// Walk starts a walk over the records of b, as Records gave them.
func (b Batch) Walk(records []byte) Iter {
	return Iter{
		c: cursor{b: records}, left: b.NumRecords(), base: b.BaseOffset(),
		baseTime: b.BaseTimestamp(), fixedTime: b.LogAppendTime(), maxTime: b.MaxTimestamp(),
	}
}

// Iter starts a walk over the records of an uncompressed batch.
func (b Batch) Iter() (Iter, error) {
	if len(b) < HeaderBytes {
		return Iter{}, ErrShort
	}
	if b.Codec() != None {
		return Iter{}, ErrCompressed
	}
	return b.Walk(b[HeaderBytes:]), nil
}

// Next reads the next record into r; false at the end.
func (it *Iter) Next(r *Record) (bool, error) {
	if it.left <= 0 {
		if it.left < 0 || len(it.c.b) != 0 {
			return false, ErrMalformed
		}
		return false, nil
	}
	it.left--
	var p prefix
	body, ok := it.c.record(&p)
	if !ok {
		return false, ErrMalformed
	}
	r.Offset, r.Timestamp = it.base+int64(p.offsetDelta), it.baseTime+p.timeDelta
	if it.fixedTime {
		r.Timestamp = it.maxTime
	}
	r.Key = body.bytes()
	r.Value = body.bytes()
	n := body.varint()
	r.headers = body.b
	if n < 0 || n > int64(len(body.b)) { // a header is at least two bytes
		return false, ErrMalformed
	}
	r.numHeaders = int32(n)
	if !body.skipHeaders(n) {
		return false, ErrMalformed
	}
	return true, nil
}

// Stats is what Examine finds in the records of a batch.
type Stats struct {
	MinTimestamp int64 // over records that have one; MaxInt64 if none has
	MaxTimestamp int64 // NoTimestamp if none has
	NullKeys     int32
}

// Examine goes once over the records of b, as Records gave them, and verifies that
// they are well-formed and that their offset deltas are 0, 1, 2 and so on, as a
// broker must before it stores what a client built (LogValidator).
func (b Batch) Examine(records []byte) (Stats, error) {
	s := Stats{MinTimestamp: math.MaxInt64, MaxTimestamp: NoTimestamp}
	baseTime, n, at := b.BaseTimestamp(), b.NumRecords(), 0
	for i := int32(0); i < n; i++ {
		size, from := varintAt(records, at)
		if from > len(records) || size < 1 || size > int64(len(records)-from) {
			return s, ErrMalformed
		}
		at = from + int(size)
		if !s.record(records[:at], from+1, baseTime, int64(i)) { // behind the attributes, of which none is defined
			return s, ErrMalformed
		}
	}
	if n < 0 || at != len(records) {
		return s, ErrMalformed
	}
	return s, nil
}

// Scan is Examine of an uncompressed batch.
func (b Batch) Scan() (Stats, error) {
	switch {
	case len(b) < HeaderBytes:
		return Stats{}, ErrShort
	case b.Codec() != None:
		return Stats{}, ErrCompressed
	}
	return b.Examine(b[HeaderBytes:])
}

// record goes over one record, which ends with b. This runs for every record
// that is produced, hence positions instead of a cursor.
func (s *Stats) record(b []byte, at int, baseTime, index int64) bool {
	timeDelta, at := varintAt(b, at)
	offsetDelta, at := varintAt(b, at)
	if offsetDelta != index {
		return false
	}
	if ts := baseTime + timeDelta; ts != NoTimestamp {
		s.MinTimestamp = min(s.MinTimestamp, ts)
		s.MaxTimestamp = max(s.MaxTimestamp, ts)
	}
	key, at := varintAt(b, at)
	if key == -1 {
		s.NullKeys++
	} else if key < 0 || key > int64(len(b)-at) {
		return false
	} else {
		at += int(key)
	}
	value, at := varintAt(b, at)
	if value != -1 {
		if value < 0 || value > int64(len(b)-at) {
			return false
		}
		at += int(value)
	}
	headers, at := varintAt(b, at)
	if headers == 0 || at > len(b) {
		return at == len(b)
	}
	c := cursor{b: b[at:]}
	return headers > 0 && c.skipHeaders(headers)
}

// varintAt reads a zigzag-encoded number and tells where it ends: behind the
// end of b if it is malformed, and then every later one is too.
func varintAt(b []byte, at int) (int64, int) {
	if at+1 < len(b) { // most are one or two bytes long
		lo, hi := int64(b[at]), int64(b[at+1])
		if lo < 0x80 {
			return lo>>1 ^ -(lo & 1), at + 1
		}
		if hi < 0x80 {
			lo = lo&0x7f | hi<<7
			return lo>>1 ^ -(lo & 1), at + 2
		}
	}
	return longVarintAt(b, at)
}

func longVarintAt(b []byte, at int) (int64, int) {
	if at < len(b) {
		if u, n := binary.Uvarint(b[at:]); n > 0 {
			return int64(u>>1) ^ -int64(u&1), at + n
		}
	}
	return 0, len(b) + 1
}

// prefix is the part of a record before its key.
type prefix struct {
	timeDelta   int64
	offsetDelta int32
}

// cursor reads from the front of b. After a failure bad is set and b is empty.
type cursor struct {
	b   []byte
	bad bool
}

// record splits the next record off, reads its prefix and returns the rest of it.
func (c *cursor) record(p *prefix) (body cursor, ok bool) {
	n := c.varint()
	if n < 1 || n > int64(len(c.b)) {
		return cursor{}, false
	}
	body.b = c.b[1:n:n] // without the attributes, of which none is defined
	c.b = c.b[n:]
	p.timeDelta = body.varint()
	delta := body.varint()
	p.offsetDelta = int32(delta)
	return body, !body.bad && delta >= 0 && delta <= math.MaxInt32
}

// varint reads a zigzag-encoded number of at most ten bytes.
func (c *cursor) varint() int64 {
	x, n := varintAt(c.b, 0)
	if n > len(c.b) {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return x
}

func (c *cursor) fail() { c.bad, c.b = true, nil }

// bytes reads a length and that many bytes; nil if the length is negative.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	if n > int64(len(c.b)) {
		c.fail()
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

// skipHeaders passes over n headers, which must be all that is left.
func (c *cursor) skipHeaders(n int64) bool {
	for ; n > 0 && !c.bad; n-- {
		key := c.varint()
		if key < 0 || key > int64(len(c.b)) { // a header key is never null
			return false
		}
		c.b = c.b[key:]
		c.bytes()
	}
	return !c.bad && len(c.b) == 0
}
