package invariant

import (
	"strings"
	"testing"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/internal/bytestest"
	"trial/engine/kafka/view"
)

// empty tells the judge that a node came back with an empty disk.
func (w *world) empty(n int32) {
	w.OnFault(&checks.FaultEvent{At: w.at, Kind: checks.Wipe, Node: n, Lost: []checks.FileLoss{
		{Path: bytestest.Path(bytes.MetadataDir), Gone: true, Before: bytestest.Batch(0, 1, []byte("x"))},
		{Path: bytes.MetadataDir + "/quorum-state", Gone: true, Before: []byte("{}")},
	}})
	w.inc[n]++
	w.OnRestart(w.at, n)
	w.fact(n, view.QuorumOpened{Vote: -1})
	w.fact(n, view.QuorumSynced{})
}

// An empty voter may open an empty log and vote again: nothing is said about it.
// What its votes make possible silences the judge, and nothing else does.
func TestVotersThatLostTheirDisks(t *testing.T) {
	w := newWorld(checks.Config{})
	w.fact(3, view.VoteAnswered{Epoch: 2, Candidate: 2, Granted: true})
	w.empty(3)
	w.fact(3, view.VoteAnswered{Epoch: 2, Candidate: 1, Granted: true})
	if v := w.Findings().Violations(); v != nil || w.Void() != "" {
		t.Fatalf("an empty disk is no crime: %v, void %q", v, w.Void())
	}
	w.fact(2, view.QuorumRole{Role: "leader", Epoch: 2, Leader: 2, Vote: 2})
	w.fact(1, view.QuorumRole{Role: "leader", Epoch: 2, Leader: 1, Vote: 1})
	if v := w.Findings().Violations(); v != nil || !strings.Contains(w.Void(), "voted twice") {
		t.Errorf("two leaders by a vote that was forgotten: %v, void %q", v, w.Void())
	}
}

func TestEmptyMajoritySilencesTheJudge(t *testing.T) {
	w := newWorld(checks.Config{})
	w.empty(2)
	w.empty(3)
	w.fact(3, view.QuorumRole{Role: "leader", Epoch: 2, Leader: 3, Vote: 3})
	if v := w.Findings().Violations(); v != nil || !strings.Contains(w.Void(), "elected it") {
		t.Errorf("%v, void %q", v, w.Void())
	}
	w.fact(1, view.QuorumTruncated{To: 0, HW: w.meta})
	if v := w.Findings().Violations(); v != nil {
		t.Errorf("it goes on talking: %v", v)
	}
}

// Without an empty disk the same is W14.
func TestAnElectionWithoutTheCommittedLogIsJudgedWhereDisksAreWhole(t *testing.T) {
	w := newWorld(checks.Config{})
	w.fact(2, view.QuorumTruncated{To: 0})
	w.fact(2, view.QuorumRole{Role: "leader", Epoch: 2, Leader: 2, Vote: 2})
	if w.Void() != "" || len(w.Findings().Violations()) == 0 {
		t.Errorf("void %q, %v", w.Void(), w.Findings().Violations())
	}
}
