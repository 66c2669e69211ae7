package cluster

import "trial/internal/mutant"

// Difficulty is a prediction of how many seeds a bug takes.
type Difficulty string

// The difficulties.
const (
	Easy   Difficulty = "easy"   // under some 20 seeds of the generic mix
	Medium Difficulty = "medium" // under some 1,000
	Hard   Difficulty = "hard"   // more, or a climate of its own
)

// Quarry is a planted bug as the hunt knows it.
type Quarry struct {
	ID   string
	What string // one line for people
	// Rules are those that the catalogue of bugs expects to speak.
	Rules []string
	// Added are further rules that may speak first, each with its reason.
	Added      []AddedRule
	Difficulty Difficulty
	Scenario   string // the climate: the generic mix, but for bugs that are Hard
}

// AddedRule is a rule that the catalogue does not name for a bug.
type AddedRule struct{ Rule, Why string }

// Counts reports whether the bug is found when this rule is the first to fire.
func (q *Quarry) Counts(rule string) bool {
	for _, r := range q.Rules {
		if r == rule {
			return true
		}
	}
	for _, a := range q.Added {
		if a.Rule == rule {
			return true
		}
	}
	return false
}

// FindQuarry finds a planted bug by its id.
func FindQuarry(id string) (*Quarry, bool) {
	for i := range Quarries {
		if Quarries[i].ID == id {
			return &Quarries[i], true
		}
	}
	return nil, false
}

// Quarries lists the planted bugs, in catalogue order.
var Quarries = []Quarry{
	{ID: mutant.LOG01, What: "a new segment is synced, but not the directory that has its name", Rules: []string{"W18", "L3"}, Difficulty: Easy},
	{ID: mutant.LOG02, What: "a small file is renamed into its place before its bytes are forced", Rules: []string{"W18", "W15", "V2"}, Added: []AddedRule{{"V1", "the same as V2, where so many nodes do not start that no controller is elected"}}, Difficulty: Easy},
	{ID: mutant.LOG07, What: "a write that took less than it was given passes for complete", Rules: []string{"W18", "W1", "C1", "L9"}, Difficulty: Easy},
	{ID: mutant.LOG08, What: "the log stays open for appends after one has failed", Rules: []string{"L1", "W18", "W1"}, Added: []AddedRule{
		{"V4", "the replica whose append failed stays offline in a broker that goes on, so that the ISR never becomes whole again"},
		{"V5", "the same, seen by clients: a leader whose log is neither closed nor usable takes no produce"},
	}, Difficulty: Medium},
	{ID: mutant.LOG10, What: "the bound of a waiting fetch is the end of the log, looked up twice around an append", Rules: []string{"L7", "W6"}, Difficulty: Easy},
	{ID: mutant.LOG18, What: "a flush that ends late says that less is durable than before", Rules: []string{"W5", "V5"}, Difficulty: Easy},
	{ID: mutant.REP01, What: "a new follower truncates to its own, lagging high watermark", Rules: []string{"L3", "W2", "W13"}, Added: []AddedRule{{"W3", "says of the in-sync replica that truncates, at the same instant, what W13 says of the truncation"}}, Difficulty: Easy},
	{ID: mutant.REP02, What: "the end of an epoch is answered without the epoch, and the follower does not compare", Rules: []string{"W1", "C1", "L1"}, Added: []AddedRule{{"W3", "sees in a replica that joins with its divergent tail, at the next step of the high watermark, what C1 sees at the end"}}, Difficulty: Medium},
	{ID: mutant.REP03, What: "fetches are not fenced by the leader epoch", Rules: []string{"W2", "W4", "L3", "L7"}, Difficulty: Medium},
	{ID: mutant.REP04, What: "a replica joins the ISR below the start of the leader's epoch", Rules: []string{"W3", "W11", "L3"}, Difficulty: Medium},
	{ID: mutant.REP06, What: "the high watermark ignores a replica whose joining is under way", Rules: []string{"W4", "W3", "L3"}, Difficulty: Medium},
	{ID: mutant.REP07, What: "the controller takes ISR changes of an old partition epoch", Rules: []string{"W8", "W3", "W10"}, Difficulty: Medium},
	{ID: mutant.REP09, What: "fenced and stopping replicas may join the ISR", Rules: []string{"W10", "V5"}, Difficulty: Easy},
	{ID: mutant.REP11, What: "the leader counts the fetch of a follower that it tells to truncate", Rules: []string{"W4", "W3", "L3"}, Difficulty: Medium},
	{ID: mutant.REP15, What: "a truncation to the log end leaves the leader epochs that start there", Rules: []string{"V4", "V10", "W19"}, Difficulty: Medium},
	{ID: mutant.REP17, What: "the leader takes note of a fetch that failed, as of one at -1", Rules: []string{"W5", "W11", "V4"}, Added: []AddedRule{{"W4", "sees the leader count a fetch that it has refused for its leader epoch, before that keeps anybody in the ISR or the high watermark back"}}, Difficulty: Medium},
	{ID: mutant.REP18, What: "a new leader lists its lagging high watermark as the latest offset", Rules: []string{"L8", "P1"}, Added: []AddedRule{{"LIN", "the linear-time form of P1: both state that the log is linearizable"}}, Difficulty: Easy},
	{ID: mutant.REP21, What: "writes are acknowledged below min.insync.replicas", Rules: []string{"W12", "L3"}, Difficulty: Easy},
	{ID: mutant.REP22, What: "any live replica may lead when the ISR is gone", Rules: []string{"W2", "W3", "L3"}, Difficulty: Easy},
	{ID: mutant.REP23, What: "a broker that ended uncleanly stays eligible to lead", Rules: []string{"W9", "W3", "L3"}, Added: []AddedRule{{"W2", "says of the election of such a broker, that it lacks what is committed, in the instant in which W9 says that it may not lead"}}, Difficulty: Medium},
	{ID: mutant.REP25, What: "acks=1 records are visible above the high watermark", Rules: []string{"L7", "L10", "W6"}, Difficulty: Easy},
	{ID: mutant.REP27, What: "a fetch answer is used although what it answers has changed", Rules: []string{"W21", "W1", "C1"}, Difficulty: Medium},
	{ID: mutant.REP28, What: "one corrupt batch stops the fetcher for good", Rules: []string{"V4"}, Difficulty: Easy},
	{ID: mutant.REP29, What: "a log directory of a deleted topic is taken for that of its namesake", Rules: []string{"L1", "C1", "V4"}, Added: []AddedRule{{"W1", "says when the directory is opened what L1 and C1 say at the end: one leader epoch and offset name two batches"}}, Difficulty: Medium},
	{ID: mutant.REP31, What: "a waiting produce survives the loss of leadership, judged by its offset alone", Rules: []string{"L1", "L3", "W12"}, Difficulty: Medium},
	{ID: mutant.CTL01, What: "voters count entries that are not synced", Rules: []string{"W14", "P3", "L3"}, Difficulty: Medium},
	{ID: mutant.CTL02, What: "a restarted quorum leader resumes in the same epoch", Rules: []string{"W14", "W7", "W15"}, Difficulty: Medium},
	{ID: mutant.CTL03, What: "what a majority has of earlier epochs counts as committed before a record of the own epoch", Rules: []string{"W14"}, Difficulty: Easy},
	{ID: mutant.CTL04, What: "a vote is answered before it is durable", Rules: []string{"W14"}, Difficulty: Medium},
	{ID: mutant.CTL05, What: "a quorum leader that nobody fetches from does not step down", Rules: []string{"V1", "V11"}, Difficulty: Easy},
	{ID: mutant.CTL09, What: "brokers apply metadata that is not committed", Rules: []string{"W15", "W7", "W2"}, Difficulty: Medium},
	{ID: mutant.CTL10, What: "the controller takes a broker's new incarnation for the one that is registered", Rules: []string{"W9", "W8", "V2"}, Difficulty: Medium},
	{ID: mutant.IDM01, What: "no batch of a producer is remembered, and its retry is out of order", Rules: []string{"L2"}, Difficulty: Easy},
	{ID: mutant.IDM02, What: "of a producer's last five batches only one is remembered", Rules: []string{"L2", "L4"}, Difficulty: Easy},
	{ID: mutant.IDM04, What: "the producer state changes before the append is admitted", Rules: []string{"L3", "W16"}, Added: []AddedRule{{"W12", "says of the acknowledgement of a batch that no log holds what L3 says at the end"}}, Difficulty: Medium},
	{ID: mutant.IDM06, What: "the producer state is not truncated with the log", Rules: []string{"L3", "W16"}, Added: []AddedRule{{"W12", "says of the acknowledgement of a batch that was truncated what W16 says of the answer, and first where the log has not reached its old offset again"}}, Difficulty: Medium},
	{ID: mutant.IDM08, What: "a producer's second batch is sent before its first has landed, and a broker without state takes it", Rules: []string{"L4", "V5"}, Added: []AddedRule{{"W16", "sees the later batch land in a log that has nothing of its producer; a client sees only that the first batch is refused until its time is out, which is no order broken"}}, Difficulty: Medium},
	{ID: mutant.CLI03, What: "the second batch is sent while the first waits for its retry", Rules: []string{"L4"}, Difficulty: Easy},
	{ID: mutant.SynL5, What: "produces that wait are refused for certain when too few replicas are in sync, after the append", Rules: []string{"L5", "C5"}, Difficulty: Medium},
	{ID: mutant.SynL6, What: "a consumer goes on at the high watermark, although the answer ended below", Rules: []string{"L6"}, Difficulty: Easy},
	{ID: mutant.SynC3, What: "standbys keep an image to themselves that differs in its offset alone", Rules: []string{"C3"}, Difficulty: Easy},
	{ID: mutant.SynV2, What: "a broker whose session ran out is unfenced only when it registers again", Rules: []string{"V2"}, Difficulty: Easy},
	{ID: mutant.SynV3, What: "a broker that comes back is not asked to lead what has no leader", Rules: []string{"V3"}, Difficulty: Easy},
	{ID: mutant.SynV8, What: "a batch whose time runs out while it waits for its retry is dropped without a word", Rules: []string{"V8"}, Difficulty: Easy},
	{ID: mutant.SynV10, What: "a quorum leader resigns one and a half fetch timeouts after its first fetch, come what may", Rules: []string{"V10"}, Added: []AddedRule{{"V1", "the same, seen when nobody leads or two do"}}, Difficulty: Easy},
	{ID: mutant.SynW5, What: "a leader's high watermark follows its in-sync replicas down", Rules: []string{"W5"}, Difficulty: Easy},
	{ID: mutant.SynW19, What: "recovery notes the leader epoch of each segment's first batch only", Rules: []string{"W19"}, Added: []AddedRule{
		{"W14", "the metadata log is recovered like any other, and votes and truncations go by its leader epochs"},
	}, Difficulty: Easy},
}
