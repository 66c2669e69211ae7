package engine

import "math/bits"

// Stream is a random stream: PCG with 128 bits of state, integers only, equal on
// every architecture. It is split from a seed by name, so that a draw added in
// one component moves nothing in another.
type Stream struct {
	hi, lo uint64
}

// NewStream returns the stream of that name under a seed. Equal arguments give
// equal streams; different names never share draws.
func NewStream(seed uint64, name string) *Stream {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	s := &Stream{hi: mix(seed), lo: mix(seed^bits.RotateLeft64(h, 32)^0x9e3779b97f4a7c15) ^ h}
	s.Uint64()
	s.Uint64()
	return s
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Uint64 draws 64 bits (PCG-DXSM, as in NumPy and Go's math/rand/v2).
func (s *Stream) Uint64() uint64 {
	const (
		mulHi, mulLo = 2549297995355413924, 4865540595714422341
		incHi, incLo = 6364136223846793005, 1442695040888963407
		cheapMul     = 0xda942042e4dd58b5
	)
	hi, lo := bits.Mul64(s.lo, mulLo)
	hi += s.hi*mulLo + s.lo*mulHi
	lo, c := bits.Add64(lo, incLo, 0)
	hi, _ = bits.Add64(hi, incHi, c)
	s.hi, s.lo = hi, lo
	hi ^= hi >> 32
	hi *= cheapMul
	hi ^= hi >> 48
	return hi * (lo | 1)
}

// N draws a number in [0, n). n must be positive.
func (s *Stream) N(n int64) int64 {
	if n <= 0 {
		panic("engine: Stream.N of a number that is not positive")
	}
	hi, lo := bits.Mul64(s.Uint64(), uint64(n))
	if lo < uint64(n) { // Lemire 2019: reject the short end
		for min := -uint64(n) % uint64(n); lo < min; {
			hi, lo = bits.Mul64(s.Uint64(), uint64(n))
		}
	}
	return int64(hi)
}

// Between draws a number in [lo, hi], both ends included.
func (s *Stream) Between(lo, hi int64) int64 { return lo + s.N(hi-lo+1) }

// Chance is true in num of den cases.
func (s *Stream) Chance(num, den int64) bool { return s.N(den) < num }

// Pick draws an index in [0, n).
func (s *Stream) Pick(n int) int { return int(s.N(int64(n))) }

// Shuffle permutes n things (Fisher-Yates).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.Pick(i+1))
	}
}

// Fill fills b with random bytes.
func (s *Stream) Fill(b []byte) {
	for len(b) > 0 {
		x := s.Uint64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(x)
			b, x = b[1:], x>>8
		}
	}
}

// UUID draws a random 128-bit id, version 4 (RFC 9562), never one of Kafka's
// reserved ids (all zero, or zero but for the last bit).
func (s *Stream) UUID() [16]byte {
	var id [16]byte
	s.Fill(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
