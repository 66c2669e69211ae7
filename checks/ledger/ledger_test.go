package ledger

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/internal/bytestest"
	"trial/clock"
)

var id = [16]byte{1}

// life builds the world of one ledger test: brokers 1 to 3, topic t with one
// partition on all of them.
type life struct {
	cfg  checks.Config
	disk bytestest.Disk
	meta [][]byte // batches
	next int64
	log  *Ledger
}

func newLife(topic checks.Topic) *life {
	topic.Name, topic.Replication = "t", 3
	w := &life{cfg: checks.Config{Brokers: []int32{1, 2, 3}, Voters: []int32{1, 2, 3}, Topics: []checks.Topic{topic}}, disk: bytestest.Disk{}}
	w.log = New(w.cfg)
	w.records(bytestest.RegisterBroker(1, 1, false), bytestest.RegisterBroker(2, 2, false), bytestest.RegisterBroker(3, 3, false))
	w.records(bytestest.Topic("t", id), bytestest.Partition(id, 0, []int32{1, 2, 3}, []int32{1, 2, 3}, 1, 0))
	for n := int32(1); n <= 3; n++ {
		w.disk.Put(n, "t-0")
	}
	return w
}

// records appends one batch to the metadata log.
func (w *life) records(r ...[]byte) {
	w.meta = append(w.meta, bytestest.Batch(w.next, 1, r...))
	w.next += int64(len(r))
}

// append writes a batch at the end of the logs of the nodes.
func (w *life) append(offset int64, epoch int32, nodes ...int32) {
	for _, n := range nodes {
		w.disk[n][bytestest.Path("t-0")] = slices.Concat(w.disk[n][bytestest.Path("t-0")], bytestest.Batch(offset, epoch, []byte{byte(offset), byte(epoch)}))
	}
}

// power takes from a node everything from the offset on.
func (w *life) power(n int32, from int64) {
	before := w.disk[n][bytestest.Path("t-0")]
	var after []byte
	for _, b := range bytes.DecodeLog([]bytes.Segment{{Data: before}}).Batches {
		if b.Base < from {
			after = append(after, before[b.Pos:b.Pos+b.Len]...)
		}
	}
	w.disk[n][bytestest.Path("t-0")] = after
	w.fault(checks.FaultEvent{Kind: checks.PowerFail, Node: n, Lost: []checks.FileLoss{{Path: bytestest.Path("t-0"), Before: before, After: after}}})
}

// roll begins a second segment with a record in the logs of the nodes.
func (w *life) roll(offset int64, epoch int32, nodes ...int32) {
	for _, n := range nodes {
		w.disk[n][fmt.Sprintf("t-0/%020d.log", offset)] = bytestest.Batch(offset, epoch, []byte{byte(offset)})
	}
}

// decide writes the metadata log to all disks.
func (w *life) decide() {
	for n := int32(1); n <= 3; n++ {
		w.disk.Put(n, bytes.MetadataDir, w.meta...)
	}
}

func (w *life) fault(e checks.FaultEvent) {
	e.At, e.Seq = clock.Instant(clock.Second), 100
	w.log.OnFault(&e, w.disk)
}

// settle writes the metadata log to two disks, the longer one to n2, and settles.
func (w *life) settle() *Book {
	w.disk.Put(1, bytes.MetadataDir, w.meta[:len(w.meta)-1]...)
	w.disk.Put(2, bytes.MetadataDir, w.meta...)
	return w.log.Settle(w.disk)
}

// leads changes the partition's leader and ISR.
func (w *life) leads(leader int32, isr ...int32) {
	w.records(bytestest.PartitionChange(id, 0, isr, leader))
}

func TestLedgerCases(t *testing.T) {
	unclean := checks.Topic{MinISR: 1, Unclean: true}
	for _, c := range []struct {
		name  string
		topic checks.Topic
		elr   bool
		live  func(w *life)
		want  []string // "case offset epoch ranges"
	}{
		{name: "nothing happened", topic: checks.Topic{MinISR: 2}, live: func(w *life) { w.append(0, 0, 1, 2, 3) }},
		{name: "D allowed unclean election, ISR dead", topic: unclean, want: []string{"D from 1 in 2: all"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.append(1, 0, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 1})
			w.leads(-1, 1)
			w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(1, 1, 1)) // fenced by the same batch
			w.append(1, 2, 2, 3)
		}},
		{name: "D twice: the second election brings back what the first gave up", topic: unclean,
			want: []string{"D from 0 in 2 until 4: all", "D from 0 in 4: all"}, live: func(w *life) {
				w.append(0, 0, 3)
				w.append(1, 0, 3)
				w.leads(-2, 3)
				w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 3})
				w.leads(-1, 3)
				w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(3, 3, 1))
				w.append(0, 2, 2)
				w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 2})
				w.leads(-1, 2)
				w.records(bytestest.PartitionChange(id, 0, []int32{3}, 3), bytestest.FenceBroker(2, 2, 1))
				w.disk.Put(2, "t-0")
				w.append(0, 0, 2)
				w.append(1, 0, 2)
				w.append(2, 4, 2, 3)
			}},
		{name: "D twice: the leader in between has a tail of its own below what it lacks", topic: unclean,
			want: []string{"D from 1 in 2 until 4: all", "D from 1 in 4: all"}, live: func(w *life) {
				w.append(0, 0, 2, 3)
				w.append(1, 0, 2) // never replicated
				w.leads(3, 3)
				w.append(1, 1, 3)
				w.append(2, 1, 3)
				w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 3})
				w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(3, 3, 1))
				w.append(2, 2, 2)
				w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 2})
				w.leads(-1, 2)
				w.records(bytestest.PartitionChange(id, 0, []int32{3}, 3), bytestest.FenceBroker(2, 2, 1))
				w.append(3, 4, 3)
				w.disk.Put(2, "t-0", w.disk[3][bytestest.Path("t-0")])
			}},
		{name: "D the one elected has a tail of its own below what it lacks", topic: unclean, want: []string{"D from 1 in 2: all"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 2) // never replicated
			w.leads(3, 3)
			w.append(1, 1, 3)
			w.append(2, 1, 3)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 3})
			w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(3, 3, 1))
			w.append(2, 2, 2)
		}},
		{name: "D neighbour: the topic does not allow it", topic: checks.Topic{MinISR: 1}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 1})
			w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(1, 1, 1))
		}},
		{name: "D neighbour: an in-sync replica was alive", topic: unclean, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 3})
			w.leads(2, 2)
		}},
		{name: "D neighbour: no fault at all", topic: unclean, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.records(bytestest.PartitionChange(id, 0, []int32{2}, 2), bytestest.FenceBroker(1, 1, 1))
		}},
		{name: "C1 last in-sync replica lost what two had", topic: checks.Topic{MinISR: 2}, want: []string{"C1 from 1 in 2: [1,2)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.leads(-2, 1)
			w.append(2, 0, 1) // never had enough copies
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C1 a whole segment lies behind the damage", topic: checks.Topic{MinISR: 2}, want: []string{"C1 from 1 in 2: [1,4)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.append(2, 0, 1, 2)
			w.roll(3, 0, 1, 2)
			w.leads(-2, 1)
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			delete(w.disk[1], "t-0/00000000000000000003.log") // recovery
			w.append(1, 2, 1)
		}},
		{name: "C1 it led before it lost them, and again after", topic: checks.Topic{MinISR: 2}, want: []string{"C1 from 1 in 3: [1,2)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.leads(1, 1) // leader epoch 1, in which nothing was written
			w.decide()
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(1, 3, 1)
		}},
		{name: "C1 neighbour: it led before it lost them, and never again", topic: checks.Topic{MinISR: 2}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.leads(1, 1)
			w.decide()
			w.power(1, 1)
			w.leads(-1, 1)
		}},
		{name: "C1 neighbour: only one replica ever had it", topic: checks.Topic{MinISR: 2}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.append(1, 0, 1)
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C1 neighbour: it led beside another in-sync replica", topic: checks.Topic{MinISR: 2}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.power(1, 1)
			w.leads(1, 1, 2)
			w.append(1, 1, 1)
		}},
		{name: "C1 neighbour: every message was forced", topic: checks.Topic{MinISR: 1, FlushEach: true}, live: func(w *life) {
			w.append(0, 0, 1)
			w.power(1, 0)
			w.leads(-1, 1)
			w.leads(1, 1)
		}},
		{name: "C1 neighbour: a kill loses nothing", topic: checks.Topic{MinISR: 1}, live: func(w *life) {
			w.append(0, 0, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 1})
			w.leads(-1, 1)
			w.leads(1, 1)
		}},
		{name: "C3 min ISR 1", topic: checks.Topic{MinISR: 1}, want: []string{"C3 from 1 in 2: [1,3)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.leads(-2, 1)
			w.append(1, 0, 1)
			w.append(2, 0, 1)
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C3 neighbour: it got them back before it led", topic: checks.Topic{MinISR: 1}, live: func(w *life) {
			w.append(0, 0, 1, 2)
			w.append(1, 0, 1, 2)
			w.power(1, 1)
			w.leads(2, 2)
			w.append(1, 0, 1)
			w.leads(-2, 1, 2)
			w.leads(1, 1, 2)
		}},
		{name: "E every holder lost it", topic: checks.Topic{MinISR: 2}, want: []string{"E from 1 in 2: [1,2)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.power(2, 1)
			w.leads(-2, 1)
			w.power(1, 1)
			w.leads(-1, 1)
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C2 the last known leader lost it, another crashed", topic: checks.Topic{MinISR: 2}, elr: true, want: []string{"C2 from 1 in 2: [1,2)"}, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.power(1, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 2})
			w.records(bytestest.PartitionChange(id, 0, []int32{}, -1))
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C2 neighbour: one crash fewer", topic: checks.Topic{MinISR: 2}, elr: true, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.power(1, 1)
			w.records(bytestest.PartitionChange(id, 0, []int32{}, -1))
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
		{name: "C2 neighbour: an in-sync replica was left", topic: checks.Topic{MinISR: 2}, elr: true, live: func(w *life) {
			w.append(0, 0, 1, 2, 3)
			w.append(1, 0, 1, 2)
			w.power(1, 1)
			w.fault(checks.FaultEvent{Kind: checks.Kill, Node: 2})
			w.leads(-1, 2)
			w.leads(1, 1)
			w.append(1, 2, 1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLife(c.topic)
			w.log.cfg.ELR = c.elr
			c.live(w)
			b := w.settle()
			var got []string
			for _, e := range b.Entries {
				t.Log(e)
				got = append(got, brief(&e.EraEnd))
			}
			slices.Sort(got)
			if d := cmp.Diff(c.want, slices.Compact(got)); d != "" {
				t.Error(d)
			}
			if p := b.Metadata.Problems; p != nil {
				t.Error(p)
			}
		})
	}
}

func brief(e *checks.EraEnd) string {
	s := e.Case + " from " + itoa(e.Offset) + " in " + itoa(int64(e.Epoch))
	if e.Until > 0 {
		s += " until " + itoa(int64(e.Until))
	}
	s += ":"
	if e.Ranges == nil {
		return s + " all"
	}
	for _, r := range e.Ranges {
		s += " [" + itoa(r.From) + "," + itoa(r.To) + ")"
	}
	return s
}

func itoa(n int64) string { return string(rune('0' + n)) }

func TestMetadataIsReplayedFromTheLongestLog(t *testing.T) {
	w := newLife(checks.Topic{MinISR: 2})
	w.leads(2, 2, 3)
	w.leads(-2, 2, 3, 1)
	b := w.settle()
	p := b.Metadata.Partition(checks.Part{Topic: id})
	if p == nil || b.Metadata.Node != 2 {
		t.Fatalf("%+v", b.Metadata)
	}
	if c := p.Last(); c.Leader != 2 || c.LeaderEpoch != 1 || c.PartitionEpoch != 2 || !slices.Equal(c.ISR, []int32{2, 3, 1}) {
		t.Errorf("%+v", c)
	}
	if p.Name() != "t-0" || b.Metadata.LeaderChanges(p.Key) != 1 || b.Metadata.Removed(id) {
		t.Errorf("%s, %d leader changes", p.Name(), b.Metadata.LeaderChanges(p.Key))
	}
	w.records(bytestest.RemoveTopic(id))
	if b = w.settle(); !b.Metadata.Removed(id) {
		t.Error("the deletion of the topic went unnoticed")
	}
}

func TestOfflineIsLegalOnlyWhileNobodyWhoMayLeadIsUp(t *testing.T) {
	w := newLife(checks.Topic{MinISR: 1})
	w.leads(-1, 1)
	b := w.settle()
	if !b.Offline(checks.Part{Topic: id}, func(n int32) bool { return n != 1 }) {
		t.Error("the last in-sync replica is down, and the ledger wants a leader")
	}
	if b.Offline(checks.Part{Topic: id}, func(n int32) bool { return true }) {
		t.Error("everybody is up, and the ledger wants no leader")
	}
}
