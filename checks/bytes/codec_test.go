package bytes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"trial/internal/record"
	"trial/internal/record/codec"
)

// What the engine compresses, these decoders read, and find the same records.
func TestCompressedRecordsRead(t *testing.T) {
	var s codec.State
	for _, c := range []record.Codec{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		for _, n := range []int{1, 3, 5000} {
			var w record.Builder
			w.Reset(nil)
			for i := range n {
				w.Add(int64(1000+i), fmt.Appendf(nil, "k%d", i), bytes.Repeat([]byte("value "), i%20))
			}
			w.Compress(&s, c, 0)
			raw := w.Batch()
			raw.SetBaseOffset(77)
			b, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			at := 0
			err = b.Each(func(r Record) {
				if r.Offset != int64(77+at) || r.Timestamp != int64(1000+at) || string(r.Key) != fmt.Sprintf("k%d", at) ||
					!bytes.Equal(r.Value, bytes.Repeat([]byte("value "), at%20)) {
					t.Errorf("%s: record %d is %+v", c, at, r)
				}
				at++
			})
			if err != nil || at != n || b.Compressed() != (c != record.None) {
				t.Errorf("%s: %d of %d records, %v", c, at, n, err)
			}
		}
	}
}

func TestRawSnappyIsReadAndDamageIsAnError(t *testing.T) {
	var w record.Builder
	w.Reset(nil)
	w.Add(1, nil, bytes.Repeat([]byte("value"), 30))
	plain := w.Batch()
	with := func(attributes byte, records []byte) Batch {
		raw := append(bytes.Clone(plain[:HeaderBytes]), records...)
		raw[22] = attributes
		binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-overhead))
		binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], castagnoli))
		b, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var got []Record
	b := with(2, snappy.Encode(nil, plain[HeaderBytes:]))
	if err := b.Each(func(r Record) { got = append(got, r) }); err != nil || len(got) != 1 || len(got[0].Value) != 150 {
		t.Errorf("%v, %v", got, err)
	}
	for attributes := byte(1); attributes < 8; attributes++ {
		b := with(attributes, plain[HeaderBytes:])
		if err := b.Each(func(Record) {}); err == nil {
			t.Errorf("codec %d reads records that are not compressed", attributes)
		}
	}
	z, _ := zstd.NewWriter(nil)
	bomb := with(4, z.EncodeAll(make([]byte, maxRecords+1), nil))
	if err := bomb.Each(func(Record) {}); err == nil {
		t.Error("a bomb was read")
	}
}
