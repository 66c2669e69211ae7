package bytes

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxRecords is how many bytes of records a batch may have once decompressed.
const maxRecords = 128 << 20

var (
	errCodec = errors.New("batch has an unknown codec")
	errBomb  = errors.New("records decompress to more than 128 MiB")
)

// decompressed returns the encoded records as they were before compression.
func (b *Batch) decompressed() ([]byte, error) {
	var stream io.Reader
	var err error
	packed := bytes.NewReader(b.RecordsEncoded)
	switch b.Attributes & 7 {
	case 0:
		return b.RecordsEncoded, nil
	case 1:
		stream, err = gzip.NewReader(packed)
	case 2:
		return unsnappy(b.RecordsEncoded)
	case 3:
		stream = lz4.NewReader(packed)
	case 4:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecords)); err == nil {
			defer z.Close()
			stream = z
		}
	default:
		return nil, errCodec
	}
	if err != nil {
		return nil, fmt.Errorf("records do not decompress: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(stream, maxRecords+1))
	if err != nil {
		return nil, fmt.Errorf("records do not decompress: %w", err)
	}
	if len(out) > maxRecords {
		return nil, errBomb
	}
	return out, nil
}

// unsnappy reads raw snappy or xerial's framing. The library announces sizes that
// it takes from the bytes: 3 of them stand for 64 at most.
func unsnappy(packed []byte) ([]byte, error) {
	out, err := xerial.DecodeCapped(make([]byte, 0, min(32*len(packed)+64, maxRecords)), packed)
	if err != nil {
		return nil, fmt.Errorf("records do not decompress: %w", err)
	}
	return out, nil
}
