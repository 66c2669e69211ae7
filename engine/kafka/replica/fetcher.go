package replica

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/mutant"
)

// The versions of the requests that followers send: Fetch with topic ids and the
// broker epoch of the replica (KIP-516, KIP-903), ListOffsets with leader epochs.
const (
	fetchVersion       int16 = 17
	listOffsetsVersion int16 = 7
)

// Fetcher follows one leader for many partitions (AbstractFetcherThread and
// ReplicaFetcherThread as a state machine). One round is a request for all
// partitions that can be fetched, its answer, and the appends it caused; the next
// begins when all of those have completed.
type Fetcher struct {
	env    Env
	h      engine.Host
	self   int32
	leader int32
	t      Transport
	cfg    FetcherConfig

	parts  []*followed // ordered by topic, id and partition
	turn   int         // who comes first in the next request: all have their turn at its limit
	closed bool
	dead   bool // mutant REP-28

	req      kmsg.FetchRequest
	items    []roundItem // what the request in flight asked, in its order
	inFlight bool
	appends  int    // of this round, under way
	release  func() // of this round's answer
	free     []*fetchAppend
	timer    engine.Timer
}

// followState says what a partition of a fetcher does.
type followState uint8

const (
	following followState = iota
	resolving             // its offset is out of range: the leader is being asked
	failed                // until its leader epoch changes or it is added again
)

// followed is one partition of a fetcher.
type followed struct {
	p         *Partition
	state     followState
	failedIn  int32         // leader epoch in which it failed
	notBefore clock.Instant // backing off
	gen       uint32        // how often it was added: what began under another gen is stale
	removed   bool
}

// roundItem is what a request asked for one partition.
type roundItem struct {
	it     *followed
	gen    uint32
	offset int64
	epoch  int32
}

// NewFetcher makes a fetcher that follows leader over t.
func NewFetcher(env Env, self, leader int32, t Transport, cfg FetcherConfig) *Fetcher {
	f := &Fetcher{env: env, h: env.Host(), self: self, leader: leader, t: t, cfg: cfg}
	f.timer.Fire = f.send
	return f
}

// Leader is the broker that this fetcher follows.
func (f *Fetcher) Leader() int32 { return f.leader }

// Len is the number of partitions.
func (f *Fetcher) Len() int { return len(f.parts) }

// NumFailed is the number of partitions that wait for new metadata.
func (f *Fetcher) NumFailed() int {
	n := 0
	for _, it := range f.parts {
		if it.state == failed {
			n++
		}
	}
	return n
}

// Add starts or restarts following p, after Partition.Apply has made it a
// follower of our leader or has told it a new leader epoch. It forgets failures
// and back-offs.
func (f *Fetcher) Add(p *Partition) {
	if f.closed {
		return
	}
	i, found := f.find(p)
	if found {
		it := f.parts[i]
		it.state, it.notBefore = following, 0
		it.gen++
	} else {
		f.parts = slices.Insert(f.parts, i, &followed{p: p})
	}
	p.fetcher = f
	f.kick()
}

// Remove stops following p. An answer under way changes it no more.
func (f *Fetcher) Remove(p *Partition) {
	i, found := f.find(p)
	if !found {
		return
	}
	f.drop(f.parts[i])
	f.parts = slices.Delete(f.parts, i, i+1)
}

func (f *Fetcher) drop(it *followed) {
	it.removed = true
	it.gen++
	if it.p.fetcher == f {
		it.p.fetcher = nil
	}
}

// Close stops following everything. The transport's answer may still come.
func (f *Fetcher) Close() {
	for _, it := range f.parts {
		f.drop(it)
	}
	f.parts = nil
	f.closed = true
	f.h.StopTimer(&f.timer)
}

func (f *Fetcher) find(p *Partition) (int, bool) {
	return slices.BinarySearchFunc(f.parts, p, func(it *followed, p *Partition) int {
		a, b := &it.p.tp, &p.tp
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), slices.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.Partition, b.Partition))
	})
}

// kick begins a round soon, in an event of its own, so that partitions that are
// added together share a request.
func (f *Fetcher) kick() {
	if !f.closed && !f.busy() {
		f.h.SetTimer(&f.timer, f.h.Now())
	}
}

func (f *Fetcher) busy() bool { return f.inFlight || f.appends > 0 }

// send begins a round, or waits until a partition's back-off ends.
func (f *Fetcher) send() {
	if f.closed || f.busy() {
		return
	}
	if mutant.Enabled && f.dead {
		return
	}
	f.h.StopTimer(&f.timer)
	wake := f.collect()
	if len(f.items) > 0 {
		f.inFlight = true
		f.t.Fetch(&f.req, f.onFetched)
	} else if wake != clock.Never {
		f.h.SetTimer(&f.timer, wake)
	}
}

// collect builds the request from all partitions that can be fetched now and
// returns when the next one that backs off can be.
func (f *Fetcher) collect() clock.Instant {
	f.items = f.items[:0]
	f.req = kmsg.FetchRequest{
		Version: fetchVersion, ReplicaID: f.self,
		ReplicaState:  kmsg.FetchRequestReplicaState{ID: f.self, Epoch: f.env.BrokerEpoch()},
		MaxWaitMillis: f.cfg.MaxWaitMs, MinBytes: f.cfg.MinBytes, MaxBytes: f.cfg.MaxBytes,
		SessionEpoch: -1, Topics: f.req.Topics[:0],
	}
	wake, now := clock.Never, f.h.Now()
	for i := range f.parts {
		it := f.parts[(f.turn+i)%len(f.parts)]
		if it.state == failed && it.p.leaderEpoch != it.failedIn {
			it.state = following
		}
		if it.state != following || !it.p.fetchable(f.leader) {
			continue
		}
		if it.notBefore > now {
			wake = min(wake, it.notBefore)
			continue
		}
		f.ask(it)
	}
	f.turn++
	return wake
}

// ask puts one partition into the request.
func (f *Fetcher) ask(it *followed) {
	p := it.p
	f.items = append(f.items, roundItem{it: it, gen: it.gen, offset: p.log.End(), epoch: p.leaderEpoch})
	topics := f.req.Topics
	if n := len(topics); n == 0 || topics[n-1].TopicID != p.tp.ID || topics[n-1].Topic != p.tp.Topic {
		if n < cap(topics) { // take the partitions' memory over from an earlier round
			topics = topics[:n+1]
			topics[n] = kmsg.FetchRequestTopic{Topic: p.tp.Topic, TopicID: p.tp.ID, Partitions: topics[n].Partitions[:0]}
		} else {
			topics = append(topics, kmsg.FetchRequestTopic{Topic: p.tp.Topic, TopicID: p.tp.ID})
		}
		f.req.Topics = topics
	}
	t := &topics[len(topics)-1]
	t.Partitions = append(t.Partitions, kmsg.FetchRequestTopicPartition{
		Partition: p.tp.Partition, CurrentLeaderEpoch: p.leaderEpoch,
		FetchOffset: p.log.End(), LastFetchedEpoch: p.lastFetchedEpoch(),
		LogStartOffset: p.log.Start(), PartitionMaxBytes: f.cfg.PartitionMaxBytes,
		HighWatermark: -1,
	})
}

func (f *Fetcher) backOff(it *followed) { it.notBefore = f.h.Now().Add(f.cfg.Backoff) }

func (f *Fetcher) fail(it *followed) {
	it.state, it.failedIn = failed, it.p.leaderEpoch
	f.h.Probe("replica.fetcher.failed")
}
