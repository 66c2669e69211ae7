package cluster

import (
	"fmt"
	"slices"
	"strings"

	"trial/checks"
	"trial/clock"
)

// Verdict is how a run ended.
type Verdict string

// The verdicts.
const (
	Pass             Verdict = "pass"
	Failed           Verdict = "fail"             // a rule fired
	Stuck            Verdict = "stuck"            // a limit on events was reached, or time stood still
	Empty            Verdict = "empty"            // too little happened to mean anything
	Nondeterministic Verdict = "nondeterministic" // two runs of one plan differed
	Exhausted        Verdict = "exhausted"        // a judge ran out of its step budget
)

// Result is what a run came to.
type Result struct {
	Plan       Plan
	Hash       uint64
	Verdict    Verdict
	Violations []checks.Violation
	Note       string // why stuck, empty, exhausted or nondeterministic

	Events     int64
	Virtual    clock.Duration
	Acked      int64 // records acknowledged to producers that asked for it (acks=1 and all)
	AckedOne   int64 // those of acks=1 among them
	SentZero   int64 // records handed over with acks=0, which nobody acknowledges
	Delivered  int64 // records delivered to consumers
	Lost       int64 // acknowledged records missing, allowed by the configuration
	Duplicated int64 // surplus copies, allowed by the configuration
	Faults     int64 // faults that took effect
	Skipped    int64 // faults that the budget refused, that found no target or whose anchor never came

	Emptied []string // nodes whose pods were made anew, with empty volumes
	Forgot  string   // why the cluster has forgotten its metadata, "" if it has not
	Void    string   // why the judges of facts fell silent before the end, "" if they did not
	Missed  []string // of the faults skipped, those with an anchor: which and why

	Losses      []LossLine       // what was lost, in words
	Allowed     []checks.Allowed // what the configuration allowed, and how often: losses, surplus copies, swaps
	Ledger      []string         // what the configuration allows to be lost after these faults, and why
	Outages     []Outage         // per partition, how long it could not be written and read
	Evaluations []checks.Evaluation
	Probes      []Probe
	Elections   int64 // leader changes of partitions
	ISRChanges  int64
}

// LossLine is one sentence of the ledger with the number of records it excuses.
type LossLine struct {
	Sentence string
	Case     string // the row of the ledger
	Lost     int64
}

// Probe is a rare situation and how often the run reached it.
type Probe struct {
	Name string
	Hits int64
}

// Shows reports whether a row of the ledger (GUARANTEES, legal losses) was used: a
// record was lost, doubled or swapped by it, or an entry of the ledger permits it.
func (r *Result) Shows(row string) bool {
	return slices.ContainsFunc(r.Allowed, func(a checks.Allowed) bool { return a.Case == row && a.Count > 0 }) ||
		slices.ContainsFunc(r.Ledger, func(e string) bool { return strings.HasPrefix(e, "case "+row+":") })
}

// Reached reports whether a probe was hit.
func (r *Result) Reached(probe string) bool {
	return slices.ContainsFunc(r.Probes, func(p Probe) bool { return p.Name == probe && p.Hits > 0 })
}

// Failed reports whether the verdict is anything but pass.
func (r *Result) Failed() bool { return r.Verdict != Pass }

// Rules are the rules that fired, in the order in which they did, each once.
func (r *Result) Rules() []string {
	rules := []string{}
	for _, v := range r.Violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

// First is the rule that fired first, or the verdict if none did.
func (r *Result) First() string {
	if len(r.Violations) > 0 {
		return r.Violations[0].Rule
	}
	return string(r.Verdict)
}

// Sentence is the verdict in one sentence.
func (r *Result) Sentence() string {
	if len(r.Violations) > 0 {
		v := r.Violations[0]
		return fmt.Sprintf("%s: rule %s at %s: %s", r.Verdict, v.Rule, v.At, v.Reason)
	}
	if r.Note != "" {
		return string(r.Verdict) + ": " + r.Note
	}
	return string(r.Verdict)
}

// ReplayLine is the command that replays the run from its seed: every option that
// is not default is repeated, since a seed alone is not a plan.
func ReplayLine(verb string, seed uint64, o Options) string {
	var b strings.Builder
	b.WriteString("simrun " + verb + " " + SeedString(seed))
	if o.Scenario != "" && o.Scenario != Mixed {
		b.WriteString(" --scenario " + o.Scenario)
	}
	if o.Mode != "" && o.Mode != Budget {
		b.WriteString(" --mode " + string(o.Mode))
	}
	if o.For != 0 && o.For != DefaultFor {
		b.WriteString(" --for " + o.For.String())
	}
	if o.Brokers != 0 && o.Brokers != DefaultBrokers {
		fmt.Fprintf(&b, " --brokers %d", o.Brokers)
	}
	if o.Acks != "" {
		b.WriteString(" --acks " + o.Acks)
	}
	for _, s := range o.Set {
		b.WriteString(" --set " + s.Key + "=" + s.Value)
	}
	if o.Mutant != "" {
		b.WriteString(" --mutant " + o.Mutant)
	}
	return b.String()
}
