package partlog

import (
	"fmt"

	"trial/checks/history"
)

var outcomes = [...]string{"open", "acknowledged", "refused", "unknown"}

// Describe prints an event of a history in a few words.
func Describe(e *history.Event) string {
	head := fmt.Sprintf("event %d at %v: client %d ", e.Seq, e.At, e.Client)
	outcome := ""
	if int(e.Outcome) < len(outcomes) {
		outcome = outcomes[e.Outcome]
	}
	switch e.Kind {
	case history.SendInvoked:
		return fmt.Sprintf("%ssends %s with acks=%d (op %d)", head, recordName(e.Record), e.Acks, e.Op)
	case history.SendAttempt:
		return fmt.Sprintf("%stries op %d", head, e.Op)
	case history.SendDone:
		return fmt.Sprintf("%sop %d %s, offset %d, error %d", head, e.Op, outcome, e.Offset, e.Err)
	case history.Delivered:
		return fmt.Sprintf("%sgets %s at offset %d, leader epoch %d (session %d)", head, recordName(e.Record), e.Offset,
			e.LeaderEpoch, e.Session)
	case history.Positioned:
		return fmt.Sprintf("%sis positioned at offset %d, %s (session %d)", head, e.Offset, e.Why, e.Session)
	case history.ListInvoked:
		return fmt.Sprintf("%sasks for offset %d (op %d)", head, e.Query, e.Op)
	case history.ListDone:
		return fmt.Sprintf("%slisted offset %d in leader epoch %d, %s (op %d)", head, e.Offset, e.LeaderEpoch, outcome, e.Op)
	case history.FetchDone:
		return fmt.Sprintf("%sfetched with high watermark %d in leader epoch %d, %s", head, e.Offset, e.LeaderEpoch, outcome)
	case history.Dumped:
		return fmt.Sprintf("%sfinal dump: %s at offset %d, leader epoch %d", head, recordName(e.Record), e.Offset, e.LeaderEpoch)
	case history.DumpEnd:
		return fmt.Sprintf("%sfinal dump ends at offset %d %s", head, e.Offset, e.Why)
	}
	return fmt.Sprintf("%skind %d", head, e.Kind)
}
