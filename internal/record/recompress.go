package record

import (
	"encoding/binary"

	"trial/internal/record/codec"
)

// Recompress appends to dst what b becomes with another codec: the same records,
// offsets, timestamps and producer, a new length and CRC. records are those of b, as
// Records gave them.
func (b Batch) Recompress(dst, records []byte, s *codec.State, c Codec, level int) Batch {
	from := len(dst)
	dst = append(dst, b[:HeaderBytes]...)
	dst = s.Compress(dst, records, c, level)
	out := Batch(dst[from:])
	out[atAttributes+1] = out[atAttributes+1]&^attrCodec | byte(c)
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-lengthBase))
	out.SetCRC()
	return out
}
