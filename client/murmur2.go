package client

// Murmur2 is the hash of Kafka's default partitioner (Utils.murmur2: MurmurHash2
// by Austin Appleby, 32 bits, seed 0x9747b28c). Java returns it as a signed int.
func Murmur2(key []byte) int32 {
	const (
		m    = 0x5bd1e995
		r    = 24
		seed = uint32(0x9747b28c)
	)
	h := seed ^ uint32(len(key))
	for len(key) >= 4 {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
		key = key[4:]
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return int32(h)
}

// KeyPartition is the partition of a key among n partitions: murmur2 made
// positive (Utils.toPositive), modulo n.
func KeyPartition(key []byte, n int32) int32 { return (Murmur2(key) & 0x7fffffff) % n }
