package tcpnet

import (
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"trial/engine"
)

// Sink takes what a connection's reader finds. Its methods are called from the
// connection's goroutines, one at a time, and must not block.
type Sink interface {
	// Frames hands over complete frames in order. The slice is the reader's.
	Frames(frames []*engine.Buf)
	// Ended tells that the connection is over, and why. The socket stays open until
	// Abort, so that frames which were handed over before can still be answered.
	Ended(err error)
}

// File is an open file of which regions are sent.
type File interface {
	FD() uintptr
	ReadAt(b []byte, pos int64) (int, error)
	// Same reports whether the handle names this file.
	Same(id engine.FileID) bool
	// Unpin is called once when the region has been sent or dropped.
	Unpin()
}

// Conn is one framed connection. Its methods are for one goroutine, the event
// loop's, unless they say otherwise.
type Conn struct {
	edge *Edge
	sink Sink
	nc   net.Conn        // nil until Attach
	raw  syscall.RawConn // nil if the connection is not a socket

	dialed bool // has no window

	in     intake
	out    output
	queued atomic.Int64 // bytes of buffers queued or being written
	over   atomic.Bool  // no frames are read any more: Abort, Close or Ended
	said   atomic.Bool  // Ended was called, or must not be
}

// NewConn returns a connection without a socket; frames may be queued already.
// window is the number of unanswered frames that its reader hands over, 0 for
// any number (dialed connections).
func (e *Edge) NewConn(sink Sink, window int) *Conn {
	c := &Conn{edge: e, sink: sink, dialed: window == 0}
	c.in.init(c, window)
	c.out.conn = c
	return c
}

// Attach gives the connection its socket and starts reading from it.
func (c *Conn) Attach(nc net.Conn) {
	c.nc = nc
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
	}
	if !c.edge.attach(c) {
		nc.Close()
		return
	}
	if c.edge.begin() {
		go c.in.read()
	}
}

// Answered notes that the program has answered the oldest unanswered frame, or
// needs not, of an accepted connection.
func (c *Conn) Answered() { c.in.update(1, 0) }

// Taken notes that the program got a frame of n bytes that was handed over by an
// accepted connection.
func (c *Conn) Taken(n int) { c.in.update(0, n) }

// SetWindow changes the window of an accepted connection.
func (c *Conn) SetWindow(n int) { c.in.setWindow(n) }

// Queued is the number of bytes in buffers that wait to be sent.
func (c *Conn) Queued() int64 { return c.queued.Load() }

// ended reports the end of the connection, once.
func (c *Conn) ended(err error) {
	if c.said.CompareAndSwap(false, true) {
		c.sink.Ended(failure(err))
	}
}

// Break ends the connection at once, as Abort does, and has Ended tell why
// unless the connection was closed or had ended before.
func (c *Conn) Break(err error) {
	c.ended(err)
	c.Abort()
}

// Close ends the connection after what was queued has been sent. Nothing more
// is handed over.
func (c *Conn) Close() {
	c.finish()
	if c.nc == nil {
		return // the loop closes again once the dial is done
	}
	c.nc.SetWriteDeadline(time.Now().Add(c.edge.opt.CloseTimeout))
	c.out.close()
}

// finish keeps anything more from being handed over.
func (c *Conn) finish() {
	c.said.Store(true)
	c.over.Store(true)
	c.in.wake()
	if c.edge.Budget.waiting.Load() > 0 {
		c.edge.Budget.wake()
	}
}

// Abort ends the connection at once and drops what was queued. When it returns,
// no byte of a file will be sent any more. It may be called from any goroutine.
func (c *Conn) Abort() {
	c.finish()
	c.out.abort()
	if c.nc != nil {
		c.nc.Close()
		c.edge.detach(c)
	}
}
