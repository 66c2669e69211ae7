package plog

import "trial/engine"

// roll makes a new active segment at base. The appends behind it wait for the
// file; the old segment and the directory are synced in the background.
func (l *Log) roll(base int64) {
	s := l.newSegment(base)
	l.segs = append(l.segs, s)
	l.enqueue(&job{
		run:  func() { l.create(s) },
		fail: func(error) {},
	})
}

// create is the job that makes the file of a new segment.
func (l *Log) create(s *segment) {
	l.run(func(err error) {
		if err != nil {
			l.fail(err)
			l.queue.job = nil
			return
		}
		l.sync.dirDirty = !l.forgetsName()
		l.sync.wanted = true
		l.jobDone()
	}, named(engine.OpCreate, l.segmentPath(s.base)), opened(&s.file))
}
