//go:build mutants

package replica

import (
	"testing"

	"trial/clock"
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

// With LOG-10 a consumer that waited at the end of the log gets what lies above
// the high watermark.
func TestLOG10ServesWhatIsNotCommitted(t *testing.T) {
	for _, id := range []string{"", mutant.LOG10} {
		c := soloLeader(t, id)
		n := c.leader()
		a := FetchArgs{MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: -1, LastFetchedEpoch: -1, Follower: -1, FollowerEpoch: -1}
		first := n.p.Fetch(a)
		if !first.AtEnd {
			t.Fatalf("an empty log: %+v", first)
		}
		n.produce(c.batch("a", 2), 1)
		c.w.run(clock.Millisecond)
		a.ToEnd, a.ReadOnly = first.AtEnd, true
		if r := n.p.Fetch(a); r.HW != 0 || (r.Bytes > 0) != (id != "") {
			t.Errorf("mutant %q: %+v", id, r)
		}
	}
}
