package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/image"
	"trial/internal/record"
	"trial/internal/record/codec"
)

var codecs = []record.Codec{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd}

// packed compresses a batch as a client would.
func packed(b record.Batch, c record.Codec) []byte {
	if c == record.None {
		return bytes.Clone(b)
	}
	return b.Recompress(nil, b[record.HeaderBytes:], &codec.State{}, c, 0)
}

// fetched is the only batch of partition 0 at an offset.
func (r *rawConn) fetched(t testing.TB, id [16]byte, offset int64) record.Batch {
	t.Helper()
	p := r.call(fetchReq("t", id, 0, offset, 0, 1), 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	b, _, err := record.Next(p.RecordBatches)
	if p.ErrorCode != 0 || err != nil || b.Check() != nil {
		t.Fatalf("code %d, %v", p.ErrorCode, err)
	}
	return b
}

// A batch is kept byte for byte where its codec is the topic's or the topic says
// producer, and else encoded again, with everything but size and codec as it was.
func TestCompressionTypeOfTheTopic(t *testing.T) {
	c := single(t)
	conn := c.conn(1)
	for _, typ := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		id := c.createTopic("t", 1, 1, "compression.type", typ)
		offset := int64(0)
		for i, from := range codecs {
			in := producerBatch(int64(7+i), 2, 0, "first", strings.Repeat("second ", 40), "third")
			data := packed(in, from)
			if i%2 == 0 {
				binary.BigEndian.PutUint64(data[27:], 1_700_000_000_005) // all three are later
				binary.BigEndian.PutUint64(data[35:], 1_700_000_000_005)
				record.Batch(data).SetCRC()
			}
			want, ok := codec.Parse(typ)
			switch {
			case typ == "producer":
				want = from
			case !ok:
				want = record.None
			}
			p := conn.call(produceReq("t", id, 0, -1, data), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.BaseOffset != offset {
				t.Fatalf("%s to %s: code %d, base %d", from, typ, p.ErrorCode, p.BaseOffset)
			}
			got := conn.fetched(t, id, offset)
			sent := record.Batch(data)
			if got.Codec() != want || got.BaseOffset() != offset || got.NumRecords() != 3 || got.ProducerID() != int64(7+i) || got.ProducerEpoch() != 2 ||
				got.BaseSequence() != 0 || got.BaseTimestamp() != sent.BaseTimestamp() || got.MaxTimestamp() != sent.MaxTimestamp() {
				t.Errorf("%s to %s: % x", from, typ, []byte(got[:record.HeaderBytes]))
			}
			if same := bytes.Equal(got[16:], data[16:]); same != (want == from) {
				t.Errorf("%s to %s: the same bytes: %v", from, typ, same)
			}
			if d := cmp.Diff([]string{"first", strings.Repeat("second ", 40), "third"}, values(t, got)); d != "" {
				t.Errorf("%s to %s: %s", from, typ, d)
			}
			// Sent again it is a duplicate, recompressed or not.
			p = conn.call(produceReq("t", id, 0, -1, data), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.BaseOffset != offset {
				t.Errorf("%s to %s again: code %d, base %d", from, typ, p.ErrorCode, p.BaseOffset)
			}
			offset += 3
		}
		deleteTopic(c, "t")
		c.run(clock.Second)
	}
}

func TestCompressionOfTheBrokerAndItsLevels(t *testing.T) {
	c := single(t, "compression.type", "gzip", "compression.gzip.level", "1")
	id := c.createTopic("t", 1, 1)
	conn := c.conn(1)
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("line %d of some text, %d", i, i*i))
	}
	data := batch(lines...)
	conn.call(produceReq("t", id, 0, 1, data), 9)
	fast := conn.fetched(t, id, 0)
	want := record.Batch(data).Recompress(nil, data[record.HeaderBytes:], &codec.State{}, record.Gzip, 1)
	if !bytes.Equal(fast[record.HeaderBytes:], want[record.HeaderBytes:]) {
		t.Errorf("codec %s, %d bytes; want gzip of level 1, %d bytes", fast.Codec(), len(fast), len(want))
	}
	if d := cmp.Diff(lines, values(t, fast)); d != "" {
		t.Error(d)
	}
}

func TestCompressedBatchesAreLookedInto(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1)
	stamp := c.createTopic("stamp", 1, 1, "message.timestamp.type", "LogAppendTime", "compression.type", "lz4")
	small := c.createTopic("small", 1, 1, "max.message.bytes", "400", "compression.type", "uncompressed")
	conn := c.conn(1)
	good := batch("x", "y")
	edit := func(data []byte, f func(b record.Batch)) []byte {
		f(data)
		record.Batch(data).SetCRC()
		return data
	}
	count := func(b record.Batch) { b[26], b[60] = 2, 3 }
	for _, row := range []struct {
		name    string
		data    []byte
		version int16
		code    int16
	}{
		{"sound", packed(good, record.Zstd), 7, 0},
		{"zstd before version 7", packed(good, record.Zstd), 6, kerr.UnsupportedCompressionType.Code},
		{"lz4 before version 7", packed(good, record.LZ4), 6, 0},
		{"unknown codec", edit(packed(good, record.LZ4), func(b record.Batch) { b[22] = 5 }), 9, kerr.UnsupportedCompressionType.Code},
		{"flipped without a new CRC", func() []byte { p := packed(good, record.Gzip); p[len(p)-9] ^= 4; return p }(), 9, kerr.CorruptMessage.Code},
		{"flipped with a new CRC", edit(packed(good, record.Gzip), func(b record.Batch) { b[len(b)-2] ^= 4 }), 9, kerr.UnknownServerError.Code},
		{"one record less than announced", edit(packed(good, record.Snappy), count), 9, kerr.InvalidRecord.Code},
		{"hours ahead", edit(packed(good, record.Snappy), func(b record.Batch) {
			binary.BigEndian.PutUint64(b[27:], 1_800_000_000_000)
		}), 9, kerr.InvalidTimestamp.Code},
		{"control records", edit(packed(good, record.LZ4), func(b record.Batch) { b[22] |= 0x20 }), 9, kerr.InvalidRecord.Code},
	} {
		p := conn.call(produceReq("t", id, 0, -1, row.data), row.version).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if p.ErrorCode != row.code {
			t.Errorf("%s: code %d, want %d", row.name, p.ErrorCode, row.code)
		}
	}
	p := conn.call(produceReq("stamp", stamp, 0, -1, packed(good, record.Gzip)), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 || p.LogAppendTime < 1_700_000_000_000 {
		t.Errorf("log append time: %+v", p)
	}
	big := batch(strings.Repeat("large ", 200))
	if packed := packed(big, record.Gzip); len(packed) > 400 || len(big) < 400 {
		t.Fatal("the case is none")
	} else if p := conn.call(produceReq("small", small, 0, -1, packed), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != kerr.MessageTooLarge.Code {
		t.Errorf("larger than max.message.bytes once it is decompressed: code %d", p.ErrorCode)
	}
}

func TestOldConsumersDoNotGetZstdTopics(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1, "compression.type", "zstd")
	conn := c.conn(1)
	conn.call(produceReq("t", id, 0, 1, batch("x")), 9)
	for version, code := range map[int16]int16{9: kerr.UnsupportedCompressionType.Code, 10: 0} {
		p := conn.call(fetchReq("t", id, 0, 0, 0, 1), version).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if p.ErrorCode != code || (code == 0) != (len(p.RecordBatches) > 0) {
			t.Errorf("fetch v%d: code %d, %d bytes", version, p.ErrorCode, len(p.RecordBatches))
		}
	}
}

// Many requests at once: more than there are recoders, some from connections that end.
func TestManyCompressedRequestsAtOnce(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 3, 1, "compression.type", "zstd")
	c.run(clock.Second)
	before := c.life(1).lent
	var conns []*rawConn
	for i := range 3 * maxRecoders {
		conn := c.conn(1)
		conns = append(conns, conn)
		c.run(clock.Millisecond)
		req := produceReq("t", id, 0, int16(i%3-1), packed(batch(fmt.Sprint(i)), codecs[i%5]))
		for part := int32(1); part < 3; part++ {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = part, packed(batch(fmt.Sprint(i)), codecs[(i+1)%5])
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		}
		req.Version = 9
		conn.send(req)
	}
	c.run(200 * clock.Microsecond)
	for i, conn := range conns {
		if i%4 == 3 {
			c.client.h.Close(conn.id)
		}
	}
	c.run(clock.Second)
	reader := c.conn(1)
	for part := range int32(3) {
		p := reader.call(fetchReq("t", id, part, 0, 0, 1), 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		got := values(t, p.RecordBatches)
		slices.Sort(got)
		if n := len(slices.Compact(slices.Clone(got))); n != len(got) || n < 3*maxRecoders/4*3 {
			t.Errorf("partition %d has %d records, %d of them different", part, len(got), n)
		}
	}
	for i, conn := range conns {
		if i%4 != 3 && i%3 != 1 && len(conn.frames) != 1 {
			t.Errorf("request %d has %d answers", i, len(conn.frames))
		}
		c.client.h.Close(conn.id)
	}
	c.client.h.Close(reader.id)
	c.run(clock.Second)
	b := c.broker(1)
	if len(b.recoders.free) != b.recoders.made || b.recoders.made > maxRecoders || len(b.recoders.waiting) != 0 {
		t.Errorf("%d of %d recoders are free, %d requests wait", len(b.recoders.free), b.recoders.made, len(b.recoders.waiting))
	}
	if got := c.life(1).lent; got != before {
		t.Errorf("%d buffers are out, %d were", got, before)
	}
}

// The topic goes while its batch is being decompressed.
func TestATopicThatGoesMeanwhile(t *testing.T) {
	c := single(t)
	id := c.createTopic("t", 1, 1, "compression.type", "gzip")
	conn := c.conn(1)
	c.run(clock.Second)
	b := c.broker(1)
	req := produceReq("t", id, 0, -1, batch("x"))
	req.Version = 13
	conn.send(req)
	c.until("the batch is being worked on", clock.Second, func() bool { return b.recoders.made > len(b.recoders.free) })
	deleted := b.image.Edit()
	if err := deleted.Apply(&image.RemoveTopic{TopicID: id}, 1); err != nil {
		t.Fatal(err)
	}
	b.image, _ = deleted.Done(1, 1)
	p := conn.receive(req, clock.Second).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if p.ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("code %d", p.ErrorCode)
	}
}
