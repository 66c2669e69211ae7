package plog

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trial/engine"
	"trial/engine/kafka/view"
	"trial/internal/record"
)

// state of a log as the model sees it: its start and what was submitted.
type content struct {
	start   int64
	batches []record.Batch // with their offsets and epochs
}

func (c content) next() int64 {
	if n := len(c.batches); n > 0 {
		return c.batches[n-1].NextOffset()
	}
	return c.start
}

func (c content) clone() content { return content{c.start, slices.Clone(c.batches)} }

// truncate drops every batch that holds an offset >= the given one.
func (c content) truncate(offset int64) content {
	for i, b := range c.batches {
		if b.LastOffset() >= offset {
			return content{c.start, slices.Clone(c.batches[:i])}
		}
	}
	return c.clone()
}

// epochs is the fold of the batches.
func (c content) epochs() []view.EpochStart {
	var es []view.EpochStart
	for _, b := range c.batches {
		if len(es) == 0 || es[len(es)-1].Epoch != b.LeaderEpoch() {
			es = append(es, view.EpochStart{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()})
		}
	}
	return es
}

// producers is the fold of the batches, written another way than plog's.
func (c content) producers() []Producer {
	var ids []int64
	for _, b := range c.batches {
		if id := b.ProducerID(); id >= 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	list := []Producer{}
	for _, id := range ids {
		p := Producer{ID: id}
		for i := len(c.batches) - 1; i >= 0; i-- {
			b := c.batches[i]
			if b.ProducerID() != id {
				continue
			}
			if p.Batches == nil {
				p.Epoch = b.ProducerEpoch()
			}
			if b.ProducerEpoch() != p.Epoch || len(p.Batches) == 5 {
				break
			}
			p.Batches = append(p.Batches, ProducerBatch{b.BaseSequence(), b.LastSequence(), b.BaseOffset(), b.LastOffset(), b.MaxTimestamp()})
		}
		slices.Reverse(p.Batches)
		list = append(list, p)
	}
	return list
}

// world drives a log and the model beside it.
type world struct {
	t     *rapid.T
	host  *fakeHost
	log   *Log
	cfg   Config
	epoch int32
	seqs  map[int64]int32

	now  content   // submitted
	old  []content // what the files may still show until the truncation under way is done
	live int       // appends not done
}

func (w *world) open(d *fakeDisk) {
	w.host = newHost(d, rapid.Uint64().Draw(w.t, "seed"))
	w.log = New(w.host, 0, "t-0", w.cfg)
	w.log.OnOffline(func(err error) { w.t.Fatalf("offline: %v", err) })
	opened := false
	w.log.Open(func(err error) {
		if err != nil {
			w.t.Fatalf("open: %v", err)
		}
		opened = true
	})
	w.host.settle()
	if !opened {
		w.t.Fatal("open does not end")
	}
	w.live = 0
}

// batch draws a batch with records, at times idempotent.
func (w *world) batch() record.Batch {
	var b record.Builder
	b.Reset(nil)
	n := rapid.IntRange(1, 4).Draw(w.t, "records")
	if rapid.Bool().Draw(w.t, "idempotent") {
		id := rapid.Int64Range(0, 2).Draw(w.t, "producer")
		epoch := int16(0)
		seq := w.seqs[id]
		if p, ok := w.log.Producer(id); ok {
			epoch = p.Epoch
			seq = w.log.producers.byID[id].nextSeq()
			if rapid.IntRange(0, 5).Draw(w.t, "bump") == 0 {
				epoch, seq = epoch+1, 0
			}
		}
		b.SetProducer(id, epoch, seq)
	}
	for range n {
		ts := w.host.wallMs - int64(rapid.IntRange(0, 1000).Draw(w.t, "age"))
		b.Add(ts, nil, bytes.Repeat([]byte{'v'}, rapid.IntRange(0, 300).Draw(w.t, "value")))
	}
	return b.Batch()
}

func (w *world) done(a *Append) {
	w.live--
	if a.Err == nil && w.log.End() < a.Next {
		w.t.Fatalf("done before it is visible: end %d, next %d", w.log.End(), a.Next)
	}
	if a.Err != nil && a.Err != ErrTruncated {
		w.t.Fatalf("append: %v", a.Err)
	}
}

func (w *world) appendLeader() {
	a := &Append{Data: w.batch(), Done: w.done}
	if rapid.IntRange(0, 3).Draw(w.t, "many") == 0 {
		a.Origin = OriginCoordinator
		a.Data = append(a.Data, w.plain()...)
	}
	res, code := w.log.AppendLeader(a, w.epoch)
	if code != 0 || res.Duplicate || res.Base != w.now.next() {
		w.t.Fatalf("append: code %d, %+v, want base %d", code, res, w.now.next())
	}
	w.submitted(a.Data)
}

func (w *world) plain() record.Batch {
	var b record.Builder
	b.Reset(nil)
	b.Add(w.host.wallMs, nil, []byte("second"))
	return b.Batch()
}

func (w *world) appendFollower() {
	var data []byte
	next := w.now.next()
	for range rapid.IntRange(1, 3).Draw(w.t, "batches") {
		b := w.plain()
		b.SetBaseOffset(next)
		if rapid.IntRange(0, 4).Draw(w.t, "epoch") == 0 {
			w.epoch++
		}
		b.SetLeaderEpoch(w.epoch)
		next = b.NextOffset()
		data = append(data, b...)
	}
	if err := w.log.AppendFollower(&Append{Data: data, Done: w.done}); err != nil {
		w.t.Fatal(err)
	}
	w.submitted(data)
}

func (w *world) submitted(data []byte) {
	w.live++
	for len(data) > 0 {
		b, rest, err := record.Next(data)
		if err != nil {
			w.t.Fatal(err)
		}
		w.now.batches, data = append(w.now.batches, bytes.Clone(b)), rest
	}
}

func (w *world) truncate() {
	offset := rapid.Int64Range(max(w.now.start-2, 0), w.now.next()+2).Draw(w.t, "offset")
	if offset < w.now.start {
		w.truncateFully(offset)
		return
	}
	w.changed(w.now.truncate(offset))
	w.log.TruncateTo(offset, w.truncated)
}

func (w *world) truncateFully(start int64) {
	w.changed(content{start: start})
	w.log.TruncateFully(start, w.truncated)
}

func (w *world) changed(to content) {
	w.old = append(w.old, w.now)
	w.now = to
}

func (w *world) truncated(err error) {
	if err != nil {
		w.t.Fatalf("truncate: %v", err)
	}
	w.old = w.old[1:]
}

// agree compares everything that the log shows with the model.
func (w *world) agree() {
	l := w.log
	if l.Next() != w.now.next() || l.Start() != w.now.start || l.End() > l.Next() || l.Synced() > l.End() {
		w.t.Fatalf("start %d end %d next %d synced %d, model start %d next %d", l.Start(), l.End(), l.Next(), l.Synced(), w.now.start, w.now.next())
	}
	if d := cmp.Diff(w.now.producers(), l.Producers()); d != "" {
		w.t.Fatalf("producers: %s", d)
	}
	if w.live == 0 && len(w.old) == 0 && len(w.host.pending) == 0 && l.End() != l.Next() {
		w.t.Fatalf("at rest with end %d, next %d", l.End(), l.Next())
	}
	for i, e := range l.Epochs() {
		if i > 0 && (l.Epochs()[i-1].Epoch >= e.Epoch || l.Epochs()[i-1].Start >= e.Start) {
			w.t.Fatalf("epochs %v", l.Epochs())
		}
	}
}

// readSome checks a read against the model's bytes.
func (w *world) readSome() {
	offset := rapid.Int64Range(w.now.start, w.log.End()).Draw(w.t, "from")
	limit := rapid.Int64Range(w.now.start, w.log.End()+1).Draw(w.t, "limit")
	maxBytes := rapid.IntRange(0, 2000).Draw(w.t, "max bytes")
	s, err := w.log.Locate(offset, maxBytes, limit, rapid.Bool().Draw(w.t, "min one"))
	if err != nil {
		w.t.Fatal(err)
	}
	var want []byte
	for _, b := range w.now.batches {
		if b.BaseOffset() >= s.Base && b.NextOffset() <= s.Next {
			want = append(want, b...)
		}
	}
	if s.Next > limit && s.Len > 0 || s.Len > 0 && (s.Base > offset || s.Next <= offset) || s.Len != len(want) {
		w.t.Fatalf("slice %+v for offset %d limit %d", s, offset, limit)
	}
	cut := w.log.gen
	w.log.Read(s, make([]byte, s.Len), func(n int, err error) {
		if err == nil && n != len(want) || err != nil && w.log.gen == cut {
			w.t.Fatalf("read %d of %d: %v", n, len(want), err)
		}
	})
	buf := make([]byte, s.Len)
	w.log.Read(s, buf, func(n int, err error) {
		if err == nil && !bytes.Equal(buf, want) {
			w.t.Fatal("read other bytes")
		}
	})
}

// crash ends the incarnation, opens the log again and decides whether what came
// back was allowed to.
func (w *world) crash(power bool) {
	synced := w.log.Synced()
	keep := w.log.End() // a kill keeps what the operating system took
	if power {
		keep = synced
	}
	disk := w.host.crash(power)
	whole, interrupted := disk.clone(), disk.clone()
	w.open(whole)
	got := content{start: w.log.Start()}
	for _, b := range w.log.Batches() {
		s, err := w.log.Locate(b.Base, 1<<30, b.Last+1, true)
		if err != nil {
			w.t.Fatal(err)
		}
		buf := make([]byte, s.Len)
		w.log.Read(s, buf, func(n int, err error) {
			if err != nil {
				w.t.Fatal(err)
			}
		})
		w.host.settle()
		got.batches = append(got.batches, buf)
	}
	allowed := false
	for _, c := range append(w.old, w.now) {
		allowed = allowed || c.start == got.start && len(got.batches) <= len(c.batches) &&
			cmp.Equal(append([]record.Batch{}, got.batches...), append([]record.Batch{}, c.batches[:len(got.batches)]...))
	}
	if !allowed {
		w.t.Fatalf("recovered %d..%d, not a prefix of what was written (%d..%d)", got.start, got.next(), w.now.start, w.now.next())
	}
	if got.next() < keep && len(w.old) == 0 {
		w.t.Fatalf("recovery ends at %d, but %d was kept (power %v)", got.next(), keep, power)
	}
	if w.log.End() != got.next() || w.log.Synced() != got.next() || w.log.Next() != got.next() {
		w.t.Fatalf("after recovery: end %d synced %d next %d, want %d", w.log.End(), w.log.Synced(), w.log.Next(), got.next())
	}
	if d := cmp.Diff(got.epochs(), w.log.Epochs()); d != "" {
		w.t.Fatalf("epoch cache is not the fold of the log: %s", d)
	}
	least := got.next()
	if !power {
		least = min(least, synced)
		if len(w.old) > 0 {
			least = -1 // and removals may be undone
		}
	}
	w.interruptedRecovery(interrupted, got, least)
	w.now, w.old = got, nil
	w.agree()
}

// interruptedRecovery recovers the same image with a crash in the middle: the
// result must be the same, but for a power failure that takes what a kill before
// had left unsynced.
func (w *world) interruptedRecovery(d *fakeDisk, want content, least int64) {
	h := newHost(d, rapid.Uint64().Draw(w.t, "seed"))
	New(h, 0, "t-0", w.cfg).Open(func(error) {})
	for range rapid.IntRange(0, 12).Draw(w.t, "steps of recovery") {
		h.step()
	}
	power := rapid.Bool().Draw(w.t, "power fails in recovery")
	if !power {
		least = want.next()
	}
	h = newHost(h.crash(power), 1)
	l := New(h, 0, "t-0", w.cfg)
	l.Open(func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	})
	h.settle()
	if least < 0 {
		return
	}
	same := len(l.Batches()) <= len(want.batches)
	for i, b := range l.Batches() {
		same = same && b.CRC == want.batches[i].CRC() && b.Base == want.batches[i].BaseOffset()
	}
	if l.Start() != want.start || !same || l.End() < least {
		w.t.Fatalf("recovering again changes the log: %d..%d, want %d..%d", l.Start(), l.End(), want.start, want.next())
	}
}

func TestLogFollowsTheModelThroughCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, seqs: map[int64]int32{}, cfg: Config{
			SegmentBytes:  int32(rapid.SampledFrom([]int{1400, 5000, 1 << 30}).Draw(t, "segment.bytes")),
			FlushMessages: rapid.SampledFrom([]int64{0, 1, 4}).Draw(t, "flush.messages"),
		}}
		w.open(newDisk())
		t.Repeat(map[string]func(*rapid.T){
			"":              func(*rapid.T) { w.agree() },
			"append leader": func(*rapid.T) { w.appendLeader() },
			"append again":  func(*rapid.T) { w.appendLeader() },
			"append follow": func(*rapid.T) { w.appendFollower() },
			"new epoch":     func(*rapid.T) { w.epoch++; w.log.AssignEpoch(w.epoch, w.log.Next()) },
			"truncate":      func(*rapid.T) { w.truncate() },
			"truncate fully": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					w.truncateFully(rapid.Int64Range(0, w.now.next()+50).Draw(t, "start"))
				}
			},
			"sync": func(*rapid.T) {
				end, gen := w.log.End(), w.log.gen
				w.log.Sync(func(err error) {
					if err != nil || w.log.Synced() < end && w.log.gen == gen {
						w.t.Fatalf("synced %d of %d: %v", w.log.Synced(), end, err)
					}
				})
			},
			"events": func(t *rapid.T) {
				for range rapid.IntRange(1, 8).Draw(t, "events") {
					w.host.step()
				}
			},
			"settle":        func(*rapid.T) { w.host.settle() },
			"read":          func(*rapid.T) { w.readSome() },
			"kill":          func(*rapid.T) { w.crash(false) },
			"power failure": func(*rapid.T) { w.crash(true) },
		})
	})
}

var _ = fmt.Sprint
var _ engine.Host = (*fakeHost)(nil)
