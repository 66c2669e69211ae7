package invariant

import (
	"slices"
	"testing"

	"trial/checks"
	"trial/checks/internal/bytestest"
	"trial/engine"
	"trial/engine/kafka/view"
)

type story struct {
	name string
	cfg  checks.Config
	want []string
	tell func(w *world)
}

func run(t *testing.T, stories []story) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(s.cfg)
			s.tell(w)
			if got := w.broken(t); !slices.Equal(got, s.want) {
				t.Errorf("broken rules %v, want %v", got, s.want)
			}
		})
	}
}

// elect2 makes n2 the leader of leader epoch 1 after n1 died.
func elect2(w *world) {
	w.OnKill(w.at, 1)
	w.isr(2, 1, 2, 3)
	w.lead(2, 1)
	w.follow(3, 2, 1)
}

// loose is an unsynced batch that a power failure takes from a node's log.
func loss(w *world, n int32, from int64) []checks.FileLoss {
	var before, after []byte
	for _, b := range w.part().rep(w.node(n)).log {
		raw := bytestest.Batch(b.Base, b.LeaderEpoch, []byte{byte(b.CRC)})
		before = append(before, raw...)
		if b.Base < from {
			after = append(after, raw...)
		}
	}
	return []checks.FileLoss{{Path: bytestest.Path("t-0"), Before: before, After: after}}
}

func TestReplicationRules(t *testing.T) {
	run(t, []story{
		{name: "a clean life", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.replicated(1, 0, 2, 3)
			elect2(w)
			w.replicated(2, 1, 3)
			w.reopen(1, false)
			w.follow(1, 2, 1)
			w.fact(1, view.Appended{TP: tp, Batch: batch(2, 1)})
			w.fetched(2, 1, 1)
			w.fact(2, view.ISRProposed{TP: tp, LeaderEpoch: 1, HW: 3, EpochStart: 2, ISR: []view.ISRMember{{Broker: 1, Epoch: 1}}, Added: []view.AddedReplica{{Broker: 1, End: 3}}})
			w.isr(2, 1, 2, 3, 1)
			w.replicated(2, 1, 1, 3)
		}},
		{name: "W1 two batches at one place", want: []string{"W1"}, tell: func(w *world) {
			w.append(0, 1)
			b := batch(0, 0)
			b.CRC++
			w.fact(2, view.Appended{TP: tp, Batch: b})
		}},
		{name: "W1 overlapping batches", want: []string{"W1"}, tell: func(w *world) {
			w.fact(1, view.Appended{TP: tp, Batch: view.Batch{Base: 0, Last: 3, CRC: 5}, AsLeader: true})
			w.fact(2, view.Appended{TP: tp, Batch: view.Batch{Base: 0, Last: 1, CRC: 6}})
		}},
		{name: "W2 leader without committed records (and the ISR member that it is)", want: []string{"W2"}, tell: func(w *world) {
			w.append(0, 1, 2)
			w.fetched(1, 0, 2)
			w.isr(1, 0, 1, 2)
			w.advance(1, 0, 1, 1, 2)
			w.isr(3, 1, 1, 2)
			w.lead(3, 1)
		}},
		{name: "W2 silent: it hears late that it led, of an epoch long over", tell: func(w *world) {
			w.isr(3, 1, 1, 2, 3)
			w.isr(2, 2, 1, 2)
			w.lead(2, 2)
			w.append(2, 2, 1)
			w.fetched(2, 2, 1)
			w.advance(2, 2, 1, 1, 2)
			w.lead(3, 1)
		}},
		{name: "W2 silent: the ISR shrank before", tell: func(w *world) {
			w.append(0, 1, 2)
			w.fetched(1, 0, 2)
			w.isr(1, 0, 1, 2)
			w.advance(1, 0, 1, 1, 2)
			w.isr(2, 1, 2)
			w.lead(2, 1)
		}},
		{name: "W3 W4 the ISR counts a member that has not fetched", want: []string{"W3", "W4"}, tell: func(w *world) {
			w.append(0, 1, 2)
			w.fetched(1, 0, 2)
			w.advance(1, 0, 1, 1, 2)
		}},
		{name: "W3 a member truncates below what is committed", want: []string{"W13", "W3"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.fact(2, view.Truncated{TP: tp, To: 0, End: 1})
		}},
		{name: "W4 fetched in an earlier leader epoch only", want: []string{"W4"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.append(0, 1, 2, 3)
			w.fetched(1, 0, 2, 3)
			elect2(w)
			w.advance(2, 1, 2, 2, 3)
		}},
		{name: "W4 a fetch that was meant for another leader epoch", want: []string{"W4"}, tell: func(w *world) {
			w.append(0, 1, 2)
			w.fact(1, view.FollowerFetched{TP: tp, AskedEpoch: 1, Follower: 2, BrokerEpoch: w.broker2(2), Offset: 1})
		}},
		{name: "W4 silent: an old follower names no leader epoch", tell: func(w *world) {
			w.append(0, 1, 2)
			w.fact(1, view.FollowerFetched{TP: tp, AskedEpoch: -1, Follower: 2, BrokerEpoch: w.broker2(2), Offset: 1})
		}},
		{name: "W4 confirmed ISR only, while the controller has admitted another", want: []string{"W4"}, tell: func(w *world) {
			w.isr(1, 0, 1, 2)
			w.replicated(1, 0, 2)
			w.fact(3, view.Appended{TP: tp, Batch: batch(0, 0)})
			w.fetched(1, 0, 3)
			w.isr(1, 0, 1, 2, 3)
			w.append(0, 1, 2, 3)
			w.fetched(1, 0, 2, 3)
			w.advance(1, 0, 2, 1, 2)
		}},
		{name: "W4 silent: a shrink was accepted, and the leader hears of it before anybody applies it", tell: func(w *world) {
			w.fact(1, view.AlterPartitionAccepted{TP: tp, Broker: 1, AskedPartitionEpoch: 1, PartEpochNow: 1, ISR: []view.ISRMember{{Broker: 1, Epoch: 1}, {Broker: 2, Epoch: 2}}})
			w.append(0, 1, 2)
			w.fetched(1, 0, 2)
			w.advance(1, 0, 1, 1, 2)
			w.isr(1, 0, 1, 2)
		}},
		{name: "W5 leader's high watermark falls", want: []string{"W5"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.advance(1, 0, 0, 1, 2, 3)
		}},
		{name: "W5 follower's high watermark falls for no reason", want: []string{"W5"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.fact(2, view.HWMoved{TP: tp, From: 0, To: 1, End: 1})
			w.fact(2, view.HWMoved{TP: tp, From: 1, To: 0, End: 1})
		}},
		{name: "W5 silent: the rise came from the leader before", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			elect2(w)
			w.fact(3, view.HWMoved{TP: tp, LeaderEpoch: 1, From: 0, To: 1, End: 1})
			w.fact(3, view.HWMoved{TP: tp, LeaderEpoch: 1, From: 1, To: 0, End: 1})
		}},
		{name: "W5 silent: in a new leader epoch", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.fact(3, view.HWMoved{TP: tp, From: 0, To: 1, End: 1})
			elect2(w)
			w.fact(3, view.Truncated{TP: tp, To: 1, End: 1})
			w.fact(3, view.HWMoved{TP: tp, LeaderEpoch: 1, From: 1, To: 1, End: 1})
			w.fact(3, view.HWMoved{TP: tp, LeaderEpoch: 1, From: 1, To: 0, End: 1})
		}},
		{name: "W6 high watermark above the log end", want: []string{"W6"}, tell: func(w *world) {
			w.fact(2, view.HWMoved{TP: tp, From: 0, To: 1, End: 0})
		}},
		{name: "W6 consumer gets more than is committed", want: []string{"W6"}, tell: func(w *world) {
			w.append(0, 1)
			w.fact(1, view.FetchServed{TP: tp, From: 0, End: 1, Bound: 1, HW: 0, LEO: 1, Follower: -1})
		}},
		{name: "W6 silent: follower gets it, and a consumer what is committed", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.append(0, 1)
			w.fact(1, view.FetchServed{TP: tp, From: 0, End: 2, Bound: 2, HW: 1, LEO: 2, Follower: 2})
			w.fact(1, view.FetchServed{TP: tp, From: 0, End: 1, Bound: 1, HW: 1, LEO: 2, Follower: -1})
		}},
		{name: "W7 two appenders in one leader epoch", want: []string{"W7"}, tell: func(w *world) {
			w.append(0, 1)
			b := batch(5, 0)
			w.fact(2, view.Appended{TP: tp, Batch: b, AsLeader: true})
		}},
		{name: "W11 below the start of the leader epoch", want: []string{"W11"}, tell: func(w *world) {
			w.isr(1, 0, 1, 2)
			w.replicated(1, 0, 2)
			w.isr(2, 1, 2)
			w.lead(2, 1)
			w.fetched(2, 1, 3)
			w.fact(2, view.ISRProposed{TP: tp, LeaderEpoch: 1, HW: 0, EpochStart: 1, Added: []view.AddedReplica{{Broker: 3, End: 0}}})
		}},
		{name: "W11 has not fetched in this epoch", want: []string{"W11"}, tell: func(w *world) {
			w.fact(1, view.ISRProposed{TP: tp, Added: []view.AddedReplica{{Broker: 3, End: 0}}})
		}},
		{name: "W11 qualified by an earlier incarnation", want: []string{"W11"}, tell: func(w *world) {
			w.fetched(1, 0, 3)
			w.fact(1, view.ISRProposed{TP: tp, ISR: []view.ISRMember{{Broker: 3, Epoch: 9}}, Added: []view.AddedReplica{{Broker: 3, End: 0}}})
		}},
		{name: "W12 high watermark moves below min ISR", want: []string{"W12"}, tell: func(w *world) {
			w.isr(1, 0, 1)
			w.append(0, 1)
			w.advance(1, 0, 1, 1)
		}},
		{name: "W12 silent: loose high watermark", cfg: checks.Config{LooseHW: true}, tell: func(w *world) {
			w.isr(1, 0, 1)
			w.append(0, 1)
			w.advance(1, 0, 1, 1)
		}},
		{name: "W12 acknowledged below min ISR", want: []string{"W12"}, cfg: checks.Config{LooseHW: true}, tell: func(w *world) {
			w.isr(1, 0, 1)
			b := w.append(0, 1)
			w.advance(1, 0, 1, 1)
			w.ack(1, 0, b, 1)
		}},
		{name: "W12 acknowledged above the high watermark", want: []string{"W12"}, tell: func(w *world) {
			b := w.append(0, 1, 2, 3)
			w.ack(1, 0, b, 1, 2, 3)
		}},
		{name: "W12 another batch lies at the offset", want: []string{"W12"}, tell: func(w *world) {
			b := w.replicated(1, 0, 2, 3)
			b.CRC++
			w.ack(1, 0, b, 1, 2, 3)
		}},
		{name: "W12 silent: acks=1 promises less", tell: func(w *world) {
			b := w.append(0, 1)
			w.fact(1, view.ProduceAcked{TP: tp, Batch: b, Acks: 1, MaximalISR: []int32{1, 2, 3}})
		}},
		{name: "W13 a leader truncates", want: []string{"W13"}, tell: func(w *world) {
			w.append(0, 1)
			w.fact(1, view.Truncated{TP: tp, To: 0, End: 1, Leader: true})
		}},
		{name: "W13 silent: a follower drops its divergent tail", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.append(0, 1)
			elect2(w)
			w.reopen(1, false)
			w.follow(1, 2, 1)
			w.fact(1, view.Truncated{TP: tp, To: 1, End: 2, LeaderEpoch: 1})
			w.fact(1, view.Truncated{TP: tp, To: 1, End: 1, LeaderEpoch: 1})
		}},
		{name: "W13 silent: everything lies below the leader's log start", tell: func(w *world) {
			w.isr(1, 0, 1, 2)
			w.replicated(1, 0, 2)
			w.fact(3, view.Truncated{TP: tp, To: 1, End: 0, Full: true})
		}},
		{name: "W21 stale answer used", want: []string{"W21"}, tell: func(w *world) {
			w.fact(2, view.FetchApplied{TP: tp, AskedEpoch: 0, NowEpoch: 1, AskedOffset: 3, NowOffset: 3})
		}},
		{name: "W21 silent", tell: func(w *world) {
			w.fact(2, view.FetchApplied{TP: tp, AskedEpoch: 1, NowEpoch: 1, AskedOffset: 3, NowOffset: 3})
		}},
	})
}

func TestLossesThatTheConfigurationPermits(t *testing.T) {
	unclean := checks.Config{Topics: []checks.Topic{{Name: "t", Replication: 3, MinISR: 1, Unclean: true}}}
	clean := checks.Config{Topics: []checks.Topic{{Name: "t", Replication: 3, MinISR: 1}}}
	elr := checks.Config{ELR: true, Topics: clean.Topics}
	alone := func(w *world) { // n1 is the whole ISR and has what nobody else has
		w.replicated(1, 0, 2, 3)
		w.isr(1, 0, 1)
		b := w.append(0, 1)
		w.advance(1, 0, 2, 1)
		w.ack(1, 0, b, 1)
	}
	elected := func(w *world, epoch int32) {
		w.commit(func(o int64) engine.Fact {
			w.pe++
			return view.PartitionRegistered{TP: tp, Offset: o, Leader: 2, LeaderEpoch: epoch, PartitionEpoch: w.pe, Replicas: []int32{1, 2, 3}, ISR: []int32{2}, Recovering: true, Unclean: true}
		})
		w.lead(2, epoch)
		w.append(epoch, 2)
		w.advance(2, epoch, 2, 2)
	}
	standing := func(w *world) { // n1 loses power, comes back and leads again
		w.OnPower(w.at, 1, loss(w, 1, 1))
		w.isr(-1, 1, 1)
		w.broker(1, 1, true, false)
		w.reopen(1, false)
		w.broker(1, 50, true, false)
		w.broker(1, 50, false, false)
		w.isr(1, 2, 1)
		w.lead(1, 2)
		w.append(2, 1)
		w.advance(1, 2, 2, 1)
	}
	run(t, []story{
		{name: "D unclean election, nobody alive", cfg: unclean, tell: func(w *world) {
			alone(w)
			w.OnKill(w.at, 1)
			w.isr(-1, 1, 1)
			w.broker(1, 1, true, true)
			elected(w, 2)
		}},
		{name: "D the leader before goes on writing, in vain", cfg: unclean, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.isr(1, 0, 1)
			w.isr(-1, 1, 1)
			w.broker(1, 1, true, true)
			elected(w, 2)
			b := w.append(0, 1)
			w.advance(1, 0, 2, 1)
			w.ack(1, 0, b, 1)
		}},
		{name: "D the one elected hears only of its next, clean election", cfg: unclean, tell: func(w *world) {
			alone(w)
			w.OnKill(w.at, 1)
			w.isr(-1, 1, 1)
			w.broker(1, 1, true, true)
			w.isr(2, 2, 2)
			w.isr(-1, 3, 2)
			w.isr(2, 4, 2)
			w.lead(2, 4)
		}},
		{name: "D not allowed by the topic", cfg: clean, want: []string{"W2"}, tell: func(w *world) {
			alone(w)
			w.OnKill(w.at, 1)
			w.isr(-1, 1, 1)
			w.broker(1, 1, true, true)
			elected(w, 2)
		}},
		{name: "D although an in-sync replica is alive", cfg: unclean, want: []string{"W2"}, tell: func(w *world) {
			alone(w)
			elected(w, 1)
		}},
		{name: "C3 last in-sync replica loses power and leads again", cfg: clean, tell: func(w *world) {
			alone(w)
			standing(w)
		}},
		{name: "C3 the same, but every message was forced", want: []string{"W2"},
			cfg: checks.Config{Topics: []checks.Topic{{Name: "t", Replication: 3, MinISR: 1, FlushEach: true}}}, tell: func(w *world) {
				alone(w)
				standing(w)
			}},
		{name: "killed, not powered off: nothing may be lost", cfg: clean, want: []string{"W18", "W2", "W3"}, tell: func(w *world) {
			alone(w)
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.LogOpened{TP: tp, End: 1, Batches: []view.Batch{batch(0, 0)}, Epochs: []view.EpochStart{{}}})
			w.isr(1, 2, 1)
			w.lead(1, 2)
		}},
		{name: "a replica that lost power leads though another in-sync replica is there", want: []string{"W2"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.replicated(1, 0, 2, 3)
			w.OnPower(w.at, 1, loss(w, 1, 1))
			w.reopen(1, false)
			w.isr(1, 1, 1, 2, 3)
			w.lead(1, 1)
		}},
		{name: "C2 the last known leader leads again", cfg: elr, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.isr(1, 0, 1)
			b := w.append(0, 1)
			w.advance(1, 0, 2, 1)
			w.ack(1, 0, b, 1)
			w.OnPower(w.at, 1, loss(w, 1, 1))
			w.isr(-1, 1)
			w.reopen(1, false)
			w.broker(1, 50, true, false)
			w.broker(1, 50, false, false)
			w.isr(1, 2, 1)
			w.lead(1, 2)
		}},
		{name: "C2 somebody else leads", cfg: elr, want: []string{"W2"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.isr(1, 0, 1)
			b := w.append(0, 1)
			w.advance(1, 0, 2, 1)
			w.ack(1, 0, b, 1)
			w.OnPower(w.at, 1, loss(w, 1, 1))
			w.isr(-1, 1)
			w.isr(2, 2, 2)
			w.lead(2, 2)
		}},
		{name: "W3 what it lost was committed afterwards, by what it had fetched before", tell: func(w *world) {
			w.append(0, 1, 2, 3)
			w.append(0, 1, 2, 3)
			w.fetched(1, 0, 2, 3)
			w.OnPower(w.at, 3, loss(w, 3, 1))
			w.advance(1, 0, 1, 1, 2, 3)
			w.advance(1, 0, 2, 1, 2, 3)
			w.reopen(3, false)
		}},
		{name: "W9 a leader that hung counts a fetch of the incarnation before", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.reopen(2, false)
			w.isr(3, 1, 3)
			w.lead(3, 1)
			w.broker(2, 60, true, false)
			w.broker(2, 60, false, false)
			w.fetched(3, 1, 2)
			w.fact(1, view.FollowerFetched{TP: tp, LeaderEpoch: 0, AskedEpoch: 0, Follower: 2, BrokerEpoch: 2, Offset: 1})
			w.isr(3, 1, 3, 2)
		}},
		{name: "W9 W10 it is let into the ISR before it has caught up", want: []string{"W10", "W9"}, tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.OnPower(w.at, 2, loss(w, 2, 0))
			w.reopen(2, false)
			w.isr(1, 0, 1, 3)
			w.broker(2, 60, true, false)
			w.isr(1, 0, 1, 3, 2)
		}},
	})
}

func TestStorageRules(t *testing.T) {
	run(t, []story{
		{name: "W18 kill keeps everything", tell: func(w *world) {
			w.replicated(1, 0, 2, 3)
			w.append(0, 1)
			w.OnKill(w.at, 1)
			w.reopen(1, false)
			w.OnKill(w.at, 1)
			w.reopen(1, false)
		}},
		{name: "W18 an append under way may have been kept", tell: func(w *world) {
			w.append(0, 1)
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.LogOpened{TP: tp, End: 2, Batches: []view.Batch{batch(0, 0), batch(1, 0)}, Epochs: []view.EpochStart{{}}})
		}},
		{name: "W18 a kill loses a completed append", want: []string{"W18"}, tell: func(w *world) {
			w.append(0, 1)
			w.append(0, 1)
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.LogOpened{TP: tp, End: 1, Batches: []view.Batch{batch(0, 0)}, Epochs: []view.EpochStart{{}}})
		}},
		{name: "W18 silent: the power failure took it", tell: func(w *world) {
			w.append(0, 2)
			w.append(0, 2)
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.reopen(2, false)
		}},
		{name: "W18 more is missing than the power failure took", want: []string{"W18"}, tell: func(w *world) {
			w.append(0, 2)
			w.append(0, 2)
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.OnRestart(w.at, 2)
			w.inc[2]++
			w.fact(2, view.LogOpened{TP: tp})
		}},
		{name: "W18 recovering again adds something", want: []string{"W18"}, tell: func(w *world) {
			w.OnKill(w.at, 1)
			w.reopen(1, false)
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.LogOpened{TP: tp, End: 1, Batches: []view.Batch{batch(0, 0)}, Epochs: []view.EpochStart{{}}})
		}},
		{name: "W18 clean stop claimed after a lossy power failure", want: []string{"W18"}, tell: func(w *world) {
			w.append(0, 1)
			w.OnPower(w.at, 1, loss(w, 1, 0))
			w.reopen(1, true)
		}},
		{name: "W18 a power failure takes what was synced", want: []string{"W18"}, tell: func(w *world) {
			w.append(0, 2)
			w.append(0, 2)
			w.fact(2, view.LogSynced{TP: tp, End: 2})
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.reopen(2, false)
		}},
		{name: "W18 silent: what lay above was taken", tell: func(w *world) {
			w.append(0, 2)
			w.fact(2, view.LogSynced{TP: tp, End: 1})
			w.append(0, 2)
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.reopen(2, false)
			w.OnPower(w.at, 2, loss(w, 2, 0)) // recovery found it: an earlier sync may have failed
			w.reopen(2, false)
		}},
		{name: "W18 silent: a truncation takes the promise back", tell: func(w *world) {
			w.append(0, 2)
			w.append(0, 2)
			w.fact(2, view.LogSynced{TP: tp, End: 2})
			w.fact(2, view.Truncated{TP: tp, To: 1, End: 2})
			w.append(0, 2)
			w.fact(2, view.LogSynced{TP: tp, End: 1})
			w.OnPower(w.at, 2, loss(w, 2, 1))
			w.reopen(2, false)
		}},
		{name: "W5 a log is less durable than before", want: []string{"W5"}, tell: func(w *world) {
			w.append(0, 1)
			w.append(0, 1)
			w.fact(1, view.LogSynced{TP: tp, End: 2})
			w.fact(1, view.LogSynced{TP: tp, End: 1})
		}},
		{name: "W18 durable metadata is gone", want: []string{"W18"}, tell: func(w *world) {
			r := w.Judge.meta.rep(w.node(3))
			log := slices.Clone(r.log[:len(r.log)-1])
			w.OnPower(w.at, 3, []checks.FileLoss{metaLoss(r.log, len(r.log)-1)})
			w.OnRestart(w.at, 3)
			w.inc[3]++
			w.fact(3, view.QuorumOpened{End: int64(len(log)), Vote: -1, Batches: log})
		}},
		{name: "W19 epoch cache disagrees with the log", want: []string{"W19"}, tell: func(w *world) {
			w.append(0, 1)
			w.OnKill(w.at, 1)
			w.OnRestart(w.at, 1)
			w.inc[1]++
			w.fact(1, view.LogOpened{TP: tp, End: 1, Batches: []view.Batch{batch(0, 0)}, Epochs: []view.EpochStart{{Epoch: 3}}})
		}},
	})
}

func TestProducerRules(t *testing.T) {
	put := func(w *world, o int64, epoch int16, first, last int32) {
		b := batch(o, 0)
		w.fact(1, view.Appended{TP: tp, Batch: b, AsLeader: true, Producer: view.ProducerBatch{ID: 5, Epoch: epoch, First: first, Last: last}})
	}
	dup := func(w *world, base int64, first, last int32) {
		w.fact(1, view.AppendDuplicate{TP: tp, Producer: view.ProducerBatch{ID: 5, First: first, Last: last}, Base: base, Last: base})
	}
	run(t, []story{
		{name: "sequences continue, wrap and begin anew", tell: func(w *world) {
			put(w, 0, 0, 1<<31-3, 1<<31-1)
			put(w, 1, 0, 0, 4)
			put(w, 2, 1, 0, 0)
			dup(w, 1, 0, 4)
			dup(w, 7, 9, 9) // still under way
		}},
		{name: "W16 gap", want: []string{"W16"}, tell: func(w *world) { put(w, 0, 0, 0, 4); put(w, 1, 0, 6, 6) }},
		{name: "W16 a producer begins in the middle", cfg: checks.Config{FirstAlone: true}, want: []string{"W16"}, tell: func(w *world) { put(w, 0, 0, 5, 9) }},
		{name: "W16 silent: its beginning was legally lost", cfg: checks.Config{FirstAlone: true}, tell: func(w *world) {
			w.part().era = 1
			put(w, 0, 0, 5, 9)
		}},
		{name: "W16 again", want: []string{"W16"}, tell: func(w *world) { put(w, 0, 0, 0, 4); put(w, 1, 0, 0, 4) }},
		{name: "W16 new producer epoch not from 0", want: []string{"W16"}, tell: func(w *world) { put(w, 0, 0, 0, 4); put(w, 1, 1, 5, 5) }},
		{name: "W16 old producer epoch", want: []string{"W16"}, tell: func(w *world) { put(w, 0, 1, 0, 4); put(w, 1, 0, 5, 5) }},
		{name: "W16 duplicate of something else", want: []string{"W16"}, tell: func(w *world) {
			put(w, 0, 0, 0, 4)
			put(w, 1, 0, 5, 5)
			dup(w, 0, 5, 5)
		}},
	})
}

func TestEveryRuleIsEvaluatedInALife(t *testing.T) {
	w := newWorld(checks.Config{})
	w.replicated(1, 0, 2, 3)
	w.fact(1, view.FetchServed{TP: tp, From: 0, End: 1, Bound: 1, HW: 1, LEO: 1, Follower: -1})
	w.fact(2, view.FetchApplied{TP: tp})
	w.fact(1, view.AlterPartitionAccepted{TP: tp, Broker: 1, ISR: []view.ISRMember{{Broker: 1, Epoch: 1}}})
	w.fact(1, view.AppendDuplicate{TP: tp, Base: 9})
	w.fact(3, view.Truncated{TP: tp, To: 1, End: 1})
	w.fetched(1, 0, 2)
	w.fact(1, view.ISRProposed{TP: tp, HW: 1, Added: []view.AddedReplica{{Broker: 2, End: 1}}})
	w.OnKill(w.at, 1)
	w.reopen(1, false)
	for _, e := range w.Findings().Evaluations() {
		if e.Evaluated == 0 {
			t.Errorf("%s was never evaluated", e.Rule)
		}
	}
	if got := w.broken(t); got != nil {
		t.Errorf("broken rules %v", got)
	}
}

func BenchmarkFacts(b *testing.B) {
	w := newWorld(checks.Config{})
	b.ResetTimer()
	for b.Loop() {
		w.replicated(1, 0, 2, 3)
	}
	b.ReportMetric(8, "facts/op")
	if w.Findings().Failed() {
		b.Fatal(w.Findings().Violations())
	}
}
