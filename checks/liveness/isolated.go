package liveness

import (
	"trial/checks"
	"trial/clock"
)

// Isolated is a voter that has heard no majority of the voters since an instant,
// by ground truth: the world lets nothing from them through.
type Isolated struct {
	Node   int32
	Since  clock.Instant
	Active bool // it acts as the controller
}

// Quorum judges, while faults last, the part of V11 that needs no client: whoever
// leads the metadata quorum and hears no majority of it must step down within one
// and a half fetch timeouts (KAFKA-15489), or clients that reach it alone believe
// in it for ever.
type Quorum struct {
	f     checks.Findings
	v11   *checks.Rule
	limit clock.Duration
	seen  map[int32]silence // by node
}

// silence is one isolation of a voter.
type silence struct {
	since clock.Instant
	from  clock.Instant // since when it ought to notice: it may begin to lead in the middle
	told  bool
}

// stepDownSlack is what modelled service times may add to a timer: little.
const stepDownSlack = 250 * clock.Millisecond

// NewQuorum returns a judge for a run with these timeouts.
func NewQuorum(t checks.Timeouts) *Quorum {
	t = t.WithDefaults()
	q := &Quorum{limit: t.FetchTimeout + t.FetchTimeout/2 + stepDownSlack, seen: map[int32]silence{}}
	q.v11 = q.f.Rule("V11")
	return q
}

// Findings returns what the judge has found so far.
func (q *Quorum) Findings() *checks.Findings { return &q.f }

// Observe judges one look at the isolated voters.
func (q *Quorum) Observe(at clock.Instant, voters []Isolated) {
	for _, v := range voters {
		now := q.seen[v.Node]
		if now.since != v.Since {
			now = silence{since: v.Since, from: v.Since}
		}
		if !v.Active {
			// Votes that it was given before may make it the leader later, when its disk
			// has written down its own; its patience begins then.
			now.from = at
		}
		if at.Sub(v.Since) > q.limit {
			q.v11.Evaluated++
		}
		if v.Active && !now.told && at.Sub(now.from) > q.limit {
			now.told = true
			q.v11.Fail(-1, at, nil, "n%d still acts as the controller, %v after it last could hear a majority of the voters (allowed: %v)",
				v.Node, at.Sub(now.from), q.limit)
		}
		q.seen[v.Node] = now
	}
}
