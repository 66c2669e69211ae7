package bubble_test

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"trial/checks"
	"trial/sim/bubble"
	"trial/sim/cluster"
)

func newClient(t *testing.T, c *bubble.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// quick is a cluster of three brokers with short timeouts and no faults of its own.
func quick(t *testing.T, seed uint64) cluster.Plan {
	t.Helper()
	p, err := bubble.Draw(seed, cluster.Options{Scenario: "elections"})
	if err != nil {
		t.Fatal(err)
	}
	p.Topics[0].Partitions = 3
	p.Faults = nil
	return p
}

func TestAnUnmodifiedClientProducesAndReads(t *testing.T) {
	wall := time.Now()
	res := bubble.Run(t, bubble.Config{Plan: quick(t, 1)}, func(t *testing.T, c *bubble.Cluster) {
		cl := newClient(t, c, kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"))
		defer cl.Close()
		for i := range 100 {
			if err := cl.ProduceSync(c.Context(), &kgo.Record{Value: binary.BigEndian.AppendUint64(nil, uint64(i))}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for n := 0; n < 100; {
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			fs := cl.PollFetches(ctx)
			cancel()
			if err := fs.Err(); err != nil {
				t.Fatal(err)
			}
			n += fs.NumRecords()
		}
	})
	if res.Verdict != cluster.Pass || res.Open != 0 {
		t.Errorf("%v, %d connections open", res.Sentence(), res.Open)
	}
	for _, rule := range []string{"W1", "V1", "V4", "C1"} { // the judges were there
		if !slices.ContainsFunc(res.Evaluations, func(e checks.Evaluation) bool { return e.Rule == rule && e.Evaluated > 0 }) {
			t.Errorf("rule %s was never evaluated", rule)
		}
	}
	t.Logf("%d events, %+v, %v of virtual time in %v", res.Events, res.Stats, res.Virtual, time.Since(wall))
}
