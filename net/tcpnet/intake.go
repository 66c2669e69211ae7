package tcpnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"trial/engine"
)

// intake is the reading half of a connection.
type intake struct {
	conn *Conn

	mu      sync.Mutex
	cond    *sync.Cond
	window  int  // unanswered frames to hand over; of no meaning if dialed
	pending int  // frames handed over and not answered
	ahead   int  // bytes handed over and not taken by the program
	waiting bool // the reader waits for one of the above

	// The rest is the reader's own.
	buf    []byte // stream read and not split yet: buf[start:end]
	start  int
	end    int
	frames []*engine.Buf // split and not handed over yet
	bytes  int
}

const (
	prefixBytes  = 4
	minReadBytes = 4 << 10
	maxReadBytes = 64 << 10
	// trustedBytes is how much of an announced frame is allocated before any of it
	// has arrived.
	trustedBytes = 2 << 20
	maxSplit     = 512 // frames handed over at once
)

func (in *intake) init(c *Conn, window int) {
	in.conn, in.window = c, window
	in.cond = sync.NewCond(&in.mu)
}

// update notes answers and taken bytes and lets the reader go on.
func (in *intake) update(answered, taken int) {
	in.mu.Lock()
	in.pending = max(0, in.pending-answered)
	in.ahead -= taken
	// Half of the read-ahead is refilled at once, so that a pipelining peer does
	// not cost a switch per frame.
	if in.waiting && (in.pending == 0 || in.pending < in.window || in.ahead <= in.conn.edge.opt.ReadAhead/2) {
		in.cond.Signal()
	}
	in.mu.Unlock()
}

func (in *intake) setWindow(n int) {
	in.mu.Lock()
	in.window = max(1, n)
	in.cond.Signal()
	in.mu.Unlock()
}

func (in *intake) wake() {
	in.mu.Lock()
	in.cond.Signal()
	in.mu.Unlock()
}

// room reports whether a frame of size bytes may be handed over, with mu held.
func (in *intake) room(size int) bool {
	c := in.conn
	if c.over.Load() {
		return true
	}
	if c.queued.Load() > int64(c.edge.opt.OutputPerConn) {
		return false
	}
	return in.pending+len(in.frames) < in.window || in.ahead+in.bytes+size <= c.edge.opt.ReadAhead
}

// admit waits until a frame of size bytes may be handed over; false when the
// connection is over.
func (in *intake) admit(size int) bool {
	c := in.conn
	if c.dialed {
		return !c.over.Load()
	}
	in.mu.Lock()
	if !in.room(size) {
		in.mu.Unlock()
		in.deliver()
		in.mu.Lock()
		in.waiting = true
		for !in.room(size) {
			in.cond.Wait()
		}
		in.waiting = false
	}
	in.mu.Unlock()
	if c.edge.Budget.over(size) {
		in.deliver()
		c.edge.Budget.wait(size, c.over.Load)
	}
	return !c.over.Load()
}

// deliver hands over what was split.
func (in *intake) deliver() {
	if len(in.frames) == 0 {
		return
	}
	if !in.conn.dialed {
		in.mu.Lock()
		in.pending += len(in.frames)
		in.ahead += in.bytes
		in.mu.Unlock()
	}
	in.conn.sink.Frames(in.frames)
	clear(in.frames)
	in.frames, in.bytes = in.frames[:0], 0
}

// read is the reader's life.
func (in *intake) read() {
	c := in.conn
	defer c.edge.tasks.Done()
	defer c.out.readerEnded()
	in.buf = make([]byte, minReadBytes)
	for {
		err := in.split()
		in.deliver()
		if err == nil {
			err = in.fill()
		}
		if err != nil && !c.over.Load() {
			c.ended(err)
			return
		}
		if c.over.Load() {
			in.drain()
			return
		}
	}
}

// fill reads more of the stream into buf, growing it while the peer fills it.
func (in *intake) fill() error {
	if in.end == len(in.buf) && in.start == 0 && len(in.buf) < maxReadBytes {
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	if in.start > 0 {
		in.end = copy(in.buf, in.buf[in.start:in.end])
		in.start = 0
	}
	n, err := in.conn.nc.Read(in.buf[in.end:])
	if n > 0 {
		full := in.end+n == len(in.buf)
		in.end += n
		if full && len(in.buf) < maxReadBytes {
			in.buf = append(in.buf, make([]byte, len(in.buf))...)
		}
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// split takes complete frames out of buf; a frame that does not fit there is
// read to its end.
func (in *intake) split() error {
	for in.end-in.start >= prefixBytes {
		size := int(int32(binary.BigEndian.Uint32(in.buf[in.start:])))
		if size < 0 || size > in.conn.edge.opt.FrameLimit {
			return fmt.Errorf("%w (%d bytes, the limit is %d)", engine.ErrFrameSize, size, in.conn.edge.opt.FrameLimit)
		}
		have := in.end - in.start - prefixBytes
		if have < size && prefixBytes+size <= len(in.buf) {
			return nil // it will fit
		}
		if !in.admit(size) {
			return errOver
		}
		b, err := in.frame(size, min(have, size))
		if err != nil {
			return err
		}
		in.frames, in.bytes = append(in.frames, b), in.bytes+size
		if len(in.frames) == maxSplit {
			in.deliver()
		}
	}
	if in.start == in.end {
		in.start, in.end = 0, 0
	}
	return nil
}

var errOver = errors.New("connection is over")

// frame makes a buffer of the next frame, of which have bytes are in buf.
func (in *intake) frame(size, have int) (*engine.Buf, error) {
	c := in.conn
	b := c.edge.Pool.Get(min(size, trustedBytes))
	from := in.start + prefixBytes
	b.B = append(b.B, in.buf[from:from+have]...)
	in.start = from + have
	c.edge.Budget.requests.add(int64(size))
	for have < size {
		if have == len(b.B) && have == cap(b.B) {
			b.B = append(b.B, make([]byte, min(size-have, have))...)[:have]
		}
		b.B = b.B[:min(size, cap(b.B))]
		n, err := io.ReadFull(c.nc, b.B[have:])
		have += n
		if err != nil {
			c.edge.Pool.Put(b)
			c.edge.Budget.Released(size)
			return nil, err
		}
	}
	return b, nil
}

// drain reads and drops what the peer still sends to a connection that was
// closed, until the peer has closed too: closing a socket with unread data would
// reset the connection and could destroy what was sent last.
func (in *intake) drain() {
	c := in.conn
	for _, b := range in.frames {
		c.edge.Budget.Released(len(b.B))
		c.edge.Pool.Put(b)
	}
	in.frames = nil
	for {
		if _, err := c.nc.Read(in.buf); err != nil {
			return
		}
	}
}
