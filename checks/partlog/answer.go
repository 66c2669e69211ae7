package partlog

import (
	"slices"

	"trial/checks"
	"trial/checks/history"
)

// query is a ListOffsets or a Fetch, from its invocation on.
type query struct {
	part      int32
	seq       int64
	kind      int64 // -1 latest, -2 earliest
	fetch     bool
	committed bool
	// What had been answered before the invocation, by leader epoch.
	latest    [2][]epochMax
	earliest  []epochMax
	answered  bool
	value     int64
	epoch     int32
	answerSeq int64
}

// epochMax is the highest value that leaders of one epoch showed. Lists of them
// are sorted by epoch and never changed in place: queries keep old ones.
type epochMax struct {
	epoch int32
	value int64
}

// raise returns a list in which the maximum of epoch is at least value.
func raise(list []epochMax, epoch int32, value int64) []epochMax {
	i, found := slices.BinarySearchFunc(list, epoch, func(m epochMax, e int32) int { return int(m.epoch) - int(e) })
	if found && list[i].value >= value {
		return list
	}
	fresh := slices.Clone(list)
	if found {
		fresh[i].value = value
		return fresh
	}
	return slices.Insert(fresh, i, epochMax{epoch, value})
}

// upTo is the highest value shown by leaders of epochs up to epoch; -1 if none.
func upTo(list []epochMax, epoch int32) (value int64, by int32) {
	value, by = -1, -1
	for _, m := range list {
		if m.epoch <= epoch && m.value > value {
			value, by = m.value, m.epoch
		}
	}
	return value, by
}

func (j *judge) onQuery(e *history.Event) {
	pi := j.part(e.Topic, e.Partition)
	p := &j.parts[pi]
	j.queries[e.Op] = &query{
		part: pi, seq: e.Seq, kind: e.Query, fetch: e.Kind == history.FetchInvoked, committed: e.Committed,
		latest: p.latest, earliest: p.earliest,
	}
}

// onAnswer judges L8a and L8c: answers of equal or newer leaders do not go back.
func (j *judge) onAnswer(e *history.Event) {
	q := j.queries[e.Op]
	if q == nil || q.answered || e.Outcome != history.OK || e.Offset < 0 {
		delete(j.queries, e.Op)
		return
	}
	p := &j.parts[q.part]
	q.answered, q.value, q.epoch, q.answerSeq = true, e.Offset, e.LeaderEpoch, e.Seq
	if q.epoch < 0 && j.changes(p) == 0 {
		q.epoch = 0 // only one leader epoch ever: every answer is comparable
	}
	if q.epoch < 0 {
		j.res.Stats.Stale++
		delete(j.queries, e.Op)
		return
	}
	if q.fetch {
		return // judged by the second pass
	}
	switch q.kind {
	case -1:
		j.r.l8.Evaluated++
		iso := isolation(q.committed)
		j.notBack(p, e, q, q.latest[iso], "latest offset", "")
		if !q.committed {
			j.notBack(p, e, q, q.latest[1], "latest offset", " to a read_committed query")
		}
		p.latest[iso] = raise(p.latest[iso], q.epoch, q.value)
		if q.value < j.limit && !p.endedBy(q) {
			p.maxAcked = max(p.maxAcked, q.value-1) // what lies below the answer is committed
		}
	case -2:
		j.r.l8.Evaluated++
		if len(p.ends) == 0 {
			j.notBack(p, e, q, q.earliest, "earliest offset", "")
		}
		p.earliest = raise(p.earliest, q.epoch, q.value)
	}
}

// endedBy reports whether an answer may speak of an era that has ended.
func (p *part) endedBy(q *query) bool {
	for i := range p.ends {
		if c := &p.ends[i]; q.value > c.Offset && (q.epoch < c.Epoch || q.answerSeq < c.seen) {
			return true
		}
	}
	return false
}

func isolation(committed bool) int {
	if committed {
		return 1
	}
	return 0
}

func (j *judge) changes(p *part) int {
	if j.in.LeaderChanges == nil {
		return 1 // unknown: assume there were some
	}
	return j.in.LeaderChanges(p.key)
}

func (j *judge) notBack(p *part, e *history.Event, q *query, before []epochMax, what, to string) {
	floor, by := upTo(before, q.epoch)
	for i := range p.ends {
		c := &p.ends[i]
		if by < c.Epoch && c.Epoch <= q.epoch {
			floor = min(floor, c.Offset)
		}
	}
	if q.value < floor && !p.interim(by, q.epoch) {
		j.r.l8.FailWith(e.Seq, e.At, p.objects(q.value), []string{j.event(q.seq), Describe(e)},
			"%s of %s went back: %d in leader epoch %d, after %d had been answered%s in leader epoch %d before the query was made",
			what, p.name, q.value, q.epoch, floor, to, by)
	}
}

// secondPass judges what needs the final lineage: L8b, L8d, the end of the log,
// and the order of acks=1 sends that survived.
func (j *judge) secondPass() {
	for i := range j.in.History.Events {
		e := &j.in.History.Events[i]
		switch e.Kind {
		case history.SendInvoked:
			if o := j.op(e.Op); o != nil && o.inv == e.Seq {
				o.floor1 = j.parts[o.part].weakMax
			}
		case history.SendDone:
			if o := j.op(e.Op); o != nil && o.comp == e.Seq && o.class == ok {
				j.secondAck(e, o)
			}
		case history.ListInvoked, history.FetchInvoked:
			if q := j.queries[e.Op]; q != nil && q.seq == e.Seq && q.answered {
				j.secondQuery(q)
			}
		}
	}
}

func (j *judge) secondAck(e *history.Event, o *op) {
	p := &j.parts[o.part]
	epoch, survived := p.survived(o.acked, j.opOf[e.Op])
	if !survived {
		return
	}
	j.r.l4.Evaluated++
	if o.acked <= o.floor1 {
		j.r.l4.FailWith(e.Seq, e.At, p.objects(o.acked), []string{j.event(o.inv), Describe(e), j.firstSight(p, o.floor1, 0)},
			"%s is at %s@%d although offset %d, which is in the final log too, was acknowledged before it was sent",
			recordName(o.id), p.name, o.acked, o.floor1)
	}
	if o.acks == -1 {
		// An idempotent retry may be acknowledged by a later leader than the one that
		// appended: such an answer does not tell under which epoch it was given.
		if !o.idem || o.attempts <= 1 {
			p.raiseEpoch(epoch, o.acked)
		}
	} else if o.acks != 0 {
		p.weakMax = max(p.weakMax, o.acked)
	}
}

// raiseEpoch is raise in place: in the second pass nobody keeps the list.
func (p *part) raiseEpoch(epoch int32, offset int64) {
	if n := len(p.byEpoch); n > 0 && p.byEpoch[n-1].epoch == epoch {
		p.byEpoch[n-1].value = max(p.byEpoch[n-1].value, offset)
		return
	}
	p.byEpoch = raise(p.byEpoch, epoch, offset)
}

// survived reports whether the final dump has the record at the offset.
func (p *part) survived(offset int64, pos int32) (epoch int32, ok bool) {
	if !p.hasDump || offset < 0 || offset >= int64(len(p.dump)) || p.dump[offset].op != pos {
		return -1, false
	}
	return p.dump[offset].epoch, true
}

func (j *judge) secondQuery(q *query) {
	p := &j.parts[q.part]
	if !p.hasDump || q.kind == -2 && !q.fetch {
		return
	}
	at := j.in.History.Events[q.answerSeq].At
	events := func() []string { return []string{j.event(q.seq), j.event(q.answerSeq)} }
	j.r.l8.Evaluated++
	if q.value > p.dumpEnd && q.answerSeq < p.dumpSeq && len(p.ends) == 0 {
		j.r.l8.FailWith(q.answerSeq, at, p.objects(q.value), events(), "offset %d was answered for %s, whose log ends at %d",
			q.value, p.name, p.dumpEnd)
	}
	if q.fetch {
		for _, m := range p.byEpoch {
			if m.epoch == q.epoch && q.value <= p.clamp(m.value, q.answerSeq) {
				j.r.l8.FailWith(q.answerSeq, at, p.objects(m.value), events(),
					"a fetch from %s in leader epoch %d shows high watermark %d, although offset %d had been acknowledged with acks=all in that epoch before",
					p.name, q.epoch, q.value, m.value)
			}
		}
		return
	}
	if q.committed && p.topic.Transactional {
		return // an open transaction holds the last stable offset back
	}
	if floor, by := upTo(p.byEpoch, q.epoch); q.value <= p.clamp(floor, q.answerSeq) && !p.interim(by, q.epoch) {
		j.r.l8.FailWith(q.answerSeq, at, p.objects(floor), events(),
			"latest offset %d of %s was answered in leader epoch %d, although offset %d (leader epoch %d) had been acknowledged with acks=all before the query was made",
			q.value, p.name, q.epoch, floor, by)
	}
}

// interim reports whether an answer of a leader epoch speaks of a log that a later
// unclean election replaced by an older one, which had offsets of epoch by.
func (p *part) interim(by, epoch int32) bool {
	for i := range p.ends {
		if c := &p.ends[i]; by < c.Epoch && c.Interim(epoch) {
			return true
		}
	}
	return false
}

// tally counts outcomes that the configuration permits.
type tally struct {
	count   int64
	example string
}

const (
	tallyWeak = iota
	tallyZero
	tallyDuplicates
	tallyReorder
	tallyRemoved
	numTally
)

func (j *judge) add(kind int, p *part, offset int64, o *op) {
	t := &j.tally[kind]
	t.count++
	if t.example == "" {
		t.example = recordName(o.id) + " at " + p.objects(offset)[0]
	}
}

// eraTally counts acknowledged records that an ended era took, by ledger case.
type eraTally struct {
	name string
	tally
}

func (j *judge) addEra(name string, p *part, o *op) {
	for i := range j.eras {
		if j.eras[i].name == name {
			j.eras[i].count++
			return
		}
	}
	j.eras = append(j.eras, eraTally{name, tally{1, recordName(o.id) + " at " + p.objects(o.acked)[0]}})
}

var tallies = [numTally]checks.Allowed{
	tallyWeak:       {Case: "B", What: "lost", Sentence: "acks=1 promises one copy only: a leader change or crash after the acknowledgement may remove the record"},
	tallyZero:       {Case: "A", What: "lost", Sentence: "acks=0 promises nothing once a fault or leader change touched the partition"},
	tallyDuplicates: {Case: "H", What: "duplicated", Sentence: "a retry may append the record again without idempotence, or where an ended era took the producer state"},
	tallyReorder:    {Case: "I", What: "reordered", Sentence: "without idempotence and with several requests in flight a batch may overtake one that is sent again or went to an earlier leader, as may any batch where an ended era took the producer's state"},
	tallyRemoved:    {Case: "R", What: "lost", Sentence: "the topic was deleted"},
}
