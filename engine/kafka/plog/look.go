package plog

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"trial/internal/record"
	"trial/internal/record/codec"
)

// Look is what a look into the records of a client's batch found.
type Look struct {
	Stats record.Stats
	Code  int16 // as in kerr; 0: the records are sound
}

// Inspect looks into the records of b, whose bytes were checked, and returns them
// uncompressed, in buf[:0] if they were not. Records that do not decompress are
// UNKNOWN_SERVER_ERROR as in Kafka, where the library's exception ends there
// (DefaultRecordBatch.StreamRecordIterator); more of them than record.MaxUncompressed
// are MESSAGE_TOO_LARGE.
func (k *Look) Inspect(b record.Batch, s *codec.State, buf []byte) []byte {
	k.Code = 0
	records, err := b.Records(buf, s)
	switch {
	case errors.Is(err, codec.ErrTooLarge):
		k.Code = kerr.MessageTooLarge.Code
	case err != nil:
		k.Code = kerr.UnknownServerError.Code
	default:
		if k.Stats, err = b.Examine(records); err != nil {
			k.Code = kerr.InvalidRecord.Code
		}
	}
	return records
}
