package client_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/engine"
)

// sent is what became of one message.
type sent struct {
	value     string
	partition int32
	attempts  int
	renumber  bool
	done      bool
	r         client.Result
}

// produceRun sends n messages through a producer at a steady pace and drives
// the world until all have a result.
type produceRun struct {
	w    *world
	h    *host
	p    *client.Producer
	msgs []*sent
}

func startProducer(w *world, cfg client.ProducerConfig) *produceRun {
	r := &produceRun{w: w, h: w.host(101, 1)}
	cfg.OnAttempt = func(m *client.Message, a client.Attempt) {
		if len(r.msgs) == 0 {
			return // messages that the test itself made
		}
		s := r.msgs[m.Tag]
		s.attempts++
		s.renumber = s.renumber || a.Renumbered
	}
	r.h.do(func() {
		p, err := client.NewProducer(r.h, cfg)
		if err != nil {
			w.t.Fatal(err)
		}
		r.p = p
	})
	return r
}

// send submits a message; it must be called within an event of the host.
func (r *produceRun) send(topic string, partition int32) {
	s := &sent{value: fmt.Sprintf("m%06d", len(r.msgs)), partition: partition}
	m := &client.Message{Topic: topic, Partition: partition, Value: []byte(s.value), Tag: int64(len(r.msgs))}
	m.Done = func(m *client.Message, res client.Result) {
		if s.done {
			r.w.t.Fatalf("%s completed twice", s.value)
		}
		s.done, s.r = true, res
	}
	r.msgs = append(r.msgs, s)
	if err := r.p.Send(m); err != nil {
		r.w.t.Fatalf("send: %v", err)
	}
}

func (r *produceRun) pace(topic string, partitions, n int, every clock.Duration) {
	if n == 0 {
		return
	}
	r.h.event(every, func() {
		for burst := r.w.rng.Between(1, 3); burst > 0 && n > 0; burst-- {
			r.send(topic, int32(r.w.rng.Pick(partitions)))
			n--
		}
		r.pace(topic, partitions, n, every)
	})
}

func (r *produceRun) finish(n int, limit clock.Instant) {
	r.w.runUntil(limit, func() bool { return len(r.msgs) == n && r.p.Outstanding() == 0 })
	for _, s := range r.msgs {
		if !s.done {
			r.w.t.Fatalf("%s has no result at %v", s.value, r.w.now)
		}
	}
	if len(r.msgs) != n {
		r.w.t.Fatalf("sent %d of %d", len(r.msgs), n)
	}
	if r.p.Buffered() != 0 {
		r.w.t.Fatalf("%d bytes of buffer memory are still held", r.p.Buffered())
	}
}

// judge compares the logs with the results: acknowledged records are at their
// offset, refused ones nowhere, and no record is there more often than copies allows.
func (r *produceRun) judge(t *topic, inOrder bool, copies func(*sent) int) {
	r.w.t.Helper()
	for i, p := range t.parts {
		values, offsets := p.values()
		count := map[string]int{}
		at := map[int64]string{}
		last := ""
		for j, v := range values {
			count[v]++
			at[offsets[j]] = v
			if inOrder && v <= last {
				r.w.t.Fatalf("partition %d: %s after %s at offset %d", i, v, last, offsets[j])
			}
			last = v
		}
		for _, s := range r.msgs {
			if int(s.partition) != i {
				continue
			}
			switch n := count[s.value]; {
			case s.r.Outcome == history.OK && n == 0:
				r.w.t.Fatalf("%s acknowledged at %d and lost", s.value, s.r.Offset)
			case s.r.Outcome == history.OK && s.r.Offset >= 0 && at[s.r.Offset] != s.value:
				r.w.t.Fatalf("%s acknowledged at %d, where %s is", s.value, s.r.Offset, at[s.r.Offset])
			case s.r.Outcome == history.Fail && n > 0:
				r.w.t.Fatalf("%s refused (%v) and there", s.value, s.r.Err)
			case n > copies(s):
				r.w.t.Fatalf("%s is there %d times after %d attempts", s.value, n, s.attempts)
			}
		}
	}
}

func once(*sent) int { return 1 }

func TestProducerDeliversInOrderWithoutFaults(t *testing.T) {
	for _, idempotent := range []bool{true, false} {
		for _, acks := range []client.Acks{client.AcksAll, client.AcksLeader, client.AcksNone} {
			if idempotent && acks != client.AcksAll {
				continue
			}
			w := newWorld(t, 1, 3)
			top := w.cluster.create("t", 3)
			cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
			cfg.EnableIdempotence, cfg.Acks = idempotent, acks
			r := startProducer(w, cfg)
			r.pace("t", 3, 500, clock.Millisecond)
			r.finish(500, clock.Instant(clock.Minute))
			w.runUntil(w.now.Add(clock.Second), nil)
			r.judge(top, true, once)
			for _, s := range r.msgs {
				if s.r.Outcome != history.OK || s.attempts != 1 {
					t.Fatalf("acks=%d: %s ended %v after %d attempts", acks, s.value, s.r.Outcome, s.attempts)
				}
				if acks != client.AcksNone && s.r.Offset < 0 {
					t.Fatalf("%s acknowledged without an offset", s.value)
				}
			}
		}
	}
}

func TestIdempotentProducerNeverDuplicatesOrReorders(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rate := rapid.Int64Range(0, 40).Draw(rt, "faults in 100")
		kinds := rapid.SliceOfNDistinct(rapid.SampledFrom([]fault{dropBefore, dropAfter, hang, refuse, lie}), 1, 5, rapid.ID[fault]).Draw(rt, "kinds")
		w := newWorld(rt, seed, 3)
		top := w.cluster.create("t", 2)
		const calm = clock.Instant(20 * clock.Second)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if w.now > calm || !w.rng.Chance(rate, 100) {
				return none
			}
			return kinds[w.rng.Pick(len(kinds))]
		}
		if rapid.Bool().Draw(rt, "elections") {
			w.cluster.elections(300*clock.Millisecond, calm)
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.RequestTimeout = 500 * clock.Millisecond
		cfg.MaxInFlight = rapid.IntRange(1, 5).Draw(rt, "max in flight")
		cfg.BatchSize = rapid.SampledFrom([]int{0, 120, 16384}).Draw(rt, "batch size")
		cfg.DeliveryTimeout = clock.Duration(rapid.SampledFrom([]int64{600, 1500, 120_000}).Draw(rt, "delivery ms")) * clock.Millisecond
		r := startProducer(w, cfg)
		r.pace("t", 2, 300, 20*clock.Millisecond)
		r.finish(300, clock.Instant(10*clock.Minute))
		w.runUntil(w.now.Add(clock.Second), nil)
		r.judge(top, true, once)
		if cfg.DeliveryTimeout == 2*clock.Minute && rate < 30 {
			for _, s := range r.msgs {
				if s.r.Outcome != history.OK {
					rt.Fatalf("%s ended %v (%v) although the cluster recovered within the delivery timeout", s.value, s.r.Outcome, s.r.Err)
				}
			}
		}
	})
}

func TestNonIdempotentProducerKeepsOrderWithOneInFlight(t *testing.T) {
	for seed := uint64(0); seed < 20; seed++ {
		w := newWorld(t, seed, 3)
		top := w.cluster.create("t", 1)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if w.rng.Chance(1, 5) {
				return refuse
			}
			return none
		}
		w.cluster.elections(200*clock.Millisecond, clock.Instant(20*clock.Second))
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.EnableIdempotence, cfg.MaxInFlight = false, 1
		r := startProducer(w, cfg)
		r.pace("t", 1, 200, 10*clock.Millisecond)
		r.finish(200, clock.Instant(10*clock.Minute))
		r.judge(top, true, once) // refused attempts have no effect, so no copies either
	}
}

func TestNonIdempotentProducerCopiesAtMostOncePerAttempt(t *testing.T) {
	copied := 0
	for seed := uint64(0); seed < 20; seed++ {
		w := newWorld(t, seed, 3)
		top := w.cluster.create("t", 2)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			return []fault{none, none, none, none, dropAfter, dropBefore, lie}[w.rng.Pick(7)]
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.EnableIdempotence = false
		r := startProducer(w, cfg)
		r.pace("t", 2, 200, 10*clock.Millisecond)
		r.finish(200, clock.Instant(10*clock.Minute))
		r.judge(top, false, func(s *sent) int {
			if s.attempts > 1 {
				copied++
			}
			return s.attempts
		})
	}
	if copied == 0 {
		t.Fatal("no message was ever sent twice: the test shows nothing")
	}
}

func TestDeliveryTimeoutSaysWhetherTheRecordMayBeThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fault
		want  history.Outcome
	}{{"never answered", hang, history.Info}, {"refused each time", refuse, history.Fail}} {
		w := newWorld(t, 5, 1)
		w.cluster.create("t", 1)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if _, ok := req.(*kmsg.ProduceRequest); ok {
				return c.fault
			}
			return none
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.RequestTimeout, cfg.DeliveryTimeout = clock.Second, 3*clock.Second
		r := startProducer(w, cfg)
		r.pace("t", 1, 1, clock.Millisecond)
		r.finish(1, clock.Instant(clock.Minute))
		if got := r.msgs[0].r; got.Outcome != c.want {
			t.Errorf("%s: outcome %v, want %v", c.name, got.Outcome, c.want)
		}
	}
}

func TestUnsentMessageFailsWhenNoBrokerAnswers(t *testing.T) {
	w := newWorld(t, 6, 1)
	cfg := client.DefaultProducerConfig("nowhere:1", "nowhere:2")
	r := startProducer(w, cfg)
	r.pace("t", 1, 3, clock.Millisecond)
	r.finish(3, clock.Instant(5*clock.Minute))
	for _, s := range r.msgs {
		if s.r.Outcome != history.Fail || s.attempts != 0 {
			t.Errorf("%s ended %v after %d attempts", s.value, s.r.Outcome, s.attempts)
		}
	}
}

func TestBootstrapSkipsDeadServers(t *testing.T) {
	w := newWorld(t, 7, 3)
	top := w.cluster.create("t", 3)
	cfg := client.DefaultProducerConfig("nowhere:1", "nowhere:2", "n3:9092", "nowhere:4")
	r := startProducer(w, cfg)
	r.pace("t", 3, 30, clock.Millisecond)
	r.finish(30, clock.Instant(30*clock.Second))
	r.judge(top, true, once)
	if w.now > clock.Instant(10*clock.Second) {
		t.Errorf("it took until %v", w.now)
	}
}

func TestVersionsAreNegotiatedDown(t *testing.T) {
	for _, c := range []struct {
		name    string
		cap     bool
		apiMax  int16
		produce int16
	}{{"old broker", false, 0, 8}, {"newer than the broker", false, 3, 12}, {"client capped", true, -1, 11}} {
		w := newWorld(t, 8, 1)
		top := w.cluster.create("t", 1)
		w.cluster.apiMax = c.apiMax
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		if c.cap {
			cfg.MaxVersions = []client.VersionCap{{Key: int16(kmsg.Produce), Max: c.produce}}
		} else {
			w.cluster.versions[int16(kmsg.Produce)] = c.produce
		}
		r := startProducer(w, cfg)
		r.pace("t", 1, 5, clock.Millisecond)
		r.finish(5, clock.Instant(30*clock.Second))
		r.judge(top, true, once)
		want := fmt.Sprintf("Producev%d", c.produce)
		found := false
		for _, s := range w.cluster.seen {
			found = found || s == want
			if len(s) > 7 && s[:7] == "Produce" && s != want {
				t.Errorf("%s: sent %s, want %s", c.name, s, want)
			}
		}
		if !found {
			t.Errorf("%s: no %s in %v", c.name, want, w.cluster.seen)
		}
	}
}

func TestRecreatedTopicGetsNothingMeantForTheOldOne(t *testing.T) {
	w := newWorld(t, 9, 1)
	w.cluster.create("t", 1)
	block := true
	w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
		if _, ok := req.(*kmsg.ProduceRequest); ok && block {
			return refuse
		}
		return none
	}
	cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
	cfg.MetadataMaxAge = clock.Second
	r := startProducer(w, cfg)
	r.h.event(0, func() { r.send("t", 0) })
	w.runUntil(clock.Instant(500*clock.Millisecond), nil)
	w.cluster.remove("t")
	fresh := w.cluster.create("t", 1)
	block = false
	w.runUntil(clock.Instant(10*clock.Second), nil)
	r.h.event(0, func() { r.send("t", 0) })
	r.finish(2, clock.Instant(clock.Minute))
	if r.msgs[0].r.Outcome == history.OK {
		t.Errorf("the old topic's message ended %v", r.msgs[0].r.Outcome)
	}
	if v, _ := fresh.parts[0].values(); len(v) != 1 || v[0] != r.msgs[1].value {
		t.Errorf("the new topic holds %v", v)
	}
}

func TestProducerIsDeterministic(t *testing.T) {
	run := func() (steps int, seen string) {
		w := newWorld(t, 11, 3)
		w.cluster.create("t", 2)
		w.cluster.fault = func(_ *broker, _ kmsg.Request) fault { return fault(w.rng.Pick(12)) % 6 }
		w.cluster.elections(200*clock.Millisecond, clock.Instant(5*clock.Second))
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.RequestTimeout, cfg.DeliveryTimeout = 500*clock.Millisecond, 5*clock.Second
		r := startProducer(w, cfg)
		r.pace("t", 2, 100, 10*clock.Millisecond)
		r.finish(100, clock.Instant(10*clock.Minute))
		return w.steps, fmt.Sprint(w.now, w.cluster.seen)
	}
	n1, s1 := run()
	n2, s2 := run()
	if n1 != n2 || s1 != s2 {
		t.Fatalf("two runs of one seed differ: %d and %d steps", n1, n2)
	}
}

func TestBufferMemoryBoundsWhatSendAccepts(t *testing.T) {
	w := newWorld(t, 12, 1)
	w.cluster.create("t", 1)
	spaces := 0
	cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
	cfg.BufferMemory = 2000
	cfg.OnSpace = func() { spaces++ }
	r := startProducer(w, cfg)
	refused := 0
	r.h.event(0, func() {
		for i := 0; i < 10; i++ {
			err := r.p.Send(&client.Message{Topic: "t", Value: make([]byte, 500)})
			if err == client.ErrBufferFull {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
	})
	w.runUntil(clock.Instant(10*clock.Second), nil)
	if refused != 7 || spaces != 1 || r.p.Buffered() != 0 {
		t.Errorf("refused %d, told of space %d times, %d bytes held", refused, spaces, r.p.Buffered())
	}
}

func TestPartitionersSpreadAsTheirNamesSay(t *testing.T) {
	w := newWorld(t, 13, 1)
	top := w.cluster.create("t", 4)
	cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
	cfg.Partitioner = client.RoundRobinPartitioner()
	r := startProducer(w, cfg)
	r.h.event(0, func() {
		for i := 0; i < 40; i++ {
			if err := r.p.Send(&client.Message{Topic: "t", Partition: client.AnyPartition, Key: []byte("k"), Value: []byte("v")}); err != nil {
				t.Error(err)
			}
		}
	})
	w.runUntil(clock.Instant(10*clock.Second), nil)
	for i, p := range top.parts {
		if v, _ := p.values(); len(v) != 10 {
			t.Errorf("partition %d got %d of 40", i, len(v))
		}
	}
	s := client.DefaultPartitioner(engine.NewStream(1, "p"))
	first := s.Partition("t", nil, nil, 8, nil)
	for i := 0; i < 20; i++ {
		if s.Partition("t", nil, nil, 8, nil) != first {
			t.Fatal("the sticky partition moved within a batch")
		}
	}
	seen := map[int32]bool{}
	for i := 0; i < 100; i++ {
		s.NewBatch("t")
		seen[s.Partition("t", nil, nil, 8, nil)] = true
	}
	if len(seen) != 8 {
		t.Errorf("100 batches went to %d of 8 partitions", len(seen))
	}
	if got := s.Partition("t", []byte("foobar"), nil, 1000, nil); got != client.KeyPartition([]byte("foobar"), 1000) {
		t.Errorf("a key went to %d", got)
	}
}

// A model that forgets all but the last batch is the bug of KAFKA-5494: the
// property above must notice it, or it shows nothing.
func TestModelThatForgetsBatchesIsCaught(t *testing.T) {
	caught := 0
	for seed := uint64(0); seed < 40 && caught == 0; seed++ {
		w := newWorld(t, seed, 3)
		w.cluster.window = 1
		top := w.cluster.create("t", 1)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if w.rng.Chance(1, 8) {
				return dropAfter
			}
			return none
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.Linger = 0
		r := startProducer(w, cfg)
		r.pace("t", 1, 300, clock.Millisecond)
		r.finish(300, clock.Instant(10*clock.Minute))
		values, _ := top.parts[0].values()
		count := map[string]int{}
		for _, v := range values {
			count[v]++
			if count[v] > 1 {
				caught++
			}
		}
		if caught > 0 && w.probes["client.epoch.bumped"] == 0 {
			t.Error("duplicates without a new producer epoch")
		}
	}
	if caught == 0 {
		t.Fatal("no duplicate in 40 seeds")
	}
}

// refuseFirstBatch sends three batches of an idempotent producer at once to a broker
// that refuses the first one, and waits until all are decided.
func refuseFirstBatch(t *testing.T, tune func(cfg *client.ProducerConfig)) (*world, *produceRun) {
	w := newWorld(t, 14, 1)
	top := w.cluster.create("t", 1)
	first := true
	w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
		if _, ok := req.(*kmsg.ProduceRequest); ok && first {
			first = false
			return refuse
		}
		return none
	}
	cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
	cfg.BatchSize, cfg.Linger = 0, 0
	cfg.DeliveryTimeout = 40 * clock.Second
	tune(&cfg)
	r := startProducer(w, cfg)
	r.h.event(0, func() {
		for range 3 {
			r.send("t", 0)
		}
	})
	r.finish(3, clock.Instant(clock.Minute))
	r.judge(top, true, once)
	return w, r
}

// What FirstBatchAlone is for (KAFKA-14359): a broker without state takes any
// sequence, so the second batch lands although the first one was refused, and
// the first one is then out of order for ever.
func TestFirstBatchAloneIsNotOvertaken(t *testing.T) {
	for _, alone := range []bool{false, true} {
		_, r := refuseFirstBatch(t, func(cfg *client.ProducerConfig) { cfg.FirstBatchAlone = alone })
		if got := r.msgs[0].r.Outcome; (got == history.OK) != alone {
			t.Errorf("first batch alone: %v, its outcome %v", alone, got)
		}
	}
}
