package codec

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// inputs are data of all kinds, the same on every machine.
func inputs() map[string][]byte {
	noise := func(n int) []byte {
		out := make([]byte, n)
		x := uint64(88172645463325252)
		for i := range out {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			out[i] = byte(x >> 32)
		}
		return out
	}
	var lines strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&lines, `{"id":%d,"user":"user-%d","at":%d,"tags":["a%d","b"]}`+"\n", i, i*i%97, int64(1_700_000_000_000)+int64(i)*37, i%7)
	}
	mixed := noise(70_000)
	copy(mixed[20_000:], lines.String()[:30_000])
	copy(mixed[60_000:], mixed[:9_000])
	return map[string][]byte{
		"nothing": {}, "one byte": {7}, "short": []byte("hello, hello, hello"), "zeros": make([]byte, 200_000),
		"noise": noise(100_000), "lines": []byte(lines.String()), "mixed": mixed,
	}
}

// The bytes of every codec on every machine: whoever runs this on another one, or
// with a new version of a library, sees a difference here first. A library that
// compresses differently moves the trace hashes of all runs with that codec; then
// these are to be replaced, too.
var golden = map[string]string{
	"lines gzip 0":      "29844:3f5d16b503e99570",
	"lines gzip 1":      "40660:bfe9a0151995e890",
	"lines gzip 9":      "30092:84a008a366c5222c",
	"lines lz4 0":       "58146:dd6fd3cee2d286de",
	"lines lz4 1":       "54872:92aa36219ec3b9ca",
	"lines lz4 9":       "58146:dd6fd3cee2d286de",
	"lines snappy 0":    "75096:a70b6e68c167b34d",
	"lines zstd 0":      "30485:d4979cddc12fcadd",
	"lines zstd 1":      "25929:27c37705ab61fb8b",
	"lines zstd 9":      "32205:5b5fa12bea60a098",
	"mixed gzip 0":      "47281:db9948cde4257341",
	"mixed gzip 1":      "50368:6680a8077395bdff",
	"mixed gzip 9":      "45226:6a9c68d59cf1a3bb",
	"mixed lz4 0":       "42361:1719a6b4bfb84570",
	"mixed lz4 1":       "42994:c3fbcc8350685be5",
	"mixed lz4 9":       "42361:1719a6b4bfb84570",
	"mixed snappy 0":    "49070:8d26e94a4104bfe1",
	"mixed zstd 0":      "37679:3c5baf74ef2c6cb4",
	"mixed zstd 1":      "49414:c3ea27b2dc72a402",
	"mixed zstd 9":      "36899:63eb53d49186b4f9",
	"noise gzip 0":      "100030:0e445fc46e44498d",
	"noise gzip 1":      "100030:10d1b332a3d2defd",
	"noise gzip 9":      "100040:7a3d916fcbd9e3b8",
	"noise lz4 0":       "100019:882b3e9d5d2f27f2",
	"noise lz4 1":       "100019:882b3e9d5d2f27f2",
	"noise lz4 9":       "100019:882b3e9d5d2f27f2",
	"noise snappy 0":    "100055:349642f4ce2ffa9e",
	"noise zstd 0":      "100016:c2fb76a86f69578b",
	"noise zstd 1":      "100016:c2fb76a86f69578b",
	"noise zstd 9":      "100016:c2fb76a86f69578b",
	"nothing gzip 0":    "20:d745de7aeb2aad43",
	"nothing gzip 1":    "20:eb9421c29420e153",
	"nothing gzip 9":    "20:3291630315e05f4d",
	"nothing lz4 0":     "11:b966d1adb50d2f9d",
	"nothing lz4 1":     "11:b966d1adb50d2f9d",
	"nothing lz4 9":     "11:b966d1adb50d2f9d",
	"nothing snappy 0":  "1:6e340b9cffb37a98",
	"nothing zstd 0":    "9:6fb8543883dafcc2",
	"nothing zstd 1":    "9:6fb8543883dafcc2",
	"nothing zstd 9":    "9:6fb8543883dafcc2",
	"one byte gzip 0":   "26:43af34ab47333dad",
	"one byte gzip 1":   "26:6230e55dfcce376b",
	"one byte gzip 9":   "22:56c8f55003884626",
	"one byte lz4 0":    "16:d5d8eb0f8342df19",
	"one byte lz4 1":    "16:d5d8eb0f8342df19",
	"one byte lz4 9":    "16:d5d8eb0f8342df19",
	"one byte snappy 0": "23:bb132786ca141fdd",
	"one byte zstd 0":   "14:ec9ec74d542a1859",
	"one byte zstd 1":   "14:ec9ec74d542a1859",
	"one byte zstd 9":   "14:ec9ec74d542a1859",
	"short gzip 0":      "44:0358fc67313cf026",
	"short gzip 1":      "44:cd673b1cd30f6b44",
	"short gzip 9":      "30:9f011f7eb7b810bb",
	"short lz4 0":       "34:c5cca26462b6e2b2",
	"short lz4 1":       "34:c5cca26462b6e2b2",
	"short lz4 9":       "34:c5cca26462b6e2b2",
	"short snappy 0":    "41:a41dda3ff950eb09",
	"short zstd 0":      "32:a31c2b3fd3826c53",
	"short zstd 1":      "32:a31c2b3fd3826c53",
	"short zstd 9":      "32:a31c2b3fd3826c53",
	"zeros gzip 0":      "262:4477dd16d708dd96",
	"zeros gzip 1":      "264:485031fff38c0487",
	"zeros gzip 9":      "229:7d9e8ecc6e00cb3f",
	"zeros lz4 0":       "900:80bdc5f347fe1639",
	"zeros lz4 1":       "892:87aa12d66c4d4114",
	"zeros lz4 9":       "900:80bdc5f347fe1639",
	"zeros snappy 0":    "9453:47b4165b2b4b55eb",
	"zeros zstd 0":      "31:cd6da0e697e4cab8",
	"zeros zstd 1":      "31:ed383cc916bb72c4",
	"zeros zstd 9":      "21:1436cac733f36254",
}

func TestBytesAreEqualOnEveryMachine(t *testing.T) {
	var s State
	in := inputs()
	got := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		for _, c := range all[1:] {
			for _, level := range []int{0, 1, 9} {
				if c == Snappy && level != 0 {
					continue
				}
				packed := s.Compress(nil, in[name], c, level)
				if back, err := s.Decompress(nil, packed, c, limit); err != nil || !bytes.Equal(back, in[name]) {
					t.Errorf("%s %s level %d does not read back: %v", name, c, level, err)
				}
				sum := sha256.Sum256(packed)
				got[fmt.Sprintf("%s %s %d", name, c, level)] = fmt.Sprintf("%d:%x", len(packed), sum[:8])
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if got[k] != golden[k] {
			t.Errorf("%q: %q, want %q", k, got[k], golden[k])
		}
	}
}
