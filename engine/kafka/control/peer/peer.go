// Package peer is a client connection to another node's listener: requests go
// out in order, answers come back in order, each with a deadline.
//
// # Invariants
//
//   - every Send ends in exactly one call of its done, in a later event, unless
//     the connection is closed by its owner first
//   - a missed deadline, a malformed answer or one out of order ends the
//     connection and every request that waits on it
//
// Not here: which node to talk to, retries.
package peer

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/wire"
)

// ErrTimeout ends a request that got no answer in time, and those behind it.
var ErrTimeout = errors.New("peer: request timed out")

// ErrGarbled ends a connection whose answers cannot be understood.
var ErrGarbled = errors.New("peer: malformed answer")

// Conn connects to one address, on demand, and again after each end.
type Conn struct {
	h        engine.Host
	addr     string
	clientID string

	id      engine.ConnID // 0: not connected
	corr    int32
	waiting []*call // in order of sending
	timer   engine.Timer
}

type call struct {
	req      kmsg.Request
	corr     int32
	deadline clock.Instant
	done     func(kmsg.Response, error)
}

// New makes a connection that is dialled with the first Send.
func New(h engine.Host, addr, clientID string) *Conn {
	c := &Conn{h: h, addr: addr, clientID: clientID}
	c.timer.Fire = c.onDeadline
	return c
}

// Addr is the address the connection goes to.
func (c *Conn) Addr() string { return c.addr }

// Waiting is the number of requests without an answer.
func (c *Conn) Waiting() int { return len(c.waiting) }

// Send sends a request whose version is set. The answer's byte slices alias the
// frame, which is released when done returns.
func (c *Conn) Send(req kmsg.Request, timeout clock.Duration, done func(kmsg.Response, error)) {
	if c.id == 0 {
		c.id = c.h.Dial(c.addr, c)
	}
	c.corr++
	b := c.h.Buf(512)
	b.B = wire.AppendRequest(b.B, req, c.corr, &c.clientID)
	w := &call{req: req, corr: c.corr, deadline: c.h.Now().Add(timeout), done: done}
	c.waiting = append(c.waiting, w)
	c.arm()
	c.h.Send(c.id, b)
}

// Close ends the connection; requests that wait are dropped without a call.
func (c *Conn) Close() {
	c.waiting = nil
	c.h.StopTimer(&c.timer)
	if c.id != 0 {
		c.h.Close(c.id)
		c.id = 0
	}
}

// arm sets the timer to the earliest deadline.
func (c *Conn) arm() {
	if len(c.waiting) == 0 {
		c.h.StopTimer(&c.timer)
		return
	}
	at := clock.Never
	for _, w := range c.waiting {
		at = min(at, w.deadline)
	}
	if !c.timer.Armed() || c.timer.Host.At != at {
		c.h.SetTimer(&c.timer, at)
	}
}

func (c *Conn) onDeadline() {
	if c.id != 0 {
		c.h.Close(c.id)
	}
	c.fail(ErrTimeout)
}

// fail forgets the connection and ends all that wait on it. A done may send again.
func (c *Conn) fail(err error) {
	c.id = 0
	waiting := c.waiting
	c.waiting = nil
	c.arm()
	for _, w := range waiting {
		w.done(nil, err)
	}
}

// Opened implements engine.ConnHandler.
func (c *Conn) Opened(engine.ConnID) {}

// Closed implements engine.ConnHandler.
func (c *Conn) Closed(id engine.ConnID, err error) {
	if id == c.id {
		c.fail(err)
	}
}

// Frame implements engine.ConnHandler.
func (c *Conn) Frame(id engine.ConnID, b *engine.Buf) {
	defer c.h.Release(b)
	if id != c.id {
		return
	}
	if len(c.waiting) == 0 {
		c.garbled()
		return
	}
	w := c.waiting[0]
	resp := w.req.ResponseKind()
	corr, err := wire.ParseResponse(b.B, resp)
	if err != nil || corr != w.corr {
		c.garbled()
		return
	}
	c.waiting = c.waiting[1:]
	c.arm()
	w.done(resp, nil)
}

func (c *Conn) garbled() {
	c.h.Close(c.id)
	c.fail(ErrGarbled)
}
