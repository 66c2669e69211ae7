package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"trial/clock"
)

// Violation is a broken rule: what the user reads.
type Violation struct {
	Rule    string        // "L3", "W12"
	Seq     int64         // the history event that showed it; -1 when no client saw it
	At      clock.Instant // when it showed
	Reason  string        // one sentence
	Objects []string      // what it is about: "t-0@41", "n2"
	Events  []string      // the few events that contradict each other
}

// String is the violation as one line, the events indented below it.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %v", v.Rule, v.At)
	if v.Seq >= 0 {
		fmt.Fprintf(&b, " (event %d)", v.Seq)
	}
	b.WriteString(": ")
	b.WriteString(v.Reason)
	for _, e := range v.Events {
		b.WriteString("\n    ")
		b.WriteString(e)
	}
	return b.String()
}

// keepPerRule bounds how many violations of one rule are kept; the first one
// tells the story, the rest are counted.
const keepPerRule = 8

// Rule counts the evaluations of one rule and keeps its violations.
type Rule struct {
	Name      string
	Evaluated int64
	Failed    int64

	kept []Violation
}

// Fail records a violation of r. The sentence is formatted only while it will be kept.
func (r *Rule) Fail(seq int64, at clock.Instant, objects []string, format string, args ...any) {
	r.FailWith(seq, at, objects, nil, format, args...)
}

// FailWith is Fail with the contradicting events.
func (r *Rule) FailWith(seq int64, at clock.Instant, objects, events []string, format string, args ...any) {
	r.Failed++
	if len(r.kept) >= keepPerRule {
		return
	}
	r.kept = append(r.kept, Violation{
		Rule: r.Name, Seq: seq, At: at, Reason: fmt.Sprintf(format, args...), Objects: objects, Events: events,
	})
}

// Findings collects the rules of a judge. The zero Findings is ready.
type Findings struct{ rules []*Rule }

// Rule returns the rule of that name, registering it on first use, so that a
// rule which is never evaluated still shows up, with zero.
func (f *Findings) Rule(name string) *Rule {
	for _, r := range f.rules {
		if r.Name == name {
			return r
		}
	}
	r := &Rule{Name: name}
	f.rules = append(f.rules, r)
	return r
}

// Failed reports whether any rule was broken.
func (f *Findings) Failed() bool {
	for _, r := range f.rules {
		if r.Failed > 0 {
			return true
		}
	}
	return false
}

// Violations returns what was kept, ordered by time and then by rule.
func (f *Findings) Violations() []Violation {
	var all []Violation
	for _, r := range f.rules {
		all = append(all, r.kept...)
	}
	slices.SortStableFunc(all, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.At, b.At), CompareRules(a.Rule, b.Rule), cmp.Compare(a.Seq, b.Seq))
	})
	return all
}

// Evaluation is how often one rule was evaluated and broken.
type Evaluation struct {
	Rule      string
	Evaluated int64
	Failed    int64
}

// Evaluations returns the counts, sorted by rule.
func (f *Findings) Evaluations() []Evaluation {
	all := make([]Evaluation, 0, len(f.rules))
	for _, r := range f.rules {
		all = append(all, Evaluation{r.Name, r.Evaluated, r.Failed})
	}
	return sumByRule(all)
}

// MergeEvaluations adds up counts of several judges, sorted by rule.
func MergeEvaluations(lists ...[]Evaluation) []Evaluation {
	return sumByRule(slices.Concat(lists...))
}

func sumByRule(all []Evaluation) []Evaluation {
	slices.SortStableFunc(all, func(a, b Evaluation) int { return CompareRules(a.Rule, b.Rule) })
	sum := all[:0]
	for _, e := range all {
		if n := len(sum); n > 0 && sum[n-1].Rule == e.Rule {
			sum[n-1].Evaluated += e.Evaluated
			sum[n-1].Failed += e.Failed
			continue
		}
		sum = append(sum, e)
	}
	return sum
}

// CompareRules orders rule names as people do: letters first, then the number,
// so that L2 comes before L10.
func CompareRules(a, b string) int {
	la, na, ra := splitRule(a)
	lb, nb, rb := splitRule(b)
	return cmp.Or(cmp.Compare(la, lb), cmp.Compare(na, nb), cmp.Compare(ra, rb))
}

func splitRule(s string) (letters string, number int, rest string) {
	i := 0
	for i < len(s) && (s[i] < '0' || s[i] > '9') {
		i++
	}
	j := i
	for j < len(s) && s[j] >= '0' && s[j] <= '9' && number < 1<<20 {
		number = number*10 + int(s[j]-'0')
		j++
	}
	return s[:i], number, s[j:]
}
