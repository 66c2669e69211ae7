package panel

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/converge"
	"trial/checks/internal/bytestest"
	"trial/checks/internal/histest"
	"trial/checks/liveness"
	"trial/clock"
	"trial/engine/kafka/view"
)

var tp = view.TP{Topic: "t", ID: view.TopicID(histest.Topic)}

// scene is a run of three brokers that all hold two records.
type scene struct {
	disk bytestest.Disk
	h    *histest.H
	p    *Panel
}

func newScene() *scene {
	s := &scene{disk: bytestest.Disk{}, h: histest.New(), p: newPanel()}
	meta := [][]byte{
		bytestest.Batch(0, 1, bytestest.RegisterBroker(1, 0, false), bytestest.RegisterBroker(2, 1, false), bytestest.RegisterBroker(3, 2, false)),
		bytestest.Batch(3, 1, bytestest.Topic("t", histest.Topic), bytestest.Partition(histest.Topic, 0, []int32{1, 2, 3}, []int32{1, 2, 3}, 1, 0)),
	}
	for n := int32(1); n <= 3; n++ {
		s.disk.Put(n, bytes.MetadataDir, meta...)
		s.disk.Put(n, "t-0", bytestest.Batch(0, 0, []byte("a")), bytestest.Batch(1, 0, []byte("b")))
	}
	s.h.Sent(histest.ID(1, 1), histest.All, 0)
	s.h.Sent(histest.ID(1, 2), histest.All, 1)
	s.h.Deliver(1, 0, histest.ID(1, 1), 0)
	s.h.Latest(2, 0)
	return s
}

func newPanel() *Panel {
	return New(checks.Config{
		Brokers: []int32{1, 2, 3}, Voters: []int32{1, 2, 3}, Topics: []checks.Topic{{Name: "t", Replication: 3, MinISR: 2}},
	})
}

func (s *scene) end() *Report {
	heal := checks.FaultEvent{At: clock.Instant(clock.Second), Kind: checks.HealAll}
	s.p.OnFault(&heal, s.disk)
	v := &liveness.View{At: clock.Instant(clock.Hour)}
	for id := int32(1); id <= 3; id++ {
		v.Nodes = append(v.Nodes, liveness.Node{ID: id, Up: true, Active: id == 1, Controller: 1, Registered: true, Unfenced: true})
	}
	s.p.Observe(v)
	return s.p.End(End{
		At: v.At, History: &s.h.History, Disk: s.disk, Quiescent: true,
		Images: []converge.Image{{Node: 1, Offset: 5, Hash: 1}, {Node: 2, Offset: 5, Hash: 1}},
	})
}

func rules(t *testing.T, r *Report) []string {
	var list []string
	for _, v := range r.Violations {
		t.Log(v)
		list = append(list, v.Rule)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestACleanRunIsSilentAndEveryJudgeWorked(t *testing.T) {
	s := newScene()
	s.h.Dump(histest.At(histest.ID(1, 1), 0), histest.At(histest.ID(1, 2), 0))
	r := s.end()
	if got := rules(t, r); got != nil {
		t.Errorf("broken rules %v", got)
	}
	if !s.p.Settled() || r.Search.Windows == 0 || r.Stats.Acked != 2 || len(r.Ledger.Entries) != 0 {
		t.Errorf("settled %v, search %v, stats %+v, ledger %v", s.p.Settled(), r.Search, r.Stats, r.Ledger.Entries)
	}
	at := map[string]int64{}
	for _, e := range r.Evaluations {
		at[e.Rule] = e.Evaluated
	}
	for _, rule := range []string{"L1", "L3", "LIN", "P1", "C1", "C3", "C5", "V1", "V8"} {
		if at[rule] == 0 {
			t.Errorf("%s was never evaluated", rule)
		}
	}
	if _, listed := at["W12"]; !listed {
		t.Error("W12 is not listed although it was not evaluated")
	}
}

func TestEveryJudgeIsHeard(t *testing.T) {
	s := newScene()
	s.h.Dump(histest.At(histest.ID(1, 1), 0)) // L3
	s.disk.Put(3, "t-0", bytestest.Batch(0, 0, []byte("x")))
	s.p.OnFact(5, 1, 1, view.Truncated{TP: tp, Leader: true})
	if !s.p.Broken() {
		t.Error("the white-box judge is not heard during the run")
	}
	if got := rules(t, s.end()); !slices.Equal(got, []string{"C1", "L3", "L8", "P1", "W13"}) {
		t.Errorf("broken rules %v", got)
	}
}

func TestTheLedgerReachesTheJudgesOfHistories(t *testing.T) {
	for _, both := range []bool{true, false} {
		s := newScene()
		if !both { // nobody but n1 ever had the second record
			for n := int32(2); n <= 3; n++ {
				s.disk.Put(n, "t-0", bytestest.Batch(0, 0, []byte("a")))
			}
		}
		before := s.disk[1][bytestest.Path("t-0")]
		s.disk.Put(1, "t-0", bytestest.Batch(0, 0, []byte("a")))
		s.p.OnFault(&checks.FaultEvent{Kind: checks.PowerFail, Node: 1, Seq: 3, Lost: []checks.FileLoss{
			{Path: bytestest.Path("t-0"), Before: before, After: s.disk[1][bytestest.Path("t-0")]},
		}}, s.disk)
		for n := int32(1); n <= 3; n++ {
			meta := slices.Concat(s.disk[n][bytestest.Path(bytes.MetadataDir)],
				bytestest.Batch(5, 1, bytestest.PartitionChange(histest.Topic, 0, []int32{1}, -1)),
				bytestest.Batch(6, 1, bytestest.PartitionChange(histest.Topic, 0, []int32{1}, 1)),
				bytestest.Batch(7, 1, bytestest.PartitionChange(histest.Topic, 0, []int32{1, 2, 3}, -2)))
			s.disk.Put(n, bytes.MetadataDir, meta)
			s.disk.Put(n, "t-0", bytestest.Batch(0, 0, []byte("a")), bytestest.Batch(1, 2, []byte("c")))
		}
		s.h.Sent(histest.ID(2, 1), histest.All, 1)
		s.h.Dump(histest.At(histest.ID(1, 1), 0), histest.At(histest.ID(2, 1), 2))
		r := s.end()
		got := rules(t, r)
		for _, e := range r.Ledger.Entries {
			t.Log(e)
		}
		if both && (got != nil || len(r.Ledger.Entries) != 1 || len(r.Allowed) != 1 || r.Allowed[0].Case != "C1") {
			t.Errorf("broken rules %v, allowed %+v", got, r.Allowed)
		}
		if !both && !slices.Contains(got, "L3") {
			t.Errorf("broken rules %v although the record never had enough copies", got)
		}
	}
}
