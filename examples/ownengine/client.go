package ownengine

import (
	"fmt"

	"trial/clock"
	"trial/engine"
)

// ClientConfig is what a client does.
type ClientConfig struct {
	Servers      []string
	Keys         int
	WritePercent int64
	Think        clock.Duration // between two operations
	Ops          int            // it ends after so many successful ones; 0 goes on until it is stopped
	History      *History
}

// Client puts and gets, one operation at a time. What it was not told it does not
// try again: then a put may have happened or not.
type Client struct {
	cfg      ClientConfig
	h        engine.Host
	draw     *engine.Stream
	server   int
	conn     engine.ConnID
	open     bool
	pending  bool // an operation is under way
	op       int  // in the history
	number   uint64
	succeed  int
	stopping bool
	next     engine.Timer
	timeout  engine.Timer
}

const clientTimeout = 3 * clock.Second

// NewClient returns a client that has not booted.
func NewClient(cfg ClientConfig) *Client { return &Client{cfg: cfg} }

// Key is the name of key i.
func Key(i int) string { return fmt.Sprintf("k%d", i) }

// Boot connects.
func (c *Client) Boot(h engine.Host) {
	c.h, c.draw = h, h.Stream("client")
	c.next.Fire = c.act
	c.timeout.Fire = func() {
		c.h.Close(c.conn)
		c.lost()
	}
	c.server = c.draw.Pick(len(c.cfg.Servers))
	c.act()
}

// Accept refuses: nobody connects to a client.
func (c *Client) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the client when the operation under way has ended.
func (c *Client) Stop() {
	c.stopping = true
	if !c.pending {
		c.h.Exit(nil)
	}
}

// act connects, or begins the next operation.
func (c *Client) act() {
	c.h.SetTimer(&c.timeout, c.h.Now().Add(clientTimeout))
	if !c.open {
		c.conn = c.h.Dial(c.cfg.Servers[c.server], c)
		return
	}
	c.pending = true
	c.number++
	m := message{Kind: get, Op: c.number, Key: Key(c.draw.Pick(c.cfg.Keys))}
	if c.draw.Chance(c.cfg.WritePercent, 100) {
		m.Kind, m.Value = put, fmt.Sprintf("%d.%d.%d", c.h.Node(), c.h.Incarnation(), c.number)
	}
	c.op = c.cfg.History.Begin(c.h.Node(), m.Kind == put, m.Key, m.Value, c.h.Now())
	send(c.h, c.conn, m)
}

// Opened begins.
func (c *Client) Opened(engine.ConnID) {
	c.open = true
	c.act()
}

// Frame takes the answer.
func (c *Client) Frame(_ engine.ConnID, b *engine.Buf) {
	m, err := parse(b.B)
	c.h.Release(b)
	if err != nil || m.Op != c.number || m.Kind != done {
		c.h.Close(c.conn)
		c.lost() // try another server
		return
	}
	c.cfg.History.End(c.op, m.Value, c.h.Now())
	c.succeed++
	c.pending = false
	c.h.StopTimer(&c.timeout)
	if c.stopping || c.succeed == c.cfg.Ops {
		c.h.Exit(nil)
		return
	}
	c.h.SetTimer(&c.next, c.h.Now().Add(c.cfg.Think))
}

// Closed is told when the connection was refused or has ended.
func (c *Client) Closed(engine.ConnID, error) { c.lost() }

// lost gives up the operation under way and tries the next server.
func (c *Client) lost() {
	c.open, c.pending = false, false
	c.h.StopTimer(&c.timeout)
	if c.stopping {
		c.h.Exit(nil)
		return
	}
	c.server = (c.server + 1) % len(c.cfg.Servers)
	c.h.SetTimer(&c.next, c.h.Now().Add(redial))
}
