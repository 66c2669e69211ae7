package bytes

import (
	"encoding/binary"
	"errors"
)

var errRead = errors.New("record is cut short or malformed")

// reader takes Kafka's primitive types from a byte slice. The first failure
// sticks; what follows reads as zero.
type reader struct {
	p   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.p) {
		r.bad = true
		return nil
	}
	b := r.p[:n]
	r.p = r.p[n:]
	return b
}

func (r *reader) i8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) i16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) i32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id [16]byte) {
	copy(id[:], r.take(16))
	return id
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.p)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.p = r.p[n:]
	return v
}

// varint reads a zigzag-encoded number, as in records.
func (r *reader) varint() int64 {
	v, n := binary.Varint(r.p)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.p = r.p[n:]
	return v
}

// count reads a compact length: 0 means null, n means n-1 elements of at least
// size bytes each.
func (r *reader) count(size int) (n int, null bool) {
	v := r.uvarint()
	if v == 0 {
		return 0, true
	}
	if size > 0 && v-1 > uint64(len(r.p)/size) {
		r.bad = true
		return 0, false
	}
	return int(v - 1), false
}

func (r *reader) str() (s string, null bool) {
	n, null := r.count(1)
	return string(r.take(n)), null
}

// i32s reads a compact array of int32; nil for null.
func (r *reader) i32s() []int32 {
	n, null := r.count(4)
	if null {
		return nil
	}
	list := make([]int32, 0, n)
	for range n {
		list = append(list, r.i32())
	}
	return list
}

func (r *reader) uuids() {
	n, _ := r.count(16)
	r.take(16 * n)
}

// tags reads the tagged fields; field gets each one's bytes.
func (r *reader) tags(field func(tag uint64, v *reader)) {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		tag, size := r.uvarint(), r.uvarint()
		if size > uint64(len(r.p)) {
			r.bad = true
			return
		}
		v := reader{p: r.take(int(size))}
		if field != nil {
			field(tag, &v)
		}
		r.bad = r.bad || v.bad
	}
}
