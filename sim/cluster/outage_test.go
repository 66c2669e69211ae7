package cluster

import (
	"testing"

	"trial/checks/history"
	"trial/clock"
)

func TestOutagesAreWhatClientsSaw(t *testing.T) {
	h := &history.History{}
	sec := func(n int64) clock.Instant { return clock.Instant(n * int64(clock.Second)) }
	send := func(at, op int64) {
		h.Add(history.Event{At: sec(at), Kind: history.SendInvoked, Op: op, Acks: -1})
	}
	done := func(at, op int64, how history.Outcome, offset int64) {
		h.Add(history.Event{At: sec(at), Kind: history.SendDone, Op: op, Outcome: how, Offset: offset})
	}
	send(1, 1)
	done(2, 1, history.OK, 0)
	h.Add(history.Event{At: sec(3), Kind: history.Delivered, Offset: 0})
	send(10, 2)
	send(12, 3)
	done(20, 2, history.Info, -1) // given up: still nobody has written
	done(27, 3, history.OK, 1)
	send(28, 4)
	done(33, 4, history.Fail, -1) // and never again
	got := outages(h, sec(5), sec(40), func(history.TopicID) string { return "t" })
	want := Outage{"t", 0, Span{From: sec(10), To: sec(27)}, Span{From: sec(27), To: sec(40), Open: true}, 2}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
