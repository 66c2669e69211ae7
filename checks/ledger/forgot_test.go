package ledger

import (
	"testing"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/history"
	"trial/checks/internal/bytestest"
)

// wipe empties the disk of a node.
func (w *life) wipe(n int32) {
	var lost []checks.FileLoss
	for _, f := range w.disk.Files(n) {
		lost = append(lost, checks.FileLoss{Path: f.Path, Gone: true, Before: w.disk.Read(n, f)})
	}
	w.disk[n] = map[string][]byte{}
	w.disk.Put(n, "t-0")
	w.fault(checks.FaultEvent{Kind: checks.Wipe, Node: n, Lost: lost})
}

func TestEmptiedVolumes(t *testing.T) {
	for _, c := range []struct {
		name  string
		topic checks.Topic
		live  func(w *life)
		want  []string
	}{
		{name: "W the last in-sync replica came back empty", topic: checks.Topic{MinISR: 2}, want: []string{"W from 1 in 2: [1,2)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.leads(-2, 1)
			w.wipe(1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(0, 0, 1)
			w.append(1, 2, 1)
		}},
		{name: "W syncing every message does not help", topic: checks.Topic{MinISR: 1, FlushEach: true}, want: []string{"W from 0 in 2: [0,1)"}, live: func(w *life) {
			w.append(0, 0, 1)
			w.leads(-2, 1)
			w.wipe(1)
			w.leads(-1, 1)
			w.leads(1, 1)
		}},
		{name: "W neighbour: another in-sync replica led", topic: checks.Topic{MinISR: 2}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.wipe(1)
			w.leads(2, 2, 3)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLife(c.topic)
			w.decide()
			c.live(w)
			b := w.settle()
			var got []string
			for _, e := range b.Entries {
				got = append(got, brief(&e.EraEnd))
			}
			if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
				t.Errorf("%v, want %v", got, c.want)
			}
			if b.Forgot != nil {
				t.Errorf("one voter of three was emptied, and the ledger says: %v", b.Forgot)
			}
		})
	}
}

// A quorum forgets when a majority of its voters lacks what was committed, and
// only if their logs show it in the end.
func TestQuorumForgets(t *testing.T) {
	for _, c := range []struct {
		name   string
		voters []int32 // that are emptied
		back   bool    // the survivor gave them everything again
		forgot bool
	}{
		{"one voter", []int32{1}, false, false},
		{"two voters, and nobody gave them anything", []int32{1, 3}, false, true},
		{"two voters, filled again by the third", []int32{1, 3}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLife(checks.Topic{MinISR: 2})
			w.decide()
			for _, n := range c.voters {
				w.wipe(n)
			}
			if c.back {
				w.decide()
			} else if c.forgot { // the empty majority began a new log
				w.meta, w.next = nil, 0
				w.records(bytestest.RegisterBroker(1, 1, false))
				w.disk.Put(1, bytes.MetadataDir, w.meta...)
				w.disk.Put(3, bytes.MetadataDir, w.meta...)
			}
			b := w.log.Settle(w.disk)
			if (b.Forgot != nil) != c.forgot || (w.log.Forgot(w.disk) != nil) != c.forgot {
				t.Fatalf("forgot: %v, want %v", b.Forgot, c.forgot)
			}
			h := &history.History{}
			for op := int64(1); op <= 3; op++ {
				h.Add(history.Event{Kind: history.SendInvoked, Op: op, Acks: -1, Topic: id})
				h.Add(history.Event{Kind: history.SendDone, Op: op, Outcome: history.OK, Offset: op - 1})
			}
			lost := int64(0)
			for _, a := range w.log.Unread(b, h, w.disk) {
				lost += a.Count
				if a.Case != "M" {
					t.Errorf("case %s, want M", a.Case)
				}
			}
			if want := map[bool]int64{true: 3}[c.forgot]; lost != want {
				t.Errorf("%d acknowledged records count as lost, want %d", lost, want)
			}
		})
	}
}

// A partition that nobody can lead has lost what is beyond the longest log that is
// left of it.
func TestUnreadPartitionsCountWhatIsGone(t *testing.T) {
	w := newLife(checks.Topic{MinISR: 1})
	w.decide()
	w.append(0, 0, 1, 2)
	w.append(1, 0, 1)
	w.leads(-2, 1)
	w.wipe(1)
	w.leads(-1, 1)
	b := w.settle()
	h := &history.History{}
	for op := int64(1); op <= 2; op++ {
		h.Add(history.Event{Kind: history.SendInvoked, Op: op, Acks: -1, Topic: id})
		h.Add(history.Event{Kind: history.SendDone, Op: op, Outcome: history.OK, Offset: op - 1})
	}
	got := w.log.Unread(b, h, w.disk)
	if len(got) != 1 || got[0].Case != "W" || got[0].Count != 1 {
		t.Errorf("%+v, want one record in case W", got)
	}
	h.Add(history.Event{Kind: history.DumpEnd, Topic: id, Offset: 2})
	if got = w.log.Unread(b, h, w.disk); got != nil {
		t.Errorf("a partition that was read is judged by what was read, not here: %+v", got)
	}
}
