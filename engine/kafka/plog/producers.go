package plog

import (
	"maps"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"trial/internal/mutant"
	"trial/internal/record"
)

// window is how many batches of a producer are remembered: as many as may be in
// flight with idempotence (ProducerStateEntry.NUM_BATCHES_TO_RETAIN).
const window = 5

// ProducerBatch is one remembered batch of a producer.
type ProducerBatch struct {
	FirstSeq, LastSeq int32
	Base, Last        int64
	Timestamp         int64
}

// Producer is the state of one producer id: its epoch and its last batches,
// oldest first, at most five.
type Producer struct {
	ID      int64
	Epoch   int16
	Batches []ProducerBatch
}

// producers is the producer state of a log: the fold of its batches
// (ProducerStateManager).
type producers struct{ byID map[int64]*producer }

type producer struct {
	id      int64
	epoch   int16
	n       int
	batches [window]ProducerBatch
}

// check decides over a batch that a client sends (ProducerAppendInfo): the
// original if it is a duplicate, or the code that refuses it.
func (ps *producers) check(b record.Batch, depth int) (original *ProducerBatch, code int16) {
	p := ps.byID[b.ProducerID()]
	if p == nil {
		return nil, 0 // unknown, perhaps expired: any sequence may start
	}
	epoch, seq := b.ProducerEpoch(), b.BaseSequence()
	switch {
	case epoch < p.epoch:
		return nil, kerr.InvalidProducerEpoch.Code
	case epoch > p.epoch:
		if seq != 0 {
			return nil, kerr.OutOfOrderSequenceNumber.Code
		}
		return nil, 0
	}
	last := b.LastSequence()
	for i := max(p.n-depth, 0); i < p.n; i++ {
		if p.batches[i].FirstSeq == seq && p.batches[i].LastSeq == last {
			return &p.batches[i], 0
		}
	}
	if seq != p.nextSeq() {
		return nil, kerr.OutOfOrderSequenceNumber.Code
	}
	return nil, 0
}

// nextSeq is the sequence number that continues the producer's last batch.
func (p *producer) nextSeq() int32 {
	if p.n == 0 {
		return 0 // a new epoch
	}
	if last := p.batches[p.n-1].LastSeq; last != math.MaxInt32 {
		return last + 1
	}
	return 0
}

// note folds one batch into the state.
func (ps *producers) note(e *entry) {
	if e.producer < 0 {
		return
	}
	p := ps.byID[e.producer]
	if p == nil {
		p = &producer{id: e.producer, epoch: e.prodEpoch}
		if ps.byID == nil {
			ps.byID = map[int64]*producer{}
		}
		ps.byID[e.producer] = p
	}
	if p.epoch != e.prodEpoch {
		p.epoch, p.n = e.prodEpoch, 0
	}
	if e.control() || e.seq < 0 {
		return // a marker only carries the epoch
	}
	if p.n == window {
		copy(p.batches[:], p.batches[1:])
		p.n--
	}
	p.batches[p.n] = ProducerBatch{
		FirstSeq: e.seq, LastSeq: record.AddSequence(e.seq, e.delta), Base: e.base, Last: e.last(), Timestamp: e.maxTs,
	}
	p.n++
}

// refold recomputes the state of those producers that had batches among the
// removed ones, from the batches that are left.
func (l *Log) refold(removed []entry) {
	if l.keepsProducers(removed) { // a planted bug, never in a plain build
		return
	}
	affected := map[int64]struct{}{}
	for i := range removed {
		if id := removed[i].producer; id >= 0 {
			affected[id] = struct{}{}
			delete(l.producers.byID, id)
		}
	}
	if len(affected) == 0 {
		return
	}
	for _, s := range l.segs {
		for i := range s.entries {
			if e := &s.entries[i]; e.producer >= 0 {
				if _, ok := affected[e.producer]; ok {
					l.producers.note(e)
				}
			}
		}
	}
}

// depth is how many batches of a producer count as duplicates.
func (l *Log) depth() int {
	if mutant.Enabled && l.cfg.Mutant == mutant.IDM02 {
		l.h.Probe("mutant.reached")
		return 1
	}
	if mutant.Enabled && l.cfg.Mutant == mutant.IDM01 { // Redpanda issue 3039
		l.h.Probe("mutant.reached")
		return 0
	}
	return window
}

func (p *producer) view() Producer {
	return Producer{ID: p.id, Epoch: p.epoch, Batches: append([]ProducerBatch(nil), p.batches[:p.n]...)}
}

func (ps *producers) view() []Producer {
	list := make([]Producer, 0, len(ps.byID))
	for _, id := range slices.Sorted(maps.Keys(ps.byID)) {
		list = append(list, ps.byID[id].view())
	}
	return list
}
