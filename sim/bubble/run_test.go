package bubble_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/sim/bubble"
	"trial/sim/cluster"
)

func TestARunThatEndsEarlyEndsItsClients(t *testing.T) {
	cfg := bubble.Config{Plan: quick(t, 1), Options: cluster.RunOptions{Until: 5000}}
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		defer conn.Close()
		cl := newClient(t, c, kgo.DefaultProduceTopic("t"), kgo.AllowIdempotentProduceCancellation())
		defer cl.Close()
		for c.Context().Err() == nil {
			_ = cl.ProduceSync(c.Context(), kgo.StringRecord("x")).FirstErr()
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still open")
		}
		if _, err := c.Dial("tcp", "n1:9092"); err == nil {
			t.Error("a broker still accepts")
		}
		if _, err := c.Kill("n1"); err == nil || !strings.Contains(err.Error(), "ended early") {
			t.Errorf("kill: %v", err)
		}
	})
}

// The plan's own clients and faults work beside a user's client, which has a topic
// of its own.
func TestThePlanGoesOnBesideTheClient(t *testing.T) {
	p, err := cluster.Draw(11, cluster.Options{Scenario: "acks-all", For: 20_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	res := bubble.Run(t, bubble.Config{Plan: p, Machines: []string{"app", "far"}}, func(t *testing.T, c *bubble.Cluster) {
		cl := newClient(t, c, kgo.Dialer(c.Machine("far").DialContext), kgo.DefaultProduceTopic("mine"))
		defer cl.Close()
		create(t, c, cl, "mine")
		for i := 0; c.Now() < 20*time.Second; i++ {
			if err := cl.ProduceSync(c.Context(), kgo.StringRecord("mine")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	if res.Acked == 0 || res.Delivered == 0 || res.Faults == 0 {
		t.Errorf("the plan's clients had %d records acknowledged and %d delivered, %d faults", res.Acked, res.Delivered, res.Faults)
	}
	if res.Verdict != cluster.Pass {
		t.Error(res.Sentence())
	}
}

func create(t *testing.T, c *bubble.Cluster, cl *kgo.Client, topic string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	tp := kmsg.NewCreateTopicsRequestTopic()
	tp.Topic, tp.NumPartitions, tp.ReplicationFactor = topic, 2, 3
	req.Topics = append(req.Topics, tp)
	if _, err := req.RequestWith(c.Context(), cl); err != nil {
		t.Fatal(err)
	}
}

func TestAFaultStrikesOneMachineOnly(t *testing.T) {
	cfg := bubble.Config{Plan: quick(t, 1), Machines: []string{"app", "far"}}
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		near := dial(t, c, "n1:9092")
		defer near.Close()
		far, err := c.Machine("far").Dial("tcp", "n1:9092")
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close()
		strike(t, c, "cut far | n1 for 5s")
		for _, conn := range []interface {
			Write([]byte) (int, error)
			SetReadDeadline(time.Time) error
		}{near, far} {
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := conn.Write(apiVersions(1)); err != nil {
				t.Fatal(err)
			}
		}
		if got := answer(t, near); got != 1 {
			t.Errorf("answer %d", got)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the machine that is cut off read: %v", err)
		}
		_ = far.SetReadDeadline(time.Time{})
		if got := answer(t, far); got != 1 || c.Now() < 5*time.Second {
			t.Errorf("answer %d at %v", got, c.Now())
		}
		strike(t, c, "kill far for 1s") // its clients' connections break; the clients live
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Error("the connection has outlived its machine's process")
		}
		again, err := c.Machine("far").Dial("tcp", "n1:9092")
		if err != nil {
			t.Fatal(err)
		}
		_ = again.Close()
	})
}

// hang names what a process of this test does that never ends.
const hang = "BUBBLE_TEST_HANG"

func TestWhatHangsIsEnded(t *testing.T) {
	for what, says := range map[string]string{
		"mutex":   "virtual time has stood still",
		"forever": "has not returned after 1m0s of virtual time",
	} {
		if os.Getenv(hang) == what {
			doHang(t, what)
		}
		if os.Getenv(hang) != "" {
			continue
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestWhatHangsIsEnded$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), hang+"="+what)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v, and the output does not say %q: %.2000s", what, err, says, out)
		}
	}
}

func doHang(t *testing.T, what string) {
	cfg := bubble.Config{Plan: quick(t, 1), Patience: 300 * time.Millisecond, Limit: time.Minute}
	bubble.Run(t, cfg, func(t *testing.T, c *bubble.Cluster) {
		if what == "forever" {
			conn := dial(t, c, "n1:9092")
			_, _ = conn.Read(make([]byte, 1)) // nobody says anything
		}
		var mu sync.Mutex
		mu.Lock()
		mu.Lock() // not what synctest calls blocked
	})
}
