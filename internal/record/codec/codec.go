package codec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ID is a codec, numbered as in the attributes of a batch (CompressionType).
type ID uint8

// The codecs. Five to seven are unassigned.
const (
	None ID = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var names = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// Names lists what Parse reads, by number.
func Names() []string { return slices.Clone(names[:]) }

// String is Kafka's name of the codec.
func (c ID) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("codec%d", uint8(c))
}

// Known reports whether the codec is one of ours.
func (c ID) Known() bool { return c <= Zstd }

// Parse reads the name of a codec.
func Parse(name string) (ID, bool) {
	i := slices.Index(names[:], name)
	return ID(max(i, 0)), i >= 0
}

// DefaultLevel stands for the level that Kafka takes unless told otherwise.
const DefaultLevel = 0

// What decompression may fail with.
var (
	ErrUnknown  = errors.New("codec: unknown compression codec")
	ErrCorrupt  = errors.New("codec: damaged data")
	ErrTooLarge = errors.New("codec: data decompresses to more than the limit")
)

// State holds the tables and buffers of the codecs. They are made when first
// needed and used again. The zero State is ready; it has one owner.
type State struct {
	out appender
	in  bytes.Reader

	gzw  *gzip.Writer
	gzwL int
	gzr  *gzip.Reader

	zw  *zstd.Encoder
	zwL int
	zr  *zstd.Decoder
	zrL int // its limit

	lz    *lz4.Compressor
	lzh   *lz4.CompressorHC
	block []byte // one compressed block

	snap *snappyTable
}

// Compress appends src, compressed, to dst. level is Kafka's compression.*.level
// and ignored for codecs without levels. It panics for a codec that is not Known.
func (s *State) Compress(dst, src []byte, c ID, level int) []byte {
	switch c {
	case None:
		return append(dst, src...)
	case Gzip:
		return s.gzip(dst, src, level)
	case Snappy:
		return s.xerial(dst, src)
	case LZ4:
		return s.lz4(dst, src, level)
	case Zstd:
		return s.zstd(dst, src, level)
	}
	panic("codec: compressing with " + c.String())
}

// Decompress appends the data that src stands for to dst. More than limit bytes
// of it are refused with ErrTooLarge, however small src is, and so is a zstd frame
// that announces a larger window (as damage: the library does not tell). What it
// returns beside an error is of no use but as a buffer.
func (s *State) Decompress(dst, src []byte, c ID, limit int) (out []byte, err error) {
	switch c {
	case None:
		if len(src) > limit {
			return dst, ErrTooLarge
		}
		return append(dst, src...), nil
	case Gzip:
		out, err = s.gunzip(dst, src, limit)
	case Snappy:
		out, err = unxerial(dst, src, limit)
	case LZ4:
		out, err = unlz4(dst, src, limit)
	case Zstd:
		out, err = s.unzstd(dst, src, limit)
	default:
		return dst, ErrUnknown
	}
	if out == nil {
		out = dst
	}
	if err != nil && err != ErrTooLarge {
		err = fmt.Errorf("%w: %s: %v", ErrCorrupt, c, err)
	}
	return out, err
}

// appender is a writer into a slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}
