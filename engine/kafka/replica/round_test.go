package replica

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/record"
)

// script is a transport whose answers the test gives.
type script struct {
	fetches  []kmsg.FetchRequest
	done     func(*kmsg.FetchResponse, func(), error)
	released int
}

func (s *script) Fetch(req *kmsg.FetchRequest, done func(*kmsg.FetchResponse, func(), error)) {
	if s.done != nil {
		panic("two requests in flight")
	}
	cp := *req
	cp.Topics = nil
	for _, t := range req.Topics {
		t.Partitions = append([]kmsg.FetchRequestTopicPartition(nil), t.Partitions...)
		cp.Topics = append(cp.Topics, t)
	}
	s.fetches = append(s.fetches, cp)
	s.done = done
}

func (s *script) ListOffsets(*kmsg.ListOffsetsRequest, func(*kmsg.ListOffsetsResponse, error)) {
	panic("not in this test")
}

// answer answers the request in flight: for each partition number its records.
func (s *script) answer(tps map[int32]kmsg.FetchResponseTopicPartition) {
	resp := &kmsg.FetchResponse{}
	for _, t := range s.fetches[len(s.fetches)-1].Topics {
		rt := kmsg.FetchResponseTopic{Topic: t.Topic, TopicID: t.TopicID}
		for _, p := range t.Partitions {
			if rp, ok := tps[p.Partition]; ok {
				rp.Partition = p.Partition
				rt.Partitions = append(rt.Partitions, rp)
			}
		}
		resp.Topics = append(resp.Topics, rt)
	}
	done := s.done
	s.done = nil
	done(resp, func() { s.released++ }, nil)
}

func withRecords(base int64, epoch int32, bad bool) kmsg.FetchResponseTopicPartition {
	var b record.Builder
	b.Reset(nil)
	b.Add(1, nil, []byte("x"))
	batch := b.Batch()
	batch.SetBaseOffset(base)
	batch.SetLeaderEpoch(epoch)
	if bad {
		batch[len(batch)-1] ^= 1
	}
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.RecordBatches = batch
	return rp
}

// followThree is a fetcher of node 1 for three partitions that node 2 leads.
func followThree(t *testing.T, mut string) (*cluster, *Fetcher, []*Partition, *script) {
	c := newCluster(t, 1, 2, "")
	n := c.node(1)
	s := &script{}
	cfg := DefaultFetcherConfig()
	cfg.Mutant = mut
	f := NewFetcher(n, 1, 2, s, cfg)
	var parts []*Partition
	for i := range int32(3) {
		tp := view.TP{Topic: "many", ID: view.TopicID{7}, Partition: i}
		log := plog.New(n.h, 0, "many-"+string(rune('0'+i)), plog.Config{})
		opened := false
		log.Open(func(err error) { opened = err == nil })
		c.w.until("log open", func() bool { return opened })
		p := New(n, tp, 1, log, mut)
		p.Apply(Registration{Leader: 2, LeaderEpoch: 5, PartitionEpoch: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}})
		parts = append(parts, p)
	}
	for _, i := range []int{2, 0, 1} {
		f.Add(parts[i])
	}
	c.w.run(clock.Millisecond)
	return c, f, parts, s
}

func TestPartitionsAddedTogetherShareARequest(t *testing.T) {
	_, f, _, s := followThree(t, "")
	if len(s.fetches) != 1 || f.Len() != 3 {
		t.Fatalf("%d requests for %d partitions", len(s.fetches), f.Len())
	}
	r := s.fetches[0]
	if r.Version != fetchVersion || r.ReplicaState.ID != 1 || r.ReplicaState.Epoch != 10 || r.SessionEpoch != -1 ||
		r.MaxWaitMillis != 500 || r.MinBytes != 1 || r.MaxBytes != 10<<20 {
		t.Fatalf("request %+v", r)
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 3 || r.Topics[0].TopicID != [16]byte{7} {
		t.Fatalf("topics %+v", r.Topics)
	}
	p := r.Topics[0].Partitions[1]
	if p.Partition != 1 || p.CurrentLeaderEpoch != 5 || p.FetchOffset != 0 || p.LastFetchedEpoch != -1 || p.PartitionMaxBytes != 1<<20 {
		t.Fatalf("partition %+v", p)
	}
}

func TestARoundEndsWithItsLastAppend(t *testing.T) {
	c, _, parts, s := followThree(t, "")
	hw := withRecords(0, 5, false)
	hw.HighWatermark = 1
	s.answer(map[int32]kmsg.FetchResponseTopicPartition{0: hw, 2: withRecords(0, 4, false)})
	if s.released != 0 || s.done != nil {
		t.Fatal("the next round began, or the answer was released, before the appends have completed")
	}
	c.w.run(clock.Millisecond)
	if s.released != 1 || len(s.fetches) != 2 {
		t.Fatalf("released %d times, %d requests", s.released, len(s.fetches))
	}
	if parts[0].HW() != 1 || parts[0].Log().End() != 1 || parts[2].Log().End() != 1 || parts[1].Log().End() != 0 {
		t.Fatal("logs are not as they were answered")
	}
	asked := map[int32]kmsg.FetchRequestTopicPartition{}
	for _, topic := range s.fetches[1].Topics {
		for _, p := range topic.Partitions {
			asked[p.Partition] = p
		}
	}
	if len(asked) != 3 || asked[0].LastFetchedEpoch != 5 || asked[2].LastFetchedEpoch != 4 || asked[2].FetchOffset != 1 {
		t.Fatalf("second request: %+v", asked)
	}
	if first := s.fetches[1].Topics[0].Partitions[0].Partition; first == 0 {
		t.Fatal("the same partition comes first in every request")
	}
}

func TestOneCorruptPartitionDoesNotHoldTheOthers(t *testing.T) {
	c, f, parts, s := followThree(t, "")
	s.answer(map[int32]kmsg.FetchResponseTopicPartition{0: withRecords(0, 5, true), 1: withRecords(0, 5, false)})
	c.w.run(clock.Millisecond)
	if n := numAsked(s); n != 2 {
		t.Fatalf("%d partitions asked for while one backs off", n)
	}
	s.answer(nil)
	c.w.run(1100 * clock.Millisecond)
	s.answer(nil)
	c.w.run(clock.Millisecond)
	if n := numAsked(s); n != 3 {
		t.Fatalf("%d partitions asked for after the back-off", n)
	}
	if parts[0].Log().End() != 0 || parts[1].Log().End() != 1 || f.NumFailed() != 0 {
		t.Fatal("logs are not as they were answered")
	}
}

func numAsked(s *script) int {
	n := 0
	for _, t := range s.fetches[len(s.fetches)-1].Topics {
		n += len(t.Partitions)
	}
	return n
}

func TestAFailedRequestBacksEverythingOff(t *testing.T) {
	c, _, _, s := followThree(t, "")
	done := s.done
	s.done = nil
	done(nil, nil, errLink)
	c.w.run(900 * clock.Millisecond)
	if len(s.fetches) != 1 {
		t.Fatal("asked again within the back-off")
	}
	c.w.run(200 * clock.Millisecond)
	if len(s.fetches) != 2 || numAsked(s) != 3 {
		t.Fatal("did not ask again after the back-off")
	}
}

func TestAnswersAfterRemoveAndCloseChangeNothing(t *testing.T) {
	c, f, parts, s := followThree(t, "")
	f.Remove(parts[0])
	f.Add(parts[1]) // starts over: what was asked before is stale
	s.answer(map[int32]kmsg.FetchResponseTopicPartition{
		0: withRecords(0, 5, false), 1: withRecords(0, 5, false), 2: withRecords(0, 5, false),
	})
	c.w.run(clock.Millisecond)
	if parts[0].Log().End() != 0 || parts[1].Log().End() != 0 || parts[2].Log().End() != 1 {
		t.Fatal("a stale answer was used")
	}
	f.Close()
	s.answer(map[int32]kmsg.FetchResponseTopicPartition{2: withRecords(1, 5, false)})
	c.w.run(clock.Second)
	if parts[2].Log().End() != 1 || s.released != 2 || len(s.fetches) != 2 {
		t.Fatalf("after Close: end %d, released %d, %d requests", parts[2].Log().End(), s.released, len(s.fetches))
	}
}

func TestAFailedDiskTakesItsPartitionOutOfTheFetcher(t *testing.T) {
	c, _, parts, s := followThree(t, "")
	c.node(1).h.failAppends = true
	s.answer(map[int32]kmsg.FetchResponseTopicPartition{0: withRecords(0, 5, false)})
	c.w.run(clock.Millisecond)
	if !parts[0].Offline() || numAsked(s) != 2 || s.released != 1 {
		t.Fatalf("offline %v, %d partitions asked for, released %d", parts[0].Offline(), numAsked(s), s.released)
	}
}
