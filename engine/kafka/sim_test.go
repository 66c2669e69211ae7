package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/configs"
	"trial/sim"
)

// simulated is a cluster of three brokers and a caller in the simulator.
type simulated struct {
	t       testing.TB
	w       *sim.World
	brokers [3]*Broker
	client  *caller
}

func newSimulated(t testing.TB, seed uint64, buggify int64, settings map[string]string) *simulated {
	s := &simulated{t: t, client: &caller{}}
	s.client.w = s
	opt := sim.Options{Seed: seed, Poison: true, Buggify: sim.Buggify{Active: buggify}}
	for i := range 3 {
		cfg := Config{NodeID: int32(i + 1), ClusterID: "AAAAAAAAAAAAAAAAAAAAAQ", Settings: settings,
			Listeners: Listeners{fmt.Sprintf("n%d:9092", i+1), fmt.Sprintf("n%d:9093", i+1)}}
		for j := range 3 {
			cfg.Voters = append(cfg.Voters, Voter{int32(j + 1), fmt.Sprintf("n%d:9093", j+1)})
		}
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{
			ID: engine.NodeID(i + 1), Volumes: 1, Listeners: []string{cfg.Listeners.Client, cfg.Listeners.Controller},
			Factory: func() engine.Program {
				s.brokers[i] = New(cfg)
				return s.brokers[i]
			},
		})
	}
	opt.Nodes = append(opt.Nodes, sim.NodeSpec{ID: 101, Factory: func() engine.Program { return s.client }})
	opt.OnLog = func(at clock.Instant, node engine.NodeID, level engine.Level, line string) {
		if testing.Verbose() && level >= engine.Info {
			t.Logf("%s n%d %s", at, node, line)
		}
	}
	s.w = sim.New(opt)
	for _, n := range opt.Nodes {
		s.w.Start(n.ID)
	}
	s.until("client", clock.Second, func() bool { return s.client.h != nil })
	return s
}

func (s *simulated) tb() testing.TB { return s.t }

func (s *simulated) until(what string, limit clock.Duration, ok func() bool) {
	s.t.Helper()
	end := s.w.Now().Add(limit)
	for !ok() {
		at, more := s.w.NextAt()
		if v := s.w.Violation(); v != nil {
			s.t.Fatalf("%s: %v\n%s", what, v, v.Stack)
		}
		if !more || at > end {
			s.t.Fatalf("%s: not within %s (now %s)", what, limit, s.w.Now())
		}
		s.w.Step()
	}
}

func (s *simulated) do(f func()) {
	done := false
	s.w.Call(101, func(engine.Host) { f(); done = true })
	s.until("call", clock.Second, func() bool { return done })
}

func (s *simulated) run(d clock.Duration) {
	s.t.Helper()
	s.w.RunUntil(s.w.Now().Add(d))
	if v := s.w.Violation(); v != nil {
		s.t.Fatalf("%v\n%s", v, v.Stack)
	}
}

// running are the indexes of brokers that serve.
func (s *simulated) running() []int {
	var up []int
	for i, b := range s.brokers {
		if s.w.Running(engine.NodeID(i+1)) && b.lifecycle.state == Running {
			up = append(up, i)
		}
	}
	return up
}

// leader is the index of the leader of t-0 as a running broker sees it, -1 for none.
func (s *simulated) leader() int {
	for _, i := range s.running() {
		if p := s.brokers[i].image.Partition("t", 0); p != nil && p.Leader > 0 {
			return int(p.Leader) - 1
		}
	}
	return -1
}

func (s *simulated) create() [16]byte {
	s.t.Helper()
	s.until("all brokers run", 10*clock.Second, func() bool { return len(s.running()) == 3 })
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10000
	ct := kmsg.NewCreateTopicsRequestTopic()
	ct.Topic, ct.NumPartitions, ct.ReplicationFactor = "t", 1, 3
	cf := kmsg.NewCreateTopicsRequestTopicConfig()
	cf.Name, cf.Value = "min.insync.replicas", kmsg.StringPtr("2")
	ct.Configs = append(ct.Configs, cf)
	req.Topics = append(req.Topics, ct)
	resp := s.client.dial("n1:9092").call(req, 7).(*kmsg.CreateTopicsResponse)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		s.t.Fatalf("creation: code %d", code)
	}
	return resp.Topics[0].TopicID
}

// whole reports that all three replicas are in sync and equal.
func (s *simulated) whole(id [16]byte) bool {
	if len(s.running()) < 3 {
		return false
	}
	l := s.leader()
	if l < 0 {
		return false
	}
	lead := s.brokers[l].parts.get(id, 0)
	for _, b := range s.brokers {
		p, h := b.image.Partition("t", 0), b.parts.get(id, 0)
		if p == nil || len(p.ISR) != 3 || h == nil || lead == nil || h.phase != online || lead.phase != online ||
			h.log.End() != lead.log.End() || h.part.HW() != lead.log.End() {
			return false
		}
	}
	return true
}

// produce sends a record and reports whether it was acknowledged within two seconds.
func (s *simulated) produce(id [16]byte, value string) bool {
	l := s.leader()
	if l < 0 {
		s.run(clock.Second)
		return false
	}
	conn := s.client.dial(fmt.Sprintf("n%d:9092", l+1))
	req := produceReq("t", id, 0, -1, batch(value))
	req.Version = 13
	conn.send(req)
	end := s.w.Now().Add(2 * clock.Second)
	for len(conn.frames) == 0 && conn.closed == nil && s.w.Now() < end {
		s.run(5 * clock.Millisecond)
	}
	if len(conn.frames) == 0 {
		return false
	}
	return conn.receive(req, 0).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0
}

func (s *simulated) readAll(id [16]byte) []string {
	s.t.Helper()
	var out []string
	conn := s.client.dial(fmt.Sprintf("n%d:9092", s.leader()+1))
	for {
		p := conn.call(fetchReq("t", id, 0, int64(len(out)), 0, 1), 17).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if p.ErrorCode != 0 {
			s.t.Fatalf("fetch from %d: code %d", len(out), p.ErrorCode)
		}
		got := values(s.t, p.RecordBatches)
		if len(got) == 0 {
			return out
		}
		out = append(out, got...)
	}
}

func TestTheSimulatedClusterServesWithinAHundredMilliseconds(t *testing.T) {
	s := newSimulated(t, 1, 0, nil)
	s.until("all brokers run", 10*clock.Second, func() bool { return len(s.running()) == 3 })
	if s.w.Now().Ms() > 100 {
		t.Errorf("serving only after %s", s.w.Now())
	}
}

// TestASimulatedClusterSurvivesPowerFailures lets one broker at a time lose its
// power, be killed, cut off or paused, with rare choices of the engine switched
// on. What was acknowledged by all must be there in the end, on all replicas, and
// the same seed must give the same run.
func TestASimulatedClusterSurvivesPowerFailures(t *testing.T) {
	seeds := 10
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, b := trouble(t, uint64(seed)), trouble(t, uint64(seed))
			if a != b {
				t.Errorf("one seed, two runs: %x and %x", a, b)
			}
		})
	}
}

func trouble(t *testing.T, seed uint64) uint64 {
	s := newSimulated(t, seed, 30, map[string]string{"replica.lag.time.max.ms": "3000", configs.InternalSegmentBytes: "700"})
	id := s.create()
	rnd := engine.NewStream(seed, "trouble")
	var acked []string
	next := 0
	produce := func() {
		v := fmt.Sprintf("r%d", next)
		next++
		if s.produce(id, v) {
			acked = append(acked, v)
		}
	}
	for range 8 {
		s.until("whole", 120*clock.Second, func() bool { return s.whole(id) })
		for range rnd.N(5) {
			produce()
		}
		victim := engine.NodeID(rnd.Pick(3) + 1)
		var others []engine.NodeID
		for n := engine.NodeID(1); n <= 3; n++ {
			if n != victim {
				others = append(others, n)
			}
		}
		others = append(others, 101)
		switch rnd.N(5) {
		case 0, 1:
			s.w.PowerFail(victim)
		case 2:
			s.w.Kill(victim)
		case 3:
			s.w.Cut([]engine.NodeID{victim}, others)
		case 4:
			s.w.Pause(victim)
		}
		for range rnd.N(4) {
			produce()
		}
		s.run(clock.Ms(rnd.N(15000)))
		s.w.Resume(victim)
		s.w.HealAll()
		s.w.Start(victim)
		produce()
	}
	s.until("whole", 120*clock.Second, func() bool { return s.whole(id) })
	got := s.readAll(id)
	for _, v := range acked {
		if !slices.Contains(got, v) {
			t.Errorf("%s was acknowledged and is gone; read %v", v, got)
		}
	}
	if len(acked) < 8 {
		t.Errorf("only %d records were acknowledged", len(acked))
	}
	for _, b := range s.brokers[1:] {
		if !slices.Equal(s.brokers[0].parts.get(id, 0).log.Batches(), b.parts.get(id, 0).log.Batches()) {
			t.Errorf("replicas of %d and 1 differ", b.cfg.NodeID)
		}
	}
	return s.w.Hash()
}
