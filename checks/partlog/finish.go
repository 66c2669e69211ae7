package partlog

import (
	"fmt"
	"slices"

	"trial/checks"
	"trial/checks/history"
)

func (j *judge) onDumped(e *history.Event) {
	if e.Committed {
		return // without transactions the read_committed dump says nothing new
	}
	p := &j.parts[j.part(e.Topic, e.Partition)]
	if len(p.cur) == 0 {
		p.curSeq = e.Seq
	}
	pos := j.observed(p, e)
	if pos == 0 {
		j.r.c5.Evaluated++
		if e.Bad == "" && j.find(e.Record) == 0 {
			j.r.c5.Fail(e.Seq, e.At, p.objects(e.Offset), "the final log of %s holds %s at offset %d, which nobody sent",
				p.name, recordName(e.Record), e.Offset)
		}
		return
	}
	j.r.c5.Evaluated++
	if j.ops[pos].class == failed {
		j.r.c5.Fail(e.Seq, e.At, p.objects(e.Offset), "the final log of %s holds %s at offset %d, which was refused",
			p.name, recordName(e.Record), e.Offset)
	}
	j.endEras(p, e)
	j.put(p, e.Offset, pos, e.LeaderEpoch, 0)
	if n := int64(len(p.cur)); e.Offset < n {
		j.r.l6.Fail(e.Seq, e.At, p.objects(e.Offset), "the final reader of %s got offset %d after offset %d", p.name, e.Offset, n-1)
		return
	}
	if n := len(p.cur); n > 0 && p.cur[n-1].epoch > e.LeaderEpoch && e.LeaderEpoch >= 0 {
		j.r.l9.Fail(e.Seq, e.At, p.objects(e.Offset), "leader epoch %d of %s@%d is lower than %d before it in the log",
			e.LeaderEpoch, p.name, e.Offset, p.cur[n-1].epoch)
	}
	for int64(len(p.cur)) < e.Offset {
		p.cur = append(p.cur, dumped{epoch: -1})
	}
	p.cur = append(p.cur, dumped{pos, e.LeaderEpoch})
}

func (j *judge) onDumpEnd(e *history.Event) {
	if e.Committed {
		return
	}
	p := &j.parts[j.part(e.Topic, e.Partition)]
	if e.Why == "" {
		j.res.Stats.DumpedPartitions++
		j.res.Stats.Dumped += int64(len(p.cur))
		p.dump, p.dumpEnd, p.hasDump, p.dumpSeq = p.cur, e.Offset, true, p.curSeq
		if len(p.cur) == 0 {
			p.dumpSeq = e.Seq
		}
		if at, known := j.started[e.Client]; known {
			p.dumpSeq = min(p.dumpSeq, at) // the reader may have asked for the end at once
		}
	}
	p.cur = nil
}

func (j *judge) finish() {
	j.secondPass()
	for i := range j.parts {
		p := &j.parts[i]
		if p.hasDump {
			j.finishGaps(p)
			j.finishHoles(p)
			j.finishDelivered(p)
			j.finishOrder(p)
		}
	}
	for pos := int32(1); pos < int32(len(j.ops)); pos++ {
		if p := &j.parts[j.ops[pos].part]; p.hasDump {
			j.finishSend(p, pos)
		}
	}
	j.finishTallies()
}

// start is the first offset that the final log must still have.
func (p *part) start() int64 {
	if p.topic.Retention {
		for o := range p.dump {
			if p.dump[o].op != 0 {
				return int64(o)
			}
		}
		return p.dumpEnd
	}
	return 0
}

// finishSend judges L3 and L10 for one send, and L4a for records whose outcome
// was unknown.
func (j *judge) finishSend(p *part, pos int32) {
	o := &j.ops[pos]
	j.orderOfUnknown(p, o)
	if o.class != ok || o.comp >= p.dumpSeq && (o.acked < 0 || o.acked >= p.dumpEnd) {
		return
	}
	rule := j.r.l3
	if o.acks != -1 {
		rule = j.r.l10
	}
	rule.Evaluated++
	at := o.acked
	if at < 0 {
		if o.first >= 0 {
			return // acknowledged without an offset, and found
		}
	} else if at < p.start() || p.topic.Compacted && at < p.dumpEnd {
		return
	} else if _, survived := p.survived(at, pos); survived {
		return
	}
	if j.in.Removed != nil && j.in.Removed(p.key.Topic) {
		j.add(tallyRemoved, p, at, o)
		return
	}
	switch {
	case o.acks == -1:
		j.lostAll(p, pos)
	case o.acks == 0:
		j.lostZero(p, pos)
	default:
		j.lostOne(p, pos)
	}
}

func (j *judge) lostAll(p *part, pos int32) {
	o := &j.ops[pos]
	if c := p.excuse(max(o.acked, 0), o); c != nil {
		j.addEra(c.Case, p, o)
		return
	}
	done := &j.in.History.Events[o.comp]
	events := []string{j.event(o.inv), Describe(done), j.atEnd(p, o.acked)}
	if o.acked < 0 {
		j.r.l3.FailWith(done.Seq, done.At, []string{p.name}, events,
			"%s was acknowledged with acks=all as already present in %s, but the final log does not have it", recordName(o.id), p.name)
		return
	}
	j.r.l3.FailWith(done.Seq, done.At, p.objects(o.acked), events,
		"lost write: %s was acknowledged with acks=all at %s@%d, but the final log has %s there",
		recordName(o.id), p.name, o.acked, j.content(p, o.acked))
}

// lostOne judges the loss of an acks=1 record: legal after a leader change or a
// crash. (Once delivered it must survive: finishDelivered.)
func (j *judge) lostOne(p *part, pos int32) {
	o := &j.ops[pos]
	if j.disturbed(p, o) {
		j.add(tallyWeak, p, o.acked, o)
		return
	}
	done := &j.in.History.Events[o.comp]
	j.r.l10.FailWith(done.Seq, done.At, p.objects(o.acked), []string{j.event(o.inv), Describe(done), j.atEnd(p, o.acked)},
		"%s was acknowledged with acks=1 at %s@%d and is gone (the final log has %s there), although no leader change and no crash can explain it",
		recordName(o.id), p.name, o.acked, j.content(p, o.acked))
}

// disturbed reports whether the partition changed its leader or a broker
// crashed after the record was sent.
func (j *judge) disturbed(p *part, o *op) bool {
	if j.changes(p) > 0 && j.in.LeaderChanges != nil {
		return true
	}
	for i := range j.in.Faults {
		f := &j.in.Faults[i]
		if f.Seq >= o.inv && (f.Kind.Crash() || f.Kind == checks.Operate || f.Kind == checks.Stop) {
			return true
		}
	}
	return p.excuse(max(o.acked, 0), o) != nil
}

// lostZero: in a run without faults and leader changes nothing goes missing. The
// first election counts as one until somebody has seen the leader serve: before,
// it may not know yet that it leads, and answers acks=0 by closing the connection.
func (j *judge) lostZero(p *part, pos int32) {
	o := &j.ops[pos]
	if j.faulty || j.changes(p) > 0 || o.floor < 0 {
		j.add(tallyZero, p, o.acked, o)
		return
	}
	done := &j.in.History.Events[o.comp]
	j.r.l10.FailWith(done.Seq, done.At, []string{p.name}, []string{j.event(o.inv), Describe(done)},
		"%s was sent with acks=0 to %s and is not in the final log, although there was no fault and no leader change",
		recordName(o.id), p.name)
}

// orderOfUnknown judges L4a for records that turned up although their outcome
// was not an acknowledged offset.
func (j *judge) orderOfUnknown(p *part, o *op) {
	if o.first < 0 || o.class == ok && o.acked >= 0 {
		return
	}
	j.r.l4.Evaluated++
	if floor := p.clamp(o.floor, int64(len(j.in.History.Events))); o.first <= floor {
		j.r.l4.FailWith(j.seq, j.ev.At, p.objects(o.first), []string{j.event(o.inv), j.firstSight(p, o.first, 0)},
			"%s turned up at %s@%d although offset %d was already committed when it was sent",
			recordName(o.id), p.name, o.first, floor)
	}
}

// finishDelivered judges L7: whatever a consumer got is still there.
func (j *judge) finishDelivered(p *part) {
	start := p.start()
	check := func(o int64, pos, delivered int32) {
		if o >= p.dumpEnd && int64(delivered) > p.dumpSeq {
			return // a send that was still under way; the dump had not asked for it
		}
		j.r.l7.Evaluated++
		if o < start || p.topic.Compacted {
			return
		}
		if _, survived := p.survived(o, pos); survived || p.excuse(o, &j.ops[pos]) != nil ||
			j.in.Removed != nil && j.in.Removed(p.key.Topic) {
			return
		}
		seen := &j.in.History.Events[delivered-1]
		j.r.l7.FailWith(seen.Seq, seen.At, p.objects(o), []string{j.event(j.ops[pos].inv), Describe(seen), j.atEnd(p, o)},
			"uncommitted read: %s was delivered from %s@%d, but the final log has %s there", j.name(pos), p.name, o, j.content(p, o))
	}
	for o := range p.slots {
		if s := p.slots[o]; s.op != 0 && s.delivered > 0 {
			check(int64(o), s.op, s.delivered)
		}
	}
	for _, m := range p.must {
		check(m.offset, m.op, m.delivered)
	}
}

// finishGaps judges L6a: what a consumer skipped was nothing it could see.
func (j *judge) finishGaps(p *part) {
	vis := make([]int32, len(p.dump)+1)
	for o := range p.dump {
		vis[o+1] = vis[o]
		if p.dump[o].op != 0 {
			vis[o+1]++
		}
	}
	n := int64(len(p.dump))
	for _, g := range p.gaps {
		j.r.l6.Evaluated++
		if p.inEnded(g) {
			continue
		}
		if skipped := vis[min(g.to, n)] - vis[min(g.from, n)]; skipped > 0 {
			e := &j.in.History.Events[g.seq]
			o := g.from
			for p.dump[o].op == 0 {
				o++
			}
			j.r.l6.FailWith(e.Seq, e.At, p.objects(o), []string{Describe(e)},
				"consumer session %d went from %s@%d to %d and skipped %d records, the first of them %s at offset %d",
				g.session, p.name, g.from, g.to, skipped, j.name(p.dump[o].op), o)
		}
	}
}

// inEnded reports whether a gap was seen in an era whose end changed what lies in it.
func (p *part) inEnded(g gap) bool {
	for i := range p.ends {
		if c := &p.ends[i]; g.to > c.Offset && g.seq <= c.seen {
			return true
		}
	}
	return false
}

// finishHoles: without compaction and transactions the final log has no hole
// (suffix rule: losses cut the end off, they never punch holes).
func (j *judge) finishHoles(p *part) {
	if !p.topic.Contiguous() {
		return
	}
	j.r.l3.Evaluated++
	for o := p.start(); o < p.dumpEnd; o++ {
		if o < int64(len(p.dump)) && p.dump[o].op != 0 {
			continue
		}
		j.r.l3.Fail(p.dumpSeq, j.in.History.Events[p.dumpSeq].At, p.objects(o),
			"the final log of %s has a hole at offset %d (it ends at %d)", p.name, o, p.dumpEnd)
		return
	}
}

// finishOrder judges L4b: acknowledged records of one producer lie in the order
// in which they were sent, if it is idempotent or had one request in flight.
func (j *judge) finishOrder(p *part) {
	type seen struct {
		pos     int32
		counter uint64
		// stateless: nothing of the producer was left in the log when an era ended. A
		// broker without state takes any sequence (KAFKA-14359), and what follows it, so
		// once a batch that had to be sent again may lie behind them.
		stateless bool
	}
	highest := make([]seen, len(j.byID))
	for o := range p.dump {
		pos := p.dump[o].op
		if pos == 0 {
			continue
		}
		s := &j.ops[pos]
		if s.class != ok || s.acked != int64(o) || s.acks == 0 {
			continue // a late copy of a retried batch may lie anywhere
		}
		h := &highest[s.id.Instance()]
		c := s.id.Counter()
		if h.pos == 0 || c > h.counter {
			*h = seen{pos, c, h.stateless || h.pos == 0 && p.endsBelow(int64(o))}
			continue
		}
		if h.stateless && s.attempts > 1 {
			j.add(tallyReorder, p, int64(o), s)
			*h = seen{pos: pos, counter: c}
			continue
		}
		first := &j.ops[h.pos]
		// Sent once only, but to an earlier leader: it may lie there in a queue, be led
		// again by that broker, and land behind what went to the leader in between.
		overtaken := s.attempts != 1 || s.epoch < first.epoch
		if !s.idem && !s.serial && overtaken {
			j.add(tallyReorder, p, int64(o), s)
			continue
		}
		e := &j.in.History.Events[s.comp]
		j.r.l4.FailWith(e.Seq, e.At, p.objects(int64(o)), []string{j.event(s.inv), j.event(first.inv), j.event(first.comp), Describe(e)},
			"reordered: %s was sent before %s but lies behind it in %s (offsets %d and %d), although the producer %s",
			recordName(s.id), recordName(first.id), p.name, o, first.acked, orderly(s))
	}
	j.r.l4.Evaluated++
}

// endsBelow reports whether an era ended at or below an offset.
func (p *part) endsBelow(offset int64) bool {
	return slices.ContainsFunc(p.ends, func(e end) bool { return e.Offset <= offset })
}

func orderly(o *op) string {
	if o.idem {
		return "is idempotent"
	}
	if !o.serial {
		return "sent the first of them only once, under the same leader epoch"
	}
	return "keeps one request in flight"
}

// content says what the final log has at an offset.
func (j *judge) content(p *part, o int64) string {
	if o < 0 || o >= p.dumpEnd {
		return fmt.Sprintf("nothing (it ends at %d)", p.dumpEnd)
	}
	if o >= int64(len(p.dump)) || p.dump[o].op == 0 {
		return "a hole"
	}
	return fmt.Sprintf("%s of leader epoch %d", j.name(p.dump[o].op), p.dump[o].epoch)
}

func (j *judge) atEnd(p *part, o int64) string {
	return fmt.Sprintf("final dump of %s@%d: %s", p.name, o, j.content(p, o))
}

func (j *judge) finishTallies() {
	for i := range j.eras {
		t := &j.eras[i]
		j.res.Allowed = append(j.res.Allowed, checks.Allowed{
			Case: t.name, What: "lost", Count: t.count,
			Sentence: "committed records were removed by faults that the configuration does not survive (see the ledger); first: " + t.example,
		})
	}
	for k := range j.tally {
		t := &j.tally[k]
		if t.count == 0 {
			continue
		}
		a := tallies[k]
		a.Count = t.count
		a.Sentence += "; first: " + t.example
		j.res.Allowed = append(j.res.Allowed, a)
	}
}
