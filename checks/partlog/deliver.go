package partlog

import "trial/checks/history"

func (j *judge) onDelivered(e *history.Event) {
	p := &j.parts[j.part(e.Topic, e.Partition)]
	j.res.Stats.Delivered++
	pos := j.observed(p, e)
	old := p.oldEra(e)
	if pos != 0 && !old {
		p.parted(e, pos)
		j.endEras(p, e)
	}
	j.advance(p, e)
	if pos == 0 || old {
		return // a deposed leader still shows what the new era no longer has
	}
	if e.LeaderEpoch < 0 && p.ambiguous(e.Offset, j.ops[pos].inv, e.Seq) {
		return
	}
	j.r.l7.Evaluated++
	j.put(p, e.Offset, pos, e.LeaderEpoch, int32(e.Seq)+1)
	p.maxAcked = max(p.maxAcked, e.Offset)
}

// observed judges L9 and L5 on a record that somebody read. It returns the send,
// or 0 when there is none to go on with.
func (j *judge) observed(p *part, e *history.Event) int32 {
	j.r.l9.Evaluated++
	if e.Bad != "" {
		j.r.l9.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{Describe(e)}, "the record at %s@%d is damaged: %s", p.name, e.Offset, e.Bad)
		return 0
	}
	if e.Offset < 0 || e.Offset >= j.limit {
		j.r.l9.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{Describe(e)}, "a record of %s was read at the impossible offset %d", p.name, e.Offset)
		return 0
	}
	pos := j.find(e.Record)
	if pos == 0 {
		j.r.l9.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{Describe(e)}, "%s was read at %s@%d before anybody sent it",
			recordName(e.Record), p.name, e.Offset)
		return 0
	}
	o := &j.ops[pos]
	if &j.parts[o.part] != p {
		j.r.l9.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{j.event(o.inv), Describe(e)}, "%s was sent to %s but read from %s",
			recordName(o.id), j.parts[o.part].name, p.name)
		return 0
	}
	j.r.l5.Evaluated++
	if o.class == failed {
		seen := o.first
		o.first = e.Offset
		j.failedRead(o, e.Seq)
		o.first = seen
	}
	return pos
}

// advance moves a consumer's cursor and judges L6b; skipped offsets are kept for L6a.
func (j *judge) advance(p *part, e *history.Event) {
	s := j.session(e.Session)
	pi := j.last
	if s.part != pi {
		*s = session{part: pi, next: -1, epoch: -1}
	}
	for i := range p.ends {
		if c := &p.ends[i]; s.epoch < c.Epoch && c.Epoch <= e.LeaderEpoch && s.next > c.Offset {
			s.next = -1 // it crosses from one era into the next
		}
	}
	j.r.l6.Evaluated++
	if s.next >= 0 {
		if e.Offset < s.next {
			j.r.l6.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{Describe(e)},
				"consumer session %d got %s@%d although its position was already %d", e.Session, p.name, e.Offset, s.next)
		} else if e.Offset > s.next {
			p.gaps = append(p.gaps, gap{s.next, e.Offset, e.Seq, e.Session})
		}
	}
	if e.LeaderEpoch >= 0 && e.LeaderEpoch < s.epoch && s.next >= 0 && e.Offset >= s.next && len(p.ends) == 0 {
		j.r.l9.FailWith(e.Seq, e.At, p.objects(e.Offset), []string{Describe(e)},
			"leader epoch %d of %s@%d is lower than %d, which consumer session %d saw at a lower offset",
			e.LeaderEpoch, p.name, e.Offset, s.epoch, e.Session)
	}
	s.next = e.Offset + 1
	s.epoch = e.LeaderEpoch
}

func (j *judge) session(id int32) *session {
	if id < 0 {
		id = 0
	}
	for int32(len(j.sessions)) <= id {
		j.sessions = append(j.sessions, session{part: -1, next: -1, epoch: -1})
	}
	return &j.sessions[id]
}

// onPositioned judges jumps that a consumer did not ask for.
func (j *judge) onPositioned(e *history.Event) {
	p := &j.parts[j.part(e.Topic, e.Partition)]
	s := j.session(e.Session)
	was := s.next
	if s.part != j.last {
		was = -1
	}
	*s = session{part: j.last, next: e.Offset, epoch: -1}
	if e.Why != history.WhyReset && e.Why != history.WhyTruncation || was < 0 {
		return
	}
	j.r.l6.Evaluated++
	switch {
	case e.Offset == was || len(p.ends) > 0 || p.topic.Retention:
	case e.Offset < was:
		j.r.l6.FailWith(e.Seq, e.At, p.objects(was), []string{Describe(e)},
			"consumer session %d was sent back from %s@%d to %d by a %s, but nothing was lost legally",
			e.Session, p.name, was, e.Offset, jump(e.Why))
	default:
		p.gaps = append(p.gaps, gap{was, e.Offset, e.Seq, e.Session})
	}
}

func jump(why string) string {
	if why == history.WhyReset {
		return "reset for an offset out of range"
	}
	return "detected truncation"
}

// oldEra reports whether an observation belongs to an era that has ended.
func (p *part) oldEra(e *history.Event) bool {
	for i := range p.ends {
		if c := &p.ends[i]; e.Offset >= c.Offset && e.LeaderEpoch >= 0 && e.LeaderEpoch < c.Epoch && e.Seq >= c.seen {
			return true
		}
	}
	return false
}

// parted notices that an era is over by a record that contradicts what was seen at
// its offset: the new lineage may bring its own old records, of low leader epochs.
func (p *part) parted(e *history.Event, pos int32) {
	if len(p.ends) == 0 || e.Offset >= int64(len(p.slots)) {
		return
	}
	s := p.slots[e.Offset]
	if s.op == 0 || s.weak || s.op == pos && (s.epoch < 0 || e.LeaderEpoch < 0 || s.epoch == e.LeaderEpoch) {
		return
	}
	for i := range p.ends {
		if c := &p.ends[i]; !c.passed && e.Offset >= c.Offset && e.Seq >= c.FromSeq {
			c.seen = min(c.seen, e.Seq)
			return
		}
	}
}

// endEras ends the eras that the event is the first to show as over.
func (j *judge) endEras(p *part, e *history.Event) {
	for i := range p.ends {
		c := &p.ends[i]
		if c.passed || e.Seq < c.seen {
			continue
		}
		c.passed = true
		for o := c.Offset; o < int64(len(p.slots)); o++ {
			if s := p.slots[o]; s.op != 0 && s.delivered > 0 {
				p.must = append(p.must, must{o, s.op, s.delivered})
			}
			if s := p.slots[o]; s.op != 0 && !s.weak && j.ops[s.op].first == o {
				j.ops[s.op].first = -1 // gone with its era; should it come back, it is a first sight again
				j.ops[s.op].copies = 0
			}
			p.slots[o] = slot{epoch: -1}
		}
		p.maxAcked = min(p.maxAcked, c.Offset-1)
		for k := range j.sessions {
			if s := &j.sessions[k]; s.part == j.last && s.next > c.Offset {
				s.next, s.epoch = -1, -1
			}
		}
	}
}
