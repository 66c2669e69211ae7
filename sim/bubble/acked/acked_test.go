package acked_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"trial/sim/bubble"
	"trial/sim/bubble/acked"
	"trial/sim/cluster"
)

// isolated produces for a while around the instant at which the leader of t-0 loses
// sight of the other brokers, but not of the client, and returns what Check says.
func isolated(t *testing.T, acks kgo.Acks, more ...kgo.Opt) error {
	p, err := bubble.Draw(3, cluster.Options{Scenario: "elections", Mode: cluster.Unbounded})
	if err != nil {
		t.Fatal(err)
	}
	p.Faults, p.Topics[0].Partitions, p.Topics[0].Configs = nil, 1, []cluster.Setting{{Key: "min.insync.replicas", Value: "2"}}
	p.Set("unclean.leader.election.enable", "false")
	var verdict error
	bubble.Run(t, bubble.Config{Plan: p}, func(t *testing.T, c *bubble.Cluster) {
		rec := acked.NewRecorder()
		reach := []kgo.Opt{kgo.SeedBrokers(c.Addrs()...), kgo.Dialer(c.DialContext)}
		cl, err := kgo.NewClient(append(append(reach, kgo.DefaultProduceTopic("t"), kgo.WithHooks(rec), kgo.RequiredAcks(acks)), more...)...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		for i := range 200 {
			if i == 50 {
				if err := c.Strike("cut leader of t-0 | rest for 30s"); err != nil {
					t.Fatal(err)
				}
			}
			cl.Produce(c.Context(), &kgo.Record{Key: []byte("k"), Value: binary.BigEndian.AppendUint64(nil, uint64(i))}, nil)
			time.Sleep(50 * time.Millisecond)
		}
		if err := cl.Flush(c.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Heal(); err != nil {
			t.Fatal(err)
		}
		if rec.Len() < 150 {
			t.Errorf("only %d of 200 records were acknowledged", rec.Len())
		}
		verdict = rec.Check(c.Context(), reach...)
	})
	return verdict
}

func TestWhatAllReplicasAcknowledgedIsThere(t *testing.T) {
	if err := isolated(t, kgo.AllISRAcks()); err != nil {
		t.Error(err)
	}
}

func TestWhatOnlyAnIsolatedLeaderAcknowledgedIsMissed(t *testing.T) {
	err := isolated(t, kgo.LeaderAck(), kgo.DisableIdempotentWrite())
	if err == nil || !strings.Contains(err.Error(), "acknowledged records") {
		t.Fatalf("Check says %v, although acks=1 was answered by a leader that nobody followed", err)
	}
	t.Log(err)
}

func TestARecorderThatSawNothingMissesNothing(t *testing.T) {
	if err := acked.NewRecorder().Check(t.Context()); err != nil {
		t.Error(err)
	}
}
