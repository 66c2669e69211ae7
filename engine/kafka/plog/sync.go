package plog

import (
	"math"

	"trial/clock"
	"trial/engine"
)

// syncer makes segments and their directory entries durable. One round runs at
// a time; who asks meanwhile gets the next round, or the running one if nothing
// has been written since it began.
type syncer struct {
	wanted    bool
	waiters   []func(error) // of the running round
	next      []func(error) // of the next one
	ops       int           // of the running round, under way
	err       error         // first of the running round
	captured  int64         // what the running round makes durable
	unflushed int64         // records written since the last round began

	dirty    []*segment // hold bytes that no round covers
	dirDirty bool       // the directory has entries that no round covers
	dirOp    engine.DiskOp

	beside int // flushes that LOG-18 lets run beside the round

	onSynced func(op *engine.DiskOp)
}

func (y *syncer) busy() bool { return y.ops+y.beside > 0 }

// Sync makes durable what is visible now; done may be nil. Concurrent calls
// share rounds. An error means that the log is offline.
func (l *Log) Sync(done func(err error)) {
	if done == nil {
		done = func(error) {}
	}
	if l.failure != nil || l.state != open && l.state != closing {
		err := l.usable()
		l.later(func() { done(err) })
		return
	}
	y := &l.sync
	if y.ops > 0 && y.captured >= l.written {
		y.waiters = append(y.waiters, done)
		return
	}
	y.next = append(y.next, done)
	l.wantSync()
}

// wantSync asks for a round that covers what is written now.
func (l *Log) wantSync() {
	l.sync.wanted = true
	l.startSync()
}

func (l *Log) markDirty(s *segment) {
	if !s.dirty {
		s.dirty = true
		l.sync.dirty = append(l.sync.dirty, s)
	}
}

// armTick sees to flush.ms.
func (l *Log) armTick() {
	if l.cfg.FlushMs < math.MaxInt64 && !l.tick.Armed() {
		l.h.SetTimer(&l.tick, l.h.Now().Add(clock.Ms(l.cfg.FlushMs)))
	}
}

// startSync begins a round if one is wanted and may begin.
func (l *Log) startSync() {
	y := &l.sync
	if y.busy() {
		l.flushBeside() // a planted bug, never in a plain build
		return
	}
	if !y.wanted || l.failure != nil || l.queue.job != nil && l.queue.job.alone {
		return
	}
	y.wanted = false
	y.waiters, y.next = y.next, y.waiters[:0]
	y.captured, y.unflushed, y.err = l.written, 0, nil
	l.h.StopTimer(&l.tick)
	for _, s := range y.dirty {
		s.dirty = false
		if !s.removed {
			y.ops++
			s.syncOp = engine.DiskOp{Kind: engine.OpSyncFile, Volume: l.vol, File: s.file, Done: y.onSynced}
			l.h.Disk(&s.syncOp)
		}
	}
	y.dirty = y.dirty[:0]
	if y.dirDirty {
		y.dirDirty = false
		y.ops++
		y.dirOp = engine.DiskOp{Kind: engine.OpSyncDir, Volume: l.vol, Path: l.dir, Done: y.onSynced}
		l.h.Disk(&y.dirOp)
	}
	if y.ops == 0 { // nothing to do, yet the answer comes in a later event
		y.ops = 1
		l.later(l.endSync)
	}
}

func (l *Log) onSynced(op *engine.DiskOp) {
	y := &l.sync
	if y.err == nil {
		y.err = op.Err
	}
	if y.ops > 1 {
		y.ops--
		return
	}
	l.endSync()
}

// endSync ends a round.
func (l *Log) endSync() {
	y := &l.sync
	y.ops = 0
	waiters := y.waiters
	y.waiters = nil
	l.endFlush(y.captured, y.err, waiters)
	if y.waiters == nil {
		clear(waiters)
		y.waiters = waiters[:0]
	}
	l.startSync()
	l.pump()
}

// endFlush notes that everything below captured is durable, or why it is not.
func (l *Log) endFlush(captured int64, err error, waiters []func(error)) {
	if err != nil {
		l.fail(err) // the kernel may have dropped the dirty pages: a second sync proves nothing
	} else if l.failure != nil {
		err = ErrOffline
	}
	if err == nil {
		l.synced = l.flushedTo(captured)
		if l.onDurable != nil {
			l.onDurable(l.synced)
		}
		l.showFlushed()
	}
	for _, done := range waiters {
		done(err)
	}
}

// cut limits what the running round proves, for a truncation.
func (y *syncer) cut(offset int64) { y.captured = min(y.captured, offset) }

// abandon fails the waiters of the round that will not come.
func (y *syncer) abandon() {
	waiters := y.next
	y.next = nil
	for _, done := range waiters {
		done(ErrOffline)
	}
}
