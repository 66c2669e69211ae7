package plog

import (
	"errors"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"trial/internal/record"
	"trial/internal/record/codec"
)

// validate decides whether a leader may append these bytes; 0 or a kerr code
// (UnifiedLog.analyzeAndValidateRecords, LogValidator).
func (l *Log) validate(a *Append) int16 {
	if len(a.Data) == 0 || int64(len(a.Data)) > math.MaxInt32 {
		return kerr.InvalidRecord.Code
	}
	client := a.Origin == OriginClient
	for rest := a.Data; len(rest) > 0; {
		b, r, err := record.Next(rest)
		if err != nil {
			return kerr.CorruptMessage.Code
		}
		if client && len(r) > 0 {
			return kerr.InvalidRecord.Code // exactly one batch a partition
		}
		if b.Magic() != 2 {
			return kerr.InvalidRecord.Code
		}
		if a.Origin != OriginRaft && int64(len(b)) > int64(l.cfg.MaxMessageBytes) {
			return kerr.MessageTooLarge.Code
		}
		if err := l.checkBatch(b, client); err != nil {
			return codeOf(err)
		}
		if client {
			if code := l.validateClient(a, b); code != 0 {
				return code
			}
		}
		rest = r
	}
	if a.Origin != OriginRaft && int64(len(a.Data)) > int64(l.cfg.SegmentBytes) {
		return kerr.RecordListTooLarge.Code
	}
	return 0
}

// checkBatch verifies a batch's bytes. The base offset of a batch that is about
// to get one does not matter.
func (l *Log) checkBatch(b record.Batch, client bool) error {
	if !client {
		b.SetBaseOffset(l.next)
	}
	return b.Check()
}

func codeOf(err error) int16 {
	switch {
	case errors.Is(err, record.ErrCRC), errors.Is(err, record.ErrShort), errors.Is(err, record.ErrLength):
		return kerr.CorruptMessage.Code
	case errors.Is(err, record.ErrCodec):
		return kerr.UnsupportedCompressionType.Code
	}
	return kerr.InvalidRecord.Code
}

// validateClient holds the batch of a produce request to the rules for clients
// (LogValidator.validateBatch, validateTimestamp).
func (l *Log) validateClient(a *Append, b record.Batch) int16 {
	n := b.NumRecords()
	switch {
	case b.BaseOffset() != 0, b.Control(), n == 0, n != b.LastOffsetDelta()+1:
		return kerr.InvalidRecord.Code
	case b.ProducerID() >= 0 && (b.BaseSequence() < 0 || b.ProducerEpoch() < 0):
		return kerr.InvalidRecord.Code
	}
	var look Look
	if a.Look != nil {
		look = *a.Look
	} else {
		var s *codec.State
		if b.Codec() != record.None {
			s = &codec.State{}
		}
		look.Inspect(b, s, nil)
	}
	if look.Code != 0 {
		return look.Code
	}
	stats := look.Stats
	if l.cfg.LogAppendTime {
		return 0
	}
	if b.LogAppendTime() {
		return kerr.InvalidTimestamp.Code
	}
	now := l.h.WallMs()
	tooOld := stats.MinTimestamp < math.MaxInt64 && stats.MinTimestamp != record.NoTimestamp &&
		l.cfg.TimestampBeforeMaxMs < math.MaxInt64 && stats.MinTimestamp < now-l.cfg.TimestampBeforeMaxMs
	if tooOld || l.cfg.TimestampAfterMaxMs < math.MaxInt64-now && stats.MaxTimestamp > now+l.cfg.TimestampAfterMaxMs {
		return kerr.InvalidTimestamp.Code
	}
	b.SetMaxTimestamp(stats.MaxTimestamp, false) // clients get it wrong now and then
	return 0
}
