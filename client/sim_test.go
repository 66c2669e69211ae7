package client_test

import (
	"fmt"
	"testing"

	"trial/checks/history"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka"
	"trial/sim"
)

// simulated is three real brokers and a client mix in the simulator.
type simulated struct {
	t        *testing.T
	w        *sim.World
	run      *workload.Run
	programs map[engine.NodeID]workload.Program // of the present lives
	clients  []engine.NodeID
	dumper   engine.NodeID
}

func newSimulated(t *testing.T, seed uint64, lines ...string) *simulated {
	s := &simulated{t: t, run: &workload.Run{History: &history.History{}}, programs: map[engine.NodeID]workload.Program{}}
	opt := sim.Options{Seed: seed, Poison: true}
	for i := 1; i <= 3; i++ {
		cfg := kafka.Config{NodeID: int32(i), ClusterID: "AAAAAAAAAAAAAAAAAAAAAQ",
			Settings:  map[string]string{"replica.lag.time.max.ms": "3000", "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"},
			Listeners: kafka.Listeners{Client: fmt.Sprintf("n%d:9092", i), Controller: fmt.Sprintf("n%d:9093", i)}}
		for j := 1; j <= 3; j++ {
			cfg.Voters = append(cfg.Voters, kafka.Voter{ID: int32(j), Addr: fmt.Sprintf("n%d:9093", j)})
		}
		s.run.Bootstrap = append(s.run.Bootstrap, cfg.Listeners.Client)
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{
			ID: engine.NodeID(i), Volumes: 1, Listeners: []string{cfg.Listeners.Client, cfg.Listeners.Controller},
			Factory: func() engine.Program { return kafka.New(cfg) },
		})
	}
	for i, line := range lines {
		id, cfg := engine.NodeID(101+i), parse(t, line)
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{ID: id, Factory: func() engine.Program {
			s.programs[id] = workload.New(s.run, cfg)
			return s.programs[id]
		}})
		if cfg.Role == workload.Dumper {
			s.dumper = id
		} else {
			s.clients = append(s.clients, id)
		}
	}
	opt.OnLog = func(at clock.Instant, node engine.NodeID, level engine.Level, line string) {
		if testing.Verbose() && node > 100 {
			t.Logf("%s n%d %s", at, node, line)
		}
	}
	s.w = sim.New(opt)
	for _, n := range opt.Nodes {
		if n.ID != s.dumper {
			s.w.Start(n.ID)
		}
	}
	return s
}

func (s *simulated) until(what string, limit clock.Instant, ok func() bool) {
	s.t.Helper()
	for !ok() {
		at, more := s.w.NextAt()
		if v := s.w.Violation(); v != nil {
			s.t.Fatalf("%s: %v\n%s", what, v, v.Stack)
		}
		if !more || at > limit {
			s.t.Fatalf("%s: not by %s", what, limit)
		}
		s.w.Step()
	}
}

func (s *simulated) finished() bool {
	for _, id := range s.clients {
		if !s.programs[id].Finished() {
			return false
		}
	}
	return true
}

// TestWorkloadAgainstTheRealBrokers drives the client mix against three brokers
// of which one at a time is killed, cut off or paused.
func TestWorkloadAgainstTheRealBrokers(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, b := clusterRun(t, seed), clusterRun(t, seed)
			if a != b {
				t.Errorf("one seed, two runs: %x and %x", a, b)
			}
		})
	}
}

func clusterRun(t *testing.T, seed uint64) uint64 {
	const common = " topics=2 partitions=2 until.ms=30000 request.ms=2000"
	s := newSimulated(t, seed,
		"setup"+common,
		"producer rate=40"+common,
		"producer rate=30 linger.ms=0 max.in.flight=3 spread=3 keys=9"+common,
		"producer rate=20 acks=1"+common,
		"producer rate=20 idempotent=0 max.in.flight=1"+common,
		"consumer session.ms=8000"+common,
		"lister every.ms=200"+common,
		"admin every.ms=500"+common,
		"dumper topics=2 partitions=2")
	rnd := engine.NewStream(seed, "trouble")
	for at := 4 * clock.Second; at < 26*clock.Second; at += 7 * clock.Second {
		victim := engine.NodeID(rnd.Pick(3) + 1)
		kind := rnd.N(4)
		s.w.At(clock.Instant(at), func() { s.hurt(victim, kind) })
		s.w.At(clock.Instant(at+4*clock.Second), func() {
			s.w.Resume(victim)
			s.w.HealAll()
			s.w.Start(victim)
		})
	}
	s.w.At(clock.Instant(12*clock.Second), func() { s.w.Kill(102) })
	s.w.At(clock.Instant(13*clock.Second), func() { s.w.Start(102) })
	s.until("faults are over", clock.Instant(40*clock.Second), func() bool { return s.w.Now() >= clock.Instant(35*clock.Second) })
	s.until("clients finish", clock.Instant(4*clock.Minute), s.finished)
	s.w.Start(s.dumper)
	s.until("dump", clock.Instant(6*clock.Minute), func() bool { p := s.programs[s.dumper]; return p != nil && p.Finished() })

	got := count(s.run.History)
	if len(got.bad) > 0 {
		t.Fatalf("bad: %v", got.bad)
	}
	for _, end := range got.ends {
		t.Logf("dump %s", end)
	}
	if len(got.ends) != 4 || got.dumped < got.ok/2 {
		t.Errorf("the dump is not whole: %v, %d records", got.ends, got.dumped)
	}
	if got.ok < 1500 || got.kinds[history.Delivered] < 1500 || got.kinds[history.ListDone] < 20 || got.kinds[history.AdminDone] < 10 {
		t.Errorf("too little happened: %d acknowledged, %d failed, %d unknown, %v", got.ok, got.fail, got.info, got.kinds)
	}
	judgeClean(t, s.run.History, got)
	return s.w.Hash()
}

func (s *simulated) hurt(victim engine.NodeID, kind int64) {
	others := []engine.NodeID{}
	for n := engine.NodeID(1); n <= 110; n++ {
		if n != victim && (n <= 3 || n > 100 && n <= 109) {
			others = append(others, n)
		}
	}
	switch kind {
	case 0:
		s.w.Kill(victim)
	case 1:
		s.w.Cut([]engine.NodeID{victim}, others)
	case 2:
		s.w.Pause(victim)
	default:
		s.w.Clog([]engine.NodeID{victim}, others)
	}
}

// judgeClean is judgeDump for sends that acks=all makes safe.
func judgeClean(t *testing.T, h *history.History, got tally) {
	t.Helper()
	for _, e := range h.Events {
		if e.Kind != history.SendInvoked {
			continue
		}
		n := got.dump[e.Record]
		switch {
		case e.Acks == -1 && got.outcome[e.Record] == history.OK && n == 0:
			t.Fatalf("record %x acknowledged and lost", e.Record)
		case got.outcome[e.Record] == history.Fail && n > 0:
			t.Fatalf("record %x refused and there", e.Record)
		case e.Idempotent && n > 1:
			t.Fatalf("record %x of an idempotent producer is there %d times", e.Record, n)
		}
	}
}
