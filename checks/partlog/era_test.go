package partlog

import (
	"testing"

	"trial/checks"
	"trial/checks/history"
	. "trial/checks/internal/histest"
)

// An era ends at offset 1 when leader epoch 5 begins.
var ended = []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 1, Case: "D"}}

// Two unclean elections: the leader of epoch 5 lacks what that of epoch 7 has.
var passing = []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 2, Until: 7, Case: "D"}, {Part: Part, Epoch: 7, Offset: 2, Case: "D"}}

func TestErasExcuseExactlyWhatTheyTook(t *testing.T) {
	old := func(h *H) {
		h.Sent(a, All, 0)
		h.Sent(b, All, 1)
		h.Deliver(1, 0, a, 1)
		h.Deliver(1, 1, b, 1)
	}
	for _, s := range []story{
		{name: "loss above the cut is legal", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.Sent(y, All, 2)
			h.Dump(At(a, 1), At(x, 5), At(y, 5))
		}},
		{name: "the same without the ledger's word", chg: 1, fault: checks.Kill, want: []string{"L1", "L3", "L4", "L7"}, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.Sent(y, All, 2)
			h.Dump(At(a, 1), At(x, 5), At(y, 5))
		}},
		{name: "loss below the cut is not", ends: ended, chg: 1, fault: checks.Kill, want: []string{"L1", "L3", "L7"}, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.Sent(y, All, 2)
			h.Dump(At(c, 1), At(x, 5), At(y, 5))
		}},
		{name: "loss in the new era is not", ends: ended, chg: 1, fault: checks.Kill, want: []string{"L3", "L7"}, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.Sent(y, All, 2)
			h.Deliver(2, 2, y, 5)
			h.Dump(At(a, 1), At(x, 5))
		}},
		{name: "a consumer that crosses eras may go back", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			old(h)
			h.Position(1, 1, history.WhyTruncation)
			h.Sent(x, All, 1)
			h.Deliver(1, 1, x, 5)
			h.Dump(At(a, 1), At(x, 5))
		}},
		{name: "a deposed leader shows the old era", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.Deliver(3, 1, b, 1)
			h.Dump(At(a, 1), At(x, 5))
		}},
		{name: "the new lineage shows itself by an old record of its own", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			h.Send(c, All)
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Deliver(1, 1, b, 1)
			h.Deliver(2, 1, c, 0)
			h.Sent(x, All, 2)
			h.Deliver(2, 2, x, 5)
			h.Dump(At(a, 0), At(c, 0), At(x, 5))
		}},
		{name: "an ended era may take the producer state: a retry is appended again", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			o := All
			o.Attempts = 2
			p := h.Send(a, o)
			h.Ack(p, 1)
			h.Sent(x, All, 2)
			h.Deliver(2, 2, x, 5)
			h.Dump(At(a, 0), At(a, 5), At(x, 5))
		}},
		{name: "but not more often than it was tried", ends: ended, chg: 1, fault: checks.Kill, want: []string{"L2"}, tell: func(h *H) {
			p := h.Send(a, All)
			h.Ack(p, 1)
			h.Sent(x, All, 2)
			h.Deliver(2, 2, x, 5)
			h.Dump(At(a, 0), At(a, 5), At(x, 5))
		}},
		{name: "answers of a leader whose log was replaced by an older, longer one", ends: passing, chg: 2, fault: checks.Kill, tell: func(h *H) {
			old(h)
			h.Latest(2, 1)
			h.Latest(0, 5) // its log is shorter than what the final log shows
			h.Latest(2, 7)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "but not those of the leader after it", ends: passing, chg: 2, fault: checks.Kill, want: []string{"L8"}, tell: func(h *H) {
			old(h)
			h.Latest(2, 1)
			h.Latest(0, 5)
			h.Latest(1, 7)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "nor those of the leader in between among each other", ends: passing, chg: 2, fault: checks.Kill, want: []string{"L8"}, tell: func(h *H) {
			old(h)
			h.Latest(1, 5)
			h.Latest(0, 5)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "a copy that was lost and came back is one copy", chg: 2, fault: checks.Kill,
			ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 1, Until: 7, Case: "D"}, {Part: Part, Epoch: 7, Offset: 1, Case: "D"}},
			tell: func(h *H) {
				o := Plain
				o.Attempts = 2
				h.Done(h.Send(a, o), history.Info, -1)
				h.Deliver(1, 0, a, 1)
				h.Deliver(1, 1, a, 1)
				h.Sent(x, Plain, 1)
				h.Deliver(2, 1, x, 5)
				h.Dump(At(a, 1), At(a, 1))
			}},
		{name: "an ended era left nothing of a producer: a later batch may come first", chg: 1, fault: checks.Kill,
			ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 0, Case: "D"}}, tell: func(h *H) {
				h.Sent(a, All, 0)
				h.Sent(x, All, 0)
				h.Deliver(2, 0, x, 5)
				o := All
				o.Attempts = 2
				p := h.Send(b, o)
				h.Sent(c, All, 1)
				h.Ack(p, 2)
				h.Dump(At(x, 5), At(c, 5), At(b, 5))
			}},
		{name: "but not one that was sent once", chg: 1, fault: checks.Kill, want: []string{"L4"},
			ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 0, Case: "D"}}, tell: func(h *H) {
				h.Sent(a, All, 0)
				h.Sent(x, All, 0)
				h.Deliver(2, 0, x, 5)
				p := h.Send(b, All)
				h.Sent(c, All, 1)
				h.Ack(p, 2)
				h.Dump(At(x, 5), At(c, 5), At(b, 5))
			}},
		{name: "but not where some of it was left", chg: 1, fault: checks.Kill, ends: ended, want: []string{"L4"}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			o := All
			o.Attempts = 2
			p := h.Send(b, o)
			h.Sent(c, All, 2)
			h.Ack(p, 3)
			h.Dump(At(a, 1), At(x, 5), At(c, 5), At(b, 5))
		}},
		{name: "the old leader acknowledges when others have seen the new era", ends: ended, chg: 1, fault: checks.Kill, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.AckBy(h.Send(c, All), 2, 1)
			h.Dump(At(a, 1), At(x, 5))
		}},
		{name: "but the new one may not lose it", ends: ended, chg: 1, fault: checks.Kill, want: []string{"L3"}, tell: func(h *H) {
			old(h)
			h.Sent(x, All, 1)
			h.Deliver(2, 1, x, 5)
			h.AckBy(h.Send(c, All), 2, 5)
			h.Dump(At(a, 1), At(x, 5))
		}},
		{name: "only the ranges are excused", chg: 1, fault: checks.Kill, want: []string{"L3", "L7"},
			ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 1, Case: "C1", Ranges: []checks.Range{{From: 1, To: 2}}}},
			tell: func(h *H) {
				h.Send(c, All)
				old(h)
				h.Sent(y, All, 2)
				h.Deliver(1, 2, y, 1)
				h.Sent(x, All, 1)
				h.Deliver(2, 1, x, 5)
				h.Dump(At(a, 1), At(x, 5), At(c, 5))
			}},
	} {
		if s.name == "loss below the cut is not" {
			tell := s.tell
			s.tell = func(h *H) { h.Send(c, All); tell(h) }
		}
		run(t, s)
	}
}
