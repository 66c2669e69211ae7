package plog

import (
	"trial/internal/mutant"
	"trial/internal/record"
)

// ignoresShort is LOG-07: a write that took less than it was given passes for
// complete (KAFKA-17181).
func (l *Log) ignoresShort(a *Append) bool {
	if !mutant.Enabled || l.cfg.Mutant != mutant.LOG07 {
		return false
	}
	l.h.Probe("mutant.reached")
	if a.op.N < len(a.op.Data) {
		l.h.Probe("mutant.infected")
	}
	return true
}

// goesOnAfter is LOG-08: a failed write is reported, but the log stays open for
// the next one (KAFKA-10778).
func (l *Log) goesOnAfter(a *Append) bool {
	if !mutant.Enabled || l.cfg.Mutant != mutant.LOG08 {
		return false
	}
	l.h.Probe("mutant.reached")
	l.h.Probe("mutant.infected")
	s, lost := a.seg, len(a.op.Data)-a.op.N
	kept := s.entries[:0]
	for _, e := range s.entries {
		if e.base >= a.Next {
			e.pos -= int32(lost)
		}
		if e.base < a.Base || e.base >= a.Next {
			kept = append(kept, e)
		}
	}
	s.entries, s.size = kept, s.size-int64(lost)
	for _, q := range []*list{&l.queue.flying, &l.queue.waiting} {
		for i := q.head; i != nil; i = i.next {
			if i.app != nil && i.app.seg == s {
				i.app.pos -= int64(lost)
			}
		}
	}
	return true
}

// NoteProducer is IDM-04 (KAFKA-6683): whoever refuses a produce request before
// AppendLeader calls it at that place, and with that mutant the producer state
// changes although nothing is appended. It does nothing otherwise.
func (l *Log) NoteProducer(data []byte) {
	if !mutant.Enabled || l.cfg.Mutant != mutant.IDM04 {
		return
	}
	b, _, err := record.Next(data)
	if err != nil || b.CheckHeader() != nil || b.ProducerID() < 0 || b.BaseSequence() < 0 {
		return
	}
	l.h.Probe("mutant.reached")
	if original, code := l.producers.check(b, window); original != nil || code != 0 {
		return
	}
	l.h.Probe("mutant.infected")
	e := entryOf(b, 0)
	e.base = l.next
	l.producers.note(&e)
}
