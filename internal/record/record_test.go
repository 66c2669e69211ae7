package record

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

type input struct {
	Timestamp  int64
	Key, Value []byte
	Headers    []Header
}

// blob draws bytes that may be null.
func blob(maxLen int) *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		if rapid.Bool().Draw(t, "null") {
			return nil
		}
		return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, maxLen).Draw(t, "bytes")...)
	})
}

var inputs = rapid.Custom(func(t *rapid.T) input {
	in := input{
		Timestamp: rapid.OneOf(rapid.Int64Range(0, 1<<42), rapid.Int64Range(-1, 300)).Draw(t, "ts"),
		Key:       blob(300).Draw(t, "key"),
		Value:     blob(300).Draw(t, "value"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		in.Headers = append(in.Headers, Header{rapid.StringN(0, 5, 20).Draw(t, "hk"), blob(90).Draw(t, "hv")})
	}
	return in
})

func build(w *Builder, ins []input) Batch {
	for _, in := range ins {
		before := w.Len()
		size := w.AddSize(in.Timestamp, in.Key, in.Value, in.Headers...)
		w.Add(in.Timestamp, in.Key, in.Value, in.Headers...)
		if w.Len() != before+size {
			panic("AddSize is not what Add appends")
		}
	}
	return w.Batch()
}

func TestBuiltBatchGivesBackItsRecords(t *testing.T) {
	var w Builder
	rapid.Check(t, func(t *rapid.T) {
		ins := rapid.SliceOfN(inputs, 1, 20).Draw(t, "records")
		base := rapid.Int64Range(0, math.MaxInt64-100).Draw(t, "base")
		w.Reset(w.Bytes()[:0])
		w.SetProducer(7, 3, math.MaxInt32-2)
		b := build(&w, ins)
		b.SetBaseOffset(base)
		b.SetLeaderEpoch(9)
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
		var got []input
		err := b.Each(func(r Record) error {
			if r.Offset != base+int64(len(got)) {
				t.Fatalf("offset %d at index %d", r.Offset, len(got))
			}
			got = append(got, input{r.Timestamp, r.Key, r.Value, r.Headers()})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(ins, got); d != "" {
			t.Fatal(d)
		}
		stats, err := b.Scan()
		if err != nil || stats.MaxTimestamp != b.MaxTimestamp() {
			t.Fatalf("scan %+v, %v; max timestamp %d", stats, err, b.MaxTimestamp())
		}
		if n := int32(len(ins)); b.NumRecords() != n || b.LastSequence() != AddSequence(math.MaxInt32-2, n-1) ||
			b.LeaderEpoch() != 9 || b.ProducerID() != 7 || b.ProducerEpoch() != 3 {
			t.Fatalf("header fields of % x", []byte(b[:HeaderBytes]))
		}
	})
}

// The second opinion: franz-go encodes the same records to the same bytes.
func TestBuilderEqualsFranz(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ins := rapid.SliceOfN(inputs, 1, 8).Draw(t, "records")
		kb := kmsg.RecordBatch{
			PartitionLeaderEpoch: -1, Magic: 2, ProducerID: 12, ProducerEpoch: 1, FirstSequence: 5,
			Attributes: 0x30, FirstTimestamp: ins[0].Timestamp, MaxTimestamp: NoTimestamp,
			LastOffsetDelta: int32(len(ins) - 1), NumRecords: int32(len(ins)),
		}
		for i, in := range ins {
			kb.MaxTimestamp = max(kb.MaxTimestamp, in.Timestamp)
			kr := kmsg.Record{TimestampDelta64: in.Timestamp - ins[0].Timestamp, OffsetDelta: int32(i), Key: in.Key, Value: in.Value}
			for _, h := range in.Headers {
				kr.Headers = append(kr.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
			}
			body := kr.AppendTo(nil)
			kr.Length = int32(len(body) - 1) // a length of 0 took one byte
			kb.Records = kr.AppendTo(kb.Records)
		}
		kb.Length = int32(HeaderBytes - lengthBase + len(kb.Records))
		kb.CRC = int32(crc32.Checksum(kb.AppendTo(nil)[CRCFrom:], castagnoli))

		var w Builder
		w.Reset(nil)
		w.SetProducer(12, 1, 5)
		w.SetTransactional()
		w.SetControl()
		if got, want := []byte(build(&w, ins)), kb.AppendTo(nil); !bytes.Equal(got, want) {
			t.Fatalf("got  % x\nwant % x", got, want)
		}
	})
}

func sample() Batch {
	var w Builder
	w.Reset(nil)
	w.Add(10, []byte("k"), []byte("v"), Header{"h", []byte("x")})
	w.Add(12, nil, []byte("second"))
	return w.Batch()
}

func TestEveryFlippedBitUnderTheCRCIsFound(t *testing.T) {
	b := sample()
	for i := range len(b) * 8 {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		err := Batch(c).Check()
		free := i/8 < atLength || i/8 >= atLeaderEpoch && i/8 < atMagic
		if free && i != 7 && err != nil { // bit 7 of byte 0 would make the offset negative
			t.Errorf("bit %d lies outside the CRC: %v", i, err)
		}
		if !free && err == nil {
			t.Errorf("bit %d flipped unnoticed", i)
		}
	}
}

func TestNextSplitsAndReportsPartialTails(t *testing.T) {
	a := sample()
	set := append(bytes.Clone(a), a...)
	for n := range len(set) + 1 {
		rest, count := set[:n], 0
		var err error
		for len(rest) > 0 && err == nil {
			var b Batch
			if b, rest, err = Next(rest); err == nil {
				count++
				if !bytes.Equal(b, a) {
					t.Fatal("split batch differs")
				}
			}
		}
		if count != n/len(a) || (n%len(a) != 0) != errors.Is(err, ErrShort) {
			t.Fatalf("%d bytes: %d batches, %v", n, count, err)
		}
		if len(Trim(set[:n])) != count*len(a) {
			t.Fatalf("Trim of %d bytes: %d", n, len(Trim(set[:n])))
		}
	}
}

func TestPatchingKeepsTheCRCValid(t *testing.T) {
	b := sample()
	b.SetBaseOffset(1 << 40)
	b.SetLeaderEpoch(77)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	crc := b.CRC()
	b.SetMaxTimestamp(99, true)
	if err := b.Check(); err != nil || b.CRC() == crc || !b.LogAppendTime() {
		t.Fatalf("after log append time: %v", err)
	}
	_ = b.Each(func(r Record) error {
		if r.Timestamp != 99 {
			t.Errorf("timestamp %d under log append time", r.Timestamp)
		}
		return nil
	})
	b.SetMaxTimestamp(12, false)
	if b.CRC() != crc {
		t.Error("undoing the change does not restore the CRC")
	}
}

func TestHeaderChecks(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(b Batch)
		want error
	}{
		"magic 1":           {func(b Batch) { b[atMagic] = 1 }, ErrMagic},
		"codec 5":           {func(b Batch) { b[atAttributes+1] = 5 }, ErrCodec},
		"negative delta":    {func(b Batch) { b[atLastDelta] = 0x80 }, ErrCount},
		"more than offsets": {func(b Batch) { b[atNumRecords+3] = 3 }, ErrCount},
		"negative count":    {func(b Batch) { b[atNumRecords] = 0xff }, ErrCount},
		"negative offset":   {func(b Batch) { b.SetBaseOffset(-1) }, ErrCount},
		"offset overflow":   {func(b Batch) { b.SetBaseOffset(math.MaxInt64 - 1) }, ErrCount},
		"length too long":   {func(b Batch) { b[atLength+3]++ }, ErrLength},
		"fewer records":     {func(b Batch) { b[atNumRecords+3] = 1; b.SetCRC() }, nil},
	} {
		b := sample()
		c.edit(b)
		if err := b.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestScanRefusesWrongRecords(t *testing.T) {
	b := sample()
	b[atNumRecords+3] = 1 // one record announced, two there
	if _, err := b.Scan(); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing record: %v", err)
	}
	if err := b.Each(func(Record) error { return nil }); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing record by Each: %v", err)
	}
	b = sample()
	b[HeaderBytes+3] = 2 // offset delta 1 instead of 0
	if _, err := b.Scan(); !errors.Is(err, ErrMalformed) {
		t.Errorf("offset deltas 1, 1: %v", err)
	}
	b = sample()
	b[atAttributes+1] = byte(LZ4)
	if _, err := b.Scan(); !errors.Is(err, ErrCompressed) {
		t.Errorf("compressed: %v", err)
	}
}

func TestSequencesWrap(t *testing.T) {
	for _, c := range [][3]int32{{0, 0, 0}, {5, 3, 8}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 4, 2}, {math.MaxInt32, math.MaxInt32, math.MaxInt32 - 1}} {
		if got := AddSequence(c[0], c[1]); got != c[2] {
			t.Errorf("%d + %d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestControlRecords(t *testing.T) {
	var w Builder
	w.Reset(nil)
	w.SetControl()
	w.AddControl(5, ControlLeaderChange, []byte("v"))
	b := w.Batch()
	if !b.Control() || b.Check() != nil {
		t.Fatal("not a control batch")
	}
	_ = b.Each(func(r Record) error {
		if kind, ok := ControlType(r.Key); !ok || kind != ControlLeaderChange {
			t.Errorf("type %d, %v", kind, ok)
		}
		return nil
	})
	if _, ok := ControlType([]byte{0, 0, 0}); ok {
		t.Error("a short key has a type")
	}
}

func TestBuilderDoesNotAllocate(t *testing.T) {
	var w Builder
	key, value := []byte("key"), make([]byte, 100)
	w.Reset(make([]byte, 0, 1<<16))
	n := testing.AllocsPerRun(100, func() {
		w.Reset(w.Bytes()[:0])
		for i := range 50 {
			w.Add(int64(i), key, value)
		}
		if _, err := w.Batch().Scan(); err != nil {
			panic(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(sample()))
	f.Add(append([]byte(sample()), sample()[:30]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for rest := data; ; {
			b, r, err := Next(rest)
			if err != nil {
				break
			}
			if len(b)+len(r) != len(rest) {
				t.Fatal("bytes lost")
			}
			rest = r
			if b.Check() == nil && (b.LastOffset() < b.BaseOffset() || b.NextOffset() < 0) {
				t.Fatal("offsets of a checked batch overflow")
			}
			_, _ = b.Scan()
			_ = b.Each(func(r Record) error { r.Headers(); return nil })
		}
		_ = Batch(data).Check()
		_ = Trim(data)
	})
}

// FuzzRecords puts hostile records behind a valid header.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(sample()[HeaderBytes:]), int32(2))
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, int32(1))
	f.Fuzz(func(t *testing.T, records []byte, n int32) {
		var w Builder
		w.Reset(nil)
		w.buf = append(w.buf, records...)
		w.n = n
		b := w.Batch()
		count := int32(0)
		eachErr := b.Each(func(r Record) error {
			if len(r.Headers()) != r.NumHeaders() {
				t.Fatal("headers do not decode")
			}
			count++
			return nil
		})
		if _, err := b.Scan(); err == nil && (eachErr != nil || count != n) {
			t.Fatalf("Scan accepts what Each refuses: %v, %d of %d records", eachErr, count, n)
		}
	})
}

func BenchmarkCheckAndScan16K(b *testing.B) {
	var w Builder
	w.Reset(nil)
	for w.Len() < 16<<10 {
		w.Add(1, nil, make([]byte, 100))
	}
	batch := w.Batch()
	b.ReportAllocs()
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if batch.Check() != nil {
			b.Fatal("check")
		}
		if _, err := batch.Scan(); err != nil {
			b.Fatal(err)
		}
	}
}
