package serve_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/host/serve"
)

// franz-go writes with every codec to topics of every compression.type, so that the
// broker keeps, decompresses and encodes, and reads back what it wrote.
func TestFranzWritesAndReadsEveryCodec(t *testing.T) {
	const each = 300
	c := start(t, serve.Config{Brokers: 1})
	writers := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	number := map[string]int16{"none": 0, "uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
	admin := kadm.NewClient(client(t, c))
	for _, typ := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		if r, err := admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"compression.type": &typ}, typ); err != nil || r.Err != nil {
			t.Fatal(err, r.Err)
		}
		var want []string
		for name, codec := range writers {
			cl := client(t, c, kgo.DefaultProduceTopic(typ), kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond))
			before := len(want)
			for i := range each {
				want = append(want, fmt.Sprintf("%s %d %s", name, i, strings.Repeat("again ", i%30)))
				r := &kgo.Record{Key: []byte(name), Value: []byte(want[len(want)-1])}
				cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Errorf("%s to %s: %v", name, typ, err)
					}
				})
			}
			if err := cl.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			final := number[name]
			if typ != "producer" {
				final = number[typ]
			}
			for _, b := range batches(t, cl, typ, int64(before)) {
				// franz-go sends what compression would make larger as it is.
				if got := b.Attributes & 7; got != final && (typ != "producer" || got != 0 || b.NumRecords > 2) {
					t.Errorf("%s to %s: a batch of %d records has codec %d, want %d", name, typ, b.NumRecords, got, final)
				}
			}
		}
		reader := client(t, c, kgo.ConsumeTopics(typ), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		for got := 0; got < len(want); {
			fetches := reader.PollFetches(t.Context())
			if err := fetches.Err(); err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if r.Offset != int64(got) || string(r.Value) != want[got] {
					t.Fatalf("%s: offset %d is %q, want %d, %q", typ, r.Offset, r.Value, got, want[got])
				}
				got++
			})
		}
		// Times are looked up within compressed batches, too.
		if l, err := admin.ListOffsetsAfterMilli(t.Context(), 0, typ); err != nil || l.Error() != nil {
			t.Error(err, l.Error())
		} else if o, _ := l.Lookup(typ, 0); o.Offset != 0 {
			t.Errorf("%s: the first record of all is at offset %d", typ, o.Offset)
		}
	}
	stop(t, c)
}

// batches fetches what partition 0 of a topic has from an offset on.
func batches(t *testing.T, cl *kgo.Client, topic string, offset int64) []kmsg.RecordBatch {
	t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.SessionEpoch = 1<<20, -1
	rt := kmsg.NewFetchRequestTopic()
	meta, err := kadm.NewClient(cl).Metadata(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	rt.Topic, rt.TopicID = topic, meta.Topics[topic].ID
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.FetchOffset, rp.PartitionMaxBytes = offset, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl.Broker(1))
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []kmsg.RecordBatch
	for rest := bytes.Clone(resp.Topics[0].Partitions[0].RecordBatches); len(rest) > 12; {
		var b kmsg.RecordBatch
		if err := b.ReadFrom(rest); err != nil {
			t.Fatal(err)
		}
		if b.FirstOffset >= offset {
			out = append(out, b)
		}
		rest = rest[12+b.Length:]
	}
	if len(out) == 0 {
		t.Fatalf("%s has nothing from offset %d on", topic, offset)
	}
	return out
}
