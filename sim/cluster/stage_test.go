package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"trial/client"
	"trial/clock"
	"trial/engine"
)

// still is a plan without clients and faults, of one topic.
func still(t *testing.T, topic string) Plan {
	t.Helper()
	p, err := Draw(7, Options{Scenario: "calm"})
	if err != nil {
		t.Fatal(err)
	}
	p.Clients = nil
	p.Topics = []Topic{{Name: topic, Partitions: 2, Replicas: 3, Configs: []Setting{{"min.insync.replicas", "2"}}}}
	p.Settings = nil
	p.Set("replica.lag.time.max.ms", "3000")
	return p
}

// stage opens a stage on which every partition is led and in sync.
func stage(t *testing.T, p Plan) *Stage {
	t.Helper()
	s := Open(p, RunOptions{})
	ok(t, s.AwaitReady(clock.Minute))
	return s
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStageThatIsLeftAloneIsARun(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		p, err := Draw(seed, Options{Mode: Unbounded, For: 8 * clock.Second})
		ok(t, err)
		want := Run(p, RunOptions{})
		s := Open(p, RunOptions{})
		_ = s.RunFor(3 * clock.Second)
		_ = s.Await("nothing", 2*clock.Second, func() bool { return false })
		_ = s.RunFor(clock.Duration(p.For) - clock.Duration(s.Now()))
		got := s.Finish()
		if got.Hash != want.Hash || got.Sentence() != want.Sentence() || got.Acked != want.Acked {
			t.Errorf("seed %d: the stage came to %#x %s, the run to %#x %s", seed, got.Hash, got.Sentence(), want.Hash, want.Sentence())
		}
	}
}

// scene is what a caller does on a stage: send, kill the leader, wait, read.
func scene(t *testing.T, p Plan) (story string, r Result) {
	s := stage(t, p)
	var b strings.Builder
	s.OnFact(func(at clock.Instant, node string, f engine.Fact) {
		if f.FactName() == "lead" {
			fmt.Fprintf(&b, "%v %s leads\n", at, node)
		}
	})
	shop, err := s.Producer("shop")
	ok(t, err)
	audit, err := s.Consumer("audit")
	ok(t, err)
	audit.Assign("orders", 0, FromStart)
	for i := range 20 {
		shop.Send("orders", 0, []byte("k"), fmt.Appendf(nil, "order %d", i))
	}
	ok(t, s.Await("the first order acknowledged", 10*clock.Second, func() bool { return shop.Sent()[0].OK() }))
	was, _ := s.Leader("orders", 0)
	ok(t, s.Fault("kill leader of orders-0 for 4s"))
	for i := range 20 {
		shop.Send("orders", 0, nil, fmt.Appendf(nil, "late %d", i))
	}
	ok(t, s.Await("another leader", 30*clock.Second, func() bool { n, led := s.Leader("orders", 0); return led && n != was }))
	ok(t, s.Await("all sent", 60*clock.Second, func() bool { return shop.Open() == 0 }))
	ok(t, s.Await("all read", 60*clock.Second, func() bool { return len(audit.Records()) >= 40 }))
	for i, r := range audit.Records() {
		want := fmt.Sprintf("order %d", i)
		if i >= 20 {
			want = fmt.Sprintf("late %d", i-20)
		}
		if string(r.Value) != want || r.Offset != int64(i) || (string(r.Key) == "k") != (i < 20) {
			t.Fatalf("record %d is %q %q at %d, want %q", i, r.Key, r.Value, r.Offset, want)
		}
	}
	return b.String(), s.Finish()
}

func TestCallersDriveAStage(t *testing.T) {
	p := still(t, "orders")
	story, r := scene(t, p)
	if r.Failed() || r.Acked != 40 || r.Delivered != 40 || r.Elections == 0 {
		t.Fatalf("%s: acked %d, delivered %d, elections %d\n%s", r.Sentence(), r.Acked, r.Delivered, r.Elections, story)
	}
	again, r2 := scene(t, p)
	if r2.Hash != r.Hash || again != story {
		t.Errorf("the same calls came to %#x and %#x", r.Hash, r2.Hash)
	}
	if rules := evaluated(&r); !strings.Contains(rules, "L3 ") || !strings.Contains(rules, "LIN ") {
		t.Errorf("the judges of histories did not look: %s", rules)
	}
}

func evaluated(r *Result) string {
	var b strings.Builder
	for _, e := range r.Evaluations {
		if e.Evaluated > 0 {
			b.WriteString(e.Rule + " ")
		}
	}
	return b.String()
}

func TestFaultsByHand(t *testing.T) {
	s := stage(t, still(t, "orders"))
	shop, err := s.Producer("shop")
	ok(t, err)
	for _, step := range []struct {
		do   func() error
		want string // of the error
	}{
		{func() error { return s.Kill("n1") }, ""},
		{func() error { return s.Kill("n1") }, "down already"},
		{func() error { return s.Start("n1") }, ""},
		{func() error { return s.Start("n1") }, "runs already"},
		{func() error { return s.Pause("controller") }, ""},
		{func() error { return s.RunFor(clock.Second) }, ""},
		{func() error { return s.Resume("n1, n2, n3") }, ""},
		{func() error { return s.Cut("n3", "rest") }, ""},
		{func() error { return s.Kill("nobody") }, "this cluster has n1, n2, n3, shop"},
		{func() error { return s.Kill("leader of orders-9") }, "nobody plays that role"},
		{func() error { return s.Fault("kill shop") }, "must say how long"},
		{func() error { return s.Fault("2s kill shop for 1s") }, "unknown action"},
		{func() error { return s.Fault("kill shop for 1s") }, ""},
		{func() error { _, err := s.Producer("shop"); return err }, "taken"},
		{func() error { _, err := s.Consumer("leader"); return err }, "word"},
		{func() error { return s.Await("a miracle", clock.Second, func() bool { return false }) }, "a miracle: still not so 1s later"},
		{func() error { return s.Heal("n3", "rest") }, ""},
		{func() error { return s.AwaitReady(clock.Minute) }, ""},
	} {
		err := step.do()
		if (step.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Fatalf("got %v, want %q", err, step.want)
		}
	}
	sent := shop.Send("orders", 0, nil, []byte("x"))
	ok(t, s.Await("the record acknowledged", 10*clock.Second, sent.OK))
	if r := s.Finish(); r.Failed() || r.Faults < 3 {
		t.Errorf("%s, %d faults", r.Sentence(), r.Faults)
	}
	if err := s.RunFor(clock.Second); !errors.Is(err, errFinished) {
		t.Errorf("a finished stage goes on: %v", err)
	}
}

func TestAFaultByHandMayWaitForItsAnchor(t *testing.T) {
	s := stage(t, still(t, "orders"))
	var struck []string
	s.OnFault(func(f Struck) {
		if f.Skipped == "" && !f.Ended {
			struck = append(struck, f.Fault.String())
		}
	})
	shop, err := s.Producer("shop")
	ok(t, err)
	ok(t, s.Fault("after 3 confirmed sends of shop: kill leader of orders-0 for 2s"))
	for i := range 4 {
		if got := len(struck); got != max(0, i-2) {
			t.Fatalf("%d faults struck after %d records", got, i)
		}
		m := shop.Send("orders", 0, nil, []byte("x"))
		if i < 3 {
			ok(t, s.Await("the record", 10*clock.Second, m.OK))
		}
	}
	if err := s.Fault("after 3 acks of bills-0: kill n1 for 2s"); err == nil {
		t.Error("an anchor at a topic that is not there was taken")
	}
	if r := s.Finish(); r.Failed() || r.Acked != 4 {
		t.Errorf("%s, acked %d", r.Sentence(), r.Acked)
	}
}

func TestAKilledClientKnowsNothingOfWhatItHadUnderWay(t *testing.T) {
	s := stage(t, still(t, "orders"))
	shop, err := s.Producer("shop", func(c *client.ProducerConfig) { c.Linger = clock.Second })
	ok(t, err)
	audit, err := s.Consumer("audit")
	ok(t, err)
	audit.Assign("orders", 1, FromStart)
	a := shop.Send("orders", 1, nil, []byte("a"))
	ok(t, s.Await("a", 10*clock.Second, a.OK))
	ok(t, s.Await("a read", 10*clock.Second, func() bool { return len(audit.Records()) == 1 }))
	b := shop.Send("orders", 1, nil, []byte("b"))
	ok(t, s.RunFor(100*clock.Millisecond))
	ok(t, s.Kill("shop"))
	if b.OK() || !errors.Is(b.Err, ErrCrashed) {
		t.Errorf("b: %+v", b)
	}
	if c := shop.Send("orders", 1, nil, []byte("c")); !errors.Is(c.Err, ErrDown) {
		t.Errorf("c: %+v", c)
	}
	ok(t, s.Start("shop"))
	ok(t, s.Kill("audit"))
	ok(t, s.Start("audit"))
	d := shop.Send("orders", 1, nil, []byte("d"))
	ok(t, s.Await("d", 10*clock.Second, d.OK))
	ok(t, s.Await("a and d read", 10*clock.Second, func() bool { return len(audit.Records()) == 2 }))
	if r := s.Finish(); r.Failed() {
		t.Error(r.Sentence())
	}
}

func TestAnAdminOnAStage(t *testing.T) {
	s := stage(t, still(t, "orders"))
	admin, err := s.Admin("ops")
	ok(t, err)
	shop, err := s.Producer("shop")
	ok(t, err)
	do := func(a *Asked) {
		t.Helper()
		ok(t, s.Await(a.What, 30*clock.Second, a.Done))
		if !a.OK() {
			t.Fatalf("%s: %v", a.What, a.Err)
		}
	}
	do(admin.CreateTopic(Topic{Name: "bills", Partitions: 1, Replicas: 3, Configs: []Setting{{"min.insync.replicas", "2"}}}))
	do(admin.CreatePartitions("bills", 3))
	do(admin.SetTopicConfig("bills", "segment.ms", "60000"))
	do(admin.SetBrokerConfig(0, "log.roll.ms", "60000"))
	ok(t, s.AwaitReady(clock.Minute))
	for i := range int32(3) {
		shop.Send("bills", i, nil, []byte("bill"))
	}
	ok(t, s.Await("all acknowledged", 30*clock.Second, func() bool { return shop.Open() == 0 }))
	end := admin.Offset("bills", 2, FromEnd)
	do(end)
	if end.Offset != 1 {
		t.Errorf("the end is %d, want 1", end.Offset)
	}
	leader, _ := s.Leader("bills", 2)
	if hw, leo, found := s.Ends(leader, "bills", 2); hw != 1 || leo != 1 || !found {
		t.Errorf("%s has hw %d, leo %d, %v", leader, hw, leo, found)
	}
	if isr := s.ISR("bills", 2); len(isr) != 3 {
		t.Errorf("ISR %v", isr)
	}
	do(admin.DeleteTopic("orders"))
	if a := admin.DeleteTopic("orders"); s.Await("refused", 30*clock.Second, a.Done) != nil || a.OK() {
		t.Errorf("deleted twice: %+v", a)
	}
	if r := s.Finish(); r.Failed() || r.Acked != 3 {
		t.Errorf("%s, acked %d", r.Sentence(), r.Acked)
	}
}
