package wire

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
)

// Region is record data that stays in a file. The zero Region is none.
type Region struct {
	File engine.FileID
	Pos  int64
	Len  int
}

// Bufs hands out buffers; engine.Host is one.
type Bufs interface{ Buf(n int) *engine.Buf }

// FetchEncoder makes fetch responses, versions 4 to 18, whose record data are
// regions of files. It is reused; the zero value is ready.
type FetchEncoder struct {
	bufs    Bufs
	cur     *engine.Buf
	parts   []engine.Part
	flex    bool
	version int16
}

// Encode returns the parts of a whole response frame for resp at its version.
// regions[i] holds the records of the i-th partition, counted over all topics;
// missing regions and those of length 0 mean the partition's RecordBatches, of
// which nil is sent as empty: librdkafka takes null for corruption.
//
// The slice is valid until the next Encode, the buffers are the caller's.
// Unknown tags of resp are not sent.
func (e *FetchEncoder) Encode(bufs Bufs, correlationID int32, resp *kmsg.FetchResponse, regions []Region) []engine.Part {
	e.bufs, e.parts = bufs, e.parts[:0]
	e.version, e.flex = resp.Version, resp.Version >= 12
	e.cur = bufs.Buf(sizeHint(resp))
	e.cur.B = appendResponseHeader(e.cur.B, correlationID, keyFetch, e.version)
	e.int32(resp.ThrottleMillis)
	if e.version >= 7 {
		e.int16(resp.ErrorCode)
		e.int32(resp.SessionID)
	}
	e.arrayLen(len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if e.version >= 13 {
			e.cur.B = append(e.cur.B, t.TopicID[:]...)
		} else {
			e.string(t.Topic)
		}
		e.arrayLen(len(t.Partitions))
		for j := range t.Partitions {
			var r Region
			if len(regions) > 0 {
				r, regions = regions[0], regions[1:]
			}
			e.partition(&t.Partitions[j], r)
		}
		e.noTags()
	}
	if e.flex {
		e.brokers(resp.Brokers)
	}
	e.flush()
	return e.parts
}

func (e *FetchEncoder) partition(p *kmsg.FetchResponseTopicPartition, r Region) {
	e.int32(p.Partition)
	e.int16(p.ErrorCode)
	e.int64(p.HighWatermark)
	e.int64(p.LastStableOffset)
	if e.version >= 5 {
		e.int64(p.LogStartOffset)
	}
	e.aborted(p.AbortedTransactions)
	if e.version >= 11 {
		e.int32(p.PreferredReadReplica)
	}
	n := r.Len
	if n == 0 {
		n = len(p.RecordBatches)
	}
	if e.flex {
		e.uvarint(uint32(n) + 1)
	} else {
		e.int32(int32(n))
	}
	switch {
	case r.Len == 0:
		e.cur.B = append(e.cur.B, p.RecordBatches...)
	default:
		e.flush()
		e.parts = append(e.parts, engine.Part{File: r.File, Pos: r.Pos, Len: r.Len})
		e.cur = e.bufs.Buf(64)
	}
	if e.flex {
		e.partitionTags(p)
	}
}

// aborted writes the aborted transactions; null (read_uncommitted) differs from none.
func (e *FetchEncoder) aborted(a []kmsg.FetchResponseTopicPartitionAbortedTransaction) {
	switch {
	case a != nil:
		e.arrayLen(len(a))
	case e.flex:
		e.uvarint(0)
	default:
		e.int32(-1)
	}
	for i := range a {
		e.int64(a[i].ProducerID)
		e.int64(a[i].FirstOffset)
		e.noTags()
	}
}

// partitionTags writes those tagged fields that are not at their defaults.
func (e *FetchEncoder) partitionTags(p *kmsg.FetchResponseTopicPartition) {
	diverging := p.DivergingEpoch.Epoch != -1 || p.DivergingEpoch.EndOffset != -1
	leader := p.CurrentLeader.LeaderID != -1 || p.CurrentLeader.LeaderEpoch != -1
	snapshot := p.SnapshotID.EndOffset != -1 || p.SnapshotID.Epoch != -1
	e.uvarint(b2u(diverging) + b2u(leader) + b2u(snapshot))
	if diverging {
		e.tag(0, 4+8+1)
		e.int32(p.DivergingEpoch.Epoch)
		e.int64(p.DivergingEpoch.EndOffset)
		e.noTags()
	}
	if leader {
		e.tag(1, 4+4+1)
		e.int32(p.CurrentLeader.LeaderID)
		e.int32(p.CurrentLeader.LeaderEpoch)
		e.noTags()
	}
	if snapshot {
		e.tag(2, 8+4+1)
		e.int64(p.SnapshotID.EndOffset)
		e.int32(p.SnapshotID.Epoch)
		e.noTags()
	}
}

// brokers writes the tagged field NodeEndpoints (KIP-951).
func (e *FetchEncoder) brokers(brokers []kmsg.FetchResponseBroker) {
	e.uvarint(b2u(len(brokers) > 0))
	if len(brokers) == 0 {
		return
	}
	size := uvarintSize(uint32(len(brokers)) + 1)
	for i := range brokers {
		b := &brokers[i]
		size += 4 + compactSize(len(b.Host)) + 4 + 1
		if b.Rack == nil {
			size++
		} else {
			size += compactSize(len(*b.Rack))
		}
	}
	e.tag(0, size)
	e.arrayLen(len(brokers))
	for i := range brokers {
		b := &brokers[i]
		e.int32(b.NodeID)
		e.string(b.Host)
		e.int32(b.Port)
		if b.Rack == nil {
			e.uvarint(0)
		} else {
			e.string(*b.Rack)
		}
		e.noTags()
	}
}

// flush ends the current buffer.
func (e *FetchEncoder) flush() {
	e.parts = append(e.parts, engine.Part{Buf: e.cur})
	e.cur = nil
}

// sizeHint is room enough for the header of a usual response.
func sizeHint(resp *kmsg.FetchResponse) int {
	n := 32
	for i := range resp.Topics {
		n += 32 + len(resp.Topics[i].Topic) + 64*len(resp.Topics[i].Partitions)
	}
	return n
}

func (e *FetchEncoder) tag(tag uint32, size int) {
	e.uvarint(tag)
	e.uvarint(uint32(size))
}

func (e *FetchEncoder) noTags() {
	if e.flex {
		e.cur.B = append(e.cur.B, 0)
	}
}

func (e *FetchEncoder) int16(x int16) {
	e.cur.B = binary.BigEndian.AppendUint16(e.cur.B, uint16(x))
}

func (e *FetchEncoder) int32(x int32) {
	e.cur.B = binary.BigEndian.AppendUint32(e.cur.B, uint32(x))
}

func (e *FetchEncoder) int64(x int64) {
	e.cur.B = binary.BigEndian.AppendUint64(e.cur.B, uint64(x))
}

func (e *FetchEncoder) uvarint(x uint32) { e.cur.B = binary.AppendUvarint(e.cur.B, uint64(x)) }

func (e *FetchEncoder) arrayLen(n int) {
	if e.flex {
		e.uvarint(uint32(n) + 1)
	} else {
		e.int32(int32(n))
	}
}

func (e *FetchEncoder) string(s string) {
	if e.flex {
		e.uvarint(uint32(len(s)) + 1)
	} else {
		e.int16(int16(len(s)))
	}
	e.cur.B = append(e.cur.B, s...)
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func uvarintSize(x uint32) int {
	n := 1
	for ; x >= 0x80; x >>= 7 {
		n++
	}
	return n
}

func compactSize(n int) int { return uvarintSize(uint32(n)+1) + n }
