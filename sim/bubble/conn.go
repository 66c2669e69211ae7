package bubble

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"trial/engine"
)

// sendBuffer is how many bytes a connection takes from its client before the
// broker has taken them; then Write waits.
const sendBuffer = 1 << 20

// receiveBuffer is how many bytes may wait to be read; with more, the machine
// leaves what arrives unread until half of it has gone, and the broker's window
// closes.
const receiveBuffer = 1 << 20

// maxFrame is Kafka's default socket.request.max.bytes: a longer frame, or what
// looks like one, ends the connection.
const maxFrame = 100 << 20

// Conn is the client's end of a connection to a simulated broker. It behaves as a
// TCP connection does: partial reads, deadlines, waiting writers, ECONNRESET when
// the broker is killed, EOF when it closes.
type Conn struct {
	m             *Machine
	to            string
	local, remote addr
	order         int // among dials, in the order in which they were asked for

	// The driver's.
	num  int           // in the order in which the driver saw the dials
	id   engine.ConnID // 0 before the dial and after the end
	rung bool          // guarded by the box

	mu     sync.Mutex
	change sync.Cond

	opened  chan struct{} // closed when the dial has succeeded or failed
	dialErr error

	in    []byte
	stuck bool  // in is full, and the machine reads no more
	eof   bool  // the broker has closed
	gone  error // the connection has broken
	late  bool  // something was written after eof
	ended bool  // Close was called

	part     []byte   // of a frame that is not whole
	frames   [][]byte // whole, for the driver
	pending  int      // bytes in frames
	unsent   int      // bytes that the driver has sent and the broker has not taken
	wantDial bool
	wantEnd  bool

	readBy, writeBy deadline
}

// deadline is an instant at which whoever waits is woken.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func newConn(m *Machine, to string, order int) *Conn {
	c := &Conn{m: m, to: to, order: order, wantDial: true, opened: make(chan struct{}), remote: addr(to), local: addr(m.name + ":0")}
	c.change.L = &c.mu
	return c
}

// Read reads what the broker sent.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.ended:
			return 0, c.fail("read", net.ErrClosed)
		case c.readBy.passed():
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(c.in) > 0:
			n := copy(p, c.in)
			c.in = c.in[n:]
			if len(c.in) == 0 {
				c.in = nil
			}
			if c.stuck && len(c.in) <= receiveBuffer/2 {
				c.m.c.box.ring(c)
			}
			return n, nil
		case c.gone != nil:
			return 0, c.fail("read", c.gone)
		case c.eof:
			return 0, io.EOF
		}
		c.change.Wait()
	}
}

// Write cuts p into frames; whole ones leave at the present instant. It waits
// while too much is under way.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	written := 0
	for {
		switch {
		case c.ended:
			return written, c.fail("write", net.ErrClosed)
		case c.writeBy.passed():
			return written, c.fail("write", os.ErrDeadlineExceeded)
		case c.gone != nil:
			return written, c.fail("write", c.gone)
		case c.eof && c.late:
			return written, c.fail("write", syscall.EPIPE)
		case len(p) == 0:
			return written, nil
		case c.eof: // the operating system takes it, and the answer is a reset
			c.late = true
			return written + len(p), nil
		case c.pending+c.unsent < sendBuffer:
			n := c.cut(p)
			p, written = p[n:], written+n
			continue
		}
		c.change.Wait()
	}
}

// cut takes bytes up to the end of the present frame.
func (c *Conn) cut(p []byte) int {
	n := 0
	if len(c.part) < 4 {
		n = min(4-len(c.part), len(p))
		c.part = append(c.part, p[:n]...)
		if len(c.part) < 4 {
			return n
		}
	}
	size := int(int32(binary.BigEndian.Uint32(c.part)))
	if size < 0 || size > maxFrame {
		c.breaks(syscall.ECONNRESET)
		c.wantEnd = true
		c.m.c.box.ring(c)
		return n
	}
	if cap(c.part) < 4+size {
		c.part = append(make([]byte, 0, 4+size), c.part...)
	}
	k := min(4+size-len(c.part), len(p)-n)
	c.part = append(c.part, p[n:n+k]...)
	if len(c.part) == 4+size {
		c.frames = append(c.frames, c.part[4:])
		c.pending += len(c.part)
		c.part = nil
		c.m.c.box.ring(c)
	}
	return n + k
}

// breaks ends the connection for its client.
func (c *Conn) breaks(err error) {
	if c.gone == nil && !c.eof {
		c.gone = err
	}
	c.frames, c.part, c.pending, c.unsent = nil, nil, 0, 0
	c.change.Broadcast()
}

// Close ends the connection after what was written has been sent.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return c.fail("close", net.ErrClosed)
	}
	c.ended, c.wantEnd = true, true
	c.in, c.part = nil, nil
	c.readBy.stop()
	c.writeBy.stop()
	c.change.Broadcast()
	c.m.c.box.ring(c)
	return nil
}

func (c *Conn) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// LocalAddr is the client's machine, with a port that tells its connections apart.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the broker's address as it was dialled.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.set("set", t, &c.readBy, &c.writeBy)
}

// SetReadDeadline lets a Read that waits at that instant fail with os.ErrDeadlineExceeded.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.set("set", t, &c.readBy) }

// SetWriteDeadline does the same for a Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.set("set", t, &c.writeBy) }

func (c *Conn) set(op string, t time.Time, which ...*deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return c.fail(op, net.ErrClosed)
	}
	for _, d := range which {
		d.set(t, c.wakeAll)
	}
	c.change.Broadcast()
	return nil
}

func (c *Conn) wakeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change.Broadcast()
}

func (d *deadline) set(t time.Time, wake func()) {
	d.stop()
	d.at = t
	if left := time.Until(t); !t.IsZero() && left > 0 {
		d.timer = time.AfterFunc(left, wake)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

var _ net.Conn = (*Conn)(nil)
