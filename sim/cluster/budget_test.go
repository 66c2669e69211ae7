package cluster

import (
	"testing"

	"trial/faults"
)

// n1 and n3 are up again, but their sessions still run: the metadata name their
// former lives, which registration will take out of ISR and ELR. Were n2 to lose
// bytes now, nobody would be left to lead with everything.
func TestBudgetCountsOnlyThoseThatServe(t *testing.T) {
	for _, elr := range []bool{false, true} {
		p, err := Draw(1, Options{Mode: Budget, Set: []Setting{{"broker.session.timeout.ms", "9000"}}})
		if err != nil {
			t.Fatal(err)
		}
		p.ELR = elr
		p.Faults, err = faults.Parse("8s kill n1 for 0.05s\n8.1s kill n3 for 0.05s\n9s power n2 for 1s\n")
		if err != nil {
			t.Fatal(err)
		}
		if r := Run(p, RunOptions{}); r.Failed() || r.Faults != 2 || r.Skipped != 1 {
			t.Errorf("elr %v: %s; %d faults struck and %d were skipped, want 2 and the power failure", elr, r.Sentence(), r.Faults, r.Skipped)
		}
	}
}
