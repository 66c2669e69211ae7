package plog

import (
	"slices"

	"trial/engine"
	"trial/internal/mutant"
	"trial/internal/record"
)

// forgetsName is LOG-01: the file of a new segment is synced, but not the
// directory that has its name (KAFKA-3968).
func (l *Log) forgetsName() bool {
	if !mutant.Enabled || l.cfg.Mutant != mutant.LOG01 {
		return false
	}
	l.h.Probe("mutant.reached")
	l.h.Probe("mutant.infected")
	return true
}

// flushBeside is LOG-18 (Redpanda PR 1826): a flush does not wait for the one
// under way, and whichever ends last says how far the log is durable.
func (l *Log) flushBeside() {
	y := &l.sync
	if !mutant.Enabled || l.cfg.Mutant != mutant.LOG18 || !y.wanted || len(y.dirty) == 0 || l.failure != nil || l.queue.job != nil {
		return
	}
	l.h.Probe("mutant.reached")
	var steps []step
	for _, s := range y.dirty {
		s.dirty = false
		steps = append(steps, onFile(engine.OpSyncFile, &s.file))
	}
	if y.dirDirty {
		steps = append(steps, named(engine.OpSyncDir, l.dir))
	}
	captured, gen, waiters := l.written, l.gen, y.next
	y.wanted, y.dirDirty, y.unflushed, y.dirty, y.next = false, false, 0, y.dirty[:0], nil
	y.beside++
	l.run(func(err error) {
		y.beside--
		if gen != l.gen {
			captured = l.synced
		}
		l.endFlush(captured, err, waiters)
	}, steps...)
}

// flushedTo is how far the log is durable when a flush has ended that covers
// everything below captured.
func (l *Log) flushedTo(captured int64) int64 {
	if mutant.Enabled && l.cfg.Mutant == mutant.LOG18 {
		if captured < l.synced {
			l.h.Probe("mutant.infected")
		}
		return captured
	}
	return max(l.synced, captured)
}

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

// keepsProducers is IDM-06 (KAFKA-12153 is its neighbour): batches are removed
// from the log, but not from the producer state.
func (l *Log) keepsProducers(removed []entry) bool {
	if !mutant.Enabled || l.cfg.Mutant != mutant.IDM06 {
		return false
	}
	l.h.Probe("mutant.reached")
	if slices.ContainsFunc(removed, func(e entry) bool { return e.producer >= 0 }) {
		l.h.Probe("mutant.infected")
	}
	return true
}
