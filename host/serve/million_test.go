package serve_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"trial/host/serve"
)

// numbered is the value of record i: its number, and bytes that follow from it.
func numbered(dst []byte, i uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, i)
	for x := i*0x9e3779b97f4a7c15 | 1; len(dst) < 24; x *= 0xbf58476d1ce4e5b9 {
		dst = append(dst, byte(x>>56))
	}
	return dst
}

// A million records, acknowledged by all in-sync replicas, are read back as they
// were written, none lost and none twice, although a broker dies and comes back
// meanwhile.
func TestEveryRecordIsReadOnceAlthoughABrokerDies(t *testing.T) {
	const topic, total, victim = "t", 1_000_000, 2
	c := start(t, serve.Config{Brokers: 3, Settings: quick})
	cl := client(t, c, kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(50_000), kgo.ProducerLinger(5*time.Millisecond))
	create(t, cl, topic, 3, 3)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var acked atomic.Int64
	dead := make(chan error, 1)
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			cancel()
			t.Error(err)
		} else if acked.Add(1) == total/4 {
			go func() { dead <- c.Kill(victim) }() // dying takes a moment
		}
	}
	for i := range total {
		if i == total/4*3 { // more was written behind the death than a client holds back
			if err := <-dead; err != nil {
				t.Fatal(err)
			}
			if err := c.StartNode(victim); err != nil {
				t.Fatal(err)
			}
		}
		cl.Produce(ctx, &kgo.Record{Value: numbered(make([]byte, 0, 24), uint64(i))}, done)
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if n := acked.Load(); n != total {
		t.Fatalf("%d of %d records were acknowledged", n, total)
	}
	readBack(t, c, topic, total)
	cl.Close()
	stop(t, c)
}

// readBack reads topic up to its end and wants the records 0 to total-1, each once.
func readBack(t *testing.T, c *serve.Cluster, topic string, total int) {
	t.Helper()
	cl := client(t, c, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make([]bool, total)
	next := map[int32]int64{}
	want := make([]byte, 0, 24)
	for got := 0; got < total; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records: %v", got, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if len(r.Value) < 8 {
				t.Fatalf("partition %d offset %d: value %x was never written", r.Partition, r.Offset, r.Value)
			}
			i := binary.BigEndian.Uint64(r.Value)
			switch {
			case r.Offset != next[r.Partition]:
				t.Fatalf("partition %d: offset %d where %d was to come", r.Partition, r.Offset, next[r.Partition])
			case i >= uint64(total) || !bytes.Equal(r.Value, numbered(want[:0], i)):
				t.Fatalf("partition %d offset %d: value %x was never written", r.Partition, r.Offset, r.Value)
			case seen[i]:
				t.Fatalf("record %d came twice, again at partition %d offset %d", i, r.Partition, r.Offset)
			}
			seen[i] = true
			next[r.Partition]++
			got++
		})
	}
	// Nothing is behind the last one: the ends of the partitions add up.
	ends, sum := endOffsets(t, cl, topic), int64(0)
	for _, end := range ends {
		sum += end
	}
	if sum != int64(total) {
		t.Fatalf("the partitions end at %v, together %d, and %d records were written", ends, sum, total)
	}
}
