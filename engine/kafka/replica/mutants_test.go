//go:build mutants

package replica

import (
	"testing"

	"trial/internal/mutant"
)

// Each planted bug must be noticed by the property's judge within a few thousand
// schedules that were made for none of them.
func TestPlantedBugsAreNoticed(t *testing.T) {
	for _, id := range []string{
		mutant.REP01, mutant.REP02, mutant.REP03, mutant.REP04, mutant.REP06, mutant.REP09, mutant.REP11,
		mutant.REP18, mutant.REP21, mutant.REP25, mutant.REP27, mutant.REP28, mutant.REP31, mutant.IDM04,
	} {
		t.Run(id, func(t *testing.T) {
			for seed := range uint64(max(400, propertySeeds(t))) {
				if j := huntOne(t, seed, id); j != "" {
					t.Logf("seed %d: %s", seed, j)
					return
				}
			}
			t.Errorf("nothing noticed")
		})
	}
}

// huntOne also counts a broken invariant as noticed.
func huntOne(t *testing.T, seed uint64, id string) (failed string) {
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok {
				failed = err.Error()
				return
			}
			panic(r)
		}
	}()
	return chaos(t, seed, id).failed
}
