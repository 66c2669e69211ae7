package record

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/internal/record/codec"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// A batch is built and compressed, compressed otherwise by a broker, and read: all
// it says but its size and its codec is as it was.
func TestCompressedBatchGivesBackItsRecords(t *testing.T) {
	var w Builder
	var s codec.State
	rapid.Check(t, func(t *rapid.T) {
		ins := rapid.SliceOfN(inputs, 1, 20).Draw(t, "records")
		from, to := rapid.SampledFrom(codecs).Draw(t, "from"), rapid.SampledFrom(codecs).Draw(t, "to")
		w.Reset(append(w.Bytes()[:0], "front"...))
		plain := Batch(bytes.Clone(build(&w, ins)))
		w.Compress(&s, from, 0)
		w.SetProducer(7, 3, 41)
		w.SetTransactional()
		b := w.Batch()
		b.SetBaseOffset(1 << 40)
		b.SetLeaderEpoch(9)
		if !bytes.HasPrefix(w.Bytes(), []byte("front")) || b.Codec() != from {
			t.Fatalf("codec %s instead of %s, or what was in front is gone", b.Codec(), from)
		}
		records, err := b.Records(nil, &s)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(records, plain[HeaderBytes:]) {
			t.Fatal("the records are others")
		}
		front := []byte("kept")
		out := b.Recompress(front, records, &s, to, 0)
		for _, b := range []Batch{b, out} {
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			var got []input
			if err := b.Each(func(r Record) error {
				if r.Offset != 1<<40+int64(len(got)) {
					t.Fatalf("offset %d at index %d", r.Offset, len(got))
				}
				got = append(got, input{r.Timestamp, r.Key, r.Value, r.Headers()})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(ins, got); d != "" {
				t.Fatal(d)
			}
			if stats, err := b.Examine(records); err != nil || stats.MaxTimestamp != b.MaxTimestamp() {
				t.Fatalf("%+v, %v", stats, err)
			}
			if b.ProducerID() != 7 || b.ProducerEpoch() != 3 || b.BaseSequence() != 41 || !b.Transactional() || b.LeaderEpoch() != 9 ||
				b.NumRecords() != int32(len(ins)) || b.MaxTimestamp() != plain.MaxTimestamp() || b.BaseTimestamp() != plain.BaseTimestamp() {
				t.Fatalf("header of % x", []byte(b[:HeaderBytes]))
			}
		}
		if out.Codec() != to || out.Size() != int64(len(out)) {
			t.Fatalf("codec %s instead of %s", out.Codec(), to)
		}
	})
}

// The second opinion: franz-go finds the same records in what we compressed.
func TestFranzReadsCompressedBatches(t *testing.T) {
	franz := kgo.DefaultDecompressor()
	var s codec.State
	for _, c := range codecs[1:] {
		var w Builder
		w.Reset(nil)
		for i := range 100 {
			w.Add(int64(i), []byte("key"), []byte("a value like others"))
		}
		w.Compress(&s, c, 0)
		b := w.Batch()
		var kb kmsg.RecordBatch
		if err := kb.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
		records, err := franz.Decompress(kb.Records, kgo.CompressionCodecType(kb.Attributes&7))
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if stats, err := b.Examine(records); err != nil || stats.MaxTimestamp != 99 {
			t.Errorf("%s: %+v, %v", c, stats, err)
		}
		if len(b) > 1000 {
			t.Errorf("%s: %d bytes for 100 equal records", c, len(b))
		}
	}
}

func TestDamagedCompressionIsAnError(t *testing.T) {
	var s codec.State
	b := sample()
	b[atAttributes+1] = byte(LZ4) // what the header says and is not so
	b.SetCRC()
	if _, err := b.Records(nil, &s); err == nil {
		t.Error("uncompressed records were read as lz4")
	}
	if err := b.Each(func(Record) error { return nil }); err == nil {
		t.Error("Each reads them, too")
	}
	if _, err := b[:10].Records(nil, &s); err == nil {
		t.Error("a part of a header has records")
	}
}

func TestCompressingDoesNotAllocate(t *testing.T) {
	var w Builder
	var s codec.State
	var records []byte
	value := bytes.Repeat([]byte("words and words "), 20)
	for _, c := range codecs {
		w.Reset(make([]byte, 0, 1<<16))
		n := testing.AllocsPerRun(20, func() {
			w.Reset(w.Bytes()[:0])
			for i := range 50 {
				w.Add(int64(i), nil, value)
			}
			w.Compress(&s, c, 0)
			b := w.Batch()
			var err error
			if c == None {
				_, err = b.Scan()
			} else if records, err = b.Records(records, &s); err == nil {
				_, err = b.Examine(records)
			}
			if err != nil {
				panic(err)
			}
		})
		if n > 1 {
			t.Errorf("%s: %v allocations per batch", c, n)
		}
	}
}
