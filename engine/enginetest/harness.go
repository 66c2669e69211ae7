// Package enginetest is the suite of programs that every host must pass: the
// simulator and the real one. A host's test calls Run with a function that
// builds a Harness.
//
// # Invariants
//
//   - state of a node's program is touched only in events of that node: in the
//     program's own handlers and in functions given to Harness.Do and Await
//   - nothing here depends on how long something takes, only on what follows what
//
// Not here: faults that only a simulator can inject (packages sim, simnet and
// simdisk test those), acceptance of a disk (package disktest).
package enginetest

import (
	"testing"

	"trial/engine"
)

// Spec describes the nodes that one test needs.
type Spec struct{ Nodes []NodeSpec }

// NodeSpec describes one node.
type NodeSpec struct {
	ID engine.NodeID
	// New makes the program of one incarnation. Start calls it before it returns.
	New func() engine.Program
	// Listeners is the number of listeners; the harness chooses their addresses.
	Listeners int
	// Volumes is the number of empty volumes.
	Volumes int
	// MaxFrame is the largest frame that the node accepts, in bytes; 0 leaves the
	// host's default.
	MaxFrame int
}

// Harness runs the nodes of one test on one host. Nothing runs before Start. It
// has its buffers poisoned on release, and it cleans up by t.Cleanup.
//
// All methods are called from the test's goroutine only.
type Harness interface {
	// Addr is the address of a listener, known before the node is started and the
	// same in every incarnation.
	Addr(n engine.NodeID, l engine.ListenerID) string
	// Start begins the next incarnation of a node that is not running.
	Start(n engine.NodeID)
	// Kill ends the process at once, as SIGKILL does. When it returns nothing of
	// that incarnation runs any more. What the operating system took of its files
	// stays.
	Kill(n engine.NodeID)
	// Stop has Program.Stop called, as SIGTERM does, and does not wait.
	Stop(n engine.NodeID)
	// Ended reports whether the latest incarnation ended by Host.Exit, and the
	// error that it gave.
	Ended(n engine.NodeID) (ended bool, err error)
	// Do runs f as an event of the node's running incarnation and waits for it.
	Do(n engine.NodeID, f func())
	// Await lets all nodes run until cond, evaluated in events of n, holds. It
	// gives up after a while (10 s of a real host's time, 60 s of virtual time) and
	// then returns false.
	Await(n engine.NodeID, cond func() bool) bool
	// AwaitEnd lets all nodes run until the running incarnation of n has ended by
	// Host.Exit; false when that takes as long as Await would wait.
	AwaitEnd(n engine.NodeID) bool
}

// VolumeLimiter is a Harness that can make a volume full. Tests that need it are
// skipped on a harness without it.
type VolumeLimiter interface {
	// LimitVolume lets the volume take bytes more bytes before operations fail with
	// engine.ErrNoSpace. Negative: no limit any more.
	LimitVolume(n engine.NodeID, v engine.VolumeID, bytes int64)
}

// Run runs the whole suite; every test builds its own harness with start.
func Run(t *testing.T, start func(t *testing.T, spec Spec) Harness) {
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) { c.run(t, start) })
	}
}

type startFunc = func(t *testing.T, spec Spec) Harness
