package host

import (
	"errors"
	"fmt"
	"net"

	"trial/engine"
	"trial/net/tcpnet"
)

// conn is one connection as the loop sees it.
type conn struct {
	m       *machine
	id      engine.ConnID
	handler engine.ConnHandler
	tcp     *tcpnet.Conn

	accepted   bool
	window     int           // of an accepted connection
	unanswered int           // frames that the program got and has not answered
	held       []*engine.Buf // frames beyond the window, in order
	ready      bool          // an evReady is under way

	ended   error // the peer has closed; told when held is empty
	gone    bool  // no event follows
	closing bool  // closed by the program before it was established
	dirty   bool  // in machine.dirty
}

// Frames implements tcpnet.Sink, on the reader's goroutine.
func (c *conn) Frames(frames []*engine.Buf) { c.m.in.postFrames(c, frames) }

// Ended implements tcpnet.Sink, on a goroutine of the connection.
func (c *conn) Ended(err error) { c.m.in.post(event{kind: evEnded, conn: c, err: err}) }

func (m *machine) newConn(h engine.ConnHandler, window int) *conn {
	m.lastID++
	c := &conn{m: m, id: m.lastID, handler: h, accepted: window > 0, window: window}
	c.tcp = m.edge.NewConn(c, window)
	m.conns[c.id] = c
	return c
}

// conn finds an open connection; behind Exit there is none.
func (m *machine) conn(id engine.ConnID) *conn {
	if m.exited {
		return nil
	}
	return m.conns[id]
}

func (m *machine) Dial(addr string, h engine.ConnHandler) engine.ConnID {
	c := m.newConn(h, 0)
	if m.exited {
		return c.id
	}
	m.edge.Dial(addr, func(nc net.Conn, err error) {
		e := event{kind: evDialed, conn: c, err: err}
		if err == nil {
			e.x = nc
		}
		if !m.in.post(e) && err == nil {
			nc.Close()
		}
	})
	return c.id
}

func (m *machine) onDialed(c *conn, nc net.Conn, err error) {
	switch {
	case c.gone && nc != nil && c.closing:
		c.tcp.Attach(nc)
		c.tcp.Flush()
		c.tcp.Close()
	case c.gone && nc != nil:
		nc.Close()
	case c.gone:
		c.tcp.Abort()
	case err != nil:
		m.tellClosed(c, err)
	default:
		c.tcp.Attach(nc)
		m.touch(c)
		c.handler.Opened(c.id)
	}
}

func (m *machine) onAccepted(nc net.Conn, l engine.ListenerID) {
	c := m.newConn(nil, 1)
	c.handler = m.program.Accept(c.id, l, nc.RemoteAddr().String())
	switch {
	case c.handler == nil:
		m.forget(c)
		nc.Close()
	case c.gone: // the program closed it at once
		c.tcp.Attach(nc)
		c.tcp.Flush()
		c.tcp.Close()
	default:
		c.tcp.Attach(nc)
		m.touch(c)
	}
}

// touch notes that c has to be flushed.
func (m *machine) touch(c *conn) {
	if !c.dirty {
		c.dirty = true
		m.dirty = append(m.dirty, c)
	}
}

func (m *machine) onFrame(c *conn, b *engine.Buf) {
	m.counts.framesIn++
	switch {
	case c.gone:
		m.drop(b)
	case c.accepted && (c.unanswered >= c.window || len(c.held) > 0):
		c.held = append(c.held, b)
	default:
		m.deliver(c, b)
	}
}

func (m *machine) deliver(c *conn, b *engine.Buf) {
	if c.accepted {
		c.unanswered++
		c.tcp.Taken(len(b.B))
	}
	m.frames[b] = len(b.B)
	c.handler.Frame(c.id, b)
}

// drop gives back a frame that the program never got.
func (m *machine) drop(b *engine.Buf) {
	m.edge.Budget.Released(len(b.B))
	m.edge.Pool.Put(b)
}

// onReady delivers the next frame that waited for its turn.
func (m *machine) onReady(c *conn) {
	c.ready = false
	if c.gone {
		return
	}
	if len(c.held) > 0 && c.unanswered < c.window {
		b := c.held[0]
		c.held[0] = nil
		if c.held = c.held[1:]; len(c.held) == 0 {
			c.held = nil
		}
		m.deliver(c, b)
	}
	m.advance(c)
}

// advance schedules what waits for the window or for the frames held.
func (m *machine) advance(c *conn) {
	switch {
	case c.gone || c.ready:
	case len(c.held) > 0 && c.unanswered < c.window:
		c.ready = true
		m.local = append(m.local, event{kind: evReady, conn: c})
	case len(c.held) == 0 && c.ended != nil:
		m.local = append(m.local, event{kind: evEnded, conn: c, err: c.ended})
		c.ended = nil
	}
}

func (m *machine) onEnded(c *conn, err error) {
	switch {
	case c.gone:
	case errors.Is(err, engine.ErrClosed) && len(c.held) > 0:
		c.ended = err
	default:
		m.tellClosed(c, err)
	}
}

// tellClosed is the last event of c.
func (m *machine) tellClosed(c *conn, err error) {
	m.forget(c)
	c.tcp.Abort()
	c.handler.Closed(c.id, err)
}

// forget makes c unknown to the program.
func (m *machine) forget(c *conn) {
	c.gone = true
	delete(m.conns, c.id)
	for _, b := range c.held {
		m.drop(b)
	}
	c.held = nil
}

// answered gives back a place in the window.
func (m *machine) answered(c *conn) {
	if c.accepted && c.unanswered > 0 {
		c.unanswered--
		c.tcp.Answered()
		m.advance(c)
	}
}

func (m *machine) Send(id engine.ConnID, b *engine.Buf) {
	m.disown(b)
	c := m.conn(id)
	if c == nil {
		m.edge.Pool.Put(b)
		return
	}
	m.counts.framesOut++
	c.tcp.Queue(b)
	m.touch(c)
	m.answered(c)
}

func (m *machine) SendParts(id engine.ConnID, parts []engine.Part) {
	c := m.conn(id)
	out, bad := m.parts[:0], false
	for _, p := range parts {
		if p.Buf != nil {
			m.disown(p.Buf)
			if c == nil {
				m.edge.Pool.Put(p.Buf)
				continue
			}
			out = append(out, tcpnet.Part{Buf: p.Buf})
			continue
		}
		if c == nil || p.Len == 0 {
			continue
		}
		pin := m.disk.Pin(p.File)
		if pin == nil {
			bad = true
			continue
		}
		out = append(out, tcpnet.Part{File: pin, Pos: p.Pos, Len: p.Len})
		bad = bad || p.Pos < 0 || p.Len < 0
	}
	if c != nil {
		m.sendParts(c, out, bad)
	}
	clear(out)
	m.parts = out[:0]
}

func (m *machine) sendParts(c *conn, parts []tcpnet.Part, bad bool) {
	if bad {
		c.tcp.Drop(parts)
		c.tcp.Break(fmt.Errorf("%w (a region of an unknown file, or out of range)", engine.ErrReset))
		return
	}
	m.counts.framesOut++
	c.tcp.QueueParts(parts)
	m.touch(c)
	m.answered(c)
}

func (m *machine) Unmute(id engine.ConnID) {
	if c := m.conn(id); c != nil {
		m.answered(c)
	}
}

func (m *machine) SetWindow(id engine.ConnID, n int) {
	if c := m.conn(id); c != nil && c.accepted {
		c.window = max(1, n)
		c.tcp.SetWindow(c.window)
		m.advance(c)
	}
}

func (m *machine) Close(id engine.ConnID) {
	c := m.conn(id)
	if c == nil {
		return
	}
	m.forget(c)
	c.closing = true
	c.tcp.Flush()
	c.tcp.Close()
}
