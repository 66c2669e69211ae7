package codec

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The lz4 frame that Java's clients write (Lz4BlockOutputStream): blocks of 64
// KiB that do not refer to each other, no checksums but the header's.
const (
	lz4Magic     = 0x184D2204
	lz4Flags     = 0x60 // version 1, independent blocks
	lz4BlockSize = 0x40 // 64 KiB
	lz4Block     = 64 << 10
	lz4Stored    = 1 << 31 // in a block's length: not compressed
	lz4History   = 64 << 10
)

// Bits of the flags.
const (
	lz4ContentSize   = 0x08
	lz4BlockChecksum = 0x10
	lz4Independent   = 0x20
)

// Kafka's level 9 is its default and means the fast compressor; any other one the
// slow one (Lz4BlockOutputStream).
const lz4FastLevel = 9

var (
	errLZ4Magic    = errors.New("not a frame")
	errLZ4Header   = errors.New("the header is not one of version 1 or its checksum is wrong")
	errLZ4Block    = errors.New("a block is larger than the header says")
	errLZ4Checksum = errors.New("the checksum of a block is wrong")
)

func (s *State) lz4(dst, src []byte, level int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, lz4Magic)
	header := [2]byte{lz4Flags, lz4BlockSize}
	dst = append(dst, header[0], header[1], byte(xxh32(header[:])>>8))
	if s.block == nil {
		s.block = make([]byte, lz4.CompressBlockBound(lz4Block))
	}
	for len(src) > 0 {
		part := src[:min(lz4Block, len(src))]
		src = src[len(part):]
		packed := s.block[:s.lz4Block(part, level)]
		size := uint32(len(packed))
		if len(packed) == 0 || len(packed) >= len(part) {
			packed, size = part, uint32(len(part))|lz4Stored
		}
		dst = append(binary.LittleEndian.AppendUint32(dst, size), packed...)
	}
	return binary.LittleEndian.AppendUint32(dst, 0)
}

// lz4Block compresses one block into s.block, which it always fits.
func (s *State) lz4Block(part []byte, level int) (n int) {
	if level == DefaultLevel || level == lz4FastLevel {
		if s.lz == nil {
			s.lz = new(lz4.Compressor)
		}
		n, _ = s.lz.CompressBlock(part, s.block)
		return n
	}
	if s.lzh == nil {
		s.lzh = new(lz4.CompressorHC)
	}
	// The library's levels are search depths, a power of two each; its highest is 9.
	s.lzh.Level = lz4.Level1 << (min(max(level, 1), 9) - 1)
	n, _ = s.lzh.CompressBlock(part, s.block)
	return n
}

// unlz4 reads a frame as Lz4BlockInputStream does, and frames of linked blocks. It
// ends at the end mark; a checksum of the whole content is not looked at.
func unlz4(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < 7 {
		return dst, io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(src) != lz4Magic {
		return dst, errLZ4Magic
	}
	flags, block, header := src[4], src[5], 2
	if flags&lz4ContentSize != 0 {
		header += 8
	}
	if len(src) < 5+header {
		return dst, io.ErrUnexpectedEOF
	}
	legal := flags>>6 == 1 && flags&3 == 0 && block&0x8f == 0 && block>>4 >= 4
	if !legal || src[4+header] != byte(xxh32(src[4:4+header])>>8) {
		return dst, errLZ4Header
	}
	src = src[5+header:]
	largest, from := 1<<(2*(block>>4)+8), len(dst)
	for {
		if len(src) < 4 {
			return dst, io.ErrUnexpectedEOF
		}
		word := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if word == 0 {
			return dst, nil
		}
		size, trailer := int(word&^lz4Stored), 0
		if flags&lz4BlockChecksum != 0 {
			trailer = 4
		}
		if size > largest {
			return dst, errLZ4Block
		}
		if size+trailer > len(src) {
			return dst, io.ErrUnexpectedEOF
		}
		packed := src[:size]
		if trailer != 0 && binary.LittleEndian.Uint32(src[size:]) != xxh32(packed) {
			return dst, errLZ4Checksum
		}
		src = src[size+trailer:]
		room := limit - (len(dst) - from)
		if word&lz4Stored != 0 {
			if size > room {
				return dst, ErrTooLarge
			}
			dst = append(dst, packed...)
			continue
		}
		var err error
		if dst, err = unlz4Block(dst, from, packed, largest, room, flags&lz4Independent == 0); err != nil {
			return dst, err
		}
	}
}

// unlz4Block appends one compressed block.
func unlz4Block(dst []byte, from int, packed []byte, largest, room int, linked bool) ([]byte, error) {
	// A byte of lz4 stands for 255 at most.
	most := min(largest, 255*len(packed)+64)
	dst = slices.Grow(dst, min(most, room))
	n, to := len(dst), min(len(dst)+min(most, room), cap(dst))
	var dict []byte
	if linked {
		dict = dst[max(from, n-lz4History):n]
	}
	got, err := lz4.UncompressBlockWithDict(packed, dst[n:to:to], dict)
	if err != nil {
		if room < most { // it may have been the room that was short
			return dst, ErrTooLarge
		}
		return dst, err
	}
	return dst[:n+got], nil
}

// The primes of xxHash32.
const (
	xxh1 uint32 = 2654435761
	xxh2 uint32 = 2246822519
	xxh3 uint32 = 3266489917
	xxh4 uint32 = 668265263
	xxh5 uint32 = 374761393
)

// xxh32 is the hash in lz4's frames: xxHash32 with seed 0.
func xxh32(p []byte) uint32 {
	n := uint32(len(p))
	h := xxh5
	if len(p) >= 16 {
		v := [4]uint32{0, xxh2, 0, 0}
		v[0] += xxh1 // the sum wraps, which a constant may not
		v[0] += xxh2
		v[3] -= xxh1
		for ; len(p) >= 16; p = p[16:] {
			for i := range v {
				v[i] = bits.RotateLeft32(v[i]+binary.LittleEndian.Uint32(p[4*i:])*xxh2, 13) * xxh1
			}
		}
		h = bits.RotateLeft32(v[0], 1) + bits.RotateLeft32(v[1], 7) + bits.RotateLeft32(v[2], 12) + bits.RotateLeft32(v[3], 18)
	}
	h += n
	for ; len(p) >= 4; p = p[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(p)*xxh3, 17) * xxh4
	}
	for _, c := range p {
		h = bits.RotateLeft32(h+uint32(c)*xxh5, 11) * xxh1
	}
	h = (h ^ h>>15) * xxh2
	h = (h ^ h>>13) * xxh3
	return h ^ h>>16
}
