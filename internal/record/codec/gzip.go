package codec

import (
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
)

// gzip writes one member. Kafka's levels are gzip's: 1 to 9.
func (s *State) gzip(dst, src []byte, level int) []byte {
	if level < gzip.BestSpeed || level > gzip.BestCompression {
		level = gzip.DefaultCompression
	}
	s.out.b = dst
	if s.gzw == nil || s.gzwL != level {
		s.gzw, _ = gzip.NewWriterLevel(&s.out, level) // the level is legal
		s.gzwL = level
	} else {
		s.gzw.Reset(&s.out)
	}
	_, _ = s.gzw.Write(src) // an appender never fails
	_ = s.gzw.Close()
	dst, s.out.b = s.out.b, nil
	return dst
}

func (s *State) gunzip(dst, src []byte, limit int) ([]byte, error) {
	s.in.Reset(src)
	defer s.in.Reset(nil)
	if s.gzr == nil {
		s.gzr = new(gzip.Reader)
	}
	if err := s.gzr.Reset(&s.in); err != nil {
		return dst, early(err)
	}
	from := len(dst)
	for {
		if len(dst)-from > limit {
			return dst, ErrTooLarge
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(max(4*len(src), 512), len(dst)-from+512))
		}
		n, err := s.gzr.Read(dst[len(dst):min(cap(dst), from+limit+1)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return dst, err
		}
	}
	if len(dst)-from > limit {
		return dst, ErrTooLarge
	}
	return dst, nil
}

// early says of an empty input that it ends early.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
