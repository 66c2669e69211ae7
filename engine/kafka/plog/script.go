package plog

import (
	"errors"
	"fmt"

	"trial/engine"
)

// script runs disk operations one after the other. Each step fills the next
// operation, seeing the completed one before it; a step that leaves Kind zero
// is skipped. The first error that no step allowed ends it.
type script struct {
	l     *Log
	op    engine.DiskOp
	prev  engine.DiskOp
	steps []step
	at    int
	done  func(err error)
}

type step struct {
	fill  func(op, prev *engine.DiskOp)
	allow error // counts as success
}

// errAny allows a step to fail in any way.
var errAny = errors.New("any error")

// run starts the steps; done is called in a later event.
func (l *Log) run(done func(err error), steps ...step) {
	s := &script{l: l, steps: steps, done: done}
	if !s.next() {
		l.later(func() { done(nil) })
	}
}

// next starts the next step; false at the end.
func (s *script) next() bool {
	for s.at < len(s.steps) {
		s.prev = s.op
		s.op = engine.DiskOp{Volume: s.l.vol, Done: s.onDone}
		s.steps[s.at].fill(&s.op, &s.prev)
		s.at++
		if s.op.Kind != 0 {
			s.l.h.Disk(&s.op)
			return true
		}
		s.op = s.prev
	}
	return false
}

func (s *script) onDone(op *engine.DiskOp) {
	err, allow := op.Err, s.steps[s.at-1].allow
	if err == nil && op.Kind == engine.OpAppend && op.N < len(op.Data) {
		err = fmt.Errorf("%w: %d of %d bytes written", engine.ErrIO, op.N, len(op.Data))
	}
	if err != nil && allow != errAny && (allow == nil || !errors.Is(err, allow)) {
		s.done(err)
		return
	}
	if !s.next() {
		s.done(nil)
	}
}

// The steps that several scripts share.

func named(kind engine.DiskOpKind, path string) step {
	return step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.Path = kind, path }}
}

func (s step) allowing(err error) step {
	s.allow = err
	return s
}

func onFile(kind engine.DiskOpKind, file *engine.FileID) step {
	return step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.File = kind, *file }}
}

func cutFile(file *engine.FileID, size int64) step {
	return step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.File, op.Size = engine.OpTruncate, *file, size }}
}

// opened takes over the handle that the step before made.
func opened(file *engine.FileID) step {
	return step{fill: func(_, prev *engine.DiskOp) { *file = prev.File }}
}
