package simdisk

// chunkBytes is the size of all chunks of a file but the last.
const chunkBytes = 128 << 10

// content is the bytes of a file, in chunks, so that a growing file is never
// copied as a whole.
type content struct {
	chunks [][]byte
	size   int64
}

// read copies what there is from pos and returns how much that was.
func (c *content) read(pos int64, b []byte) int {
	n := 0
	for n < len(b) && pos < c.size {
		chunk := c.chunks[int(pos/chunkBytes)]
		k := copy(b[n:], chunk[int(pos%chunkBytes):])
		n += k
		pos += int64(k)
	}
	return n
}

// write overwrites and extends; a gap is filled with zeros.
func (c *content) write(pos int64, b []byte) {
	if pos > c.size {
		c.resize(pos)
	}
	for len(b) > 0 && pos < c.size {
		k := copy(c.chunks[int(pos/chunkBytes)][int(pos%chunkBytes):], b)
		b = b[k:]
		pos += int64(k)
	}
	c.append(b)
}

func (c *content) append(b []byte) {
	for len(b) > 0 {
		k := min(len(b), chunkBytes-int(c.size%chunkBytes))
		c.extend(b[:k], k)
		b = b[k:]
	}
}

// extend adds n bytes that fit into one chunk: b, or zeros if b is nil.
func (c *content) extend(b []byte, n int) {
	if c.size%chunkBytes == 0 {
		var fresh []byte
		if c.size > 0 { // the file is large: take the whole chunk at once
			fresh = make([]byte, 0, chunkBytes)
		}
		c.chunks = append(c.chunks, fresh)
	}
	last := &c.chunks[len(c.chunks)-1]
	if b != nil {
		*last = append(*last, b...)
	} else {
		*last = append(*last, make([]byte, n)...)
	}
	c.size += int64(n)
}

// resize cuts the file or extends it with zeros.
func (c *content) resize(size int64) {
	for c.size < size {
		c.extend(nil, int(min(size-c.size, chunkBytes-c.size%chunkBytes)))
	}
	if size < c.size {
		c.chunks = c.chunks[:int((size+chunkBytes-1)/chunkBytes)]
		if rest := int(size % chunkBytes); rest > 0 {
			last := &c.chunks[len(c.chunks)-1]
			*last = (*last)[:rest]
		}
		c.size = size
	}
}

// bytes returns a copy of [from, to), which must exist.
func (c *content) bytes(from, to int64) []byte {
	b := make([]byte, to-from)
	c.read(from, b)
	return b
}
