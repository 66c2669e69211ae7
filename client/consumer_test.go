package client_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/internal/record"
)

// fill appends n records to a partition as its leader would, in batches.
func (p *partition) fill(n int) {
	for n > 0 {
		var b record.Builder
		b.Reset(nil)
		for i := 0; i < 3 && n > 0; i++ {
			b.Add(1, nil, []byte(fmt.Sprintf("r%d", p.end()+int64(i))))
			n--
		}
		if code, _ := p.append(b.Batch(), 5); code != 0 {
			panic(code)
		}
	}
}

// fillRaw appends a batch made by the caller.
func (p *partition) fillRaw(make func(b *record.Builder)) {
	var b record.Builder
	b.Reset(nil)
	make(&b)
	out := record.Batch(append([]byte(nil), b.Batch()...))
	out.SetBaseOffset(p.end())
	out.SetLeaderEpoch(p.epoch)
	p.batches = append(p.batches, out)
}

type position struct {
	offset int64
	why    string
}

type consumeRun struct {
	w         *world
	h         *host
	k         *client.Consumer
	got       map[int32][]int64
	values    map[int32][]string
	positions map[int32][]position
	errs      []error
	fetches   int
	stale     int
}

func startConsumer(w *world, change func(*client.ConsumerConfig)) *consumeRun {
	r := &consumeRun{w: w, h: w.host(201, 1), got: map[int32][]int64{}, values: map[int32][]string{}, positions: map[int32][]position{}}
	cfg := client.DefaultConsumerConfig(w.cluster.bootstrap()...)
	cfg.RequestTimeout = clock.Second
	cfg.OnRecord = func(rec *client.Record) {
		r.got[rec.Partition] = append(r.got[rec.Partition], rec.Offset)
		r.values[rec.Partition] = append(r.values[rec.Partition], string(rec.Value))
	}
	cfg.OnPosition = func(_ string, _ client.TopicID, partition int32, offset int64, why string) {
		r.positions[partition] = append(r.positions[partition], position{offset, why})
	}
	cfg.OnFetch = func(f *client.Fetch) {
		if f.Done {
			r.fetches++
			if f.Stale {
				r.stale++
			}
		}
	}
	cfg.OnError = func(_ string, _ int32, _ int64, err error) { r.errs = append(r.errs, err) }
	if change != nil {
		change(&cfg)
	}
	r.h.do(func() {
		k, err := client.NewConsumer(r.h, cfg)
		if err != nil {
			w.t.Fatal(err)
		}
		r.k = k
	})
	return r
}

func (r *consumeRun) at(partition int32) int64 {
	o, ok := r.k.Position("t", partition)
	if !ok {
		return -1
	}
	return o
}

func TestConsumerReadsEverythingOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, rapid.Uint64().Draw(rt, "seed"), 3)
		top := w.cluster.create("t", 3)
		rate := rapid.Int64Range(0, 30).Draw(rt, "faults in 100")
		const calm = clock.Instant(10 * clock.Second)
		w.cluster.fault = func(_ *broker, _ kmsg.Request) fault {
			if w.now > calm || !w.rng.Chance(rate, 100) {
				return none
			}
			return fault(w.rng.Between(1, 5))
		}
		w.cluster.elections(300*clock.Millisecond, calm)
		for i := 0; i < 100; i++ {
			p := top.parts[w.rng.Pick(3)]
			w.after(clock.Duration(i)*100*clock.Millisecond, func() { p.fill(int(w.rng.Between(1, 10))) })
		}
		r := startConsumer(w, func(cfg *client.ConsumerConfig) {
			cfg.MaxPollRecords = rapid.SampledFrom([]int{1, 7, 500}).Draw(rt, "max poll")
			cfg.MaxPartitionFetchBytes = rapid.SampledFrom([]int32{1, 300, 1 << 20}).Draw(rt, "max bytes")
		})
		r.h.event(0, func() {
			for i := range top.parts {
				r.k.Assign("t", int32(i), client.OffsetEarliest)
			}
		})
		w.runUntil(clock.Instant(60*clock.Second), func() bool {
			return w.now > calm && r.at(0) == top.parts[0].end() && r.at(1) == top.parts[1].end() && r.at(2) == top.parts[2].end()
		})
		for i, p := range top.parts {
			want, offsets := p.values()
			if fmt.Sprint(r.got[int32(i)]) != fmt.Sprint(offsets) || fmt.Sprint(r.values[int32(i)]) != fmt.Sprint(want) {
				rt.Fatalf("partition %d: read offsets %v, want %v", i, r.got[int32(i)], offsets)
			}
			if fmt.Sprint(r.positions[int32(i)]) != "[{0 start}]" {
				rt.Fatalf("partition %d: positions %v", i, r.positions[int32(i)])
			}
		}
	})
}

func TestConsumerGoesBackToWhereTheLogDiverged(t *testing.T) {
	w := newWorld(t, 21, 3)
	top := w.cluster.create("t", 1)
	p := top.parts[0]
	p.fill(30)
	p.elect(2)
	p.fill(9)
	r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.MetadataMaxAge = clock.Second })
	r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
	w.runUntil(clock.Instant(2*clock.Second), nil)
	if r.at(0) != 39 {
		t.Fatalf("position %d, want 39", r.at(0))
	}
	p.truncate(33, 3) // an unclean election: 33 .. 38 are lost
	p.fill(12)
	w.runUntil(clock.Instant(10*clock.Second), nil)
	if got := fmt.Sprint(r.positions[0]); got != "[{0 start} {33 truncation}]" {
		t.Fatalf("positions %s", got)
	}
	if r.at(0) != 45 || w.probes["client.truncation.detected"] != 1 {
		t.Fatalf("position %d, truncation detected %d times", r.at(0), w.probes["client.truncation.detected"])
	}
	if got := r.got[0][39]; got != 33 {
		t.Fatalf("the first record after the truncation is at %d, want 33", got)
	}
}

func TestOutOfRangePositionFollowsTheResetPolicy(t *testing.T) {
	for _, c := range []struct {
		policy client.Reset
		want   string
		err    error
	}{
		{client.ResetEarliest, "[{500 start} {6 reset}]", nil},
		{client.ResetLatest, "[{500 start} {12 reset}]", nil},
		{client.ResetNone, "[{500 start}]", client.ErrNoOffset},
	} {
		w := newWorld(t, 22, 2)
		top := w.cluster.create("t", 1)
		top.parts[0].fill(12)
		top.parts[0].start = 6
		r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.AutoOffsetReset = c.policy })
		r.h.event(0, func() { r.k.Assign("t", 0, 500) })
		w.runUntil(clock.Instant(3*clock.Second), nil)
		if got := fmt.Sprint(r.positions[0]); got != c.want {
			t.Errorf("policy %d: positions %s, want %s", c.policy, got, c.want)
		}
		if c.err != nil && (len(r.errs) != 1 || r.errs[0] != c.err) {
			t.Errorf("policy %d: errors %v", c.policy, r.errs)
		}
	}
}

func TestAnswerForAnOldPositionIsDiscarded(t *testing.T) {
	w := newWorld(t, 23, 1)
	top := w.cluster.create("t", 1)
	top.parts[0].fill(30)
	r := startConsumer(w, nil)
	r.h.event(0, func() { r.k.Assign("t", 0, 0) })
	// Seek while the fetch is on the wire.
	w.runUntil(clock.Instant(clock.Minute), func() bool { return len(w.cluster.seen) > 0 && w.cluster.seen[len(w.cluster.seen)-1][:5] == "Fetch" })
	r.h.do(func() { r.k.Seek("t", 0, 20) })
	w.runUntil(clock.Instant(2*clock.Minute), func() bool { return r.at(0) == 30 })
	if r.stale != 1 || len(r.got[0]) != 10 || r.got[0][0] != 20 {
		t.Fatalf("%d stale answers, read %v", r.stale, r.got[0])
	}
}

func TestReadCommittedSkipsAbortedTransactionsAndMarkers(t *testing.T) {
	w := newWorld(t, 24, 1)
	top := w.cluster.create("t", 1)
	p := top.parts[0]
	data := func(pid int64, txn bool, value string) {
		p.fillRaw(func(b *record.Builder) {
			b.SetProducer(pid, 0, 0)
			if txn {
				b.SetTransactional()
			}
			b.Add(1, nil, []byte(value))
		})
	}
	marker := func(pid int64, kind int16) {
		p.fillRaw(func(b *record.Builder) {
			b.SetProducer(pid, 0, -1)
			b.SetTransactional()
			b.SetControl()
			b.AddControl(1, kind, []byte{0, 0, 0, 0, 0, 0})
		})
	}
	data(1, true, "aborted")    // 0
	data(2, true, "committed")  // 1
	data(-1, false, "plain")    // 2
	marker(1, 0)                // 3
	data(1, true, "committed2") // 4
	marker(2, 1)                // 5
	marker(1, 1)                // 6
	for _, committed := range []bool{false, true} {
		r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.ReadCommitted = committed })
		w.cluster.aborted = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 1, FirstOffset: 0}}
		r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
		w.runUntil(w.now.Add(2*clock.Second), nil)
		want := "[aborted committed plain committed2]"
		if committed {
			want = "[committed plain committed2]"
		}
		if got := fmt.Sprint(r.values[0]); got != want || r.at(0) != 7 {
			t.Errorf("committed=%v: read %s, position %d", committed, got, r.at(0))
		}
		r.h.do(r.k.Close)
	}
}

func TestDamagedBatchIsReportedAndNeverDelivered(t *testing.T) {
	w := newWorld(t, 25, 1)
	top := w.cluster.create("t", 1)
	top.parts[0].fill(6)
	top.parts[0].batches[1][70] ^= 1
	r := startConsumer(w, nil)
	r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
	w.runUntil(clock.Instant(5*clock.Second), nil)
	if len(r.got[0]) != 3 || r.at(0) != 3 || len(r.errs) == 0 {
		t.Fatalf("read %v, errors %v", r.got[0], r.errs)
	}
	if _, ok := r.errs[0].(*client.CorruptError); !ok {
		t.Fatalf("error %v", r.errs[0])
	}
}

func TestRecreatedTopicIsReadFromItsStart(t *testing.T) {
	w := newWorld(t, 26, 2)
	top := w.cluster.create("t", 1)
	top.parts[0].fill(12)
	top.parts[0].elect(2)
	top.parts[0].elect(1)
	r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.MetadataMaxAge = clock.Second })
	r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
	w.runUntil(clock.Instant(2*clock.Second), nil)
	w.cluster.remove("t")
	w.cluster.create("t", 1).parts[0].fill(3) // its leader epoch is lower than the old one's
	w.runUntil(clock.Instant(10*clock.Second), nil)
	if got := fmt.Sprint(r.positions[0]); got != "[{0 start} {0 reset}]" || r.at(0) != 3 {
		t.Fatalf("positions %s, at %d", got, r.at(0))
	}
}

func TestAdminRetriesUntilItKnows(t *testing.T) {
	w := newWorld(t, 31, 3)
	n := 0
	w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
		n++
		return []fault{refuse, dropBefore, none}[min(n-1, 2)]
	}
	h := w.host(301, 1)
	var replies []string
	note := func(what string) func(client.AdminReply) {
		return func(r client.AdminReply) {
			replies = append(replies, fmt.Sprintf("%s %d %d", what, r.Outcome, r.Code))
		}
	}
	var a *client.Admin
	step := func(f func()) {
		h.event(0, f)
		w.runUntil(w.now.Add(5*clock.Second), nil)
	}
	step(func() {
		var err error
		if a, err = client.NewAdmin(h, client.DefaultAdminConfig(append([]string{"nowhere:9"}, w.cluster.bootstrap()...)...)); err != nil {
			t.Fatal(err)
		}
		a.CreateTopic(client.TopicSpec{Name: "t", Partitions: 2, Replicas: 1}, note("create"))
	})
	step(func() { a.CreateTopic(client.TopicSpec{Name: "t", Partitions: 2, Replicas: 1}, note("create")) })
	step(func() { a.CreatePartitions("t", 3, note("widen")) })
	step(func() {
		a.AlterConfigs(client.ResourceTopic, "t", []client.ConfigChange{{Name: "segment.bytes", Value: "1"}}, note("alter"))
	})
	step(func() {
		a.DescribeConfigs(client.ResourceTopic, "t", func(r client.AdminReply, list []client.ConfigEntry) {
			note(fmt.Sprint("describe ", list))(r)
		})
	})
	w.cluster.topics[0].parts[1].fill(7)
	step(func() {
		a.ListOffsets("t", 1, client.OffsetLatest, false, func(r client.AdminReply, o client.Offset) { note(fmt.Sprint("list ", o.Offset))(r) })
	})
	step(func() {
		a.DescribeCluster(func(r client.AdminReply, c *kmsg.DescribeClusterResponse) {
			note(fmt.Sprint("cluster ", len(c.Brokers)))(r)
		})
	})
	step(func() {
		a.Metadata([]string{"t"}, func(r client.AdminReply, m *kmsg.MetadataResponse) {
			note(fmt.Sprint("metadata ", len(m.Topics[0].Partitions)))(r)
		})
	})
	step(func() { a.DeleteTopic("t", note("delete")) })
	step(func() { a.DeleteTopic("t", note("delete")) })
	want := "[create 1 0 create 2 36 widen 1 0 alter 1 0 describe [{min.insync.replicas 2 false false}] 1 0" +
		" list 7 1 0 cluster 3 1 0 metadata 3 1 0 delete 1 0 delete 2 3]"
	if got := fmt.Sprint(replies); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if history.OK != 1 || history.Fail != 2 {
		t.Fatal("the numbers above mean outcomes")
	}
}

func TestAdminOutcomeIsUnknownAfterALostAnswer(t *testing.T) {
	w := newWorld(t, 32, 1)
	first := true
	w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
		if first {
			first = false
			return dropAfter
		}
		return none
	}
	h := w.host(301, 1)
	var got client.AdminReply
	h.event(0, func() {
		a, err := client.NewAdmin(h, client.DefaultAdminConfig(w.cluster.bootstrap()...))
		if err != nil {
			t.Fatal(err)
		}
		a.CreateTopic(client.TopicSpec{Name: "t", Partitions: 1, Replicas: 1}, func(r client.AdminReply) { got = r })
	})
	w.runUntil(clock.Instant(5*clock.Second), nil)
	if got.Outcome != history.Info || got.Code != 36 || got.Attempts != 2 {
		t.Fatalf("%+v", got)
	}
}
