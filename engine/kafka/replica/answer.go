package replica

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// fetchAppend is one append of fetched records.
type fetchAppend struct {
	op       plog.Append
	f        *Fetcher
	it       *followed
	leaderHW int64
	epoch    int32 // leader epoch under which it was fetched
}

// onFetched handles the answer of a round.
func (f *Fetcher) onFetched(resp *kmsg.FetchResponse, release func(), err error) {
	f.inFlight = false
	f.release = release
	f.appends++ // this event itself: the round cannot end before its last line
	if err != nil || resp.ErrorCode != 0 {
		for i := range f.items {
			if item := &f.items[i]; item.current() {
				f.backOff(item.it)
			}
		}
	} else {
		f.onTopics(resp)
	}
	f.endAppend()
}

// endAppend ends the round with its last append.
func (f *Fetcher) endAppend() {
	f.appends--
	if f.appends > 0 {
		return
	}
	if f.release != nil {
		f.release()
		f.release = nil
	}
	f.send()
}

func (f *Fetcher) onTopics(resp *kmsg.FetchResponse) {
	cursor := 0 // answers nearly always come in the order of the request
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			rp := &t.Partitions[j]
			for n := 0; n < len(f.items); n++ {
				at := (cursor + n) % len(f.items)
				if tp := &f.items[at].it.p.tp; tp.ID == t.TopicID && tp.Partition == rp.Partition {
					f.onPartition(&f.items[at], rp)
					cursor = at + 1
					break
				}
			}
		}
	}
}

// current tells whether the partition is still in the state in which it asked.
func (item *roundItem) current() bool {
	it := item.it
	return !it.removed && it.gen == item.gen && it.state == following && it.p.role == RoleFollower && it.p.ops == 0 &&
		it.p.leaderEpoch == item.epoch && it.p.log.End() == item.offset && !it.p.closed && !it.p.Offline()
}

// onPartition uses the answer for one partition, if it still answers what holds
// now: offset, leader epoch and state as when it was asked (KAFKA-7786).
func (f *Fetcher) onPartition(item *roundItem, rp *kmsg.FetchResponseTopicPartition) {
	if !item.current() {
		f.h.Probe("replica.fetcher.stale")
		if !mutant.Enabled || f.cfg.Mutant != mutant.REP27 {
			return
		}
		p := item.it.p
		f.h.Probe("mutant.reached")
		if p.role != RoleFollower || p.ops > 0 || p.closed || p.Offline() {
			return // not even the bug got here: there was no follower state to apply it to
		}
		f.h.Probe("mutant.infected")
	}
	p := item.it.p
	if rp.ErrorCode != 0 {
		f.onError(item, rp.ErrorCode)
		return
	}
	if p.h.Observed() {
		p.h.Emit(view.FetchApplied{
			TP: p.tp, AskedEpoch: item.epoch, NowEpoch: p.leaderEpoch,
			AskedOffset: item.offset, NowOffset: p.log.End(),
		})
	}
	// The zero value of an absent tagged field is epoch -1.
	if d := rp.DivergingEpoch; d.Epoch >= 0 || d.EndOffset >= 0 {
		p.truncateDiverged(Diverging{Epoch: d.Epoch, End: d.EndOffset}, item.offset)
		p.finish()
		return
	}
	f.onRecords(item, rp)
}

// onRecords appends what was fetched, or takes over the high watermark alone.
func (f *Fetcher) onRecords(item *roundItem, rp *kmsg.FetchResponseTopicPartition) {
	p := item.it.p
	data, err := validPrefix(rp.RecordBatches, item.offset, item.epoch)
	if err != nil {
		f.onCorrupt(item.it, err)
		return
	}
	if len(data) == 0 {
		p.followHW(rp.HighWatermark)
		p.finish()
		return
	}
	a := f.take()
	a.it, a.leaderHW, a.epoch = item.it, rp.HighWatermark, item.it.p.leaderEpoch
	a.op.Data = data
	if err := p.appendFetched(&a.op); err != nil {
		f.give(a)
		if p.Offline() {
			f.fail(item.it)
			return
		}
		f.onCorrupt(item.it, err)
		return
	}
	f.appends++
}

// onCorrupt drops the answer for one partition and tries it again later: the
// records may have been damaged on their way (KAFKA-4384).
func (f *Fetcher) onCorrupt(it *followed, err error) {
	f.h.Probe("replica.fetcher.corrupt")
	f.h.Logf(engine.Info, "replica: %s-%d: fetched records refused, trying again: %v", it.p.tp.Topic, it.p.tp.Partition, err)
	if mutant.Enabled && f.cfg.Mutant == mutant.REP28 {
		f.h.Probe("mutant.reached")
		f.h.Probe("mutant.infected")
		f.dead = true
	}
	f.backOff(it)
}

func onFetchAppended(op *plog.Append) {
	a := op.Tag.(*fetchAppend)
	f, it := a.f, a.it
	it.p.fetchedAppended(op, a.leaderHW, a.epoch)
	f.give(a)
	f.endAppend()
}

func (f *Fetcher) take() *fetchAppend {
	if n := len(f.free); n > 0 {
		a := f.free[n-1]
		f.free = f.free[:n-1]
		return a
	}
	a := &fetchAppend{f: f}
	a.op.Done = onFetchAppended
	a.op.Tag = a
	return a
}

func (f *Fetcher) give(a *fetchAppend) {
	a.it, a.op.Data, a.op.Err = nil, nil, nil
	f.free = append(f.free, a)
}

// onError handles an error code of one partition.
func (f *Fetcher) onError(item *roundItem, code int16) {
	it := item.it
	switch code {
	case codeOutOfRange:
		f.resolve(item)
	case codeFencedEpoch:
		// Our epoch is as it was when we asked, so only metadata can help.
		if it.p.leaderEpoch == item.epoch {
			f.fail(it)
		}
	default:
		// UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER, unknown topics: metadata is on
		// its way to one of us. Anything else is the leader's trouble.
		f.backOff(it)
	}
}
