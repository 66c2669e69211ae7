// Package panel puts the judges together for a runner: facts, faults and views go
// in as they happen, the history and the disks at the end; verdicts come out.
//
// # Invariants
//
//   - porcupine runs last, on values, after everything that a trace hash covers
//   - violations are ordered by time; rules with no evaluation are listed with zero
//
// Not here: any rule.
package panel

import (
	"slices"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/converge"
	"trial/checks/history"
	"trial/checks/invariant"
	"trial/checks/ledger"
	"trial/checks/linear"
	"trial/checks/liveness"
	"trial/checks/partlog"
	"trial/clock"
	"trial/engine"
)

// Panel is all judges of one run.
type Panel struct {
	cfg    checks.Config
	white  *invariant.Judge
	ledger *ledger.Ledger
	alive  *liveness.Judge
	quorum *liveness.Quorum
}

// New returns the judges for a run of that configuration.
func New(cfg checks.Config) *Panel {
	return &Panel{cfg: cfg, white: invariant.New(cfg), ledger: ledger.New(cfg), quorum: liveness.NewQuorum(cfg.Timeouts)}
}

// OnFact judges one fact of an engine.
func (p *Panel) OnFact(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact) {
	p.white.OnFact(at, node, inc, f)
}

// OnFault takes in one event of the world's fault log, right after it took effect.
// The disks show the state after it.
func (p *Panel) OnFault(e *checks.FaultEvent, d checks.Disk) {
	p.white.OnFault(e)
	p.ledger.OnFault(e, d)
	if e.Kind == checks.HealAll {
		p.alive = liveness.New(e.At, p.cfg.Timeouts)
	}
}

// AddClient makes room in the deadlines for one more client, that was not in the
// configuration: its request.timeout.ms and the longest it may take to give up.
func (p *Panel) AddClient(request, longest clock.Duration) {
	t := p.cfg.Timeouts.WithDefaults()
	p.cfg.Timeouts.Request, p.cfg.Timeouts.LongestClient = max(t.Request, request), max(t.LongestClient, longest)
}

// Observe judges one view after healing (FaultEvent HealAll); before, it does nothing.
func (p *Panel) Observe(v *liveness.View) {
	if p.alive != nil {
		p.alive.Observe(v)
	}
}

// ObserveIsolated judges, at any time, the voters that hear no majority.
func (p *Panel) ObserveIsolated(at clock.Instant, voters []liveness.Isolated) {
	p.quorum.Observe(at, voters)
}

// Settled reports whether every liveness rule held in the latest view.
func (p *Panel) Settled() bool { return p.alive != nil && p.alive.Settled() }

// Deadlines returns the instants from which the liveness rules must hold.
func (p *Panel) Deadlines() (d liveness.Deadlines, healed bool) {
	if p.alive == nil {
		return d, false
	}
	return p.alive.Deadlines(), true
}

// Broken reports whether a white-box rule has been broken: the run can stop.
func (p *Panel) Broken() bool { return p.white.Findings().Failed() }

// Forgot tells whether the metadata quorum has forgotten what it had committed,
// since its voters lost their disks; nil if not.
func (p *Panel) Forgot(d checks.Disk) *ledger.Forgotten { return p.ledger.Forgot(d) }

// Spoken lists what the white-box judges have found so far.
func (p *Panel) Spoken() []checks.Violation { return p.white.Findings().Violations() }

// End is what a runner hands over at the end of a run.
type End struct {
	At      clock.Instant
	History *history.History
	Disk    checks.Disk
	Late    []checks.LateRequest
	Images  []converge.Image
	// Quiescent says that the cluster was healed and settled, so that replicas must
	// be equal.
	Quiescent bool
	Search    linear.Options
	// NoSearch leaves porcupine out.
	NoSearch bool
}

// Report is the verdict of all judges.
type Report struct {
	Violations  []checks.Violation
	Evaluations []checks.Evaluation
	Ledger      *ledger.Book
	Allowed     []checks.Allowed
	Stats       partlog.Stats
	Search      *linear.Opinion
	Void        string // why the judges of facts fell silent; see invariant.Judge
}

// End judges the whole run.
func (p *Panel) End(e End) *Report {
	book := p.ledger.Settle(e.Disk)
	ends := book.Ends()
	log := partlog.Judge(partlog.Input{
		History: e.History, Config: p.cfg, Names: book.Name, Ends: ends, LeaderChanges: book.Metadata.LeaderChanges,
		Removed: book.Metadata.Removed, Faults: p.ledger.Faults(), Late: e.Late,
	})
	in := linear.Input{History: e.History, Name: func(k checks.Part) string { return name(book, k) }, Ends: ends}
	found := []*checks.Findings{p.white.Findings(), &log.Findings, linear.Judge(in), p.quorum.Findings()}
	known := book.Forgot == nil // else nobody is bound to come to rest: nodes may follow a past that is gone
	if p.alive != nil && known {
		found = append(found, p.alive.Findings())
	}
	if e.Quiescent && known {
		found = append(found, converge.Judge(e.At, e.Disk, groups(book, p.cfg.Brokers), e.Images))
	}
	r := &Report{Ledger: book, Allowed: log.Allowed, Stats: log.Stats, Void: p.white.Void()}
	if !e.NoSearch {
		r.Allowed = append(r.Allowed, p.ledger.Unread(book, e.History, e.Disk)...)
		r.Search = linear.Search(in, e.Search)
		found = append(found, &r.Search.Findings)
	}
	var counts [][]checks.Evaluation
	for _, f := range found {
		r.Violations = append(r.Violations, f.Violations()...)
		counts = append(counts, f.Evaluations())
	}
	slices.SortStableFunc(r.Violations, func(a, b checks.Violation) int { return int(min(max(a.At-b.At, -1), 1)) })
	r.Evaluations = checks.MergeEvaluations(counts...)
	return r
}

func name(b *ledger.Book, k checks.Part) string {
	if p := b.Metadata.Partition(k); p != nil {
		return p.Name()
	}
	return b.Name(k.Topic)
}

// groups lists the logs that must be equal: every partition on its replicas, the
// metadata log on all brokers.
func groups(b *ledger.Book, brokers []int32) []converge.Group {
	list := []converge.Group{{Dir: bytes.MetadataDir, Nodes: brokers, Growing: true}}
	for i := range b.Metadata.Partitions {
		p := &b.Metadata.Partitions[i]
		if !b.Metadata.Removed(p.Key.Topic) {
			list = append(list, converge.Group{Dir: p.Name(), Nodes: p.Last().Replicas})
		}
	}
	return list
}
