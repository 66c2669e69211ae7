package cluster

import (
	"encoding/binary"
	"hash/crc32"

	"trial/clock"
	"trial/engine"
)

// Flip damages the records of the next frame with records that one node sends to
// another, until the instant. Only bytes that a batch's checksum covers: what the
// transport itself would not notice, the receiver must. A client that reads is
// left alone; what it makes of a damaged answer is no promise of the cluster.
func (t target) Flip(from, to string, until clock.Instant) {
	a, b := t.id(from), t.id(to)
	if b >= firstClientID {
		return
	}
	done := false
	release := t.World.AlterFrames(func(x, y engine.NodeID, frame []byte) {
		if !done && x == a && y == b && t.Now() < until {
			done = damage(frame, t.flips)
		}
	})
	t.log.note(a, b, "slow")
	t.At(until, release)
}

// A batch of format v2 as the wire has it (KIP-98): where its parts are.
const (
	batchLengthAt = 8
	batchMagicAt  = 16
	batchCRCAt    = 17
	batchCovered  = 21 // the checksum covers everything from here to the end
	batchRecords  = 61
	batchLenPart  = 12 // what the length does not count
	batchMagic    = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// damage flips bits of one byte in the records of one batch of the frame; false
// if the frame has none.
func damage(frame []byte, draw *engine.Stream) bool {
	var batches [][]byte
	for i := 0; i+batchRecords < len(frame); i++ {
		if b, ok := batchIn(frame[i:]); ok {
			batches = append(batches, b)
			i += len(b) - 1
		}
	}
	if len(batches) == 0 {
		return false
	}
	b := batches[draw.Pick(len(batches))][batchRecords:]
	b[draw.Pick(len(b))] ^= byte(draw.Between(1, 255))
	return true
}

// batchIn returns the whole batch with records that the bytes begin with.
func batchIn(b []byte) ([]byte, bool) {
	if b[batchMagicAt] != batchMagic {
		return nil, false
	}
	n := int64(binary.BigEndian.Uint32(b[batchLengthAt:])) + batchLenPart
	if n <= batchRecords || n > int64(len(b)) {
		return nil, false
	}
	b = b[:n]
	return b, crc32.Checksum(b[batchCovered:], castagnoli) == binary.BigEndian.Uint32(b[batchCRCAt:])
}
