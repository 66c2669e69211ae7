package invariant

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

var tp = view.TP{Topic: "t", ID: view.TopicID{1}, Partition: 0}

// world plays the part of three brokers and feeds the judge.
type world struct {
	*Judge
	at   clock.Instant
	inc  map[int32]engine.Incarnation
	meta int64 // next metadata record offset
	pe   int32 // partition epoch
}

func newWorld(cfg checks.Config) *world {
	if cfg.Brokers == nil {
		cfg.Brokers, cfg.Voters = []int32{1, 2, 3}, []int32{1, 2, 3}
	}
	if cfg.Topics == nil {
		cfg.Topics = []checks.Topic{{Name: "t", Replication: 3, MinISR: 2}}
	}
	w := &world{Judge: New(cfg), inc: map[int32]engine.Incarnation{1: 1, 2: 1, 3: 1}}
	for _, n := range []int32{1, 2, 3} {
		w.fact(n, view.QuorumOpened{Vote: -1})
		w.fact(n, view.LogOpened{TP: tp})
	}
	w.fact(1, view.QuorumRole{Role: "leader", Epoch: 1, Leader: 1, Vote: 1})
	for _, n := range []int32{1, 2, 3} {
		w.broker(n, int64(n), false, true)
	}
	w.isr(1, 0, 1, 2, 3)
	w.lead(1, 0)
	w.follow(2, 1, 0)
	w.follow(3, 1, 0)
	return w
}

func (w *world) fact(n int32, f engine.Fact) {
	w.at += clock.Instant(clock.Millisecond)
	w.OnFact(w.at, engine.NodeID(n), w.inc[n], f)
}

// commit appends a metadata record on a majority, commits and applies it.
func (w *world) commit(f func(offset int64) engine.Fact) {
	o := w.meta
	w.meta++
	b := view.Batch{Base: o, Last: o, LeaderEpoch: 1, CRC: uint32(o)}
	for _, n := range []int32{1, 2, 3} {
		w.fact(n, view.QuorumAppended{Batch: b, AsLeader: n == 1})
		w.fact(n, view.QuorumSynced{End: o + 1})
	}
	w.fact(1, view.QuorumHW{Epoch: 1, From: o, To: o + 1, Leader: true})
	w.fact(1, f(o))
	w.fact(1, view.MetadataApplied{Offset: o + 1, Hash: uint64(o)})
}

// broker registers or changes a broker.
func (w *world) broker(id int32, epoch int64, fenced, clean bool) {
	w.commit(func(o int64) engine.Fact {
		return view.BrokerRegistered{Offset: o, ID: id, Epoch: epoch, Incarnation: [16]byte{byte(id), byte(epoch)}, Fenced: fenced, Clean: clean}
	})
}

// isr registers the partition's leader, leader epoch and ISR.
func (w *world) isr(leader, epoch int32, isr ...int32) {
	w.commit(func(o int64) engine.Fact {
		w.pe++
		return view.PartitionRegistered{TP: tp, Offset: o, Leader: leader, LeaderEpoch: epoch, PartitionEpoch: w.pe, Replicas: []int32{1, 2, 3}, ISR: isr}
	})
}

func batch(o int64, epoch int32) view.Batch {
	return view.Batch{Base: o, Last: o, LeaderEpoch: epoch, CRC: uint32(1000*int64(epoch) + o)}
}

func (w *world) part() *partition { return w.Judge.part(&tp) }

func (w *world) end(n int32) int64 { return w.part().rep(w.node(n)).end }

func (w *world) hw(n int32) int64 { return w.part().rep(w.node(n)).hw }

func (w *world) lead(n, epoch int32) {
	w.fact(n, view.BecameLeader{TP: tp, LeaderEpoch: epoch, PartitionEpoch: w.pe, Start: w.end(n), HW: w.hw(n), ISR: slices.Clone(w.part().reg.isr)})
}

func (w *world) follow(n, leader, epoch int32) {
	w.fact(n, view.BecameFollower{TP: tp, LeaderEpoch: epoch, PartitionEpoch: w.pe, Leader: leader, End: w.end(n), HW: w.hw(n)})
}

// append puts the batch at the end of the log of each node; the first one leads.
func (w *world) append(epoch int32, nodes ...int32) view.Batch {
	b := batch(w.end(nodes[0]), epoch)
	for i, n := range nodes {
		w.fact(n, view.Appended{TP: tp, Batch: b, AsLeader: i == 0, Producer: view.ProducerBatch{ID: -1}})
	}
	return b
}

// fetched tells the leader where followers are.
func (w *world) fetched(leader, epoch int32, followers ...int32) {
	for _, f := range followers {
		w.fact(leader, view.FollowerFetched{TP: tp, LeaderEpoch: epoch, AskedEpoch: epoch, Follower: f, BrokerEpoch: w.broker2(f), Offset: w.end(f)})
	}
}

func (w *world) broker2(id int32) int64 { return w.nodes[w.node(id)].epoch }

// advance moves the leader's high watermark.
func (w *world) advance(n, epoch int32, to int64, isr ...int32) {
	w.fact(n, view.HWMoved{TP: tp, LeaderEpoch: epoch, From: w.hw(n), To: to, End: w.end(n), Leader: true, MaximalISR: isr, MinISR: 2})
}

func (w *world) ack(n, epoch int32, b view.Batch, isr ...int32) {
	w.fact(n, view.ProduceAcked{TP: tp, LeaderEpoch: epoch, Batch: b, Acks: -1, HW: w.hw(n), MaximalISR: isr, MinISR: 2, StillThere: true})
}

// replicated appends everywhere, advances and acknowledges.
func (w *world) replicated(leader, epoch int32, followers ...int32) view.Batch {
	all := append([]int32{leader}, followers...)
	b := w.append(epoch, all...)
	w.fetched(leader, epoch, followers...)
	w.advance(leader, epoch, b.Last+1, all...)
	w.ack(leader, epoch, b, all...)
	return b
}

// reopen restarts a node, which recovers what its ghost log says.
func (w *world) reopen(n int32, clean bool) {
	w.OnRestart(w.at, n)
	w.inc[n]++
	r := w.part().rep(w.node(n))
	w.fact(n, view.LogOpened{TP: tp, Start: r.start, End: r.end, HW: 0, Clean: clean, Batches: slices.Clone(r.log), Epochs: epochsOf(r.log)})
}

func epochsOf(log []view.Batch) []view.EpochStart {
	var list []view.EpochStart
	for _, b := range log {
		if n := len(list); n == 0 || list[n-1].Epoch != b.LeaderEpoch {
			list = append(list, view.EpochStart{Epoch: b.LeaderEpoch, Start: b.Base})
		}
	}
	return list
}

func (w *world) broken(t *testing.T) []string {
	t.Helper()
	var rules []string
	for _, v := range w.Findings().Violations() {
		t.Log(v)
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}
