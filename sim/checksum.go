package sim

import (
	"encoding/binary"
	"math/bits"
)

// The constants are wyhash's secret (Wang Yi, public domain).
const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
	k3 = 0x589965cc75374cc3
	k4 = 0x1d8e4e27c47d124f
)

// fold multiplies to 128 bits and folds them.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// checksum mixes bytes, 8 at a time; in four lanes where there are many.
func checksum(b []byte) uint64 {
	h := uint64(len(b)) * k4
	if len(b) >= 64 {
		x, y, z, w := h^k0, h^k1, h^k2, h^k3
		for len(b) >= 64 {
			c := b[:64:64]
			x = fold(binary.LittleEndian.Uint64(c[0:])^k0, binary.LittleEndian.Uint64(c[8:])^x)
			y = fold(binary.LittleEndian.Uint64(c[16:])^k1, binary.LittleEndian.Uint64(c[24:])^y)
			z = fold(binary.LittleEndian.Uint64(c[32:])^k2, binary.LittleEndian.Uint64(c[40:])^z)
			w = fold(binary.LittleEndian.Uint64(c[48:])^k3, binary.LittleEndian.Uint64(c[56:])^w)
			b = b[64:]
		}
		h = fold(x^bits.RotateLeft64(y, 23), z^bits.RotateLeft64(w, 41)) ^ h
	}
	for len(b) >= 16 {
		h = fold(binary.LittleEndian.Uint64(b)^k0, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var x, y uint64
	if len(b) >= 8 {
		x = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	for i, c := range b {
		y |= uint64(c) << (8 * i)
	}
	return fold(x^k1^h, y^k2)
}
