package client_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/internal/mutant"
)

// With CLI-03 a producer that promises order by one request in flight sends the
// second batch while the first waits for its retry.
func TestMutantCLI03Reorders(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("needs the build tag mutants")
	}
	reordered, infected := 0, 0
	for seed := uint64(0); seed < 20; seed++ {
		w := newWorld(t, seed, 3)
		top := w.cluster.create("t", 1)
		w.cluster.fault = func(_ *broker, req kmsg.Request) fault {
			if w.rng.Chance(1, 5) {
				return refuse
			}
			return none
		}
		cfg := client.DefaultProducerConfig(w.cluster.bootstrap()...)
		cfg.EnableIdempotence, cfg.MaxInFlight, cfg.Mutant = false, 1, mutant.CLI03
		r := startProducer(w, cfg)
		r.pace("t", 1, 200, 10*clock.Millisecond)
		r.finish(200, clock.Instant(10*clock.Minute))
		values, _ := top.parts[0].values()
		for i := 1; i < len(values); i++ {
			if values[i] < values[i-1] {
				reordered++
			}
		}
		infected += w.probes["mutant.infected"]
	}
	if reordered == 0 || infected == 0 {
		t.Fatalf("reordered %d times, infected %d times", reordered, infected)
	}
}

// With IDM-08 a producer's second batch is on its way before its first one has
// landed; a broker without state takes it, although it refused the first.
func TestMutantIDM08Overtakes(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("needs the build tag mutants")
	}
	for _, id := range []string{"", mutant.IDM08} {
		w, r := refuseFirstBatch(t, func(cfg *client.ProducerConfig) { cfg.Mutant = id })
		lost := r.msgs[0].r.Outcome != history.OK
		if lost != (id != "") || (w.probes["mutant.infected"] > 0) != (id != "") {
			t.Errorf("mutant %q: the first batch %v, probes %v", id, r.msgs[0].r.Outcome, w.probes)
		}
	}
}
