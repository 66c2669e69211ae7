package cluster

import (
	"path/filepath"
	"testing"

	"trial/internal/golden"
	"trial/internal/mutant"
)

// proofs are the stories with a planted bug that breaks the rule they tell.
var proofs = []struct{ mutant, story string }{
	{mutant.REP01, "truncation-goes-by-leader-epoch"},
	{mutant.REP02, "divergence-after-two-elections"},
	{mutant.REP03, "stale-leader-epochs"},
	{mutant.REP04, "not-in-sync-before-the-epoch-start"},
	{mutant.REP06, "maximal-isr-while-a-change-is-in-flight"},
	{mutant.REP09, "controlled-shutdown"},
	{mutant.REP09, "unfenced-is-not-in-sync"},
	{mutant.REP11, "divergence-after-two-elections"},
	{mutant.REP18, "latest-offset-after-an-election"},
	{mutant.REP21, "min-insync-refuses-before-append"},
	{mutant.REP21, "min-insync-lost-after-append"},
	{mutant.REP22, "unclean-election"},
	{mutant.REP22, "last-replica-standing"},
	{mutant.REP25, "consumers-end-at-the-high-watermark"},
	{mutant.REP31, "zombie-leader"},
	{mutant.CTL02, "controller-failover"},
	{mutant.IDM02, "idempotent-retry"},
	{mutant.IDM04, "min-insync-refuses-before-append"},
}

// A story is trusted only after it has read differently: with the bug that it is
// about, it must, or a judge must have ended it.
func TestStoriesReadDifferentlyWithTheirBug(t *testing.T) {
	if !mutant.Enabled {
		t.Skip("this binary has no planted bugs; go test -tags mutants")
	}
	for _, p := range proofs {
		t.Run(p.mutant+"/"+p.story, func(t *testing.T) {
			c := home
			c.mutant = p.mutant
			diff, err := golden.Differences(filepath.Join(stories, p.story+golden.Ext), &play{climate: c})
			if err != nil {
				t.Logf("the story ended early: %v", err)
			} else if len(diff) == 0 {
				t.Errorf("the story reads the same with %s: it does not show its rule", p.mutant)
			}
			for _, d := range diff {
				t.Log(d)
			}
		})
	}
}
