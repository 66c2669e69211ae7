package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/internal/wire"
)

// conn is an accepted connection. Its window is one request, so requests of a
// connection never overlap, and answers leave in order by themselves.
type conn struct {
	b        *Broker
	id       engine.ConnID
	listener engine.ListenerID
	peer     string
	closed   bool
	parser   wire.Parser

	current *request  // in work
	fetch   *fetching // used again for every fetch; nil before the first
	cancel  func()    // ends what current waits for, when the connection ends; nil: nothing
}

var _ engine.ConnHandler = (*conn)(nil)

// Opened is never called for accepted connections.
func (c *conn) Opened(engine.ConnID) {}

// Frame takes one request. What cannot be understood ends the connection, as
// in Kafka (SocketServer.processCompletedReceives), except an ApiVersions
// request of an unknown version.
func (c *conn) Frame(_ engine.ConnID, buf *engine.Buf) {
	hdr, body, err := c.parser.Request(buf.B)
	if err != nil && !errors.Is(err, wire.ErrVersion) {
		c.refuse(buf, err.Error())
		return
	}
	a := c.b.lookupAPI(hdr.Key, c.listener)
	if a == nil {
		c.refuse(buf, fmt.Sprintf("API key %d is not served on this listener", hdr.Key))
		return
	}
	r := &request{b: c.b, conn: c, hdr: hdr, api: a, frame: buf, arrived: c.b.h.Now()}
	if err != nil || hdr.Version < a.min || hdr.Version > a.max {
		if a.key != kmsg.ApiVersions.Int16() {
			c.refuse(buf, fmt.Sprintf("version %d of API key %d is not served", hdr.Version, hdr.Key))
			return
		}
		c.current = r
		unsupportedApiVersions(r)
		return
	}
	if r.body, err = wire.DecodeRequest(hdr, body); err != nil {
		c.refuse(buf, err.Error())
		return
	}
	c.current = r
	c.b.metrics.Requests++
	a.handle(r)
}

// refuse ends the connection because of a frame that is no request of ours.
func (c *conn) refuse(buf *engine.Buf, why string) {
	c.b.h.Logf(engine.Info, "closing connection of %s: %s", c.peer, why)
	c.b.metrics.RefusedFrames++
	c.b.h.Release(buf)
	c.close()
}

// Closed is told when the peer or the network ended the connection.
func (c *conn) Closed(_ engine.ConnID, _ error) { c.gone() }

// close ends the connection from our side.
func (c *conn) close() {
	if c.closed {
		return
	}
	c.gone()
	c.b.h.Close(c.id)
}

func (c *conn) gone() {
	if c.closed {
		return
	}
	c.closed = true
	c.b.metrics.Connections--
	if cancel := c.cancel; cancel != nil {
		c.cancel = nil
		cancel()
	}
	if r := c.current; r != nil {
		r.abandon()
	}
}
