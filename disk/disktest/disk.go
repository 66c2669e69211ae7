// Package disktest is the acceptance suite for a disk behind engine.DiskOp. The
// simulated and the real disk pass the same tests, so that the simulated one is
// neither kinder nor stricter than a file system.
//
// # Invariants
//
//   - a test knows only what the comments of engine.DiskOp promise
//
// Not here: injected faults (package simdisk tests its own).
package disktest

import (
	"testing"

	"trial/engine"
)

// Disk is one empty volume with number 0 under test.
type Disk interface {
	// Do starts the operations in this order, all before the first completes if
	// the disk can, and returns when every one of them has completed. It sets Done
	// itself and appends each operation to the result in the order of completion.
	Do(ops ...*engine.DiskOp) (completed []*engine.DiskOp)
	// Crash ends the process in the given way and starts another one on the same
	// volume. File handles are gone. It returns false, and does nothing, if the
	// disk cannot crash so.
	Crash(kind Crash) bool
}

// Crash is a way for a process to end.
type Crash int

// The crashes.
const (
	// Kill loses nothing that had completed.
	Kill Crash = iota + 1
	// PowerFailure may lose what was not synced.
	PowerFailure
)

// Limiter is a Disk that can be made full. Tests that need it are skipped on a
// disk without it.
type Limiter interface {
	// Limit lets the volume take bytes more bytes before operations fail with
	// engine.ErrNoSpace. Negative: no limit any more.
	Limit(bytes int64)
}

// Run runs the whole suite; every test opens its own empty disk.
func Run(t *testing.T, open func(t *testing.T) Disk) {
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) { c.run(t, &disk{t: t, Disk: open(t)}) })
	}
}
