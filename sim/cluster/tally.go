package cluster

import (
	"fmt"
	"slices"

	"trial/checks"
	"trial/checks/history"
	"trial/checks/panel"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// tally counts what a run is worth: leader and ISR changes, by committed metadata.
type tally struct {
	parts                 []tallied
	elections, isrChanges int64
}

type tallied struct {
	tp          view.TP
	offset      int64
	leaderEpoch int32
	isr         []int32
}

func (t *tally) fact(f engine.Fact) {
	p, ok := f.(view.PartitionRegistered)
	if !ok {
		return
	}
	i := slices.IndexFunc(t.parts, func(x tallied) bool { return x.tp.ID == p.ID && x.tp.Partition == p.Partition })
	if i < 0 {
		t.parts = append(t.parts, tallied{p.TP, p.Offset, p.LeaderEpoch, p.ISR})
		return
	}
	x := &t.parts[i]
	if p.Offset <= x.offset {
		return // another node applies what one has applied before
	}
	if p.LeaderEpoch > x.leaderEpoch {
		t.elections++
	}
	if !slices.Equal(p.ISR, x.isr) {
		t.isrChanges++
	}
	x.offset, x.leaderEpoch, x.isr = p.Offset, p.LeaderEpoch, p.ISR
}

// countAcks counts successful sends by what they asked for.
func (r *Result) countAcks(h *history.History) {
	asked := map[int64]int8{}
	for i := range h.Events {
		switch e := &h.Events[i]; {
		case e.Kind == history.SendInvoked:
			asked[e.Op] = e.Acks
		case e.Kind == history.SendDone && e.Outcome == history.OK:
			switch asked[e.Op] {
			case 0:
				r.SentZero++
			case 1:
				r.AckedOne++
				r.Acked++
			default:
				r.Acked++
			}
		}
	}
}

// account takes over what the configuration allowed.
func (r *Result) account(report *panel.Report) {
	r.Void = report.Void
	if f := report.Ledger.Forgot; f != nil {
		r.Forgot = f.String()
	}
	for _, e := range report.Ledger.Entries {
		r.Ledger = append(r.Ledger, e.String())
	}
	r.Allowed = report.Allowed
	for _, a := range report.Allowed {
		switch a.What {
		case "lost":
			r.Lost += a.Count
			r.Losses = append(r.Losses, LossLine{a.Sentence, a.Case, a.Count})
		case "duplicated":
			r.Duplicated += a.Count
		}
	}
}

// keepBudget holds budget mode to its word: its faults must not cost a record that
// acks=all acknowledged. What the ledger excuses for a crash is here a fault that
// the budget should have skipped.
func (r *Result) keepBudget(at clock.Instant) {
	for _, l := range r.Losses {
		if r.Plan.Mode == Budget && slices.Contains([]string{"C1", "C2", "C3", "E", "F", "M", "W"}, l.Case) {
			r.Violations = append(r.Violations, checks.Violation{Rule: "BUDGET", Seq: -1, At: at,
				Reason: fmt.Sprintf("%d records acknowledged to acks=all were lost although every fault was within the budget: %s (case %s)", l.Lost, l.Sentence, l.Case)})
		}
	}
}
