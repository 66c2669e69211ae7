package linear

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"trial/checks"
	"trial/checks/history"
	. "trial/checks/internal/histest"
	"trial/checks/partlog"
)

var a, b, c, x = ID(1, 1), ID(1, 2), ID(1, 3), ID(2, 1)

func TestJudgeAndSearchSpeakAndTheirNeighboursAreSilent(t *testing.T) {
	retried := All
	retried.Attempts = 2
	for _, s := range []struct {
		name string
		bad  bool
		tell func(h *H)
		ends []checks.EraEnd
	}{
		{name: "in order", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Latest(1, 0)
			h.Sent(b, All, 1)
			h.Latest(2, 0)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "acknowledged before the lower one was sent", bad: true, tell: func(h *H) {
			h.Sent(a, All, 1)
			h.Sent(x, All, 0)
			h.Dump(At(x, 0), At(a, 0))
		}},
		{name: "the same, concurrent", tell: func(h *H) {
			p := h.Send(x, All)
			h.Sent(a, All, 1)
			h.Ack(p, 0)
			h.Dump(At(x, 0), At(a, 0))
		}},
		{name: "stale answer", bad: true, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Latest(0, 0)
			h.Dump(At(a, 0))
		}},
		{name: "answer overlaps the send", tell: func(h *H) {
			q := h.Ask(-1, false)
			h.Sent(a, All, 0)
			h.Told(q, 0, 0)
			h.Dump(At(a, 0))
		}},
		{name: "answer counts what is sent later", bad: true, tell: func(h *H) {
			h.Latest(1, 0)
			h.Sent(a, All, 0)
			h.Dump(At(a, 0))
		}},
		{name: "answers go back", bad: true, tell: func(h *H) {
			h.Send(a, All)
			h.Latest(1, 0)
			h.Latest(0, 0)
			h.Dump(At(a, 0))
		}},
		{name: "unknown send takes effect late", tell: func(h *H) {
			h.Done(h.Send(a, All), history.Info, -1)
			h.Latest(0, 0)
			h.Latest(1, 0)
			h.Dump(At(a, 0))
		}},
		{name: "unknown send below an earlier acknowledgement", bad: true, tell: func(h *H) {
			h.Sent(b, All, 1)
			h.Done(h.Send(a, All), history.Info, -1)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "delivered before a lower one was sent", bad: true, tell: func(h *H) {
			h.Send(b, All)
			h.Deliver(1, 1, b, 0)
			h.Send(a, One)
			h.Dump(At(a, 0), At(b, 0))
		}},
		{name: "acks=1 binds nobody", tell: func(h *H) {
			h.Sent(a, One, 0)
			h.Latest(0, 0)
			h.Dump(At(a, 0))
		}},
		{name: "a deposed leader answers", tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(1, 1)
			h.Dump(At(a, 1), At(b, 2))
		}},
		{name: "a new leader answers its old high watermark", bad: true, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(1, 2)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "retry acknowledged by a later leader", tell: func(h *H) {
			h.Sent(a, retried, 0)
			h.Latest(0, 1)
			h.Dump(At(a, 1))
		}},
		{name: "delivered from the new leader, queried at the old one", tell: func(h *H) {
			h.Send(a, All)
			h.Deliver(1, 0, a, 1)
			h.Latest(0, 1)
			h.Dump(At(a, 1))
		}},
		{name: "ended era", ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 0}}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(2, 1)
			h.Sent(c, All, 0)
			h.Latest(1, 5)
			h.Dump(At(c, 5))
		}},
		{name: "a log that an older one replaced", ends: []checks.EraEnd{
			{Part: Part, Epoch: 5, Offset: 2, Until: 7}, {Part: Part, Epoch: 7, Offset: 2},
		}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(0, 5)
			h.Latest(2, 7)
			h.Dump(At(a, 1), At(b, 1))
		}},
		{name: "nothing replaced the log", bad: true, ends: []checks.EraEnd{{Part: Part, Epoch: 5, Offset: 2}}, tell: func(h *H) {
			h.Sent(a, All, 0)
			h.Sent(b, All, 1)
			h.Latest(0, 5)
			h.Dump(At(a, 1), At(b, 1))
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			h := New()
			s.tell(h)
			in := Input{History: &h.History, Ends: s.ends}
			f := Judge(in)
			for _, v := range f.Violations() {
				t.Log(v)
			}
			if f.Failed() != s.bad {
				t.Errorf("linear-time check says %v", f.Failed())
			}
			o := Search(in, Options{})
			for _, v := range o.Findings.Violations() {
				t.Log(v)
			}
			if o.Findings.Failed() != s.bad || o.Exhausted > 0 || o.Windows == 0 {
				t.Errorf("search says %v (%v)", o.Findings.Failed(), o)
			}
		})
	}
}

func TestSearchOverBudgetIsExhaustedNeverAPass(t *testing.T) {
	h := New()
	h.Sent(a, All, 0)
	h.Latest(0, 0)
	h.Dump(At(a, 0))
	o := Search(Input{History: &h.History}, Options{Budget: 1})
	if o.Exhausted == 0 || o.Findings.Failed() {
		t.Errorf("%v", o)
	}
	for _, e := range o.Findings.Evaluations() {
		if e.Evaluated != o.Windows-o.Exhausted {
			t.Errorf("an exhausted window counts as evaluated: %+v of %v", e, o)
		}
	}
}

func TestWindowsCutTheLineageAndCarryTheState(t *testing.T) {
	tell := func(late bool) *H { // never quiescent: one query stays open over everything
		h := New()
		var log []Slot
		q := h.Ask(-1, false)
		for i := range 100 {
			id := ID(1, uint64(i))
			if late && i == 10 {
				id = ID(2, 0) // sent after everything else was acknowledged
			} else {
				h.Sent(id, All, int64(i))
			}
			h.Latest(int64(i+1), 0)
			log = append(log, At(id, 0))
		}
		h.Told(q, 50, 0)
		if late {
			h.Done(h.Send(ID(2, 0), All), history.Info, -1)
		}
		h.Dump(log...)
		return h
	}
	o := Search(Input{History: &tell(false).History}, Options{MaxOps: 20})
	if o.Findings.Failed() || o.Exhausted > 0 || o.Windows < 10 {
		t.Errorf("%v %v", o, o.Findings.Violations())
	}
	if o := Search(Input{History: &tell(true).History}, Options{MaxOps: 20}); !o.Findings.Failed() {
		t.Errorf("a contradiction between two windows went unnoticed: %v", o)
	}
	if o := Search(Input{History: &tell(false).History}, Options{MaxOps: 20, Every: 4}); o.Skipped == 0 || o.Windows == 0 {
		t.Errorf("sampling: %v", o)
	}
	g := New() // one place with more operations than a window may have
	for range 50 {
		g.Latest(0, 0)
	}
	g.Dump()
	if o := Search(Input{History: &g.History}, Options{MaxOps: 20}); o.Exhausted != 1 || o.Findings.Failed() {
		t.Errorf("too many operations at one place: %v", o)
	}
}

// small is one operation of a random history. It takes effect at a point inside
// its interval.
type small struct {
	list      bool
	info      bool
	inv, comp int
	pos       int64 // offset of a send, answer of a query
}

// drawSmall draws a valid history of at most eight operations.
func drawSmall(t *rapid.T) []small {
	n := rapid.IntRange(2, 8).Draw(t, "n")
	ops := make([]small, n)
	end := int64(0)
	for i := range ops {
		o := &ops[i]
		point := 100 * (i + 1)
		o.list = rapid.IntRange(0, 2).Draw(t, "list") == 0
		o.info = !o.list && rapid.IntRange(0, 4).Draw(t, "info") == 0
		o.inv = point - rapid.IntRange(1, 250).Draw(t, "before")
		o.comp = point + rapid.IntRange(1, 250).Draw(t, "after")
		o.pos = end
		if !o.list {
			end++
		}
	}
	return ops
}

// edit makes one change that may or may not break the order.
func edit(t *rapid.T, ops []small) {
	i := rapid.IntRange(0, len(ops)-1).Draw(t, "i")
	switch rapid.SampledFrom([]string{"none", "swap", "query", "shift"}).Draw(t, "edit") {
	case "swap":
		k := rapid.IntRange(0, len(ops)-1).Draw(t, "k")
		if !ops[i].list && !ops[k].list {
			ops[i].pos, ops[k].pos = ops[k].pos, ops[i].pos
		}
	case "query":
		sends := int64(0)
		for _, o := range ops {
			if !o.list {
				sends++
			}
		}
		if ops[i].list {
			ops[i].pos = rapid.Int64Range(0, sends).Draw(t, "answer")
		}
	case "shift":
		d := rapid.IntRange(-600, 600).Draw(t, "d")
		ops[i].inv, ops[i].comp = ops[i].inv+d, ops[i].comp+d
	}
}

// naive tries every order of the operations.
func naive(ops []small) bool {
	used := make([]bool, len(ops))
	var try func(n int64, left int) bool
	try = func(n int64, left int) bool {
		if left == 0 {
			return true
		}
		for i, o := range ops {
			if used[i] || o.pos != n {
				continue
			}
			late := false // somebody who must come before has not been placed
			for k, p := range ops {
				late = late || !used[k] && k != i && !p.info && p.comp < o.inv
			}
			if late {
				continue
			}
			used[i] = true
			next := n
			if !o.list {
				next++
			}
			if try(next, left-1) {
				return true
			}
			used[i] = false
		}
		return false
	}
	return try(0, len(ops))
}

// tell turns the operations into a history, events ordered by time.
func tell(ops []small) *H { return tellReads(ops, nil) }

func tellReads(ops []small, reads []reading) *H {
	type event struct {
		at, op int
		done   bool
	}
	var events []event
	for i, r := range reads {
		events = append(events, event{2*r.at + 1, -1 - i, false})
	}
	for i, o := range ops {
		events = append(events, event{2 * o.inv, i, false}, event{2*o.comp + 1, i, true})
	}
	slices.SortStableFunc(events, func(p, q event) int { return p.at - q.at })
	h := New()
	handle := make([]int64, len(ops))
	log := make([]Slot, 0, len(ops))
	for _, e := range events {
		if e.op < 0 { // every delivery has a session of its own
			r := reads[-1-e.op]
			i := slices.IndexFunc(ops, func(o small) bool { return !o.list && o.pos == r.pos })
			h.Deliver(int32(-e.op), r.pos, ID(uint32(i), 1), 0)
			continue
		}
		o := ops[e.op]
		switch {
		case o.list && !e.done:
			handle[e.op] = h.Ask(-1, false)
		case o.list:
			h.Told(handle[e.op], o.pos, 0)
		case !e.done:
			handle[e.op] = h.Send(ID(uint32(e.op), 1), All)
		case o.info:
			h.Done(handle[e.op], history.Info, -1)
		default:
			h.Ack(handle[e.op], o.pos)
		}
	}
	for i, o := range ops {
		if o.list {
			continue
		}
		for int64(len(log)) <= o.pos {
			log = append(log, Hole)
		}
		log[o.pos] = At(ID(uint32(i), 1), 0)
	}
	h.Dump(log...)
	return h
}

func TestAllJudgesAgreeWithNaiveEnumerationAfterOneEdit(t *testing.T) {
	good, bad := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ops := drawSmall(t)
		if !naive(ops) {
			t.Fatalf("the generator made an invalid history: %+v", ops)
		}
		edit(t, ops)
		want := naive(ops)
		h := tell(ops)
		in := Input{History: &h.History}
		if got := !Judge(in).Failed(); got != want {
			t.Errorf("linear-time check: %v, naive enumeration: %v\n%+v", got, want, ops)
		}
		if o := Search(in, Options{MaxOps: rapid.SampledFrom([]int{9, 10, 1000}).Draw(t, "window")}); !o.Findings.Failed() != want || o.Exhausted > 0 {
			t.Errorf("search: %v (%v), naive enumeration: %v\n%+v", !o.Findings.Failed(), o, want, ops)
		}
		l := partlog.Judge(partlog.Input{History: &h.History, LeaderChanges: func(checks.Part) int { return 0 }})
		if got := !l.Findings.Failed(); got != want {
			t.Errorf("L rules: %v, naive enumeration: %v\n%+v\n%v", got, want, ops, l.Findings.Violations())
		}
		if want {
			good++
		} else {
			bad++
		}
	})
	if (good == 0 || bad == 0) && !testing.Short() { // some one in ten is invalid: -short draws too few
		t.Errorf("%d valid and %d invalid histories: the test proves nothing", good, bad)
	}
}

// reading is a delivery of the record at an offset.
type reading struct {
	at  int
	pos int64
}

// naiveReads tries every order of sends; a delivery needs its record, and with it
// all below, to be in the log by then.
func naiveReads(ops []small, reads []reading) bool {
	for _, r := range reads {
		for i := range ops {
			if ops[i].pos <= r.pos {
				ops[i].info = false
				ops[i].comp = min(ops[i].comp, r.at)
			}
			if ops[i].inv > ops[i].comp {
				return false
			}
		}
	}
	return naive(ops)
}

func TestAllJudgesAgreeOnDeliveries(t *testing.T) {
	good, bad := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var ops []small
		for _, o := range drawSmall(t) {
			if !o.list {
				ops = append(ops, o)
			}
		}
		var reads []reading
		for range rapid.IntRange(1, 3).Draw(t, "reads") {
			if len(ops) > 0 {
				o := ops[rapid.IntRange(0, len(ops)-1).Draw(t, "of")]
				reads = append(reads, reading{o.inv + rapid.IntRange(1, 400).Draw(t, "later"), o.pos})
			}
		}
		for i := range ops {
			if ops[i].info {
				ops[i].comp = 1 << 20 // whenever it is told, it binds nothing
			}
		}
		h := tellReads(ops, reads)
		want := naiveReads(slices.Clone(ops), reads)
		in := Input{History: &h.History}
		if got := !Judge(in).Failed(); got != want {
			t.Errorf("linear-time check: %v, naive enumeration: %v\n%+v %+v", got, want, ops, reads)
		}
		if o := Search(in, Options{MaxOps: 9}); !o.Findings.Failed() != want || o.Exhausted > 0 {
			t.Errorf("search: %v (%v), naive enumeration: %v\n%+v %+v", !o.Findings.Failed(), o, want, ops, reads)
		}
		l := partlog.Judge(partlog.Input{History: &h.History, LeaderChanges: func(checks.Part) int { return 0 }})
		if got := !l.Findings.Failed(); got != want {
			t.Errorf("L rules: %v, naive enumeration: %v\n%+v %+v\n%v", got, want, ops, reads, l.Findings.Violations())
		}
		if want {
			good++
		} else {
			bad++
		}
	})
	if (good == 0 || bad == 0) && !testing.Short() { // some one in ten is invalid: -short draws too few
		t.Errorf("%d valid and %d invalid histories: the test proves nothing", good, bad)
	}
}

func TestDroppedAndDuplicatedRecordsAreNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := drawSmall(t)
		var acked []int
		for i, o := range ops {
			if !o.list && !o.info {
				acked = append(acked, i)
			}
		}
		if len(acked) == 0 {
			return
		}
		victim := rapid.SampledFrom(acked).Draw(t, "victim")
		h := tell(ops)
		id := ID(uint32(victim), 1)
		events := h.Events
		h.Events = nil
		duplicate := rapid.Bool().Draw(t, "duplicate")
		end := int64(0)
		for _, e := range events {
			switch {
			case e.Kind == history.Dumped && e.Record == id && !duplicate:
				continue
			case e.Kind == history.DumpEnd && duplicate:
				again := e
				again.Kind, again.Record, again.Offset = history.Dumped, id, end
				h.Add(again)
				e.Offset = end + 1
			case e.Kind == history.Dumped:
				end = e.Offset + 1
			}
			h.Add(e)
		}
		l := partlog.Judge(partlog.Input{History: &h.History})
		if !l.Findings.Failed() {
			t.Errorf("duplicate=%v of operation %d went unnoticed: %+v", duplicate, victim, ops)
		}
	})
}

func bigHistory(n int) *history.History {
	h := New()
	const producers = 8
	var counter [producers]uint64
	log := make([]Slot, 0, n)
	open := make([]int64, 0, producers)
	for len(log) < n {
		open = open[:0]
		first := len(log)
		for p := range producers {
			counter[p]++
			id := ID(uint32(p), counter[p])
			open = append(open, h.Send(id, All))
			log = append(log, At(id, 0))
		}
		for k, op := range open {
			h.Ack(op, int64(first+k))
		}
		for k := range open {
			h.Deliver(1, int64(first+k), log[first+k].ID, 0)
		}
		if first%64 == 0 {
			h.Latest(int64(len(log)), 0)
		}
	}
	h.Dump(log...)
	return &h.History
}

func BenchmarkLAndLinear(b *testing.B) {
	const n = 200_000
	h := bigHistory(n)
	b.ResetTimer()
	for b.Loop() {
		l := partlog.Judge(partlog.Input{History: h})
		f := Judge(Input{History: h})
		if l.Findings.Failed() || f.Failed() {
			b.Fatal(l.Findings.Violations(), f.Violations())
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkSearch(b *testing.B) {
	h := bigHistory(20_000)
	b.ResetTimer()
	for b.Loop() {
		if o := Search(Input{History: h}, Options{}); o.Findings.Failed() || o.Exhausted > 0 {
			b.Fatal(o, o.Findings.Violations())
		}
	}
}
