package wire

import "encoding/binary"

// MaxElements bounds the array elements and unknown tags of one message: more
// than a cluster has partitions, yet little memory when decoded.
const MaxElements = 1 << 18

// guard walks over a message without decoding it and makes sure that every
// length and count in it is backed by bytes. kmsg's decoder allocates an array
// by the count that it reads and loops over a tag count of up to 2^32, so it
// must see nothing that did not pass here.
func guard(s shape, body []byte, version int16, flexible bool) error {
	w := walker{reader: reader{b: body}, version: version, flexible: flexible}
	w.group(s)
	switch {
	case w.err != nil:
		return w.err
	case len(w.b) != 0:
		return ErrTrailing
	}
	return nil
}

type walker struct {
	reader
	version  int16
	flexible bool
	elements int
}

func (w *walker) group(s shape) {
	w.fields(s)
	if w.flexible {
		w.taggedFields(s)
	}
}

func (w *walker) fields(s shape) {
	for i := range s {
		f := &s[i]
		if f.tag < 0 && f.min <= w.version && w.version <= f.max && w.err == nil {
			w.value(f)
		}
	}
}

func (w *walker) value(f *field) {
	switch f.kind {
	case fixed:
		w.skip(int64(f.size))
	case str:
		if w.flexible {
			w.skip(w.compact())
		} else {
			w.skip(int64(w.int16()))
		}
	case blob:
		if w.flexible {
			w.skip(w.compact())
		} else {
			w.skip(int64(w.int32()))
		}
	case array:
		w.array(f)
	case group:
		w.group(f.sub)
	case nullableGroup:
		if w.int8() != -1 {
			w.group(f.sub)
		}
	}
}

func (w *walker) array(f *field) {
	n := int64(0)
	if w.flexible {
		n = w.compact()
	} else {
		n = int64(w.int32())
	}
	if n <= 0 {
		w.skip(n) // -1: null
		return
	}
	if f.plain && f.sub[0].kind == fixed {
		w.skip(n * int64(f.sub[0].size)) // as many bytes decoded as encoded: no limit needed
		return
	}
	if !w.count(n) {
		return
	}
	for ; n > 0 && w.err == nil; n-- {
		if f.plain {
			w.value(&f.sub[0])
		} else {
			w.group(f.sub)
		}
	}
}

// count notes n elements, each of which takes at least one byte.
func (w *walker) count(n int64) bool {
	if n > int64(len(w.b)) {
		w.fail(ErrShort)
		return false
	}
	if w.elements += int(n); w.elements > MaxElements {
		w.fail(ErrLimit)
		return false
	}
	return true
}

// taggedFields walks over the tags that end a group (KIP-482).
func (w *walker) taggedFields(s shape) {
	n, last := w.uvarint(), int64(-1)
	if n == 0 || !w.count(int64(n)) {
		return
	}
	for ; n > 0 && w.err == nil; n-- {
		tag, size := w.uvarint(), int64(w.uvarint())
		if int64(tag) <= last {
			w.fail(ErrBody)
			return
		}
		last = int64(tag)
		content := w.b
		w.skip(size)
		if w.err != nil {
			return
		}
		for i := range s {
			if s[i].tag >= 0 && int64(s[i].tag) == int64(tag) {
				w.tagged(&s[i], content[:size])
			}
		}
	}
}

// tagged walks over the content of a known tag, which must fill it.
func (w *walker) tagged(f *field, content []byte) {
	behind := w.b
	w.b = content
	w.value(f)
	if w.err == nil && len(w.b) != 0 {
		w.fail(ErrBody)
	}
	if w.err == nil {
		w.b = behind
	}
}

// reader reads primitive types from the front of b. After a failure err is set
// and b is empty.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// skip passes over n bytes; -1 stands for null and is nothing.
func (r *reader) skip(n int64) {
	switch {
	case n == -1:
	case n < 0:
		r.fail(ErrBody)
	case n > int64(len(r.b)):
		r.fail(ErrShort)
	default:
		r.b = r.b[n:]
	}
}

func (r *reader) int8() int8 {
	if len(r.b) < 1 {
		r.fail(ErrShort)
		return 0
	}
	x := int8(r.b[0])
	r.b = r.b[1:]
	return x
}

func (r *reader) int16() int16 {
	if len(r.b) < 2 {
		r.fail(ErrShort)
		return 0
	}
	x := int16(binary.BigEndian.Uint16(r.b))
	r.b = r.b[2:]
	return x
}

func (r *reader) int32() int32 {
	if len(r.b) < 4 {
		r.fail(ErrShort)
		return 0
	}
	x := int32(binary.BigEndian.Uint32(r.b))
	r.b = r.b[4:]
	return x
}

// uvarint reads an unsigned number of at most five bytes and 32 bits.
func (r *reader) uvarint() uint32 {
	x, n := binary.Uvarint(r.b[:min(len(r.b), 5)])
	switch {
	case n <= 0 && len(r.b) < 5:
		r.fail(ErrShort)
		return 0
	case n <= 0 || x > 1<<32-1:
		r.fail(ErrBody)
		return 0
	}
	r.b = r.b[n:]
	return uint32(x)
}

// compact reads a length that is stored plus one; -1 is null.
func (r *reader) compact() int64 { return int64(r.uvarint()) - 1 }

// nullableString reads a string with a two-byte length; false if it is null.
func (r *reader) nullableString() ([]byte, bool) {
	n := r.int16()
	if n < 0 || int(n) > len(r.b) {
		r.skip(int64(n))
		return nil, false
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s, r.err == nil
}

// tags passes over a section of tags of which none is known.
func (r *reader) tags() {
	n := r.uvarint()
	for ; n > 0 && r.err == nil; n-- {
		r.uvarint()
		r.skip(int64(r.uvarint()))
	}
}
