package invariant

import (
	"math"
	"math/bits"
	"slices"

	"trial/engine/kafka/view"
)

// never is an offset above every other.
const never = math.MaxInt64

// owned is a batch and who appended it: the ghost of owner[tp, offset, epoch].
type owned struct {
	view.Batch
	copies   uint64 // by node index: replicas that ever appended it
	producer view.ProducerBatch
	known    bool // producer is known
}

// epochLog is what was ever appended in one leader epoch, by base offset.
type epochLog struct {
	epoch    int32
	appender int32 // 1 + node index of who appended as leader; 0 unknown
	batches  []owned
}

// replica is the ghost of one node's copy of a log.
type replica struct {
	seen       bool // it exists
	open       bool // its process runs and has recovered it
	log        []view.Batch
	start, end int64
	hw         int64
	match      int64 // below it the log agrees with what is committed

	// pending is the first offset that power failures since the last recovery may
	// have taken; lost and lostEnd describe what the replica lost since it was last
	// complete.
	pending       int64
	lost, lostEnd int64
	lossy         bool
	wiped         bool // the loss was that of the whole disk: syncing did not help
	crashed       bool // its process ended since it was last counted for the high watermark
	touched       bool // anything happened to it since it was recovered

	leading    bool
	epoch      int32
	epochStart int64
	fetched    []fetchNote // by node index, while leading
	hwGiven    bool        // its leader has raised its high watermark since the last new role, truncation or restart
	admitted   int64       // broker epoch in which it proved to be complete; -1 none
	synced     int64       // how far it is durable, by its own word
	found      int64       // what lies at or above has been written since it was recovered
	producers  map[int64]producer
	foldWhole  bool // producers is the fold of the whole log
}

type fetchNote struct {
	offset      int64
	brokerEpoch int64
	valid       bool
}

type epochEnd struct {
	epoch int32
	end   int64
}

// lineage is the ghost of one log over all its replicas.
type lineage struct {
	name      string
	epochs    []epochLog // sorted
	committed []owned    // from the first committed batch kept, by base
	trueHW    int64      // end of committed
	era       int32      // leader epoch in which the current era began
	reached   []epochEnd // how far leaders of each epoch committed, in the order of their first commit
	reps      []replica  // by node index
}

func (l *lineage) rep(node int) *replica {
	for len(l.reps) <= node {
		l.reps = append(l.reps, replica{pending: never, lost: never, epoch: -1, admitted: -1})
	}
	return &l.reps[node]
}

func (l *lineage) epochLog(epoch int32) *epochLog {
	i := len(l.epochs)
	for i > 0 && l.epochs[i-1].epoch > epoch {
		i--
	}
	if i > 0 && l.epochs[i-1].epoch == epoch {
		return &l.epochs[i-1]
	}
	l.epochs = slices.Insert(l.epochs, i, epochLog{epoch: epoch})
	return &l.epochs[i]
}

// own notes that a node has the batch. If (epoch, offset) already names another
// batch, that one is returned and nothing is noted.
func (l *lineage) own(node int, b view.Batch) (o *owned, conflict *owned) {
	e := l.epochLog(b.LeaderEpoch)
	n := len(e.batches)
	i := n
	if n > 0 && e.batches[n-1].Last >= b.Base {
		i, _ = slices.BinarySearchFunc(e.batches, b.Base, func(x owned, base int64) int { return cmp64(x.Last, base) })
	}
	if i < n && e.batches[i].Base <= b.Last {
		if o = &e.batches[i]; o.Batch != b {
			return nil, o
		}
	} else {
		e.batches = slices.Insert(e.batches, i, owned{Batch: b})
		o = &e.batches[i]
	}
	o.copies |= 1 << node
	return o, nil
}

func cmp64(a, b int64) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

// owner finds the note on a batch; nil if there is none.
func (l *lineage) owner(b view.Batch) *owned {
	e := l.epochLog(b.LeaderEpoch)
	i, found := slices.BinarySearchFunc(e.batches, b.Base, func(x owned, base int64) int { return cmp64(x.Base, base) })
	if !found {
		return nil
	}
	return &e.batches[i]
}

// at returns the index of the first batch that ends above the offset.
func at(log []view.Batch, offset int64) int {
	i, _ := slices.BinarySearchFunc(log, offset, func(x view.Batch, o int64) int { return cmp64(x.Last, o) })
	return i
}

// batchAt returns the batch of a log that covers the offset.
func batchAt(log []view.Batch, offset int64) (view.Batch, bool) {
	if i := at(log, offset); i < len(log) && log[i].Base <= offset {
		return log[i], true
	}
	return view.Batch{}, false
}

func (l *lineage) committedAt(offset int64) int {
	i, _ := slices.BinarySearchFunc(l.committed, offset, func(x owned, o int64) int { return cmp64(x.Last, o) })
	return i
}

// push appends a batch to a replica's log and keeps match.
func (l *lineage) push(r *replica, b view.Batch) {
	r.log = append(r.log, b)
	r.end = b.Last + 1
	if r.match == b.Base && b.Base < l.trueHW {
		if i := l.committedAt(b.Base); i < len(l.committed) && l.committed[i].Batch == b {
			l.matched(r, r.end)
		}
	}
}

// matched raises match; a replica that is complete again has nothing to answer for.
func (l *lineage) matched(r *replica, to int64) {
	r.match = to
	if r.match >= l.trueHW && r.match >= r.lostEnd { // what it lost may be committed yet
		r.lossy, r.wiped, r.lost, r.lostEnd = false, false, never, 0
	}
}

// follow moves match forward over everything that agrees.
func (l *lineage) follow(r *replica) {
	if r.match >= l.trueHW {
		return
	}
	i, k := at(r.log, r.match), l.committedAt(r.match)
	for i < len(r.log) && k < len(l.committed) && r.log[i] == l.committed[k].Batch {
		r.match = r.log[i].Last + 1
		i, k = i+1, k+1
	}
	l.matched(r, r.match)
}

// rematch finds match anew, from the start of the log.
func (l *lineage) rematch(r *replica) {
	r.match = min(r.start, l.trueHW)
	l.follow(r)
}

// cutLog removes everything at or above to from a replica's log.
func (l *lineage) cutLog(r *replica, to int64) {
	r.log = r.log[:at(r.log, to)] // a batch that straddles the offset goes as a whole, as in UnifiedLog.truncateTo
	r.end = min(r.end, to)
	r.match = min(r.match, to)
}

// committedBefore is how far leaders of epochs before the given one committed: a
// leader must have that much, and no more, for it may hear late that it was one.
func (l *lineage) committedBefore(epoch int32) int64 {
	end := int64(0)
	for _, e := range l.reached {
		if e.epoch < epoch {
			end = max(end, e.end)
		}
	}
	return end
}

// commit extends what is committed by the log of a leader of epoch up to to.
func (l *lineage) commit(r *replica, epoch int32, to int64) {
	if n := len(l.reached); n == 0 || l.reached[n-1].epoch != epoch {
		l.reached = append(l.reached, epochEnd{epoch: epoch})
	}
	l.reached[len(l.reached)-1].end = to

	for i := at(r.log, l.trueHW); i < len(r.log) && r.log[i].Last < to; i++ {
		o := owned{Batch: r.log[i]}
		if note := l.owner(r.log[i]); note != nil {
			o = *note
		}
		l.committed = append(l.committed, o)
	}
	l.trueHW = to
	for i := range l.reps {
		l.follow(&l.reps[i])
	}
}

// endEra forgets what is committed at and above to.
func (l *lineage) endEra(to int64, epoch int32) {
	l.committed = l.committed[:l.committedAt(to)]
	l.trueHW = min(l.trueHW, to)
	l.era = epoch
	for i := range l.reached {
		l.reached[i].end = min(l.reached[i].end, to)
	}
	for i := range l.reps {
		r := &l.reps[i]
		r.match = min(r.match, l.trueHW)
		l.matched(r, r.match)
	}
}

// fewest returns the smallest number of copies among committed batches from the
// offset on.
func (l *lineage) fewest(from int64) int {
	few := 64
	for i := l.committedAt(from); i < len(l.committed); i++ {
		few = min(few, bits.OnesCount64(l.committed[i].copies))
	}
	return few
}

// fits reports whether a batch continues a replica's log.
func (r *replica) fits(b view.Batch) bool { return b.Base >= r.end && b.Last >= b.Base }
