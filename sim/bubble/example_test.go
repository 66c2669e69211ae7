package bubble_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"trial/sim/bubble"
	"trial/sim/bubble/acked"
	"trial/sim/cluster"
)

// docs/CLIENTS.md shows the test below word by word.
func TestTheDocumentShowsATestThatPasses(t *testing.T) {
	page, err := os.ReadFile("../../docs/CLIENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(source, []byte("func TestMyProducer"))
	if !bytes.Contains(page, source[at:]) {
		t.Error("docs/CLIENTS.md shows another test than the one below")
	}
}

func TestMyProducerLosesNothing(t *testing.T) {
	plan, err := bubble.Draw(1, cluster.Options{Scenario: "elections"}) // three brokers, a topic t
	if err != nil {
		t.Fatal(err)
	}
	plan.Faults = nil // the drawn ones strike, too, if you leave them
	bubble.Run(t, bubble.Config{Plan: plan}, func(t *testing.T, c *bubble.Cluster) {
		rec := acked.NewRecorder()
		reach := []kgo.Opt{kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext)}
		cl, err := kgo.NewClient(append(reach, kgo.DefaultProduceTopic("t"), kgo.WithHooks(rec))...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close() // before the function returns

		go func() {
			for c.Context().Err() == nil && c.Now() < time.Minute {
				cl.Produce(c.Context(), kgo.StringRecord("hello"), nil)
				time.Sleep(20 * time.Millisecond)
			}
		}()
		time.Sleep(10 * time.Second) // virtual: it costs milliseconds
		node, err := c.Kill("leader of t-0")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := c.Start(node); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := c.Heal(); err != nil { // from now on no fault, not even of the plan
			t.Fatal(err)
		}
		if err := cl.Flush(c.Context()); err != nil {
			t.Fatal(err)
		}
		if err := rec.Check(c.Context(), reach...); err != nil { // reads every partition to its end
			t.Error(err)
		}
	})
}
