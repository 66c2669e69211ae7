package plog

import "trial/engine"

// TruncateTo removes every batch that holds an offset at or above the given one
// and every leader epoch that starts there, the latter also when no batch is
// removed (UnifiedLog.truncateTo). If the offset lies within a batch, the whole
// batch goes and End() ends up below it.
//
// The logical state (End, Next, Synced, epochs, producers) changes at once. The
// files follow when everything submitted before has ended, and durably; then
// done is called. Appends that were under way and are cut off end with ErrTruncated.
func (l *Log) TruncateTo(offset int64, done func(err error)) {
	if done == nil {
		done = func(error) {}
	}
	if err := l.usable(); err != nil {
		l.later(func() { done(err) })
		return
	}
	if offset < l.Start() {
		l.TruncateFully(offset, done)
		return
	}
	defer l.check()
	at := l.segmentAt(offset)
	s := l.segs[at]
	i := s.find(offset)
	newNext := l.next
	if i < len(s.entries) {
		newNext = s.entries[i].base
		offset = newNext
	}
	if !l.leavesEpochs(newNext, offset) && l.epochs.truncateFromEnd(offset) {
		l.saveEpochs()
	}
	if newNext >= l.next {
		l.enqueue(&job{run: func() { l.later(func() { l.endTruncate(nil, done) }) }, fail: done})
		return
	}
	l.cutLogical(newNext)
	gone := append([]*segment(nil), l.segs[at+1:]...)
	removed := append([]entry(nil), s.entries[i:]...)
	for _, g := range gone {
		g.removed = true
		removed = append(removed, g.entries...)
	}
	s.entries = s.entries[:i]
	s.size = sizeOf(s)
	l.segs = l.segs[:at+1]
	l.refold(removed)
	size := s.size
	l.enqueue(&job{alone: true, fail: done, run: func() { l.truncateFiles(s, size, gone, done) }})
}

// cutLogical lowers the offsets to a new log end.
func (l *Log) cutLogical(next int64) {
	l.gen++
	l.queue.cut(next)
	l.sync.cut(next)
	l.next, l.written, l.end, l.synced = next, min(l.written, next), min(l.end, next), min(l.synced, next)
}

func sizeOf(s *segment) int64 {
	if n := len(s.entries); n > 0 {
		return int64(s.entries[n-1].pos) + int64(s.entries[n-1].size)
	}
	return 0
}

// truncateFiles removes the later segments, last first, and then cuts the file.
// A crash in between leaves a prefix of the old log. Both are made durable
// before anything new is written, so that old and new bytes never mix.
func (l *Log) truncateFiles(s *segment, size int64, gone []*segment, done func(error)) {
	var steps []step
	for i := len(gone) - 1; i >= 0; i-- {
		steps = append(steps, onFile(engine.OpClose, &gone[i].file), named(engine.OpRemove, l.segmentPath(gone[i].base)))
	}
	if len(gone) > 0 {
		steps = append(steps, named(engine.OpSyncDir, l.dir))
	}
	steps = append(steps, cutFile(&s.file, size), onFile(engine.OpSyncFile, &s.file))
	l.run(func(err error) { l.endTruncate(err, done) }, steps...)
}

func (l *Log) endTruncate(err error, done func(error)) {
	if err != nil {
		l.fail(err)
	} else if l.failure != nil {
		err = ErrOffline
	}
	done(err)
	l.jobDone()
}

// TruncateFully drops everything and lets the log start anew at an offset
// (UnifiedLog.truncateFullyAndStartAt), as a follower does whose log ends below
// its leader's start. Otherwise as TruncateTo.
func (l *Log) TruncateFully(start int64, done func(err error)) {
	if done == nil {
		done = func(error) {}
	}
	if err := l.usable(); err != nil {
		l.later(func() { done(err) })
		return
	}
	defer l.check()
	l.gen++
	l.queue.cut(start)
	l.sync.cut(start)
	fresh := l.newSegment(start)
	reused := false
	var gone []*segment
	for _, s := range l.segs {
		if s.base == start {
			fresh, reused = s, true
			s.entries, s.size = nil, 0
			continue
		}
		s.removed = true
		gone = append(gone, s)
	}
	l.segs = []*segment{fresh}
	l.next, l.written, l.end, l.synced = start, start, start, start
	if l.epochs.truncateFromEnd(-1) {
		l.saveEpochs()
	}
	l.producers.byID = nil
	l.enqueue(&job{alone: true, fail: done, run: func() { l.replaceFiles(fresh, reused, gone, done) }})
}

// replaceFiles puts the new, empty segment in place and removes the others,
// each durably, from the last to the first: a crash in between leaves a prefix
// of the old log, or the new one.
func (l *Log) replaceFiles(fresh *segment, reused bool, gone []*segment, done func(error)) {
	var steps []step
	if !reused {
		steps = append(steps, named(engine.OpCreate, l.segmentPath(fresh.base)), opened(&fresh.file), named(engine.OpSyncDir, l.dir))
	}
	cut := !reused
	cutFresh := func() {
		if !cut {
			steps = append(steps, cutFile(&fresh.file, 0), onFile(engine.OpSyncFile, &fresh.file))
			cut = true
		}
	}
	for i := len(gone) - 1; i >= 0; i-- {
		if gone[i].base < fresh.base {
			cutFresh()
		}
		steps = append(steps, onFile(engine.OpClose, &gone[i].file),
			named(engine.OpRemove, l.segmentPath(gone[i].base)), named(engine.OpSyncDir, l.dir))
	}
	cutFresh()
	l.run(func(err error) { l.endTruncate(err, done) }, steps...)
}
