// Package bytes decodes Kafka's record batches, logs and metadata records from
// raw bytes for the judges.
//
// It shares no code with the engine on purpose: a bug in the engine's codec must
// show, not cancel itself out.
//
// # Invariants
//
//   - hostile bytes never panic: decoding ends with an error at the first doubt,
//     and compressed records at maxRecords bytes
//   - nothing is decoded that is not covered by a valid checksum
//
// Compressed records are read by the libraries' streams, where the engine uses their
// blocks, framing and snappy of its own.
//
// Not here: encoding (tests build bytes by hand), index files.
package bytes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// HeaderBytes is the size of a v2 batch without its records.
const HeaderBytes = 61

// overhead is what precedes the length field's scope: base offset and length.
const overhead = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is the header of one record batch, magic 2, and its raw records.
type Batch struct {
	Base, Last     int64
	LeaderEpoch    int32
	CRC            uint32
	Attributes     int16
	BaseTimestamp  int64
	MaxTimestamp   int64
	ProducerID     int64
	ProducerEpoch  int16
	BaseSequence   int32
	NumRecords     int32
	Pos, Len       int // in the bytes it was decoded from
	RecordsEncoded []byte
}

// Control reports whether the batch holds control records.
func (b *Batch) Control() bool { return b.Attributes&0x20 != 0 }

// Compressed reports whether the records are compressed.
func (b *Batch) Compressed() bool { return b.Attributes&0x07 != 0 }

// Same reports whether two batches are the same one: same place, epoch, content.
func (b *Batch) Same(o *Batch) bool {
	return b.Base == o.Base && b.Last == o.Last && b.LeaderEpoch == o.LeaderEpoch && b.CRC == o.CRC
}

var (
	errShort = errors.New("batch is cut short")
	errMagic = errors.New("batch is not of magic 2")
	errCRC   = errors.New("batch checksum is wrong")
	errShape = errors.New("batch header contradicts itself")
)

// Decode reads the batch at the start of p.
func Decode(p []byte) (b Batch, err error) {
	if len(p) < HeaderBytes {
		return b, errShort
	}
	length := int64(int32(binary.BigEndian.Uint32(p[8:])))
	if length < HeaderBytes-overhead {
		return b, errShape
	}
	if p[16] != 2 {
		return b, errMagic
	}
	if length > int64(len(p)-overhead) {
		return b, errShort
	}
	end := overhead + int(length)
	b = Batch{
		Base:          int64(binary.BigEndian.Uint64(p)),
		LeaderEpoch:   int32(binary.BigEndian.Uint32(p[12:])),
		CRC:           binary.BigEndian.Uint32(p[17:]),
		Attributes:    int16(binary.BigEndian.Uint16(p[21:])),
		BaseTimestamp: int64(binary.BigEndian.Uint64(p[27:])),
		MaxTimestamp:  int64(binary.BigEndian.Uint64(p[35:])),
		ProducerID:    int64(binary.BigEndian.Uint64(p[43:])),
		ProducerEpoch: int16(binary.BigEndian.Uint16(p[51:])),
		BaseSequence:  int32(binary.BigEndian.Uint32(p[53:])),
		NumRecords:    int32(binary.BigEndian.Uint32(p[57:])),
		Len:           end, RecordsEncoded: p[HeaderBytes:end],
	}
	if crc32.Checksum(p[21:end], castagnoli) != b.CRC {
		return b, errCRC
	}
	delta := int32(binary.BigEndian.Uint32(p[23:]))
	if delta < 0 || b.Base < 0 || b.NumRecords < 0 || b.Base > 1<<62 {
		return b, errShape
	}
	b.Last = b.Base + int64(delta)
	return b, nil
}

// Log is the longest valid prefix of a partition log.
type Log struct {
	Batches []Batch
	// Tail says why decoding ended before the last byte; nil when nothing but
	// zeros (preallocated space) followed.
	Tail error
	// TailAt tells where: file and position.
	TailAt string
}

// End is the offset after the last batch; start if there is none.
func (l *Log) End(start int64) int64 {
	if n := len(l.Batches); n > 0 {
		return l.Batches[n-1].Last + 1
	}
	return start
}

// Segment is one segment file: its name gives its base offset.
type Segment struct {
	Base int64
	Path string
	Data []byte
}

// DecodeLog decodes segments, sorted by base offset, until the first byte that is
// not part of a valid batch continuing the log. Offsets must increase.
func DecodeLog(segments []Segment) Log {
	var l Log
	next := int64(-1)
	for _, s := range segments {
		pos := 0
		for pos < len(s.Data) {
			b, err := Decode(s.Data[pos:])
			switch {
			case err != nil && zeros(s.Data[pos:]):
				err = nil
				pos = len(s.Data)
				continue
			case err == nil && b.Base < next:
				err = fmt.Errorf("batch at offset %d follows offset %d", b.Base, next-1)
			}
			if err != nil {
				l.Tail, l.TailAt = err, fmt.Sprintf("%s byte %d", s.Path, pos)
				return l
			}
			b.Pos = pos
			l.Batches = append(l.Batches, b)
			pos += b.Len
			next = b.Last + 1
		}
	}
	return l
}

// EpochStart is where the batches of a leader epoch begin in a log.
type EpochStart struct {
	Epoch int32
	Base  int64
}

// Outline is where leader epochs begin in a log, and where it ends.
type Outline struct {
	Epochs []EpochStart
	End    int64
}

// EpochStarts is Outline's first half for one file.
func EpochStarts(data []byte) []EpochStart {
	var o Outline
	o.Add(data)
	return o.Epochs
}

// Add reads the headers of the next segment's batches, unchecked. It is for
// looking at many logs often.
func (o *Outline) Add(data []byte) {
	for len(data) >= HeaderBytes && data[16] == 2 {
		size := overhead + int64(int32(binary.BigEndian.Uint32(data[8:])))
		if size < HeaderBytes || size > int64(len(data)) {
			break
		}
		e := EpochStart{int32(binary.BigEndian.Uint32(data[12:])), int64(binary.BigEndian.Uint64(data))}
		if n := len(o.Epochs); n == 0 || o.Epochs[n-1].Epoch != e.Epoch {
			o.Epochs = append(o.Epochs, e)
		}
		o.End = e.Base + int64(int32(binary.BigEndian.Uint32(data[23:]))) + 1
		data = data[size:]
	}
}

// Parting is the offset from which on two logs differ; false if one is the
// beginning of the other, as far as leader epochs tell.
func (o *Outline) Parting(p *Outline) (offset int64, differ bool) {
	i := 0
	for i < len(o.Epochs) && i < len(p.Epochs) && o.Epochs[i] == p.Epochs[i] {
		i++
	}
	next := func(x *Outline) int64 {
		if i < len(x.Epochs) {
			return x.Epochs[i].Base
		}
		return x.End
	}
	switch {
	case i == 0 || i == len(o.Epochs) && i == len(p.Epochs):
		return 0, false
	case i == len(o.Epochs):
		return next(p), o.End > next(p)
	case i == len(p.Epochs):
		return next(o), p.End > next(o)
	}
	return min(next(o), next(p)), true
}

func zeros(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}
