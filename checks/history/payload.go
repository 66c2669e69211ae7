package history

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// PayloadMin is the smallest payload: id, topic, partition, checksum.
const PayloadMin = 8 + 16 + 4 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendPayload appends the value of record id, bound for (topic, partition), to
// dst: size bytes, at least PayloadMin. The filling depends on the id alone, so
// that a reader can check every byte.
func AppendPayload(dst []byte, id RecordID, topic TopicID, partition int32, size int) []byte {
	if size < PayloadMin {
		size = PayloadMin
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	dst = append(dst, topic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(partition))
	for fill := uint64(id)*0x9e3779b97f4a7c15 | 1; len(dst)-start < size-4; fill = fill*6364136223846793005 + 1442695040888963407 {
		dst = append(dst, byte(fill>>56))
	}
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// WrapPayload appends the value of record id, bound for (topic, partition), to
// dst: a payload whose filling is somebody's own bytes.
func WrapPayload(dst []byte, id RecordID, topic TopicID, partition int32, value []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	dst = append(dst, topic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(partition))
	dst = append(dst, value...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// UnwrapPayload returns the bytes that WrapPayload has wrapped; it aliases b. What
// is no payload comes back as it is.
func UnwrapPayload(b []byte) []byte {
	if _, _, _, err := ParsePayload(b); err != nil {
		return b
	}
	return b[PayloadMin-4 : len(b)-4]
}

var (
	errShort    = errors.New("payload is shorter than any of ours")
	errChecksum = errors.New("payload checksum is wrong")
)

// ParsePayload reads what AppendPayload wrote.
func ParsePayload(b []byte) (id RecordID, topic TopicID, partition int32, err error) {
	if len(b) < PayloadMin {
		return 0, topic, 0, errShort
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return 0, topic, 0, errChecksum
	}
	copy(topic[:], b[8:24])
	return RecordID(binary.BigEndian.Uint64(b)), topic, int32(binary.BigEndian.Uint32(b[24:])), nil
}
