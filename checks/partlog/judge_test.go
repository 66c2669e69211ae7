package partlog

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/checks/history"
	. "trial/checks/internal/histest"
)

var (
	a, b, c = ID(1, 1), ID(1, 2), ID(1, 3)
	x, y    = ID(2, 1), ID(2, 2)
)

// broken lists the rules that a history breaks.
func broken(t *testing.T, in Input) []string {
	t.Helper()
	var list []string
	for _, v := range Judge(in).Findings.Violations() {
		t.Log(v)
		list = append(list, v.Rule)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

type story struct {
	name  string
	tell  func(h *H)
	want  []string // rules that must speak; none must be silent
	ends  []checks.EraEnd
	chg   int // leader changes
	fault checks.FaultKind
	topic checks.Topic
	late  []checks.LateRequest
}

func run(t *testing.T, s story) {
	t.Run(s.name, func(t *testing.T) {
		h := New()
		s.tell(h)
		in := Input{History: &h.History, Ends: s.ends, LeaderChanges: func(checks.Part) int { return s.chg }, Late: s.late}
		in.Config.Default = s.topic
		if s.fault != 0 {
			in.Faults = []checks.FaultEvent{{Kind: s.fault, Node: 1}}
		}
		if got := broken(t, in); !slices.Equal(got, s.want) {
			t.Errorf("broken rules %v, want %v", got, s.want)
		}
	})
}

func TestEveryRuleSpeaksAndItsNeighbourIsSilent(t *testing.T) {
	for _, s := range []story{
		{name: "clean run", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(2, 0)
			h.Fetch(2, 0)
			h.Position(1, 0, history.WhyStart)
			h.Deliver(1, 0, a, 0)
			h.Deliver(1, 1, b, 0)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "L1 two records at one offset", want: []string{"L1", "L3", "L4"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(x, All, 0)
			h.Dump(At(x, 0))
		}},
		{name: "L1 one record, two leader epochs", want: []string{"L1"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Deliver(1, 0, a, 1)
			h.Dump(At(a, 2))
		}},
		{name: "L2 idempotent duplicate", want: []string{"L2"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 silent: sent again under a new producer epoch after an unknown outcome", tell: func(h *H) {
			o := All
			o.Attempts, o.Renumbered = 2, true
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 disputed: sent again under a new producer epoch although a retry had been refused", want: []string{"L2"},
			late: []checks.LateRequest{{Seq: 3, Records: []history.RecordID{b}}}, tell: func(h *H) { // another record
				o := All
				o.Attempts, o.Disputed = 2, true
				h.Sent(a, o, 1)
				h.Dump(At(a, 0), At(a, 0))
			}},
		{name: "L2 disputed, and a request came late, but before the retry", want: []string{"L2"},
			late: []checks.LateRequest{{Seq: 2, Records: []history.RecordID{a}}}, tell: func(h *H) {
				o := All
				o.Attempts, o.Disputed = 2, true
				h.Sent(a, o, 1)
				h.Dump(At(a, 0), At(a, 0))
			}},
		{name: "L2 silent: disputed, and a hanging broker got a request that had been given up", late: []checks.LateRequest{{Seq: 3, Records: []history.RecordID{b, a}}}, tell: func(h *H) {
			o := All
			o.Attempts, o.Disputed = 2, true
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 retried under the same numbers, and a request came late", want: []string{"L2"}, late: []checks.LateRequest{{Seq: 3, Records: []history.RecordID{b, a}}}, tell: func(h *H) {
			o := All
			o.Attempts = 2
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 retried under the same numbers", want: []string{"L2"}, tell: func(h *H) {
			o := All
			o.Attempts = 2
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 silent: retried without idempotence", tell: func(h *H) {
			o := Plain
			o.Attempts = 2
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "L2 more copies than attempts", want: []string{"L2"}, tell: func(h *H) {
			o := Plain
			o.Attempts = 2
			h.Sent(a, o, 1)
			h.Dump(At(a, 0), At(a, 0), At(a, 0))
		}},
		{name: "L3 lost write", want: []string{"L3"}, chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Dump(At(a, 0))
		}},
		{name: "L3 silent: unknown outcome", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Done(h.Send(b, All), history.Info, -1)
			h.Send(c, All)
			h.Dump(At(a, 0))
		}},
		{name: "L3 hole in the final log", want: []string{"L3"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(c, All, 2)
			h.Dump(At(a, 0), Hole, At(c, 0))
		}},
		{name: "L3 silent: hole in a transactional topic", topic: checks.Topic{Transactional: true}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(c, All, 2)
			h.Dump(At(a, 0), Hole, At(c, 0))
		}},
		{name: "L3 acknowledged duplicate without offset is nowhere", want: []string{"L3"}, tell: func(h *H) {
			h.Sent(a, All, -1)
			h.Dump()
		}},
		{name: "L3 silent: acknowledged without offset and found", tell: func(h *H) {
			h.Sent(a, All, -1)
			h.Dump(At(a, 0))
		}},
		{name: "L4a acknowledged below what was committed", want: []string{"L3", "L4"}, tell: func(h *H) {
			h.Sent(a, All, 5)
			h.Sent(x, All, 3)
			h.Dump()
		}},
		{name: "L4a silent: concurrent sends", topic: checks.Topic{Transactional: true}, tell: func(h *H) {
			p := h.Send(x, All)
			h.Sent(a, All, 1)
			h.Ack(p, 0)
			h.Dump(At(x, 0), At(a, 0))
		}},
		{name: "L4a unknown send turns up below", want: []string{"L4"}, tell: func(h *H) {
			h.Sent(a, All, 1)
			h.Done(h.Send(x, All), history.Info, -1)
			h.Dump(At(x, 0), At(a, 0))
		}},
		{name: "L4a of acks=1 when both survived", want: []string{"L4"}, chg: 2, tell: func(h *H) {
			h.Sent(a, One, 1)
			h.Sent(x, One, 0)
			h.Dump(At(x, 0), At(a, 0))
		}},
		{name: "L4a silent: acks=1 offset used again after a leader change", chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Sent(b, All, 0)
			h.Sent(a, One, 1)
			h.Sent(x, One, 1)
			h.Dump(At(b, 0), At(x, 1))
		}},
		{name: "L4b idempotent producer reordered", want: []string{"L4"}, tell: func(h *H) {
			p, q := h.Send(a, All), h.Send(b, All)
			h.Ack(q, 0)
			h.Ack(p, 1)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b silent: retry without idempotence, five in flight", tell: func(h *H) {
			o := How{Acks: -1, InFlight: 5, Attempts: 2}
			p, q := h.Send(a, o), h.Send(b, How{Acks: -1, InFlight: 5, Attempts: 1})
			h.Ack(q, 0)
			h.Ack(p, 1)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b reordered without any retry", want: []string{"L4"}, tell: func(h *H) {
			o := How{Acks: -1, InFlight: 5, Attempts: 1}
			p, q := h.Send(a, o), h.Send(b, o)
			h.Ack(q, 0)
			h.Ack(p, 1)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b silent: the first waited at an earlier leader, which leads again", chg: 2, fault: checks.Kill, tell: func(h *H) {
			o := How{Acks: -1, InFlight: 5, Attempts: 1}
			p, q := h.Send(a, o), h.Send(b, o)
			h.AckBy(q, 0, 5)
			h.AckBy(p, 1, 4)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b reordered although the first went to the later leader", chg: 2, fault: checks.Kill, want: []string{"L4"}, tell: func(h *H) {
			o := How{Acks: -1, InFlight: 5, Attempts: 1}
			p, q := h.Send(a, o), h.Send(b, o)
			h.AckBy(q, 0, 4)
			h.AckBy(p, 1, 5)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b reordered to an earlier leader with one in flight", chg: 2, fault: checks.Kill, want: []string{"L4"}, tell: func(h *H) {
			p, q := h.Send(a, Plain), h.Send(b, Plain)
			h.AckBy(q, 0, 5)
			h.AckBy(p, 1, 4)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b one in flight, second sent during the retry of the first", want: []string{"L4"}, tell: func(h *H) {
			o := Plain
			o.Attempts = 2
			p, q := h.Send(a, o), h.Send(b, Plain)
			h.Ack(q, 0)
			h.Ack(p, 1)
			h.Dump(At(b, 0), At(a, 0))
		}},
		{name: "L4b silent: late copy of a retried batch", tell: func(h *H) {
			o := Plain
			o.Attempts = 2
			h.Sent(a, o, 0)
			h.Sent(b, Plain, 1)
			h.Dump(At(a, 0), At(b, 0), At(a, 0))
		}},
		{name: "L5 failed send read", want: []string{"C5", "L5"}, tell: func(h *H) {
			h.Done(h.Send(a, All), history.Fail, -1)
			h.Deliver(1, 0, a, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L5 read before the refusal", want: []string{"C5", "L5"}, tell: func(h *H) {
			p := h.Send(a, All)
			h.Deliver(1, 0, a, 0)
			h.Done(p, history.Fail, -1)
			h.Dump(At(a, 0))
		}},
		{name: "L6a skipped record", want: []string{"L6"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Sent(c, All, 2)
			h.Deliver(1, 0, a, 0)
			h.Deliver(1, 2, c, 0)
			h.Dump(At(a, 0), At(b, 0), At(c, 0))
		}},
		{name: "L6a skipped at the start", want: []string{"L6"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Position(1, 0, history.WhyStart)
			h.Deliver(1, 1, b, 0)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "L6a silent: seek", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Sent(c, All, 2)
			h.Deliver(1, 0, a, 0)
			h.Position(1, 2, history.WhySeek)
			h.Deliver(1, 2, c, 0)
			h.Dump(At(a, 0), At(b, 0), At(c, 0))
		}},
		{name: "L6a silent: nothing visible in between", topic: checks.Topic{Transactional: true}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(c, All, 2)
			h.Deliver(1, 0, a, 0)
			h.Deliver(1, 2, c, 0)
			h.Dump(At(a, 0), Hole, At(c, 0))
		}},
		{name: "L6b delivered twice", want: []string{"L6"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Deliver(1, 0, a, 0)
			h.Deliver(1, 0, a, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L6b silent: two sessions", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Deliver(1, 0, a, 0)
			h.Deliver(2, 0, a, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L6 sent back by a reset although nothing was lost", want: []string{"L6"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Deliver(1, 0, a, 0)
			h.Position(1, 0, history.WhyReset)
			h.Deliver(1, 0, a, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L7 delivered, then gone", want: []string{"L7"}, chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Sent(a, One, 0)
			h.Deliver(1, 0, a, 0)
			h.Dump()
		}},
		{name: "L7 unacknowledged record delivered, then gone", want: []string{"L7"}, chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Send(a, All)
			h.Deliver(1, 0, a, 0)
			h.Dump()
		}},
		{name: "L7 silent: appended and delivered after the dump had asked for the end", tell: func(h *H) {
			h.Sent(a, One, 0)
			h.Send(b, One)
			h.Start(9)
			h.Dump(At(a, 0))
			h.Deliver(1, 0, a, 0)
			h.Deliver(1, 1, b, 0)
		}},
		{name: "L7 silent: delivered record of an open send stays", tell: func(h *H) {
			h.Send(a, All)
			h.Deliver(1, 0, a, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L8a latest goes back", want: []string{"L8"}, chg: 1, tell: func(h *H) {
			p, q := h.Send(a, All), h.Send(b, All)
			h.Latest(2, 1)
			h.Latest(1, 2)
			h.Ack(p, 0)
			h.Ack(q, 1)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "L8a silent: overlapping queries", chg: 1, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Send(b, All)
			q := h.Ask(-1, false)
			h.Latest(2, 2)
			h.Told(q, 1, 2)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "L8a silent: a deposed leader answers", chg: 1, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(2, 2)
			h.Latest(1, 1)
			h.Dump(At(a, 1), At(b, 2))
		}},
		{name: "L8b latest below an acknowledged offset", want: []string{"L8"}, chg: 1, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(1, 2)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "L8b silent: the acknowledgement came from a later leader", chg: 1, tell: func(h *H) {
			o := All
			o.Attempts = 2 // the retry was answered by the next leader as a duplicate
			h.Sent(a, o, 0)
			h.Latest(0, 1)
			h.Dump(At(a, 1))
		}},
		{name: "L8c read_committed answer above a later read_uncommitted one", want: []string{"L8"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			q := h.Ask(-1, true)
			h.Told(q, 2, 0)
			h.Send(c, All)
			q = h.Ask(-1, false)
			h.Told(q, 1, 0)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "L8 beyond the end of the log", want: []string{"L8"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Latest(3, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L8d fetch shows a high watermark below an acknowledged offset", want: []string{"L8"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Fetch(0, 0)
			h.Dump(At(a, 0))
		}},
		{name: "L8d silent: a new leader's high watermark is lower for a while", chg: 1, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Fetch(0, 2)
			h.Dump(At(a, 1))
		}},
		{name: "L9 damaged", want: []string{"L9"}, tell: func(h *H) {
			h.Bad(1, 0, "payload checksum is wrong")
			h.Dump()
		}},
		{name: "L9 invented record", want: []string{"C5", "L3", "L9"}, tell: func(h *H) {
			h.Dump(At(a, 0))
		}},
		{name: "L9 read from the wrong partition", want: []string{"L9"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Dump(At(a, 0))
			h.Partition = 1
			h.Deliver(1, 0, a, 0)
		}},
		{name: "L9 leader epochs fall", want: []string{"L9"}, chg: 2, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Dump(At(a, 2), At(b, 1))
		}},
		{name: "L10 acks=1 lost without a reason", want: []string{"L10"}, tell: func(h *H) {
			h.Sent(a, One, 0)
			h.Dump()
		}},
		{name: "L10 silent: acks=1 lost by a leader change", chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Sent(a, One, 0)
			h.Dump()
		}},
		{name: "L10 acks=0 lost without a fault", want: []string{"L10"}, tell: func(h *H) {
			h.Sent(b, All, 0)
			h.Sent(a, Zero, -1)
			h.Dump(At(b, 0))
		}},
		{name: "L10 silent: acks=0 sent before the first leader was seen to serve", tell: func(h *H) {
			h.Sent(a, Zero, -1)
			h.Dump()
		}},
		{name: "L10 silent: acks=0 lost after a cut", fault: checks.Cut, tell: func(h *H) {
			h.Sent(a, Zero, -1)
			h.Dump()
		}},
		{name: "L10 acks=0 twice", want: []string{"L2"}, tell: func(h *H) {
			h.Sent(a, Zero, -1)
			h.Dump(At(a, 0), At(a, 0))
		}},
		{name: "C5 refused record in the final log", want: []string{"C5", "L5"}, tell: func(h *H) {
			h.Done(h.Send(a, All), history.Fail, -1)
			h.Dump(At(a, 0))
		}},
	} {
		run(t, s)
	}
}

func TestLegalOutcomesAreCounted(t *testing.T) {
	h := New()
	h.Sent(a, One, 0)
	h.Sent(x, All, 0)
	h.Dump(At(x, 1))
	r := Judge(Input{History: &h.History, LeaderChanges: func(checks.Part) int { return 1 }})
	if r.Findings.Failed() || len(r.Allowed) != 1 || r.Allowed[0].Case != "B" || r.Allowed[0].Count != 1 {
		t.Errorf("%v %+v", r.Findings.Violations(), r.Allowed)
	}
	t.Log(r.Allowed[0].Sentence)
}

func TestEveryRuleReportsItsEvaluations(t *testing.T) {
	h := New()
	h.Sent(a, All, 0)
	h.Sent(b, One, 1)
	h.Latest(2, 0)
	h.Position(1, 0, history.WhyStart)
	h.Deliver(1, 0, a, 0)
	h.Dump(At(a, 0), At(b, 0))
	for _, e := range Judge(Input{History: &h.History}).Findings.Evaluations() {
		if e.Evaluated == 0 {
			t.Errorf("%s was never evaluated", e.Rule)
		}
	}
}
