package client_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/client"
	"trial/clock"
	"trial/internal/mutant"
)

// With SYN-L6 a consumer whose answers are cut at the size limit passes records over.
func TestMutantSYNL6PassesRecordsOver(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("needs the build tag mutants")
	}
	w := newWorld(t, 1, 3)
	top := w.cluster.create("t", 1)
	top.parts[0].fill(30)
	r := startConsumer(w, func(cfg *client.ConsumerConfig) { cfg.MaxPartitionFetchBytes, cfg.Mutant = 100, mutant.SynL6 })
	r.h.event(0, func() { r.k.Assign("t", 0, client.OffsetEarliest) })
	w.runUntil(clock.Instant(10*clock.Second), func() bool { return r.at(0) == 30 })
	if got := len(r.got[0]); got == 0 || got >= 30 || r.at(0) != 30 {
		t.Errorf("got %d records, position %d", got, r.at(0))
	}
	if w.probes["mutant.reached"] == 0 || w.probes["mutant.infected"] == 0 {
		t.Errorf("probes %v", w.probes)
	}
}

// With SYN-V8 a message whose time runs out between two attempts never completes.
func TestMutantSYNV8ForgetsMessages(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("needs the build tag mutants")
	}
	for _, id := range []string{"", mutant.SynV8} {
		w := newWorld(t, 1, 3)
		w.cluster.create("t", 1)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if _, ok := req.(*kmsg.ProduceRequest); ok {
				return refuse
			}
			return none
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.RequestTimeout, cfg.DeliveryTimeout, cfg.Mutant = clock.Second, 3*clock.Second, id
		r := startProducer(w, cfg)
		r.h.event(0, func() { r.send("t", 0) })
		w.runUntil(clock.Instant(clock.Minute), nil)
		if r.msgs[0].done != (id == "") {
			t.Errorf("mutant %q: done %v", id, r.msgs[0].done)
		}
		if id != "" && (w.probes["mutant.reached"] == 0 || w.probes["mutant.infected"] == 0) {
			t.Errorf("probes %v", w.probes)
		}
	}
}
