package invariant

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/checks/internal/bytestest"
	"trial/engine"
	"trial/engine/kafka/view"
)

func metaLoss(log []view.Batch, keep int) checks.FileLoss {
	f := checks.FileLoss{Path: bytestest.Path("__cluster_metadata-0")}
	for i, b := range log {
		raw := bytestest.Batch(b.Base, b.LeaderEpoch, []byte{byte(b.Base)})
		f.Before = append(f.Before, raw...)
		if i < keep {
			f.After = append(f.After, raw...)
		}
	}
	return f
}

func TestControllerRules(t *testing.T) {
	run(t, []story{
		{name: "W8 partition epoch stands still", want: []string{"W8"}, tell: func(w *world) {
			w.pe--
			w.isr(1, 0, 1, 2, 3)
		}},
		{name: "W8 leader changes within a leader epoch", want: []string{"W8"}, tell: func(w *world) { w.isr(2, 0, 1, 2, 3) }},
		{name: "W8 leader epoch falls", want: []string{"W8"}, tell: func(w *world) {
			w.isr(2, 3, 1, 2, 3)
			w.isr(2, 1, 1, 2, 3)
		}},
		{name: "W8 ISR change made on an old view", want: []string{"W8"}, tell: func(w *world) {
			w.fact(1, view.AlterPartitionAccepted{TP: tp, Broker: 1, AskedPartitionEpoch: 1, PartEpochNow: 2})
		}},
		{name: "W8 silent", tell: func(w *world) {
			w.fact(1, view.AlterPartitionAccepted{TP: tp, Broker: 1, AskedPartitionEpoch: 2, PartEpochNow: 2, ISR: []view.ISRMember{{Broker: 1, Epoch: 1}, {Broker: 2, Epoch: -1}}})
		}},
		{name: "W8 broker epoch given twice", want: []string{"W8"}, tell: func(w *world) {
			w.commit(func(o int64) engine.Fact {
				return view.BrokerRegistered{Offset: o, ID: 9, Epoch: 2, Incarnation: [16]byte{9}}
			})
		}},
		{name: "W9 ISR entry of an earlier incarnation", want: []string{"W9"}, tell: func(w *world) {
			w.broker(2, 40, false, true)
			w.fact(1, view.AlterPartitionAccepted{TP: tp, Broker: 1, ISR: []view.ISRMember{{Broker: 2, Epoch: 2}}})
		}},
		{name: "W10 fenced broker in the ISR", want: []string{"W10"}, tell: func(w *world) { w.broker(2, 2, true, true) }},
		{name: "W10 silent: it left the ISR first", tell: func(w *world) {
			w.isr(1, 0, 1, 3)
			w.broker(2, 2, true, true)
		}},
		{name: "W10 silent: the last member, without a leader", tell: func(w *world) {
			w.isr(1, 0, 1)
			w.isr(-1, 1, 1)
			w.broker(1, 1, true, true)
		}},
		{name: "W10 the last member still leads", want: []string{"W10"}, tell: func(w *world) {
			w.isr(1, 0, 1)
			w.broker(1, 1, true, true)
		}},
		{name: "W14 two leaders of one quorum epoch", want: []string{"W14"}, tell: func(w *world) {
			w.fact(2, view.QuorumRole{Role: "leader", Epoch: 1, Leader: 2, Vote: 2})
		}},
		{name: "W14 silent: it hears late that it won an election, of an epoch long over", tell: func(w *world) {
			w.fact(1, view.QuorumRole{Role: "follower", Epoch: 5, Leader: 2, Vote: -1})
			w.fact(2, view.QuorumRole{Role: "leader", Epoch: 5, Leader: 2, Vote: 2})
			b := view.Batch{Base: w.meta, Last: w.meta, LeaderEpoch: 5}
			for _, n := range []int32{2, 1} {
				w.fact(n, view.QuorumAppended{Batch: b, AsLeader: n == 2})
				w.fact(n, view.QuorumSynced{End: w.meta + 1})
			}
			w.fact(2, view.QuorumHW{Epoch: 5, From: w.meta, To: w.meta + 1, Leader: true, EpochStart: w.meta})
			w.fact(3, view.QuorumRole{Role: "leader", Epoch: 4, Leader: 3, Vote: 3})
		}},
		{name: "W14 a new leader lacks what was committed before", want: []string{"W14"}, tell: func(w *world) {
			w.fact(2, view.QuorumRole{Role: "leader", Epoch: 5, Leader: 2, Vote: 2})
			b := view.Batch{Base: w.meta, Last: w.meta, LeaderEpoch: 5}
			for _, n := range []int32{2, 1} {
				w.fact(n, view.QuorumAppended{Batch: b, AsLeader: n == 2})
				w.fact(n, view.QuorumSynced{End: w.meta + 1})
			}
			w.fact(2, view.QuorumHW{Epoch: 5, From: w.meta, To: w.meta + 1, Leader: true, EpochStart: w.meta})
			w.fact(3, view.QuorumRole{Role: "leader", Epoch: 6, Leader: 3, Vote: 3})
		}},
		{name: "W14 a restarted leader resumes", want: []string{"W14"}, tell: func(w *world) {
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.QuorumOpened{Epoch: 1, Vote: 1, End: w.meta, Batches: slices.Clone(w.Judge.meta.rep(0).log)})
			w.fact(1, view.QuorumRole{Role: "leader", Epoch: 1, Leader: 1, Vote: 1})
		}},
		{name: "W14 two votes in one epoch", want: []string{"W14"}, tell: func(w *world) {
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 1, Granted: true})
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 2, Granted: true})
		}},
		{name: "W14 silent: pre-votes and refusals", tell: func(w *world) {
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 1, Granted: true, PreVote: true})
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 2, Granted: true})
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 1})
		}},
		{name: "W14 a vote forgotten", want: []string{"W14"}, tell: func(w *world) {
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 1, Granted: true})
			w.OnPower(w.at, 3, nil)
			w.OnRestart(w.at, 3)
			w.inc[3]++
			w.fact(3, view.QuorumOpened{Epoch: 1, Vote: -1, End: w.meta, Batches: slices.Clone(w.Judge.meta.rep(w.node(3)).log)})
		}},
		{name: "W14 silent: a candidacy that never left the node is forgotten", tell: func(w *world) {
			w.fact(3, view.QuorumRole{Role: "candidate", Epoch: 7, Leader: -1, Vote: 3})
			w.OnPower(w.at, 3, nil)
			w.OnRestart(w.at, 3)
			w.inc[3]++
			w.fact(3, view.QuorumOpened{Epoch: 1, Vote: -1, End: w.meta, Batches: slices.Clone(w.Judge.meta.rep(w.node(3)).log)})
			w.fact(3, view.VoteAnswered{Epoch: 7, Candidate: 2, Granted: true})
		}},
		{name: "W14 committed before a majority is durable", want: []string{"W14"}, tell: func(w *world) {
			b := view.Batch{Base: w.meta, Last: w.meta, LeaderEpoch: 1}
			for _, n := range []int32{1, 2, 3} {
				w.fact(n, view.QuorumAppended{Batch: b, AsLeader: n == 1})
			}
			w.fact(1, view.QuorumSynced{End: w.meta + 1})
			w.fact(1, view.QuorumHW{Epoch: 1, From: w.meta, To: w.meta + 1, Leader: true})
		}},
		{name: "W14 committed over no record of the own epoch", want: []string{"W14"}, tell: func(w *world) {
			b := view.Batch{Base: w.meta, Last: w.meta, LeaderEpoch: 1}
			for _, n := range []int32{1, 2, 3} {
				w.fact(n, view.QuorumAppended{Batch: b, AsLeader: n == 1})
				w.fact(n, view.QuorumSynced{End: w.meta + 1})
			}
			w.fact(2, view.QuorumRole{Role: "leader", Epoch: 2, Leader: 2, Vote: 2})
			w.fact(2, view.QuorumHW{Epoch: 2, From: w.meta, To: w.meta + 1, Leader: true, EpochStart: w.meta + 1})
		}},
		{name: "W13 W14 metadata truncated below its high watermark", want: []string{"W13", "W14"}, tell: func(w *world) {
			w.fact(2, view.QuorumTruncated{To: 0, HW: w.meta})
		}},
		{name: "W15 two images at one offset", want: []string{"W15"}, tell: func(w *world) {
			w.fact(2, view.MetadataApplied{Offset: w.meta, Hash: 12345})
		}},
		{name: "W15 applied above what is committed", want: []string{"W15"}, tell: func(w *world) {
			w.fact(2, view.MetadataApplied{Offset: w.meta + 1, Hash: 1})
		}},
		{name: "W15 a record differs between nodes", want: []string{"W15"}, tell: func(w *world) {
			w.fact(2, view.PartitionRegistered{TP: tp, Offset: w.meta - 1, Leader: 3, LeaderEpoch: 1, PartitionEpoch: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{3}})
		}},
		{name: "W15 silent: the same record on another node", tell: func(w *world) {
			w.fact(2, view.PartitionRegistered{TP: tp, Offset: w.meta - 1, Leader: 1, PartitionEpoch: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}})
			w.fact(2, view.MetadataApplied{Offset: w.meta, Hash: uint64(w.meta - 1)})
		}},
	})
}
