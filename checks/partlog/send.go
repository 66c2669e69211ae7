package partlog

import (
	"slices"

	"trial/checks"
	"trial/checks/history"
)

func (j *judge) onInvoked(e *history.Event) {
	pi := j.part(e.Topic, e.Partition)
	p := &j.parts[pi]
	j.res.Stats.Sends++
	pos := int32(len(j.ops))
	j.ops = append(j.ops, op{
		id: e.Record, inv: e.Seq, comp: -1, floor: p.maxAcked, floor1: -1, acked: -1, first: -1, epoch: -1, part: pi,
		acks: e.Acks, idem: e.Idempotent, serial: e.MaxInFlight == 1,
	})
	j.opOf = put32(j.opOf, e.Op, pos)
	in := int(e.Record.Instance())
	for len(j.byID) <= in {
		j.byID = append(j.byID, nil)
	}
	if c := e.Record.Counter(); c < uint64(j.limit) {
		j.byID[in] = put32(j.byID[in], int64(c), pos)
	}
}

// put32 stores v at index i, growing the slice by doubling.
func put32(s []int32, i int64, v int32) []int32 {
	if i < 0 {
		return s
	}
	for int64(len(s)) <= i {
		s = append(s, 0)
	}
	s[i] = v
	return s
}

func (j *judge) onDone(e *history.Event) {
	o := j.op(e.Op)
	if o == nil || o.comp >= 0 {
		return
	}
	o.comp = e.Seq
	switch e.Outcome {
	case history.OK:
		o.class = ok
		j.res.Stats.Acked++
		j.onAck(e, o)
	case history.Fail:
		o.class = failed
		j.res.Stats.Refused++
		j.r.l5.Evaluated++
		if o.first >= 0 {
			j.failedRead(o, e.Seq)
		}
	default:
		o.class = info
		j.res.Stats.Unknown++
	}
}

func (j *judge) onAck(e *history.Event, o *op) {
	if o.acks == 0 || e.Offset < 0 {
		return // acks=0 promises nothing; a duplicate may be acknowledged without its offset
	}
	p := &j.parts[o.part]
	if e.Offset >= j.limit {
		j.r.l9.Fail(e.Seq, e.At, p.objects(e.Offset), "%s was acknowledged at offset %d of %s, far beyond anything that was sent",
			recordName(o.id), e.Offset, p.name)
		return
	}
	o.acked, o.epoch = e.Offset, e.LeaderEpoch
	pos := j.opOf[e.Op]
	if o.acks != -1 {
		j.putWeak(p, e.Offset, pos)
		return
	}
	if p.ambiguous(e.Offset, o.inv, e.Seq) || p.deposed(e.Offset, o.epoch) {
		j.putWeak(p, e.Offset, pos) // old or new era, nobody can tell: the end will
		return
	}
	j.r.l4.Evaluated++
	if floor := p.clamp(o.floor, e.Seq); e.Offset <= floor {
		j.r.l4.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{j.event(o.inv), Describe(e)},
			"%s was acknowledged at %s@%d although offset %d was already committed when it was sent",
			recordName(o.id), p.name, e.Offset, floor)
	}
	j.put(p, e.Offset, pos, -1, 0)
	p.maxAcked = max(p.maxAcked, e.Offset)
}

// deposed reports whether a leader of that epoch had its own log at the offset,
// which an era's end has removed.
func (p *part) deposed(offset int64, epoch int32) bool {
	for i := range p.ends {
		if c := &p.ends[i]; epoch >= 0 && epoch < c.Epoch && c.Covers(offset) {
			return true
		}
	}
	return false
}

// putWeak notes where a record was acknowledged without binding anybody.
func (j *judge) putWeak(p *part, offset int64, pos int32) {
	s := p.slot(offset)
	if s.op == 0 || s.weak {
		*s = slot{op: pos, epoch: -1, weak: true}
	}
}

// put notes that a client saw the record at the offset, and judges L1 and L2.
func (j *judge) put(p *part, offset int64, pos, epoch int32, delivered int32) {
	s := p.slot(offset)
	o := &j.ops[pos]
	j.r.l1.Evaluated++
	fresh := s.op != pos || s.weak
	switch {
	case s.op == 0 || s.weak:
		*s = slot{op: pos, epoch: epoch, delivered: delivered}
	case s.op != pos:
		j.r.l1.FailWith(j.seq, j.ev.At, p.objects(offset), []string{j.firstSight(p, offset, s.op), Describe(j.ev)},
			"offset %d of %s holds both %s and %s", offset, p.name, j.name(s.op), recordName(o.id))
		if s.delivered > 0 {
			p.must = append(p.must, must{offset, s.op, s.delivered})
		}
		*s = slot{op: pos, epoch: epoch, delivered: delivered}
	case epoch >= 0 && s.epoch >= 0 && s.epoch != epoch:
		j.r.l1.FailWith(j.seq, j.ev.At, p.objects(offset), []string{Describe(j.ev)},
			"%s at %s@%d was seen with leader epoch %d and with leader epoch %d",
			recordName(o.id), p.name, offset, s.epoch, epoch)
	default:
		if epoch >= 0 {
			s.epoch = epoch
		}
		if s.delivered == 0 {
			s.delivered = delivered
		}
	}
	if fresh {
		j.count(p, pos, offset)
	}
}

// count judges L2: a record is at one offset, unless retries without idempotence
// made more of it.
func (j *judge) count(p *part, pos int32, offset int64) {
	o := &j.ops[pos]
	j.r.l2.Evaluated++
	if o.first < 0 {
		o.first, o.copies = offset, 1
		return
	}
	// Where eras end a place may be lost and come back: it is one copy.
	if o.first == offset || slices.Contains(j.again[pos], offset) {
		return
	}
	j.again[pos] = append(j.again[pos], offset)
	if o.copies < 1<<15 {
		o.copies++
	}
	attempts := max(o.attempts, 1)
	switch {
	case o.idem && !((p.stateCut(o) || o.renumbered || o.disputed && j.cameLate(o)) && o.copies <= attempts):
		j.r.l2.FailWith(j.seq, j.ev.At, p.objects(offset), []string{j.event(o.inv), j.firstSight(p, o.first, 0), Describe(j.ev)},
			"%s of an idempotent producer is in %s twice, at offsets %d and %d", recordName(o.id), p.name, o.first, offset)
	case o.copies > attempts:
		j.r.l2.FailWith(j.seq, j.ev.At, p.objects(offset), []string{j.event(o.inv), Describe(j.ev)},
			"%s is in %s %d times (at offsets %d and %d among others) after only %d attempts",
			recordName(o.id), p.name, o.copies, o.first, offset, attempts)
	default:
		j.add(tallyDuplicates, p, offset, o)
	}
}

// stateCut reports whether the producer state that would have told a retry of the
// record from a new one may have gone with the end of an era (case H).
func (p *part) stateCut(o *op) bool {
	for i := range p.ends {
		if o.inv < p.ends[i].seen {
			return true
		}
	}
	return false
}

// cameLate reports whether a request with the record reached a broker after the
// client had given up the connection and had tried again: a hanging broker may
// have appended the record after it had refused the retry (case H).
func (j *judge) cameLate(o *op) bool {
	for _, l := range j.in.Late {
		if o.attempts > 1 && l.Seq > o.retried && slices.Contains(l.Records, o.id) {
			return true
		}
	}
	return false
}

// maxStories bounds the searches through the history for the sake of a sentence.
const maxStories = 256

// firstSight describes the first event that put a record at an offset.
func (j *judge) firstSight(p *part, offset int64, pos int32) string {
	if j.stories++; j.stories > maxStories {
		return ""
	}
	for i := int64(0); i <= j.seq; i++ {
		e := &j.in.History.Events[i]
		switch e.Kind {
		case history.Delivered, history.Dumped:
			if e.Offset == offset && e.Topic == p.key.Topic && e.Partition == p.key.Partition &&
				(pos == 0 || e.Record == j.ops[pos].id) {
				return Describe(e)
			}
		case history.SendDone:
			if e.Offset == offset && e.Outcome == history.OK {
				if o := j.op(e.Op); o != nil && &j.parts[o.part] == p && (pos == 0 || o.id == j.ops[pos].id) {
					return Describe(e)
				}
			}
		}
	}
	return "never seen before"
}

func (j *judge) failedRead(o *op, seq int64) {
	p := &j.parts[o.part]
	j.r.l5.FailWith(seq, j.in.History.Events[seq].At, p.objects(o.first), []string{j.event(o.inv), j.event(o.comp), j.firstSight(p, o.first, 0)},
		"%s was refused, so it certainly had no effect, yet it was read at %s@%d", recordName(o.id), p.name, o.first)
}

func (p *part) slot(offset int64) *slot {
	for int64(len(p.slots)) <= offset {
		p.slots = append(p.slots, slot{epoch: -1})
	}
	return &p.slots[offset]
}

// ambiguous reports whether an acknowledgement at the offset may belong to either
// side of the end of an era.
func (p *part) ambiguous(offset, inv, seq int64) bool {
	for i := range p.ends {
		if c := &p.ends[i]; offset >= c.Offset && seq >= c.FromSeq && inv < c.seen {
			return true
		}
	}
	return false
}

// clamp lowers a floor to what survived the ends of eras that may have happened.
func (p *part) clamp(floor, seq int64) int64 {
	for i := range p.ends {
		if c := &p.ends[i]; seq >= c.FromSeq {
			floor = min(floor, c.Offset-1)
		}
	}
	return floor
}

// excuse returns the end of an era that excuses the loss of what a send put at the
// offset: it was sent before anybody saw the new era, or to a leader of the old one,
// which does not know yet that it was deposed and may be its whole ISR.
func (p *part) excuse(offset int64, o *op) *checks.EraEnd {
	for i := range p.ends {
		if c := &p.ends[i]; (o.inv < c.seen || o.epoch >= 0 && o.epoch < c.Epoch) && c.Covers(offset) {
			return &c.EraEnd
		}
	}
	return nil
}
