package engine

import "math/bits"

// Buf is a byte buffer that has exactly one owner at a time: whoever was handed
// it last by Send, Frame or Host.Buf.
type Buf struct {
	// B is the content. Append to it freely; growing past the capacity is allowed.
	B []byte

	released bool
}

// Part is one piece of an outgoing frame: a buffer, or a region of a file.
//
// A region pins its file's content: OpTruncate of a range that overlaps a
// queued region closes the connection first. A region that cannot be read in
// full when its turn comes closes the connection too, since its length has
// been announced. The simulator reads the bytes when they are transmitted, as
// the kernel does with sendfile.
type Part struct {
	Buf  *Buf // nil for a region
	File FileID
	Pos  int64
	Len  int
}

// Pool recycles buffers by size class. Hosts own one; it is not safe for
// concurrent use. The zero Pool is ready.
type Pool struct {
	// Poison overwrites released buffers and makes use after release visible.
	Poison bool

	classes [poolClasses][]*Buf
}

const (
	poolMinBits  = 7  // 128 bytes
	poolMaxBits  = 24 // 16 MiB; larger ones are left to the garbage collector
	poolClasses  = poolMaxBits - poolMinBits + 1
	poolMaxBytes = 8 << 20 // kept per class
)

// Get returns an empty buffer with room for at least n bytes.
func (p *Pool) Get(n int) *Buf {
	if n < 1<<poolMinBits {
		n = 1 << poolMinBits
	}
	class := bits.Len(uint(n-1)) - poolMinBits
	if class >= poolClasses {
		return &Buf{B: make([]byte, 0, n)}
	}
	if free := p.classes[class]; len(free) > 0 {
		b := free[len(free)-1]
		free[len(free)-1] = nil
		p.classes[class] = free[:len(free)-1]
		b.released = false
		return b
	}
	return &Buf{B: make([]byte, 0, 1<<(class+poolMinBits))}
}

// Put takes b back. Putting a buffer twice panics.
func (p *Pool) Put(b *Buf) {
	if b == nil {
		return
	}
	if b.released {
		panic("engine: buffer released twice")
	}
	b.released = true
	if p.Poison {
		// A fresh Buf per Get under Poison would hide a double release; the same
		// struct comes back, its bytes do not.
		full := b.B[:cap(b.B)]
		for i := range full {
			full[i] = 0xDB
		}
	}
	b.B = b.B[:0]
	class := bits.Len(uint(cap(b.B))) - 1 - poolMinBits
	if class < 0 || class >= poolClasses || len(p.classes[class])<<(class+poolMinBits) >= poolMaxBytes {
		return
	}
	p.classes[class] = append(p.classes[class], b)
}
