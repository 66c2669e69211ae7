package invariant

import "trial/engine/kafka/view"

// producer is the fold of one producer id over a leader's log.
type producer struct {
	epoch int16
	last  int32 // sequence
	end   int64 // offset after its last batch
}

// fold rebuilds the producer state of a new leader from its log.
func (j *Judge) fold(p *partition, r *replica) {
	r.producers, r.foldWhole = map[int64]producer{}, r.start == 0
	for _, b := range r.log {
		o := p.owner(b)
		if o == nil || !o.known {
			r.foldWhole = r.foldWhole && b.Control
			continue
		}
		if o.producer.ID >= 0 {
			r.producers[o.producer.ID] = producer{o.producer.Epoch, o.producer.Last, b.Last + 1}
		}
	}
}

// foldAppend judges W16: sequences continue modulo 2^31 within a producer epoch
// and begin at 0 in a new one, and in a log that has all of the producer.
func (j *Judge) foldAppend(n int, p *partition, r *replica, f *view.Appended) {
	if f.Producer.ID < 0 || f.Control || r.producers == nil {
		return
	}
	was, found := r.producers[f.Producer.ID]
	r.producers[f.Producer.ID] = producer{f.Producer.Epoch, f.Producer.Last, f.Last + 1}
	if !r.foldWhole {
		return
	}
	if !found {
		j.begins(n, p, f)
		return
	}
	j.r.w16.Evaluated++
	want := int32((int64(was.last) + 1) & (1<<31 - 1))
	switch {
	case f.Producer.Epoch < was.epoch:
		j.r.w16.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s@%d a batch of producer %d with producer epoch %d after producer epoch %d",
			j.id(n), p.name, f.Base, f.Producer.ID, f.Producer.Epoch, was.epoch)
	case f.Producer.Epoch > was.epoch && f.Producer.First != 0:
		j.r.w16.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s@%d a batch of producer %d that begins producer epoch %d with sequence %d instead of 0",
			j.id(n), p.name, f.Base, f.Producer.ID, f.Producer.Epoch, f.Producer.First)
	case f.Producer.Epoch == was.epoch && f.Producer.First != want:
		j.r.w16.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s@%d a batch of producer %d (producer epoch %d) with sequences %d to %d, but its log asks for %d next",
			j.id(n), p.name, f.Base, f.Producer.ID, f.Producer.Epoch, f.Producer.First, f.Producer.Last, want)
	}
}

// begins judges W16 where the log has nothing of the producer: it must begin at 0,
// unless what the producer sent before was legally lost.
func (j *Judge) begins(n int, p *partition, f *view.Appended) {
	if !j.cfg.FirstAlone || p.era != 0 {
		return
	}
	j.r.w16.Evaluated++
	if f.Producer.First != 0 {
		j.r.w16.Fail(-1, j.now, p.where(f.Base), "n%d appended to %s@%d a batch of producer %d (producer epoch %d) with sequences %d to %d, although its log has none before it",
			j.id(n), p.name, f.Base, f.Producer.ID, f.Producer.Epoch, f.Producer.First, f.Producer.Last)
	}
}

// onDuplicate judges the other half of W16: the answer to a duplicate names the
// batch that is there. A batch still under way is judged when it is acknowledged.
func (j *Judge) onDuplicate(n int, f *view.AppendDuplicate) {
	p := j.part(&f.TP)
	r := p.rep(n)
	j.r.w16.Evaluated++
	p.dups[f.Base] = true
	if f.Base >= r.end {
		return
	}
	b, there := batchAt(r.log, f.Base)
	if !there || b.Base != f.Base || b.Last != f.Last {
		j.r.w16.Fail(-1, j.now, p.where(f.Base), "n%d took a batch of producer %d for a duplicate of %s [%d,%d], where its log has no such batch",
			j.id(n), f.Producer.ID, p.name, f.Base, f.Last)
		return
	}
	if o := p.owner(b); o != nil && o.known && (o.producer.ID != f.Producer.ID || o.producer.Epoch != f.Producer.Epoch ||
		o.producer.First != f.Producer.First || o.producer.Last != f.Producer.Last) {
		j.r.w16.Fail(-1, j.now, p.where(f.Base),
			"n%d took sequences %d to %d of producer %d for a duplicate of %s@%d, which holds sequences %d to %d of producer %d",
			j.id(n), f.Producer.First, f.Producer.Last, f.Producer.ID, p.name, f.Base, o.producer.First, o.producer.Last, o.producer.ID)
	}
}
