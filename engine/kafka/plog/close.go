package plog

import (
	"encoding/hex"
	"path"

	"trial/engine"
)

// Close lets everything submitted end, makes it durable and closes the files.
// From now on nothing is accepted. An offline log only gives up its handles.
func (l *Log) Close(done func(err error)) {
	l.shut(done, func(done func(error)) {
		l.run(done, append(l.flushSteps(), l.closeSteps(nil)...)...)
	})
}

// Delete lets everything submitted end, renames the directory to
// DIR.<uuid>-delete, as Kafka does, so that nothing of it can reappear under its
// name, and removes it. A log that is closed or about to be goes, too: its name may
// be used again while the node is still stopping.
func (l *Log) Delete(done func(err error)) {
	if l.failure != nil {
		l.later(func() { done(ErrOffline) })
		return
	}
	id := l.h.Stream("plog.delete").UUID()
	gone := l.dir + "." + hex.EncodeToString(id[:]) + "-delete"
	remove := func(done func(error)) {
		steps := append(l.closeSteps(nil),
			step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.Path, op.NewPath = engine.OpRename, l.dir, gone }},
			named(engine.OpSyncDir, path.Dir(l.dir)))
		l.run(func(err error) {
			if err != nil {
				done(err)
				return
			}
			RemoveDir(l.h, l.vol, gone, done)
		}, steps...)
	}
	if l.state == closing || l.state == closed {
		l.Close(func(err error) { // waits for the one before
			if err != nil {
				done(err)
				return
			}
			remove(done)
		})
		return
	}
	l.shut(done, remove)
}

// shut ends the log by a last job.
func (l *Log) shut(done func(error), work func(done func(error))) {
	switch l.state {
	case fresh, closed:
		l.state = closed
		l.later(func() { done(nil) })
		return
	case closing: // wait for the job that is on its way
		l.enqueue(&job{alone: true, fail: done, run: func() {
			l.later(func() { done(nil); l.jobDone() })
		}})
		return
	}
	l.state = closing
	giveUp := func(error) {
		l.run(func(error) { l.shutDown(); done(ErrOffline) }, l.closeSteps(errAny)...)
	}
	if l.failure != nil {
		giveUp(nil)
		return
	}
	l.enqueue(&job{alone: true, fail: giveUp, run: func() {
		work(func(err error) {
			if err != nil {
				l.fail(err)
			}
			l.shutDown()
			done(err)
			l.jobDone()
		})
	}})
}

func (l *Log) shutDown() {
	l.state = closed
	l.sync.dirty, l.sync.dirDirty = nil, false
	l.h.StopTimer(&l.tick)
}

// flushSteps sync what is dirty.
func (l *Log) flushSteps() []step {
	var steps []step
	for _, s := range l.sync.dirty {
		if !s.removed {
			steps = append(steps, onFile(engine.OpSyncFile, &s.file))
		}
	}
	if l.sync.dirDirty {
		steps = append(steps, named(engine.OpSyncDir, l.dir))
	}
	return append(steps, step{fill: func(_, _ *engine.DiskOp) {
		l.synced = l.written
	}})
}

// closeSteps give up the handles.
func (l *Log) closeSteps(allow error) []step {
	var steps []step
	for _, s := range l.segs {
		if s.file != 0 {
			steps = append(steps, onFile(engine.OpClose, &s.file).allowing(allow),
				step{fill: func(_, _ *engine.DiskOp) { s.file = 0 }})
		}
	}
	return steps
}

// RemoveDir removes a directory of a log with the files in it, such as one that
// a crash left behind in the middle of a Delete.
func RemoveDir(h engine.Host, vol engine.VolumeID, dir string, done func(err error)) {
	l := New(h, vol, dir, Config{})
	var files []engine.DirEntry
	l.run(func(err error) {
		if err != nil {
			done(err)
			return
		}
		var steps []step
		for _, f := range files {
			steps = append(steps, named(engine.OpRemove, l.path(f.Name)).allowing(engine.ErrNotExist))
		}
		steps = append(steps, named(engine.OpRemove, dir), named(engine.OpSyncDir, path.Dir(dir)))
		l.run(done, steps...)
	}, named(engine.OpList, dir), step{fill: func(_, prev *engine.DiskOp) { files = prev.Entries }})
}
