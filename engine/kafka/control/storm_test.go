package control

import (
	"fmt"
	"testing"

	"trial/clock"
)

func brokerStorm(t *testing.T, seed uint64, opts ...option) *testWorld {
	w := newWorld(t, seed, 3, 4, true, opts...).start()
	w.ready(2 * clock.Second)
	w.create("t", 6, 3, "min.insync.replicas", "2")
	w.create("u", 2, 1)
	w.create("v", 4, 2, "unclean.leader.election.enable", "true")
	storm(w, 60)
	w.calm()
	return w
}

func TestBrokersComeBackFromStorms(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 6
	}
	changes := 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := brokerStorm(t, seed, func(c *Config) { c.ELR = seed%2 == 1 })
			// V2 and V3: an election, the old sessions, a registration, a heartbeat.
			w.Run(22*clock.Second + 9*clock.Second + 4*clock.Second)
			w.ready(0)
			for _, top := range w.image().Topics() {
				for id, p := range top.Partitions {
					if p.Leader < 0 || len(p.ISR) != len(p.Replicas) || len(p.ELR) != 0 {
						t.Errorf("%s-%d has not recovered: %+v", top.Name, id, *p)
					}
				}
			}
			for i := range w.nodes {
				if a, b := w.prog(i+1).node.Image(), w.image(); a.Offset() == b.Offset() && a.Hash() != b.Hash() {
					t.Errorf("node %d has another image", i+1)
				}
			}
			w.rules.check()
			changes += w.rules.seen["isr"]
		})
	}
	if changes < int(seeds)*5 {
		t.Errorf("%d ISR changes in %d storms: the test shows little", changes, seeds)
	}
}
