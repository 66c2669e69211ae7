// Package acked holds a franz-go hook that remembers every record that a producer
// got acknowledged, and compares it with what is in the logs at the end.
//
// # Invariants
//
//   - a record counts once the client has told its owner that it was produced
//   - Check reads every partition from its first record to the end that its leader
//     tells, so what is compared is what any consumer would find
//
// Not here: records that were never acknowledged, which may be there or not; acks
// below all, for which Kafka promises nothing; duplicates, which only the owner of
// the records can tell from repetitions.
package acked

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Recorder is a kgo.Hook: give it to a client with kgo.WithHooks. It may serve
// several clients.
type Recorder struct {
	mu      sync.Mutex
	records map[place][sha256.Size]byte
	shared  []place // two different records were acknowledged there
}

// place is where a record is.
type place struct {
	topic     string
	partition int32
	offset    int64
}

func (p place) String() string { return fmt.Sprintf("%s-%d@%d", p.topic, p.partition, p.offset) }

// NewRecorder returns a recorder that has seen nothing.
func NewRecorder() *Recorder { return &Recorder{records: map[place][sha256.Size]byte{}} }

// OnProduceRecordUnbuffered is called by the client when a record has its result.
func (r *Recorder) OnProduceRecordUnbuffered(rec *kgo.Record, err error) {
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, s := place{rec.Topic, rec.Partition, rec.Offset}, sum(rec)
	if before, known := r.records[p]; known && before != s {
		r.shared = append(r.shared, p)
	}
	r.records[p] = s
}

// Len is the number of records that were acknowledged.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.records)
}

// sum covers what a consumer gets of a record.
func sum(r *kgo.Record) [sha256.Size]byte {
	var b []byte
	add := func(part []byte) {
		b = binary.AppendVarint(b, int64(len(part)))
		b = append(b, part...)
	}
	add(r.Key)
	add(r.Value)
	for _, h := range r.Headers {
		add([]byte(h.Key))
		add(h.Value)
	}
	return sha256.Sum256(b)
}

// Check reads the logs with a client of its own and reports, as one error, every
// record that was acknowledged and is not there. The options say how to reach the
// brokers. Call it when the cluster is healed; it waits as long as ctx.
func (r *Recorder) Check(ctx context.Context, opts ...kgo.Opt) error {
	r.mu.Lock()
	want := make(map[place][sha256.Size]byte, len(r.records))
	starts := map[string]map[int32]kgo.Offset{}
	for p, s := range r.records {
		want[p] = s
		if starts[p.topic] == nil {
			starts[p.topic] = map[int32]kgo.Offset{}
		}
		starts[p.topic][p.partition] = kgo.NewOffset().AtStart()
	}
	wrong := slices.Clone(r.shared)
	r.mu.Unlock()
	if len(want) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(append(slices.Clone(opts), kgo.ConsumePartitions(starts), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("acked: %w", err)
	}
	defer cl.Close()
	left, err := ends(ctx, cl, starts)
	if err != nil {
		return fmt.Errorf("acked: %w", err)
	}
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("acked: %d partitions could not be read to their ends: %w", len(left), err)
		}
		fs.EachRecord(func(rec *kgo.Record) {
			p := place{rec.Topic, rec.Partition, rec.Offset}
			if s, ok := want[p]; ok && s != sum(rec) {
				wrong = append(wrong, p)
			}
			delete(want, p)
			part := place{topic: p.topic, partition: p.partition}
			if end, ok := left[part]; ok && p.offset+1 >= end {
				delete(left, part)
			}
		})
	}
	return verdict(want, wrong)
}

// ends asks the leaders where the partitions end; empty ones are left out.
func ends(ctx context.Context, cl *kgo.Client, parts map[string]map[int32]kgo.Offset) (map[place]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for topic, partitions := range parts {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for partition := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = partition, -1
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	left := map[place]int64{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("the end of %s-%d is not known: %w", t.Topic, p.Partition, err)
			}
			if p.Offset > 0 {
				left[place{topic: t.Topic, partition: p.Partition}] = p.Offset
			}
		}
	}
	return left, nil
}

// verdict says in words what is missing.
func verdict(lost map[place][sha256.Size]byte, wrong []place) error {
	var gone []place
	for p := range lost {
		gone = append(gone, p)
	}
	var parts []string
	say := func(list []place, what string) {
		if len(list) == 0 {
			return
		}
		slices.SortFunc(list, func(a, b place) int {
			return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
		})
		parts = append(parts, fmt.Sprintf("%d %s, the first is %v", len(list), what, list[0]))
	}
	say(gone, "acknowledged records are gone")
	say(wrong, "acknowledged records have been replaced by others")
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("acked: %s", strings.Join(parts, "; "))
}

var _ kgo.HookProduceRecordUnbuffered = (*Recorder)(nil)
