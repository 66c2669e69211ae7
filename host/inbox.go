package host

import (
	"net"
	"sync"

	"trial/engine"
)

type eventKind uint8

const (
	evFrame    eventKind = iota + 1 // conn, buf
	evEnded                         // conn, err
	evDialed                        // conn, x: net.Conn or nil, err
	evAccepted                      // x: net.Conn, n: listener
	evReady                         // conn: a frame that waited may be delivered
	evDisk                          // op: list of completed operations
	evJob                           // x: *engine.Job
	evStop
	evFunc  // x: func()
	evCrash // err: of a goroutine at the edge
)

// event is what the edge tells the loop.
type event struct {
	kind eventKind
	n    int
	conn *conn
	buf  *engine.Buf
	op   *engine.DiskOp
	x    any
	err  error
}

// inbox is the queue into the loop. The loop takes all of it at once; a poster
// wakes the loop only if it sleeps.
type inbox struct {
	mu       sync.Mutex
	events   []event
	sleeping bool
	closed   bool
	wake     chan struct{}
}

// post adds events; false if the loop has ended.
func (in *inbox) post(e event) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.events = append(in.events, e)
	in.unlock()
	return true
}

// postFrames adds many frames of a connection.
func (in *inbox) postFrames(c *conn, frames []*engine.Buf) {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return
	}
	for _, b := range frames {
		in.events = append(in.events, event{kind: evFrame, conn: c, buf: b})
	}
	in.unlock()
}

func (in *inbox) unlock() {
	wake := in.sleeping
	in.sleeping = false
	in.mu.Unlock()
	if wake {
		in.rouse()
	}
}

// rouse wakes the loop, whether it sleeps or not.
func (in *inbox) rouse() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take swaps the queue for an empty one.
func (in *inbox) take(empty []event) []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	full := in.events
	in.events = empty[:0]
	return full
}

// sleep announces that the loop is about to wait for wake; false if there are
// events.
func (in *inbox) sleep() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sleeping = len(in.events) == 0
	return in.sleeping
}

// close refuses what comes and drops what is there.
func (in *inbox) close() {
	in.mu.Lock()
	events := in.events
	in.events, in.closed = nil, true
	in.mu.Unlock()
	for _, e := range events {
		if nc, ok := e.x.(net.Conn); ok {
			nc.Close()
		}
	}
}
