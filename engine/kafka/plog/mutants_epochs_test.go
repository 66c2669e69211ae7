//go:build mutants

package plog

import (
	"fmt"
	"testing"

	"trial/internal/mutant"
)

// An epoch without records ends with a truncation to the log end, but not with
// REP-15.
func TestREP15LeavesAnEpochWithoutRecords(t *testing.T) {
	for id, want := range map[string]string{"": "[{1 0}]", mutant.REP15: "[{1 0} {4 3}]"} {
		b := start(t, Config{Mutant: id})
		b.put(batch(3, 10), 1)
		b.l.AssignEpoch(4, 3)
		b.h.settle()
		b.l.TruncateTo(3, nil)
		b.h.settle()
		if got := fmt.Sprint(b.l.Epochs()); got != want {
			t.Errorf("mutant %q: epochs %s, want %s", id, got, want)
		}
		if id != "" {
			b.infected()
		}
	}
}

func TestSYNW19SeesOneEpochInASegment(t *testing.T) {
	b := start(t, Config{})
	b.put(batch(3, 10), 1)
	b.put(batch(1, 10), 4)
	b.h.settle()
	disk := b.h.crash(false)
	if got := fmt.Sprint(reopen(t, disk, Config{}).l.Epochs()); got != "[{1 0} {4 3}]" {
		t.Fatalf("epochs %s", got)
	}
	bad := reopen(t, disk, Config{Mutant: mutant.SynW19})
	if got := fmt.Sprint(bad.l.Epochs()); got != "[{1 0}]" {
		t.Errorf("with the mutant: epochs %s", got)
	}
	bad.infected()
}
