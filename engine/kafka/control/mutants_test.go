//go:build mutants

package control

import (
	"strings"
	"testing"

	"trial/clock"
	"trial/internal/mutant"
)

// Each planted bug of the quorum must break its rule within a few storms, and the
// same storms must pass without it (TestTheQuorumSurvivesStorms).
func TestQuorumMutantsBreakTheirRules(t *testing.T) {
	for id, want := range map[string][]string{
		mutant.CTL01: {"synced holders", "below its high watermark", "committed batch"},
		mutant.CTL02: {"twice", "names two batches"},
		mutant.CTL04: {"votes for", "two leaders"},
		mutant.CTL09: {"applies metadata", "another image"},
	} {
		t.Run(id, func(t *testing.T) {
			for seed := range uint64(2000) {
				if hit := brokenBy(t, seed, id, want); hit != "" {
					t.Logf("seed %d: %s", seed, hit)
					return
				}
			}
			t.Errorf("no storm shows %s", id)
		})
	}
}

func brokenBy(t *testing.T, seed uint64, id string, want []string) (hit string) {
	defer func() {
		if v := recover(); v != nil {
			hit = "assertion" // must.Hold, after the fact was told
		}
	}()
	w := newWorld(t, seed, 3, 4, false, func(c *Config) { c.Mutant = id }).start()
	defer func() {
		for _, b := range w.rules.broken {
			for _, s := range want {
				if strings.Contains(b, s) {
					hit = b
				}
			}
		}
	}()
	storm(w, 60)
	w.calm()
	w.Run(10 * clock.Second)
	return hit
}

func TestWithoutCheckQuorumAnIsolatedLeaderLingers(t *testing.T) {
	w := newWorld(t, 3, 3, 3, false, func(c *Config) { c.Mutant = mutant.CTL05 }).start()
	first := w.awaitLeader(clock.Second)
	w.Isolate(w.nodes[first-1].ID())
	w.Run(30 * clock.Second)
	if !w.prog(first).node.Active() {
		t.Error("the mutant resigned")
	}
}
