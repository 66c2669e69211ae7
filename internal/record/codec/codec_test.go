package codec

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

var all = []ID{None, Gzip, Snappy, LZ4, Zstd}

const limit = 8 << 20

func TestWhatIsCompressedReadsBack(t *testing.T) {
	var s State // one for all: it must not matter what it did before
	rapid.Check(t, func(t *rapid.T) {
		src := drawn(t)
		c, level := rapid.SampledFrom(all).Draw(t, "codec"), rapid.IntRange(-3, 20).Draw(t, "level")
		before := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "before")
		packed := s.Compress(bytes.Clone(before), src, c, level)
		if !bytes.HasPrefix(packed, before) {
			t.Fatal("what was in dst is gone")
		}
		var fresh State
		if again := fresh.Compress(nil, src, c, level); !bytes.Equal(again, packed[len(before):]) {
			t.Fatalf("%s level %d: a State that was used gives other bytes than a fresh one", c, level)
		}
		got, err := s.Decompress(bytes.Clone(before), packed[len(before):], c, len(src))
		if err != nil || !bytes.Equal(got, append(before, src...)) {
			t.Fatalf("%s level %d: %d bytes read back as %d, %v", c, level, len(src), len(got)-len(before), err)
		}
		if _, err := s.Decompress(nil, packed[len(before):], c, len(src)-1); len(src) > 1 && err != ErrTooLarge {
			t.Fatalf("%s: %d bytes with a limit of one less: %v", c, len(src), err)
		}
	})
}

// drawn is anything from noise to one byte again and again.
func drawn(t *rapid.T) []byte {
	seed := rapid.Uint64().Draw(t, "seed")
	n := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 200_000)).Draw(t, "n")
	rng := rand.New(rand.NewPCG(seed, 1))
	letters, run := 1+rng.IntN(256), 1+rng.IntN(200)
	out := make([]byte, 0, n+run)
	for len(out) < n {
		if len(out) > run && rng.IntN(3) > 0 {
			from := rng.IntN(len(out) - run)
			out = append(out, out[from:from+run]...)
			continue
		}
		for range 1 + rng.IntN(40) {
			out = append(out, byte(rng.IntN(letters)))
		}
	}
	return out[:n]
}

// What other implementations read.
var readers = map[ID]func([]byte) ([]byte, error){
	Gzip: func(p []byte) ([]byte, error) {
		r, err := stdgzip.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	},
	Snappy: xerial.Decode,
	LZ4:    func(p []byte) ([]byte, error) { return io.ReadAll(lz4.NewReader(bytes.NewReader(p))) },
	Zstd: func(p []byte) ([]byte, error) {
		r, err := zstd.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	},
}

func TestOthersReadWhatWeWrite(t *testing.T) {
	var s State
	franz := kgo.DefaultDecompressor()
	for name, src := range inputs() {
		for c, read := range readers {
			for _, level := range []int{0, 1, 3, 9, 12} {
				packed := s.Compress(nil, src, c, level)
				if got, err := read(packed); err != nil || !bytes.Equal(got, src) {
					t.Errorf("%s %s level %d: a library reads %d of %d bytes, %v", name, c, level, len(got), len(src), err)
				}
				if got, err := franz.Decompress(packed, kgo.CompressionCodecType(c)); err != nil || !bytes.Equal(got, src) {
					t.Errorf("%s %s level %d: franz-go reads %d of %d bytes, %v", name, c, level, len(got), len(src), err)
				}
			}
		}
	}
}

func TestWeReadWhatOthersWrite(t *testing.T) {
	var s State
	for name, src := range inputs() {
		read := func(what string, packed []byte, c ID) {
			t.Helper()
			if got, err := s.Decompress(nil, packed, c, limit); err != nil || !bytes.Equal(got, src) {
				t.Errorf("%s, %s: %d of %d bytes, %v", name, what, len(got), len(src), err)
			}
		}
		for _, level := range []int{1, 6, 9} {
			var b bytes.Buffer
			w, _ := stdgzip.NewWriterLevel(&b, level)
			_, _ = w.Write(src[:len(src)/2])
			_ = w.Close()
			w.Reset(&b) // a second member
			_, _ = w.Write(src[len(src)/2:])
			_ = w.Close()
			read("gzip of the standard library", b.Bytes(), Gzip)
		}
		read("raw snappy", s2.EncodeSnappyBest(nil, src), Snappy)
		read("xerial", xerial.EncodeBetter(nil, src), Snappy)
		if len(src) > 1 { // nothing is written as a raw block
			first := s.Compress(nil, src[:len(src)/2], Snappy, 0)
			read("two xerial streams", s.Compress(first, src[len(src)/2:], Snappy, 0), Snappy)
		}
		for _, o := range [][]lz4.Option{
			{lz4.BlockSizeOption(lz4.Block64Kb), lz4.BlockChecksumOption(true)},
			{lz4.BlockSizeOption(lz4.Block4Mb), lz4.ChecksumOption(true), lz4.CompressionLevelOption(lz4.Level6)},
			{lz4.BlockSizeOption(lz4.Block256Kb), lz4.SizeOption(uint64(len(src)))},
		} {
			var b bytes.Buffer
			w := lz4.NewWriter(&b)
			if err := w.Apply(o...); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(src)
			_ = w.Close()
			read("lz4 of the library", b.Bytes(), LZ4)
		}
		for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedBestCompression} {
			var b bytes.Buffer // as a stream: no content size
			w, _ := zstd.NewWriter(&b, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
			_, _ = w.Write(src)
			_ = w.Close()
			if b.Len() == 0 {
				continue // of nothing, the library's writer makes nothing
			}
			read("zstd stream", b.Bytes(), Zstd)
			read("two zstd frames", w.EncodeAll(src[len(src)/2:], w.EncodeAll(src[:len(src)/2], nil)), Zstd)
		}
		franz, err := kgo.DefaultCompressor(kgo.Lz4Compression())
		if err != nil {
			t.Fatal(err)
		}
		packed, c := franz.Compress(new(bytes.Buffer), src)
		read("lz4 of franz-go", packed, ID(c))
	}
}

// Blocks that refer to what the one before said: no Java client writes them, C can.
func TestLinkedLZ4BlocksAreRead(t *testing.T) {
	first := []byte("the same words again, ")
	// A second block that is one match of 20 bytes, 22 back, and five literals.
	second := []byte{0x0f, 22, 0, 1, 0x50, 'f', 'i', 'n', 'i', 's'}
	frame := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	frame = append(frame, 0x40, 0x40, byte(xxh32([]byte{0x40, 0x40})>>8))
	frame = append(binary.LittleEndian.AppendUint32(frame, uint32(len(first))|lz4Stored), first...)
	frame = append(binary.LittleEndian.AppendUint32(frame, uint32(len(second))), second...)
	frame = append(frame, 0, 0, 0, 0)
	got, err := new(State).Decompress(nil, frame, LZ4, 100)
	if want := "the same words again, the same words againfinis"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDamageIsAnErrorAndNeverAPanic(t *testing.T) {
	var s State
	src := inputs()["lines"][:5000]
	for _, c := range all[1:] {
		packed := s.Compress(nil, src, c, 0)
		for n := range len(packed) - 4 { // the end mark of lz4 has four bytes
			if got, err := s.Decompress(nil, packed[:n], c, limit); err == nil && bytes.Equal(got, src) {
				t.Errorf("%s: %d of %d bytes read as the whole", c, n, len(packed))
			}
		}
		for i := range packed {
			bad := bytes.Clone(packed)
			bad[i] ^= 0x55
			if _, err := s.Decompress(nil, bad, c, limit); err != nil && err != ErrTooLarge && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v is neither of our errors", c, err)
			}
		}
		if got, err := s.Decompress(nil, packed, c, limit); err != nil || !bytes.Equal(got, src) {
			t.Errorf("%s: after damaged data sound data fails: %v", c, err)
		}
		if _, err := s.Decompress(nil, nil, c, limit); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: nothing at all: %v", c, err)
		}
	}
	if _, err := s.Decompress(nil, src, 5, limit); err != ErrUnknown {
		t.Error(err)
	}
}

// A bomb is a few bytes that stand for very many.
func TestBombsAreRefusedWithoutHugeBuffers(t *testing.T) {
	var s State
	huge := make([]byte, 64<<20)
	bombs := map[string]struct {
		data []byte
		c    ID
	}{
		"gzip":        {s.Compress(nil, huge, Gzip, 9), Gzip},
		"lz4":         {s.Compress(nil, huge, LZ4, 0), LZ4},
		"xerial":      {s.Compress(nil, huge, Snappy, 0), Snappy},
		"raw snappy":  {snappy.Encode(nil, huge), Snappy},
		"zstd":        {s.Compress(nil, huge, Zstd, 0), Zstd},
		"snappy lies": {binary.AppendUvarint(nil, 1<<31-1), Snappy},
		"zstd lies":   {[]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}, Zstd},
		"no size":     {zstdStream(t, huge), Zstd},
	}
	for name, b := range bombs {
		const limit = 1 << 20
		var out []byte
		var err error
		grew := testing.AllocsPerRun(1, func() { out, err = s.Decompress(nil, b.data, b.c, limit) })
		if err == nil || cap(out) > 4*limit {
			t.Errorf("%s: %d bytes became a buffer of %d in %v allocations, %v", name, len(b.data), cap(out), grew, err)
		}
		if !strings.Contains(name, "lies") && err != ErrTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func zstdStream(t *testing.T, src []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(src)
	_ = w.Close()
	return b.Bytes()
}

func FuzzDecompress(f *testing.F) {
	var s State
	for _, c := range all {
		f.Add(byte(c), s.Compress(nil, []byte("a few words, a few words, and some more words"), c, 0))
	}
	f.Add(byte(Snappy), []byte{3, 8, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, c byte, data []byte) {
		const limit = 1 << 16
		out, err := s.Decompress(nil, data, ID(c), limit)
		if err == nil && len(out) > limit {
			t.Fatalf("%d bytes beyond a limit of %d", len(out), limit)
		}
		if c := ID(c); c.Known() && err == nil { // what we write of it, we read
			back, err := s.Decompress(nil, s.Compress(nil, out, c, 0), c, limit)
			if err != nil || !bytes.Equal(back, out) {
				t.Fatalf("%s: %v", c, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range all {
		if got, ok := Parse(c.String()); got != c || !ok {
			t.Errorf("%d is called %s, which is read as %d", c, c, got)
		}
	}
	if _, ok := Parse("brotli"); ok || ID(5).Known() || ID(5).String() != "codec5" || len(Names()) != len(all) {
		t.Error("an unknown codec is known")
	}
}

func TestXXH32(t *testing.T) { // values of the reference implementation
	for in, want := range map[string]uint32{
		"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff,
		"Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		if got := xxh32([]byte(in)); got != want {
			t.Errorf("xxh32(%q) = %#08x, want %#08x", in, got, want)
		}
	}
}

func BenchmarkCompress(b *testing.B)   { bench(b, false) }
func BenchmarkDecompress(b *testing.B) { bench(b, true) }

func bench(b *testing.B, back bool) {
	src := inputs()["lines"][:16384]
	for _, c := range all[1:] {
		b.Run(c.String(), func(b *testing.B) {
			var s State
			packed := s.Compress(nil, src, c, 0)
			var out []byte
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if back {
					out, _ = s.Decompress(out[:0], packed, c, limit)
				} else {
					out = s.Compress(out[:0], src, c, 0)
				}
			}
			b.ReportMetric(float64(len(packed))*100/float64(len(src)), "%")
		})
	}
}
