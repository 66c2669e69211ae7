package simtest

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trial/client"
	"trial/faults"
	"trial/sim/cluster"
)

var orders = []Topic{{Name: "orders", Partitions: 2, Set: map[string]string{"min.insync.replicas": "2"}}}

// What a user writes, with everything that this package has words for.
func TestAUsersTest(t *testing.T) {
	runs := map[uint64]int{}
	Run(t, Config{Topics: orders, Seeds: 2}, func(c *Cluster) {
		runs[c.Seed()]++
		shop, audit := c.Producer("shop"), c.Consumer("audit", "orders")
		shop.SendEvery(20*time.Millisecond, 50, "orders", func(i int) (key, value string) { return fmt.Sprint(i % 5), fmt.Sprint("order ", i) })
		c.Await(LeaderElected("orders", 0), shop.Acked(5), audit.Delivered(5))
		leader := c.Leader("orders", 0)
		c.Check(c.Kill(leader), "%s cannot be killed", leader)
		c.Check(!c.Kill(leader), "%s was killed twice", leader)
		c.Await(LeaderIsNot(leader, "orders", 0))
		c.Start(leader)
		c.Await(Up(leader), ISRFull())
		c.Cut("n1", "rest")
		c.RunFor(time.Second)
		c.Heal("n1", "rest")
		c.Pause("controller")
		c.RunFor(3 * time.Second)
		c.Calm()
		c.Await(shop.Settled(), shop.Acked(50), audit.Delivered(50), audit.HasAllOf(shop), That("a controller", func() bool { return c.Controller() != "" }))
		last := map[string]string{} // per key, orders come in the order in which they were sent
		for _, r := range audit.Records() {
			if was, now := last[r.Key], r.Value; len(was) > len(now) || len(was) == len(now) && was >= now {
				c.Errorf("key %s: %q came after %q", r.Key, now, was)
			}
			last[r.Key] = r.Value
		}
		hw := int64(0)
		for p := range c.Partitions("orders") {
			hw += c.HighWatermark("orders", p)
		}
		c.Check(hw == 50, "the high watermarks add up to %d", hw)
		c.Must(c.CreateTopic(Topic{Name: "bills"}))
		c.Must(c.CreatePartitions("bills", 2))
		c.Must(c.SetTopicConfig("bills", "segment.ms", "60000"))
		c.Await(LeaderElected("bills", 1), ISRFull("bills"))
		bill := shop.SendTo("bills", 1, "", "a bill")
		c.Await(That("the bill", bill.Done))
		c.Check(bill.Acked() && bill.Partition() == 1 && bill.Offset() == 0 && bill.Err() == nil, "%+v", bill)
		c.Must(c.DeleteTopic("bills"))
		c.Check(c.DeleteTopic("bills") != nil, "bills was deleted twice")
	})
	for seed, n := range runs {
		if n != 2 {
			t.Errorf("%#x ran %d times", seed, n)
		}
	}
	if len(runs) != 2 {
		t.Errorf("%d seeds ran", len(runs))
	}
}

// try runs a function once, on the first seed of the test.
func try(t *testing.T, cfg Config, fn func(*Cluster) error) (*runner, attempt, outcome) {
	t.Helper()
	r := &runner{cfg: cfg.withDefaults(), fn: fn, name: t.Name(), pkg: "trial/sim/simtest"}
	_, file, _, _ := runtime.Caller(0)
	r.dirs = []string{path.Dir(file)}
	p, err := r.cfg.plan(Seeds(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	a := attempt{plan: p}
	return r, a, r.run(a, nil, "")
}

func send(c *Cluster) {
	p := c.Producer("p")
	p.Send("orders", "k", "v")
	c.Await(p.Acked(1))
}

func TestWhatCountsAsAFailure(t *testing.T) {
	calm := Config{Topics: orders}
	for _, x := range []struct {
		name string
		cfg  Config
		fn   func(*Cluster) error
		want string // of the first failure; "" none
	}{
		{"nothing", calm, func(c *Cluster) error { send(c); return nil }, ""},
		{"an error", calm, func(c *Cluster) error { send(c); c.Errorf("no %d", 1); return nil }, `^simtest_test.go:\d+: no 1 \(at `},
		{"an error that ends it", calm, func(c *Cluster) error { send(c); c.Fatalf("no"); panic("not reached") }, `^simtest_test.go:\d+: no `},
		{"a check", calm, func(c *Cluster) error { send(c); c.Check(false, "bad"); return nil }, `: bad`},
		{"a returned error", calm, func(c *Cluster) error { send(c); return errors.New("oh") }, `^the function returned: oh`},
		{"a panic", calm, func(c *Cluster) error { send(c); var none []int; return fmt.Errorf("%d", none[c.Seed()%7]) }, `^simtest_test.go:\d+: panic: runtime error: index out of range`},
		{"FailNow of a testing.T", calm, func(c *Cluster) error { send(c); (&testing.T{}).SkipNow(); return nil }, `FailNow of a testing.T`},
		{"waiting in vain", calm, func(c *Cluster) error {
			send(c)
			c.AwaitWithin(time.Second, c.Producer("q").Acked(3), ISRFull())
			return nil
		}, `^simtest_test.go:\d+: waited 1s in vain for: 3 records of q acknowledged \(0 of 0 sent\) \(at`},
		{"words without sense", calm, func(c *Cluster) error { c.Fault("kill n9 for 1s"); return nil }, `this cluster has n1, n2, n3`},
		{"a name twice", calm, func(c *Cluster) error { c.Producer("p"); c.Consumer("p"); return nil }, `the name is taken`},
		{"acks that are none", calm, func(c *Cluster) error { c.Producer("p", Acks("2")); return nil }, `acks must be 0, 1 or -1`},
		{"no such topic", calm, func(c *Cluster) error { c.Consumer("k", "bills"); return nil }, `there is no topic bills`},
		{"doing nothing", calm, func(c *Cluster) error { return nil }, `^no record was acknowledged or delivered`},
		{"doing nothing, if allowed", Config{Topics: orders, Idle: true}, func(c *Cluster) error { return nil }, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, _, o := try(t, x.cfg, x.fn)
			got := ""
			if len(o.fails) > 0 {
				got = o.fails[0].String()
			}
			if (x.want == "") != (got == "") || !regexp.MustCompile(x.want).MatchString(got) {
				t.Errorf("the failure is %q, want %q", got, x.want)
			}
		})
	}
}

// A leader that has acknowledged alone, acks=1, loses its disk's unsynced end: the
// configuration permits that.
func TestPermittedLossesFailLosslessTests(t *testing.T) {
	lose := func(c *Cluster) error {
		p := c.Producer("p", Acks("1"))
		c.Await(LeaderElected("orders", 0))
		old := c.Leader("orders", 0)
		c.Cut(old, "rest")
		s := p.SendTo("orders", 0, "", "lost")
		c.Await(That("the acknowledgement", s.Done))
		c.Await(LeaderIsNot(old, "orders", 0))
		return nil
	}
	if _, _, o := try(t, Config{Topics: orders}, lose); o.key() != "" || o.result.Lost != 1 {
		t.Errorf("without Lossless: %v, %d lost", o.fails, o.result.Lost)
	}
	if _, _, o := try(t, Config{Topics: orders, Lossless: true}, lose); o.key() != "lossless" || !strings.Contains(o.fails[0].text, "1 acknowledged records are lost") {
		t.Errorf("with Lossless: %v", o.fails)
	}
}

func TestNondeterminismIsSaidWithTheFirstCallThatDiffers(t *testing.T) {
	lives := 0
	r, a, first := try(t, Config{Topics: orders}, func(c *Cluster) error {
		lives++
		c.RunFor(time.Second)
		p := c.Producer("p")
		p.Send("orders", "", fmt.Sprint("life ", lives))
		c.Await(p.Acked(1))
		return nil
	})
	second := r.run(a, nil, "")
	why := differ(&first, &second)
	if !strings.Contains(why, "Call 3 of the function") || !strings.Contains(why, "sends to orders") || !strings.Contains(why, "no order of a map") {
		t.Errorf("it says: %s", why)
	}
	if second.script.calls = first.script.calls; !strings.Contains(differ(&first, &second), "trace hashes") {
		t.Errorf("equal calls, different hashes: %s", differ(&first, &second))
	}
	if why := differ(&first, &first); why != "" {
		t.Errorf("equal runs: %s", why)
	}
}

// needsBoth fails if the leader was killed and n1 paused, whatever else happened.
func needsBoth(c *Cluster) error {
	p := c.Producer("p")
	p.SendEvery(50*time.Millisecond, 20, "orders", func(i int) (string, string) { return "", fmt.Sprint(i) })
	c.Fault("reset n2 | n3")
	killed := c.Fault("kill leader of orders-0 for 1s")
	c.Fault("slow n1 | rest by 20ms for 2s")
	c.Await(p.Settled())
	paused := c.Fault("pause n1 for 1s")
	c.RunFor(3 * time.Second)
	c.Check(!killed || !paused, "killed and paused")
	return nil
}

func TestShrinkingLeavesOutTheFunctionsFaultsAndThePlans(t *testing.T) {
	r, a, o := try(t, Config{Topics: orders, Faults: Budget, ShrinkRuns: 40}, needsBoth)
	if o.key() == "" || len(a.plan.Faults) == 0 {
		t.Fatalf("failures %v, %d faults in the plan", o.fails, len(a.plan.Faults))
	}
	small, used := r.shrink(a, &o)
	if used == 0 || used > 40 || len(small.plan.Faults) != 0 || !slices.Equal(slices.Sorted(slices.Values(small.skip)), []int{1, 3}) {
		t.Errorf("%d runs, faults left in the plan:\n%sleft out of the function: %v", used, small.plan.Faults, small.skip)
	}
	again := r.run(small, nil, "")
	told := again.faults(9, used)
	if len(again.struck()) != 2 || !strings.Contains(told, "kill leader of orders-0 for 1s  (n") || !strings.Contains(told, "9 faults shrunk to 2 in") {
		t.Errorf("it tells:\n%s", told)
	}
}

func TestPlanFilesReadBack(t *testing.T) {
	p, err := Config{Topics: orders, Faults: Unbounded}.withDefaults().plan(5)
	if err != nil {
		t.Fatal(err)
	}
	a := attempt{plan: p, skip: []int{1, 3}}
	file := filepath.Join(t.TempDir(), "a.plan")
	if err := os.WriteFile(file, []byte(a.text("a story\nof two lines")), 0o666); err != nil {
		t.Fatal(err)
	}
	b, err := readPlan(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b, cmp.AllowUnexported(attempt{})); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"without 0\n" + p.String():    "line 1: without: \"0\"",
		"without x\n" + p.String():    "line 1: without: \"x\"",
		"without 1\nplam 1\n":         "line 2",
		p.String() + "  1s melt n1\n": "melt",
	} {
		if _, err := parsePlan(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestSeedsFollowFromTheTestsName(t *testing.T) {
	t.Setenv(envRuns, "")
	t.Setenv(envSeed, "")
	a := Seeds(t, 3)
	if b := Seeds(t, 3); !slices.Equal(a, b) || len(slices.Compact(slices.Sorted(slices.Values(a)))) != 3 {
		t.Errorf("%x, %x", a, b)
	}
	t.Run("another", func(t *testing.T) {
		if b := Seeds(t, 3); slices.Contains(b, a[0]) {
			t.Errorf("%x and %x share a seed", a, b)
		}
	})
	t.Setenv(envRuns, "5")
	if b := Seeds(t, 3); len(b) != 5 || !slices.Equal(a, b[:3]) {
		t.Errorf("SIM_RUNS=5: %x does not widen %x", b, a)
	}
	t.Setenv(envSeed, "0x2a")
	if b := Seeds(t, 3); !slices.Equal(b, []uint64{42}) {
		t.Errorf("SIM_SEED=0x2a: %x", b)
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for _, x := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "has no topic"},
		{Config{Topics: orders, Faults: "some"}, "simtest.Budget"},
		{Config{Topics: []Topic{{Name: "no blanks"}}}, "a name is 1 to 249"},
		{Config{Topics: []Topic{{Name: "t", Replicas: 5}}}, "with 3 brokers 1 to 3 are possible"},
		{Config{Topics: orders, Set: map[string]string{"min.insync.replica": "2"}}, "min.insync.replica"},
		{Config{Topics: orders, Plan: func(p *cluster.Plan) {
			p.Faults = faults.Schedule{{Action: faults.Kill, Left: []faults.Target{{Node: "n7"}}, For: 1}}
		}}, "n7"},
	} {
		if _, err := x.cfg.withDefaults().plan(1); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("error %v, want %q", err, x.want)
		}
	}
}

func TestWhatIsDrawnAndWhatIsNot(t *testing.T) {
	cfg := Config{Topics: orders, Faults: Unbounded, Set: map[string]string{"replica.lag.time.max.ms": "4000", "min.insync.replicas": "1"}}.withDefaults()
	lags := map[string]bool{}
	for seed := range uint64(20) {
		p, err := cfg.plan(seed)
		if err != nil {
			t.Fatal(err)
		}
		if p.Setting("replica.lag.time.max.ms") != "4000" || p.Config(&p.Topics[0], "min.insync.replicas") != "2" || p.Setting("unclean.leader.election.enable") != "" || len(p.Clients) != 0 {
			t.Errorf("seed %d:\n%s", seed, p.String())
		}
		lags[p.Setting("broker.session.timeout.ms")] = true
		for _, f := range p.Faults {
			if s := f.String(); strings.Contains(s, " of ") && !strings.Contains(s, " of orders-") {
				t.Errorf("a fault aims at another topic: %s", s)
			}
		}
	}
	if len(lags) < 5 {
		t.Errorf("timeouts that are not set must be drawn; there were %d", len(lags))
	}
}

func TestChangesOfAProducersConfig(t *testing.T) {
	_, _, o := try(t, Config{Topics: orders}, func(c *Cluster) error {
		big := c.Producer("p", func(cfg *client.ProducerConfig) { cfg.MaxRequestSize = 1000 })
		s := big.Send("orders", "", strings.Repeat("x", 2000))
		c.RunFor(time.Second)
		c.Check(s.Refused() && errors.Is(s.Err(), client.ErrRecordTooLarge) && !s.Unknown(), "%+v", s)
		send2 := big.Send("orders", "", "small")
		c.Await(That("the small one", send2.Acked))
		return nil
	})
	if o.key() != "" {
		t.Error(o.fails)
	}
}
