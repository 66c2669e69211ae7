package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/internal/record"
	"trial/internal/record/codec"
)

var codecs = []client.Codec{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd}

// Whatever the codec, the idempotent producer's promises hold under faults, and
// every batch carries it.
func TestCompressedBatchesAreSentOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom(codecs).Draw(rt, "codec")
		w := newWorld(rt, rapid.Uint64().Draw(rt, "seed"), 3)
		top := w.cluster.create("t", 2)
		const calm = clock.Instant(10 * clock.Second)
		w.cluster.fault = func(*broker, kmsg.Request) fault {
			if w.now > calm || !w.rng.Chance(1, 5) {
				return none
			}
			return []fault{dropBefore, dropAfter, refuse}[w.rng.Pick(3)]
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.RequestTimeout, cfg.Compression = 500*clock.Millisecond, c
		cfg.CompressionLevel = rapid.IntRange(0, 9).Draw(rt, "level")
		cfg.BatchSize = rapid.SampledFrom([]int{0, 120, 16384}).Draw(rt, "batch size")
		r := startProducer(w, cfg)
		r.pace("t", 2, 200, 20*clock.Millisecond)
		r.finish(200, clock.Instant(10*clock.Minute))
		w.runUntil(w.now.Add(clock.Second), nil)
		r.judge(top, true, once)
		for _, p := range top.parts {
			for _, b := range p.batches {
				if b.Codec() != c {
					rt.Fatalf("a batch of codec %s, want %s", b.Codec(), c)
				}
			}
		}
	})
}

// A batch is full by what it is expected to have compressed: more records fit into
// a batch the better the topic has compressed so far, never more than a request holds.
func TestBatchesAreFilledByTheirCompressedSize(t *testing.T) {
	for _, c := range codecs {
		w := newWorld(t, 3, 1)
		top := w.cluster.create("t", 1)
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.Compression, cfg.BatchSize, cfg.MaxRequestSize = c, 4000, 20_000
		r := startProducer(w, cfg)
		value := bytes.Repeat([]byte("words "), 50)
		left, largest := 0, int32(0)
		for range 400 {
			begun := false
			r.h.event(0, func() {
				begun = true
				for range 100 {
					left++
					m := &client.Message{Topic: "t", Value: value, Done: func(_ *client.Message, res client.Result) {
						left--
						if res.Outcome != history.OK {
							t.Fatalf("%s: %v", c, res.Err)
						}
					}}
					if err := r.p.Send(m); err != nil {
						t.Fatal(err)
					}
				}
			})
			w.runUntil(w.now.Add(clock.Minute), func() bool { return begun && left == 0 })
		}
		for _, b := range top.parts[0].batches {
			largest = max(largest, b.NumRecords())
			if len(b) > cfg.BatchSize+200 {
				t.Fatalf("%s: a batch of %d bytes", c, len(b))
			}
		}
		least, most := int32(12), int32(13) // 4,000 bytes hold 12 values
		if c != record.None {
			least, most = 60, 66 // 20,000 bytes hold 65
		}
		if largest < least || largest > most {
			t.Errorf("%s: the largest batch has %d records, want %d to %d", c, largest, least, most)
		}
	}
}

func TestConsumerReadsEveryCodec(t *testing.T) {
	w := newWorld(t, 7, 1)
	top := w.cluster.create("t", 1)
	var s codec.State
	var want []string
	for i := range 20 {
		top.parts[0].fillRaw(func(b *record.Builder) {
			for j := range 1 + i%4 {
				want = append(want, fmt.Sprintf("record %d of batch %d", j, i))
				b.Add(1, nil, []byte(want[len(want)-1]))
			}
			b.Compress(&s, codecs[i%5], 0)
		})
	}
	r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.MaxPollRecords = 3 })
	r.h.event(0, func() { r.k.Assign("t", 0, 1) }) // within the second batch
	w.runUntil(clock.Instant(20*clock.Second), func() bool { return len(r.got[0]) == len(want)-1 })
	if fmt.Sprint(r.values[0]) != fmt.Sprint(want[1:]) || len(r.errs) > 0 {
		t.Errorf("read %q, want %q; errors %v", r.values[0], want[1:], r.errs)
	}
}

func TestBatchThatDoesNotDecompressIsReported(t *testing.T) {
	w := newWorld(t, 8, 1)
	top := w.cluster.create("t", 1)
	top.parts[0].fill(3)
	top.parts[0].fillRaw(func(b *record.Builder) { b.Add(1, nil, []byte("not compressed at all")) })
	bad := top.parts[0].batches[1]
	bad[22] = byte(record.Zstd)
	bad.SetCRC()
	r := startConsumer(w, nil)
	r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
	w.runUntil(clock.Instant(5*clock.Second), nil)
	if len(r.got[0]) != 3 || r.at(0) != 3 || len(r.errs) == 0 {
		t.Fatalf("read %v, errors %v", r.got[0], r.errs)
	}
	var corrupt *client.CorruptError
	if !errors.As(r.errs[0], &corrupt) {
		t.Fatalf("error %v", r.errs[0])
	}
}

func TestUnknownCodecIsNoSetting(t *testing.T) {
	cfg := client.DefaultProducerConfig("a:1")
	cfg.Compression = 5
	if cfg.Validate() == nil {
		t.Error("codec 5 is accepted")
	}
}
