package replica

import (
	"trial/engine"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/must"
)

// Role is what a replica does for its partition.
type Role uint8

// The roles. A replica has none before its first registration, and between
// having heard that it leads and its log having come to rest.
const (
	RoleNone Role = iota
	RoleLeader
	RoleFollower
)

// Partition is one broker's replica of one topic partition (Kafka's Partition).
// It never calls back into its user before the call that caused it has done its
// work; ProduceWaiter.Done comes at the end of that call, Watcher.Wake in a
// later event.
type Partition struct {
	env    Env
	h      engine.Host
	tp     view.TP
	self   int32
	log    *plog.Log
	mutant string

	opened  bool
	offline bool
	closed  bool

	role           Role
	leaderID       int32
	leaderEpoch    int32 // -1 before the first registration
	partitionEpoch int32 // -1 before the first registration
	epochStart     int64 // of a leader: log end offset when its epoch began
	replicas       []int32
	pending        *Registration // a leadership that waits for the log to come to rest

	hw        int64
	followers []follower // of a leader, in the order of replicas
	isr       isrState   // of a leader

	ops      int      // appends and truncations of the log under way
	fetcher  *Fetcher // who follows for us: told when ops went back to 0 or the epoch changed
	truncHW  bool     // mutant REP-01: truncate to the high watermark when quiet
	acks1End int64    // mutant REP-25: end of the last batch produced with acks=1

	waiting  waiterList // appended, until the high watermark covers them
	landing  waiterList // duplicates whose original is not visible yet
	ready    waiterList // decided, to be told at the end of the call
	draining bool

	watchers  watcherList
	woken     watcherList
	wakeTimer engine.Timer

	siteShort *engine.Site
	siteLate  *engine.Site
}

// New makes the replica self of a partition over its log. The log must have been
// opened before the first Apply.
func New(env Env, tp view.TP, self int32, log *plog.Log, mutant string) *Partition {
	p := &Partition{
		env: env, h: env.Host(), tp: tp, self: self, log: log, mutant: mutant,
		leaderID: -1, leaderEpoch: -1, partitionEpoch: -1,
	}
	p.siteShort = p.h.Site("fetch.short")
	p.siteLate = p.h.Site("isr.late")
	p.wakeTimer.Fire = p.deliverWakes
	p.isr.timer.Fire = p.retryAlter
	return p
}

// Opened tells that recovery of the log has ended: clean after an orderly stop,
// hw the checkpointed high watermark or -1 without one. The first Apply calls
// Opened(false, -1) unless it has been called.
func (p *Partition) Opened(clean bool, hw int64) {
	if p.opened || p.log.Offline() {
		return
	}
	p.opened = true
	p.hw = min(max(hw, p.log.Start()), p.log.End())
	if p.h.Observed() {
		p.h.Emit(view.LogOpened{
			TP: p.tp, Start: p.log.Start(), End: p.log.End(), HW: p.hw, Clean: clean,
			Epochs: p.log.Epochs(), Batches: p.log.Batches(),
		})
	}
}

// TP names the partition.
func (p *Partition) TP() view.TP { return p.tp }

// Role is what this replica does now.
func (p *Partition) Role() Role { return p.role }

// LeaderID is the leader that this replica knows of, -1 for none.
func (p *Partition) LeaderID() int32 { return p.leaderID }

// LeaderEpoch is the leader epoch that this replica knows of, -1 for none.
func (p *Partition) LeaderEpoch() int32 { return p.leaderEpoch }

// PartitionEpoch is the version of the registration that this replica knows of.
func (p *Partition) PartitionEpoch() int32 { return p.partitionEpoch }

// EpochStart is the log end offset at which this leader's epoch began.
func (p *Partition) EpochStart() int64 { return p.epochStart }

// HW is the high watermark.
func (p *Partition) HW() int64 { return p.hw }

// Log is the partition's log.
func (p *Partition) Log() *plog.Log { return p.log }

// Offline tells that the log has failed: every request gets KAFKA_STORAGE_ERROR.
func (p *Partition) Offline() bool { return p.offline || p.log.Offline() }

// ISR is the committed ISR as a leader knows it, in ascending order; nil on others.
// The caller must not change it.
func (p *Partition) ISR() []int32 { return p.isr.committed }

// MaximalISR is a copy of the ISR with a proposed newcomer; nil on others.
func (p *Partition) MaximalISR() []int32 {
	return append([]int32(nil), p.isr.maximal()...)
}

// UnderMinISR tells that this leader's ISR is smaller than the effective
// min.insync.replicas.
func (p *Partition) UnderMinISR() bool {
	return p.role == RoleLeader && len(p.isr.committed) < p.minISR()
}

// MarkOffline tells that the volume of this partition has failed. Every waiting
// produce fails with KAFKA_STORAGE_ERROR.
func (p *Partition) MarkOffline() {
	if p.offline || p.closed {
		return
	}
	p.offline = true
	p.pending = nil
	p.isr.drop(p.h)
	p.failWaiting(codeStorage)
	p.wakeAll()
	p.finish()
}

// Close ends this replica: it was deleted or reassigned. Every waiting produce
// fails, watchers are woken, appends under way still report their end.
func (p *Partition) Close() {
	if p.closed {
		return
	}
	p.role = RoleNone
	p.closed = true
	p.pending = nil
	p.isr.drop(p.h)
	p.failWaiting(codeNotLeader)
	p.wakeAll()
	p.finish()
}

// finish ends every entry from outside: decided produces are told and the
// invariants hold.
func (p *Partition) finish() {
	p.drain()
	// Not must.Hold: its arguments would be allocated on every event.
	if p.opened && !p.Offline() && (p.hw < p.log.Start() || p.hw > p.log.End()) {
		must.Fail("%v: high watermark %d outside the log [%d, %d)", p.tp, p.hw, p.log.Start(), p.log.End())
	}
}

// opDone counts the end of an append or a truncation; the last one lets a
// postponed leadership begin and the fetcher go on.
func (p *Partition) opDone() {
	if p.ops--; p.ops < 0 {
		must.Fail("%v: more operations ended than began", p.tp)
	}
	if p.ops == 0 {
		p.settle()
	}
}

func (p *Partition) settle() {
	if p.offline || p.closed {
		return
	}
	if p.pending != nil {
		reg := *p.pending
		p.pending = nil
		p.lead(reg)
		return
	}
	if p.truncHW && p.role == RoleFollower {
		p.truncateToHW()
		return
	}
	p.kickFetcher()
}

func (p *Partition) kickFetcher() {
	if p.fetcher != nil {
		p.fetcher.kick()
	}
}
