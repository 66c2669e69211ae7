package codec

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is how far back a match may lie: as far as a batch of the default
// message.max.bytes reaches.
const zstdWindow = 1 << 20

// zstdSlack is how much more than the limit the library is told: it counts a block
// of its own buffers in and refuses what fits exactly.
const zstdSlack = 256 << 10

func (s *State) zstd(dst, src []byte, level int) []byte {
	if s.zw == nil || s.zwL != level {
		s.zw, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(zstdWindow), zstd.WithZeroFrames(true), zstd.WithEncoderLevel(zstdLevel(level)))
		s.zwL = level
	}
	return s.zw.EncodeAll(src, dst)
}

// zstdLevel maps Kafka's levels to those of the library. Its highest one computes
// with floats, whose last bit may differ between machines, and is left out.
func zstdLevel(level int) zstd.EncoderLevel {
	if level == DefaultLevel {
		return zstd.SpeedDefault
	}
	return min(zstd.EncoderLevelFromZstd(level), zstd.SpeedBetterCompression)
}

func (s *State) unzstd(dst, src []byte, limit int) ([]byte, error) {
	if len(src) == 0 {
		return dst, io.ErrUnexpectedEOF
	}
	if s.zr == nil || s.zrL != limit {
		var err error
		s.zr, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(max(limit, 0)+zstdSlack)))
		if err != nil {
			return dst, err
		}
		s.zrL = limit
	}
	from := len(dst)
	dst, err := s.zr.DecodeAll(src, dst)
	if err == zstd.ErrDecoderSizeExceeded || err == nil && len(dst)-from > limit {
		err = ErrTooLarge
	}
	return dst, err
}
