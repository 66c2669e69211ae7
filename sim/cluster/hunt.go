package cluster

import (
	"fmt"
	"slices"

	"trial/checks"
	"trial/clock"
	"trial/internal/mutant"
)

// Within is how many seeds of its climate a planted bug may take to be found.
const Within = 2000

// HuntOptions are the options of a hunt.
type HuntOptions struct {
	// All goes on after the first detection, to the last seed.
	All bool
	// BlackBox lets only the judges of what clients saw speak: what the hunt would
	// find in a system that tells no facts.
	BlackBox bool
	// Clean, if not nil, remembers over several hunts which seeds a correct engine
	// passes.
	Clean CleanSeeds
	// Each, if not nil, hears of every trial.
	Each func(*Trial)
}

// CleanSeeds holds verdicts of runs without a planted bug, by plan.
type CleanSeeds map[cleanKey]Verdict

type cleanKey struct {
	seed     uint64
	scenario string
	blackBox bool
}

// Trial is one seed of a hunt.
type Trial struct {
	Seed    uint64
	Mode    Mode
	Verdict Verdict
	First   string   // the rule that fired first, or the verdict
	Rules   []string // every rule that fired

	// The three counters that tell a weak schedule (never reached) from a weak
	// workload (reached, no difference) and a weak judge (different, nothing fired).
	Reached, Infected int64

	// Found: a rule of the row fired first, and a correct engine passes this seed.
	Found bool
	// Other: another rule fired first, although a correct engine passes this seed.
	Other bool
	// Dirty: not even a correct engine passes this seed, so that it says nothing.
	Dirty bool

	Events  int64
	Virtual clock.Duration
}

// Hunted is the outcome of a hunt.
type Hunted struct {
	Quarry
	Trials []Trial
}

// GenericMode is the mode that a seed has in the generic mix, which is one half
// budget and one half unbounded.
func GenericMode(seed uint64) Mode {
	if seed%2 == 1 {
		return Budget
	}
	return Unbounded
}

// Options are the plan options under which a seed hunts this bug.
func (q *Quarry) Options(seed uint64) Options {
	return Options{Scenario: q.Scenario, Mode: GenericMode(seed), Mutant: q.ID}
}

// Hunt runs seeds with a planted bug until it is found, or to the last seed.
func Hunt(id string, first uint64, seeds int, o HuntOptions) (Hunted, error) {
	q, ok := FindQuarry(id)
	if !ok {
		return Hunted{}, fmt.Errorf("no planted bug is called %q; known are %v", id, mutant.All())
	}
	h := Hunted{Quarry: *q}
	if o.Clean == nil {
		o.Clean = CleanSeeds{}
	}
	for i := range seeds {
		t, err := q.try(first+uint64(i), &o)
		if err != nil {
			return h, err
		}
		h.Trials = append(h.Trials, t)
		if o.Each != nil {
			o.Each(&t)
		}
		if t.Found && !o.All {
			break
		}
	}
	return h, nil
}

func (q *Quarry) try(seed uint64, o *HuntOptions) (Trial, error) {
	p, err := Draw(seed, q.Options(seed))
	if err != nil {
		return Trial{}, err
	}
	r := Run(p, RunOptions{BlackBox: o.BlackBox})
	t := Trial{
		Seed: seed, Mode: p.Mode, Verdict: r.Verdict, First: r.First(), Rules: r.Rules(),
		Reached: r.Probe("mutant.reached"), Infected: r.Probe("mutant.infected"), Events: r.Events, Virtual: r.Virtual,
	}
	if r.Verdict == Pass {
		return t, nil
	}
	switch {
	case o.Clean.verdict(p, o.BlackBox) != Pass:
		t.Dirty = true
	case r.Verdict == Failed && q.Counts(t.First):
		t.Found = true
	default:
		t.Other = true
	}
	return t, nil
}

// verdict is what a correct engine makes of the plan.
func (c CleanSeeds) verdict(p Plan, blackBox bool) Verdict {
	k := cleanKey{p.Seed, p.Scenario, blackBox}
	v, known := c[k]
	if !known {
		p.Mutant = ""
		v = Run(p, RunOptions{BlackBox: blackBox}).Verdict
		c[k] = v
	}
	return v
}

// Probe tells how often the run reached a named rare situation.
func (r *Result) Probe(name string) int64 {
	for _, p := range r.Probes {
		if p.Name == name {
			return p.Hits
		}
	}
	return 0
}

// Found returns the trials that found the bug.
func (h *Hunted) Found() []Trial {
	var out []Trial
	for _, t := range h.Trials {
		if t.Found {
			out = append(out, t)
		}
	}
	return out
}

// Judged counts the trials that say anything: those that a correct engine would
// not have failed as well.
func (h *Hunted) Judged() int {
	n := 0
	for _, t := range h.Trials {
		if !t.Dirty {
			n++
		}
	}
	return n
}

// FirstRules counts the rules that fired first, of the trials that pick holds for,
// most frequent first.
func (h *Hunted) FirstRules(pick func(*Trial) bool) []checks.Evaluation {
	var out []checks.Evaluation
	for i := range h.Trials {
		t := &h.Trials[i]
		if !pick(t) {
			continue
		}
		k := slices.IndexFunc(out, func(e checks.Evaluation) bool { return e.Rule == t.First })
		if k < 0 {
			k = len(out)
			out = append(out, checks.Evaluation{Rule: t.First})
		}
		out[k].Failed++
	}
	slices.SortStableFunc(out, func(a, b checks.Evaluation) int {
		if a.Failed != b.Failed {
			return int(b.Failed - a.Failed)
		}
		return checks.CompareRules(a.Rule, b.Rule)
	})
	return out
}

// ByClients is the first rule of the trial that needs nothing but what clients
// see; "" if there is none.
func (t *Trial) ByClients() string {
	for _, r := range t.Rules {
		if ClientRule(r) {
			return r
		}
	}
	return ""
}

// ClientRule reports whether a rule needs nothing but what clients see: the L
// and P rules, linearizability, and that clients make progress.
func ClientRule(rule string) bool {
	switch rule {
	case "LIN", "V5", "V8":
		return true
	}
	return len(rule) > 1 && (rule[0] == 'L' || rule[0] == 'P') && rule[1] >= '0' && rule[1] <= '9'
}
