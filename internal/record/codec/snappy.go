package codec

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/snappy"
)

// Snappy as Java's clients frame it (SnappyOutputStream of snappy-java): a header
// and blocks of 32 KiB, each behind its length. Java's SnappyInputStream of every
// version and the other clients read it; some of them write one raw block.
const (
	xerialBlock = 32 << 10
	xerialHead  = 16
)

var xerialHeader = [xerialHead]byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

var errSnappyLength = errors.New("a block says it is larger than it can be")

func (s *State) xerial(dst, src []byte) []byte {
	if s.snap == nil {
		s.snap = new(snappyTable)
	}
	if len(src) == 0 {
		return append(dst, 0) // a raw block of nothing: some readers want a block
	}
	dst = append(dst, xerialHeader[:]...)
	for len(src) > 0 {
		part := src[:min(xerialBlock, len(src))]
		src = src[len(part):]
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = s.snap.block(dst, part)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// unxerial reads the framing above, several of them behind each other, or one raw
// block (SnappyInputStream).
func unxerial(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < xerialHead || [8]byte(src[:8]) != [8]byte(xerialHeader[:8]) {
		return unsnappy(dst, src, limit)
	}
	if v := binary.BigEndian.Uint32(src[8:]); v < 1 || v > 1<<31-1 {
		return dst, errors.New("the version of the framing is below 1")
	}
	from := len(dst)
	for src = src[xerialHead:]; len(src) > 0; {
		if len(src) >= xerialHead && [8]byte(src[:8]) == [8]byte(xerialHeader[:8]) {
			src = src[xerialHead:]
			continue
		}
		if len(src) < 4 {
			return dst, io.ErrUnexpectedEOF
		}
		size := binary.BigEndian.Uint32(src)
		if uint64(size) > uint64(len(src)-4) {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = unsnappy(dst, src[4:4+size], limit-(len(dst)-from)); err != nil {
			return dst, err
		}
		src = src[4+size:]
	}
	return dst, nil
}

// unsnappy appends one raw block.
func unsnappy(dst, src []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return dst, err
	}
	if n > limit {
		return dst, ErrTooLarge
	}
	if n/32 > len(src) { // three bytes stand for 64 at most
		return dst, errSnappyLength
	}
	dst = slices.Grow(dst, n)
	at := len(dst)
	// The strict decoder reads snappy alone, without the extension of s2.
	if _, err = snappy.DecodeStrict(dst[at:at+n:at+n], src); err != nil {
		return dst, err
	}
	return dst[:at+n], nil
}

// snappyTable finds earlier occurrences of four bytes in a block.
//
// The encoder is our own: those of the libraries are written in assembly for some
// machines and give other bytes there than elsewhere.
type snappyTable [1 << snappyBits]uint16

const (
	snappyBits = 13
	// The last bytes of a block are literals, so that loads need no check.
	snappyTail = 15
)

func snappyHash(word uint32) uint32 { return word * 0x1e35a7bd >> (32 - snappyBits) }

// block appends src as a raw block of snappy. src is not longer than 64 KiB, so
// that every distance fits into two bytes.
func (t *snappyTable) block(dst, src []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(src)))
	clear(t[:]) // positions of another block mean nothing here
	load := func(at int) uint32 { return binary.LittleEndian.Uint32(src[at:]) }
	literal, at, misses := 0, 1, 32
	for at < len(src)-snappyTail {
		word := load(at)
		slot := &t[snappyHash(word)]
		match := int(*slot) // 0 if there is none, which is a position like others
		*slot = uint16(at)
		if load(match) != word {
			at += misses >> 5 // the longer nothing matches, the larger the steps
			misses++
			continue
		}
		for at > literal && match > 0 && src[at-1] == src[match-1] {
			at, match = at-1, match-1
		}
		n := 4 + matching(src[match+4:], src[at+4:])
		dst = appendLiteral(dst, src[literal:at])
		dst = appendCopy(dst, at-match, n)
		at += n
		literal, misses = at, 32
		if at < len(src)-snappyTail {
			t[snappyHash(load(at-1))] = uint16(at - 1)
		}
	}
	return appendLiteral(dst, src[literal:])
}

// matching is the length of the common prefix of a and b; b is the shorter one.
func matching(a, b []byte) (n int) {
	for len(b) >= n+8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Tags of snappy's elements.
const (
	tagLiteral = 0
	tagCopy1   = 1
	tagCopy2   = 2
)

func appendLiteral(dst, p []byte) []byte {
	switch n := len(p) - 1; {
	case n < 0:
		return dst
	case n < 60:
		dst = append(dst, byte(n)<<2|tagLiteral)
	case n < 1<<8:
		dst = append(dst, 60<<2|tagLiteral, byte(n))
	default:
		dst = append(dst, 61<<2|tagLiteral, byte(n), byte(n>>8))
	}
	return append(dst, p...)
}

// appendCopy appends a match of at least four bytes. One element holds 64, and a
// rest of less than four would not pay.
func appendCopy(dst []byte, distance, n int) []byte {
	for n >= 68 {
		dst = append(dst, 63<<2|tagCopy2, byte(distance), byte(distance>>8))
		n -= 64
	}
	if n > 64 {
		dst = append(dst, 59<<2|tagCopy2, byte(distance), byte(distance>>8))
		n -= 60
	}
	if n < 12 && distance < 1<<11 {
		return append(dst, byte(distance>>8)<<5|byte(n-4)<<2|tagCopy1, byte(distance))
	}
	return append(dst, byte(n-1)<<2|tagCopy2, byte(distance), byte(distance>>8))
}
