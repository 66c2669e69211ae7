package client_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/checks/history"
	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
)

// station is a client node whose program may be killed and started again.
type station struct {
	w    *world
	run  *workload.Run
	node engine.NodeID
	cfg  workload.Config
	inc  engine.Incarnation
	h    *host
	p    workload.Program
}

func (s *station) start() {
	s.inc++
	s.h, s.p = s.w.host(s.node, s.inc), workload.New(s.run, s.cfg)
	s.h.do(func() { s.p.Boot(s.h) })
}

func parse(t tb, line string) workload.Config {
	cfg, err := workload.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// mix starts one client per line.
func mix(w *world, run *workload.Run, lines ...string) (list []*station) {
	for i, line := range lines {
		s := &station{w: w, run: run, node: engine.NodeID(101 + i), cfg: parse(w.t, line)}
		s.start()
		list = append(list, s)
	}
	return list
}

func allFinished(list []*station) bool {
	for _, s := range list {
		if !s.p.Finished() {
			return false
		}
	}
	return true
}

// tally looks at a history as the judges will: operations are closed, records
// unique, deliveries those of sends, the dump whole.
type tally struct {
	ok, fail, info, open int
	dumped               int
	kinds                map[history.Kind]int
	bad                  []string
	ends                 []string
	dump                 map[history.RecordID]int
	outcome              map[history.RecordID]history.Outcome
}

func count(h *history.History) tally {
	t := tally{kinds: map[history.Kind]int{}, dump: map[history.RecordID]int{}, outcome: map[history.RecordID]history.Outcome{}}
	record := map[int64]history.RecordID{}
	open := map[int64]bool{}
	for i, e := range h.Events {
		if e.Seq != int64(i) {
			t.bad = append(t.bad, "sequence numbers are not dense")
		}
		t.kinds[e.Kind]++
		switch e.Kind {
		case history.SendInvoked:
			if _, dup := t.outcome[e.Record]; dup {
				t.bad = append(t.bad, fmt.Sprintf("record %x sent twice", e.Record))
			}
			record[e.Op], open[e.Op], t.outcome[e.Record] = e.Record, true, 0
		case history.ListInvoked, history.FetchInvoked, history.AdminInvoked:
			open[e.Op] = true
		case history.SendAttempt:
			if !open[e.Op] {
				t.bad = append(t.bad, "an attempt outside its operation")
			}
		case history.SendDone, history.ListDone, history.FetchDone, history.AdminDone:
			if !open[e.Op] {
				t.bad = append(t.bad, fmt.Sprintf("operation %d completed without invocation", e.Op))
			}
			delete(open, e.Op)
			if e.Kind == history.SendDone {
				t.outcome[record[e.Op]] = e.Outcome
			}
		case history.Delivered, history.Dumped:
			if e.Bad != "" {
				t.bad = append(t.bad, e.Bad)
			}
			if e.Kind == history.Dumped {
				t.dumped++
				t.dump[e.Record]++
			}
		case history.DumpEnd:
			t.ends = append(t.ends, fmt.Sprintf("%d@%d%s", e.Partition, e.Offset, e.Why))
		}
	}
	t.open = len(open)
	for _, o := range t.outcome {
		switch o {
		case history.OK:
			t.ok++
		case history.Fail:
			t.fail++
		case history.Info:
			t.info++
		}
	}
	return t
}

func TestWorkloadWritesAWholeHistory(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		w := newWorld(t, seed, 3)
		const calm = clock.Instant(15 * clock.Second)
		w.cluster.fault = func(_ *broker, _ kmsg.Request) fault {
			if w.now > calm || !w.rng.Chance(1, 20) {
				return none
			}
			return []fault{dropBefore, dropAfter, hang, refuse}[w.rng.Pick(4)]
		}
		run := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
		const common = " topics=2 partitions=2 until.ms=15000 request.ms=1000"
		clients := mix(w, run,
			"setup"+common,
			"producer rate=100"+common,
			"producer rate=50 acks=1 spread=3 keys=20 linger.ms=0"+common,
			"producer rate=50 acks=0 spread=2"+common,
			"producer rate=2000 records=3000 spread=1 record.bytes=40 max.in.flight=2"+common,
			"producer rate=20 sync=1 idempotent=0 max.in.flight=1"+common,
			"consumer session.ms=4000"+common,
			"lister every.ms=100"+common,
			"admin every.ms=200 replicas=1"+common)
		victim := clients[1]
		w.after(7*clock.Second, func() { victim.h.kill() })
		w.after(8*clock.Second, victim.start)
		w.runUntil(clock.Instant(30*clock.Second), nil)
		w.runUntil(clock.Instant(3*clock.Minute), func() bool { return allFinished(clients) })
		if !allFinished(clients) {
			t.Fatalf("seed %d: some client is not finished at %v", seed, w.now)
		}
		dump := []*station{{w: w, run: run, node: 150, cfg: parse(t, "dumper topics=2 partitions=2")}}
		dump[0].start()
		w.runUntil(w.now.Add(clock.Minute), func() bool { return allFinished(dump) })

		got := count(run.History)
		if len(got.bad) > 0 {
			t.Fatalf("seed %d: %v", seed, got.bad)
		}
		if len(got.ends) != 4 {
			t.Fatalf("seed %d: dump ended %v", seed, got.ends)
		}
		for i, end := range got.ends {
			if want := fmt.Sprintf("%d@%d", i%2, w.cluster.topic(workload.TopicName(i/2), [16]byte{}).parts[i%2].end()); end != want {
				t.Errorf("seed %d: dump ended %s, want %s", seed, end, want)
			}
		}
		if got.ok < 3000 || got.kinds[history.Delivered] < 3000 || got.kinds[history.ListDone] < 50 || got.kinds[history.AdminDone] < 20 {
			t.Errorf("seed %d: too little happened: %d acknowledged, %v", seed, got.ok, got.kinds)
		}
		if got.kinds[history.ClientCrashed] != 1 || got.kinds[history.ClientStarted] != 11 {
			t.Errorf("seed %d: %d starts, %d crashes", seed, got.kinds[history.ClientStarted], got.kinds[history.ClientCrashed])
		}
		judgeDump(t, run.History, got)
	}
}

// judgeDump holds the dump against the outcomes of the sends.
func judgeDump(t *testing.T, h *history.History, got tally) {
	t.Helper()
	for _, e := range h.Events {
		if e.Kind != history.SendInvoked || e.Acks == 0 {
			continue
		}
		n := got.dump[e.Record]
		switch {
		case got.outcome[e.Record] == history.OK && n == 0:
			t.Fatalf("record %x acknowledged and lost", e.Record)
		case got.outcome[e.Record] == history.Fail && n > 0:
			t.Fatalf("record %x refused and there", e.Record)
		case e.Idempotent && n > 1:
			t.Fatalf("record %x of an idempotent producer is there %d times", e.Record, n)
		}
	}
}

func TestDumperSaysWhyItFailed(t *testing.T) {
	w := newWorld(t, 41, 1)
	w.cluster.create("t", 1).parts[0].fill(3)
	w.cluster.fault = func(_ *broker, _ kmsg.Request) fault { return refuse }
	run := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
	dump := mix(w, run, "dumper partitions=2 give.up.ms=3000")
	w.runUntil(clock.Instant(clock.Minute), func() bool { return allFinished(dump) })
	got := count(run.History)
	if len(got.ends) != 2 || got.dumped != 0 {
		t.Fatalf("dump ended %v", got.ends)
	}
	for _, e := range run.History.Events {
		if e.Kind == history.DumpEnd && e.Why == "" {
			t.Error("the dump claims to be whole")
		}
	}
}

func TestForeignPayloadIsReportedAsBad(t *testing.T) {
	w := newWorld(t, 42, 1)
	w.cluster.create("t", 1).parts[0].fill(3)
	run := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
	mix(w, run, "consumer")
	w.runUntil(clock.Instant(5*clock.Second), nil)
	if got := count(run.History); len(got.bad) != 3 {
		t.Fatalf("%d bad records, want 3", len(got.bad))
	}
}

func TestProducerStopsInAnOrderlyWay(t *testing.T) {
	w := newWorld(t, 43, 1)
	w.cluster.create("t", 1)
	run := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
	s := mix(w, run, "producer rate=100 linger.ms=500")[0]
	w.runUntil(clock.Instant(3*clock.Second), nil)
	s.h.event(0, s.p.Stop)
	w.runUntil(clock.Instant(10*clock.Second), nil)
	got := count(run.History)
	if !s.h.gone || s.h.exited != nil || got.open != 0 || got.ok < 100 {
		t.Fatalf("gone %v (%v), %d operations open, %d acknowledged", s.h.gone, s.h.exited, got.open, got.ok)
	}
}

func TestWorkloadIsDeterministic(t *testing.T) {
	run := func() []history.Event {
		w := newWorld(t, 44, 3)
		w.cluster.fault = func(_ *broker, _ kmsg.Request) fault { return fault(w.rng.Pick(40)) % 6 }
		r := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
		mix(w, r, "setup partitions=3", "producer partitions=3 rate=50", "consumer partitions=3", "lister partitions=3", "admin")
		w.runUntil(clock.Instant(10*clock.Second), nil)
		return r.History.Events
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Fatal(d)
	}
}

func TestConfigSurvivesPrintingAndParsing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := workload.Default(workload.Role(rapid.IntRange(int(workload.Setup), int(workload.Dumper)).Draw(rt, "role")))
		for _, f := range cfg.Fields() {
			if rapid.Bool().Draw(rt, f.Name) {
				*f.Value = rapid.Int().Draw(rt, f.Name)
			}
		}
		cfg.Codec = client.Codec(rapid.IntRange(0, 4).Draw(rt, "codec"))
		back, err := workload.Parse(cfg.String())
		if err != nil || back != cfg {
			rt.Fatalf("%q came back as %q, %v", cfg.String(), back.String(), err)
		}
	})
	for _, bad := range []string{"", "cook", "producer rate", "producer rate=x", "producer speed=1", "producer codec=brotli", "producer codec="} {
		if _, err := workload.Parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// With reuse=1 the topics of an admin come and go under the same names, and every
// new one gets its records.
func TestChurnReusesNames(t *testing.T) {
	w := newWorld(t, 1, 3)
	run := &workload.Run{History: &history.History{}, Bootstrap: w.cluster.bootstrap()}
	clients := mix(w, run, "admin every.ms=500 replicas=1 reuse=1 records=6 until.ms=60000 request.ms=1000")
	ids, filled := map[string]map[[16]byte]bool{}, 0
	last := map[string][16]byte{}
	for range 700 {
		w.runUntil(w.now.Add(100*clock.Millisecond), nil)
		for _, top := range w.cluster.topics {
			if ids[top.name] == nil {
				ids[top.name] = map[[16]byte]bool{}
			}
			ids[top.name][top.id] = true
			n := int64(0)
			for _, p := range top.parts {
				n += p.end()
			}
			if n >= 6 && last[top.name] != top.id {
				last[top.name] = top.id
				filled++
			}
		}
	}
	lives := 0
	for _, of := range ids { // unordered: a sum
		lives += len(of)
	}
	if len(ids) > 3 || lives < 10 || lives < 3*len(ids) || filled < lives*3/4 || !allFinished(clients) {
		t.Errorf("%d names, %d topics, %d of them filled", len(ids), lives, filled)
	}
}
