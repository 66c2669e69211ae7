// Package echo is a tiny engine: servers that send every frame back and clients
// that play ping-pong with them. It proves the contract of package engine and
// drives the simulator's own tests and its idle-cost benchmark.
//
// # Invariants
//
//   - a frame comes back with the number and the length it was sent with
//   - a client has exactly one frame under way per open connection
//   - a lost connection is dialed again after Retry
//
// Not here: anything that touches a disk (package enginetest).
package echo

import (
	"encoding/binary"

	"trial/clock"
	"trial/engine"
	"trial/internal/must"
)

// Config says what an echo program does.
type Config struct {
	Peers []string       // addresses to play with; none for a pure server
	Size  int            // bytes of a ping, at least 8; 64 if zero
	Count uint64         // pings per peer until the client is done; 0 for ever
	Retry clock.Duration // pause before a lost connection is dialed again; 100 ms if zero
	// Timeout ends a connection on which a ping has not come back for so long: a
	// peer that lost its power tells nobody. 0 waits for ever.
	Timeout clock.Duration
	Serve   bool // listen on listener 0 and echo
}

// Program is one node's echo program.
type Program struct {
	cfg     Config
	h       engine.Host
	clients []*client

	// Served counts the frames that were sent back.
	Served uint64
}

// New returns a program that has not booted.
func New(cfg Config) *Program {
	if cfg.Size == 0 {
		cfg.Size = 64
	}
	if cfg.Retry == 0 {
		cfg.Retry = 100 * clock.Millisecond
	}
	must.Hold(cfg.Size >= 8, "echo: a ping of %d bytes has no room for its number", cfg.Size)
	return &Program{cfg: cfg}
}

// Boot listens and dials.
func (p *Program) Boot(h engine.Host) {
	p.h = h
	if p.cfg.Serve {
		h.Listen(0)
	}
	for _, addr := range p.cfg.Peers {
		c := &client{p: p, addr: addr}
		c.retry.Fire = c.dial
		c.timeout.Fire = c.expire
		p.clients = append(p.clients, c)
		c.dial()
	}
}

// Accept takes every connection.
func (p *Program) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler {
	return (*server)(p)
}

// Stop ends the process at once: there is nothing to finish.
func (p *Program) Stop() { p.h.Exit(nil) }

// Echoed is the number of pings that came back, over all peers.
func (p *Program) Echoed() uint64 {
	var n uint64
	for _, c := range p.clients {
		n += c.echoed
	}
	return n
}

// Lost is the number of connections that ended or could not be opened.
func (p *Program) Lost() uint64 {
	var n uint64
	for _, c := range p.clients {
		n += c.lost
	}
	return n
}

// Done reports whether every client has played Config.Count pings.
func (p *Program) Done() bool {
	for _, c := range p.clients {
		if p.cfg.Count == 0 || c.echoed < p.cfg.Count {
			return false
		}
	}
	return true
}

// server is the accepting side of a Program.
type server Program

func (s *server) Opened(engine.ConnID) {}

func (s *server) Frame(c engine.ConnID, b *engine.Buf) {
	s.Served++
	s.h.Send(c, b)
}

func (s *server) Closed(engine.ConnID, error) {}

// client plays with one peer.
type client struct {
	p       *Program
	addr    string
	conn    engine.ConnID
	retry   engine.Timer
	timeout engine.Timer
	next    uint64 // number of the ping under way
	echoed  uint64
	lost    uint64
}

func (c *client) dial() { c.conn = c.p.h.Dial(c.addr, c) }

// expire gives up a connection on which nothing comes back.
func (c *client) expire() {
	c.p.h.Close(c.conn)
	c.Closed(c.conn, engine.ErrTimeout)
}

func (c *client) Opened(id engine.ConnID) {
	b := c.p.h.Buf(c.p.cfg.Size)
	b.B = b.B[:c.p.cfg.Size]
	clear(b.B)
	c.ping(id, b)
}

// ping sends b with the next number.
func (c *client) ping(id engine.ConnID, b *engine.Buf) {
	c.next++
	binary.BigEndian.PutUint64(b.B, c.next)
	if t := c.p.cfg.Timeout; t > 0 {
		c.p.h.SetTimer(&c.timeout, c.p.h.Now().Add(t))
	}
	c.p.h.Send(id, b)
}

func (c *client) Frame(id engine.ConnID, b *engine.Buf) {
	// must.Hold would box its arguments once per frame.
	if len(b.B) != c.p.cfg.Size {
		must.Fail("echo: sent %d bytes, %d came back", c.p.cfg.Size, len(b.B))
	}
	if got := binary.BigEndian.Uint64(b.B); got != c.next {
		must.Fail("echo: sent ping %d, %d came back", c.next, got)
	}
	c.echoed++
	if c.echoed == c.p.cfg.Count {
		c.p.h.Release(b)
		c.p.h.StopTimer(&c.timeout)
		c.p.h.Close(id)
		return
	}
	c.ping(id, b)
}

func (c *client) Closed(engine.ConnID, error) {
	c.lost++
	c.p.h.StopTimer(&c.timeout)
	c.p.h.SetTimer(&c.retry, c.p.h.Now().Add(c.p.cfg.Retry))
}
