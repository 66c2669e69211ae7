package wire

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/engine"
)

func drawFetch(t *rapid.T) (*kmsg.FetchResponse, []Region, []byte) {
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = rapid.Int16Range(4, 18).Draw(t, "version")
	resp.ThrottleMillis = rapid.Int32().Draw(t, "throttle")
	resp.ErrorCode = rapid.Int16().Draw(t, "error")
	resp.SessionID = rapid.Int32().Draw(t, "session")
	file := rapid.SliceOfN(rapid.Byte(), 300, 300).Draw(t, "file")
	var regions []Region
	for range rapid.IntRange(0, 3).Draw(t, "topics") {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = rapid.StringN(0, 200, 300).Draw(t, "topic")
		copy(topic.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		for range rapid.IntRange(0, 3).Draw(t, "partitions") {
			p, r := drawPartition(t, file)
			topic.Partitions = append(topic.Partitions, p)
			regions = append(regions, r)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	for range rapid.IntRange(0, 2).Draw(t, "brokers") {
		b := kmsg.NewFetchResponseBroker()
		b.NodeID, b.Port = rapid.Int32().Draw(t, "node"), rapid.Int32().Draw(t, "port")
		b.Host = rapid.StringN(0, 100, 150).Draw(t, "host")
		if rapid.Bool().Draw(t, "racked") {
			b.Rack = kmsg.StringPtr(rapid.StringN(0, 100, 150).Draw(t, "rack"))
		}
		resp.Brokers = append(resp.Brokers, b)
	}
	return resp, regions, file
}

func drawPartition(t *rapid.T, file []byte) (kmsg.FetchResponseTopicPartition, Region) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.ErrorCode = rapid.Int32().Draw(t, "partition"), rapid.Int16().Draw(t, "code")
	p.HighWatermark, p.LastStableOffset = rapid.Int64().Draw(t, "hw"), rapid.Int64().Draw(t, "lso")
	p.LogStartOffset = rapid.Int64().Draw(t, "start")
	p.PreferredReadReplica = rapid.Int32().Draw(t, "preferred")
	small := rapid.Int32Range(-1, 2)
	p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = small.Draw(t, "de"), int64(small.Draw(t, "do"))
	p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = small.Draw(t, "cl"), small.Draw(t, "ce")
	p.SnapshotID.EndOffset, p.SnapshotID.Epoch = int64(small.Draw(t, "so")), small.Draw(t, "se")
	for i := range rapid.IntRange(-1, 2).Draw(t, "aborted") + 1 {
		if i == 0 {
			p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
			continue
		}
		a := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		a.ProducerID, a.FirstOffset = rapid.Int64().Draw(t, "pid"), rapid.Int64().Draw(t, "first")
		p.AbortedTransactions = append(p.AbortedTransactions, a)
	}
	pos := rapid.IntRange(0, len(file)).Draw(t, "pos")
	n := rapid.IntRange(0, len(file)-pos).Draw(t, "len")
	switch rapid.IntRange(0, 2).Draw(t, "records") {
	case 0:
		return p, Region{File: 3, Pos: int64(pos), Len: n}
	case 1:
		p.RecordBatches = file[pos : pos+n]
	}
	return p, Region{}
}

func TestFetchEncoderEqualsKmsg(t *testing.T) {
	var pool engine.Pool
	var e FetchEncoder
	rapid.Check(t, func(t *rapid.T) {
		resp, regions, file := drawFetch(t)
		var got []byte
		for _, part := range e.Encode(poolBufs{&pool}, 42, resp, regions) {
			if part.Buf != nil {
				got = append(got, part.Buf.B...)
				pool.Put(part.Buf)
				continue
			}
			if part.File != 3 || part.Len == 0 {
				t.Fatalf("region %+v", part)
			}
			got = append(got, file[part.Pos:part.Pos+int64(part.Len)]...)
		}
		i := 0
		for j := range resp.Topics {
			for k := range resp.Topics[j].Partitions {
				p := &resp.Topics[j].Partitions[k]
				if r := regions[i]; r.Len > 0 {
					p.RecordBatches = file[r.Pos : r.Pos+int64(r.Len)]
				} else if p.RecordBatches == nil {
					p.RecordBatches = []byte{}
				}
				i++
			}
		}
		if want := AppendResponse(nil, 42, resp); !bytes.Equal(got, want) {
			t.Fatalf("v%d\ngot  % x\nwant % x", resp.Version, got, want)
		}
	})
}

type poolBufs struct{ *engine.Pool }

func (p poolBufs) Buf(n int) *engine.Buf { return p.Get(n) }

func BenchmarkFetchEncoder(b *testing.B) {
	var pool engine.Pool
	var e FetchEncoder
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = 16
	topic := kmsg.NewFetchResponseTopic()
	for range 4 {
		topic.Partitions = append(topic.Partitions, kmsg.NewFetchResponseTopicPartition())
	}
	resp.Topics = append(resp.Topics, topic)
	regions := []Region{{1, 0, 100}, {}, {1, 50, 70}, {}}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range e.Encode(poolBufs{&pool}, 1, resp, regions) {
			pool.Put(p.Buf)
		}
	}
}
