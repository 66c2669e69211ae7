package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/peer"
	"trial/internal/wire"
)

// link is our connection to the client listener of one leader, for fetching. It
// is opened by the first request and again after a failure; one request is in
// flight. The rare offset queries have a connection of their own, so that they
// need not wait behind a fetch that waits for data.
type link struct {
	b       *Broker
	node    int32
	queries *peer.Conn // nil before the first

	conn        engine.ConnID
	addr        string
	correlation int32
	clientID    string
	call        linkCall
	timeout     engine.Timer
}

// linkCall is the request in flight.
type linkCall struct {
	req  *kmsg.FetchRequest
	done func(resp *kmsg.FetchResponse, release func(), err error)
}

var _ engine.ConnHandler = (*link)(nil)

func newLink(b *Broker, node int32) *link {
	l := &link{b: b, node: node, clientID: fmt.Sprintf("broker-%d-fetcher-0", b.cfg.NodeID)}
	l.timeout.Fire = func() { l.fail(engine.ErrTimeout) }
	return l
}

// Fetch implements replica.Transport. Done is called exactly once, in a later
// event, unless the link is closed before.
func (l *link) Fetch(req *kmsg.FetchRequest, done func(resp *kmsg.FetchResponse, release func(), err error)) {
	l.call = linkCall{req, done}
	host, port, ok := clientEndpoint(l.b.image.Broker(l.node))
	if !ok { // not registered: as if nobody answered at its address
		l.b.h.SetTimer(&l.timeout, l.b.h.Now())
		return
	}
	addr := joinAddr(host, port)
	if l.conn != 0 && addr != l.addr {
		l.drop()
	}
	if l.conn == 0 {
		l.addr = addr
		l.conn = l.b.h.Dial(addr, l)
	}
	l.correlation++
	buf := l.b.h.Buf(replySizeHint)
	buf.B = wire.AppendRequest(buf.B, req, l.correlation, &l.clientID)
	l.b.h.Send(l.conn, buf)
	l.b.h.SetTimer(&l.timeout, l.b.h.Now().Add(l.limit(req)))
}

// ListOffsets implements replica.Transport.
func (l *link) ListOffsets(req *kmsg.ListOffsetsRequest, done func(resp *kmsg.ListOffsetsResponse, err error)) {
	host, port, _ := clientEndpoint(l.b.image.Broker(l.node))
	addr := joinAddr(host, port)
	if l.queries == nil || l.queries.Addr() != addr {
		l.closeQueries()
		l.queries = peer.New(l.b.h, addr, l.clientID)
	}
	l.queries.Send(req, l.b.settings.ms("replica.socket.timeout.ms"), func(resp kmsg.Response, err error) {
		r, _ := resp.(*kmsg.ListOffsetsResponse)
		done(r, err)
	})
}

func (l *link) closeQueries() {
	if l.queries != nil {
		l.queries.Close()
		l.queries = nil
	}
}

// limit is how long an answer may take: replica.socket.timeout.ms, which is
// never below the wait that the request itself asks for.
func (l *link) limit(req *kmsg.FetchRequest) clock.Duration {
	return max(l.b.settings.ms("replica.socket.timeout.ms"), clock.Ms(int64(req.MaxWaitMillis)))
}

// Opened needs nothing: frames sent before leave by themselves.
func (l *link) Opened(engine.ConnID) {}

// Frame takes the answer. The caller releases the buffer, whose bytes the
// response's records are slices of.
func (l *link) Frame(c engine.ConnID, buf *engine.Buf) {
	if c != l.conn || l.call.done == nil {
		l.b.h.Release(buf)
		return
	}
	resp := l.call.req.ResponseKind().(*kmsg.FetchResponse)
	id, err := wire.ParseResponse(buf.B, resp)
	if err == nil && id != l.correlation {
		err = fmt.Errorf("answer %d to request %d: %w", id, l.correlation, wire.ErrBody)
	}
	if err != nil {
		l.b.h.Release(buf)
		l.fail(err)
		return
	}
	l.b.metrics.ReplicationBytesIn += int64(len(buf.B))
	l.b.h.StopTimer(&l.timeout)
	done := l.call.done
	l.call = linkCall{}
	done(resp, func() { l.b.h.Release(buf) }, nil)
}

// Closed is told when the leader or the network ended the connection.
func (l *link) Closed(c engine.ConnID, err error) {
	if c == l.conn {
		l.conn = 0
		l.fail(err)
	}
}

// fail ends the connection and the request in flight.
func (l *link) fail(err error) {
	l.drop()
	if done := l.call.done; done != nil {
		l.call = linkCall{}
		done(nil, func() {}, err)
	}
}

func (l *link) drop() {
	l.b.h.StopTimer(&l.timeout)
	if l.conn != 0 {
		l.b.h.Close(l.conn)
		l.conn = 0
	}
}

// close drops the connection; a request in flight gets no answer.
func (l *link) close() {
	l.call = linkCall{}
	l.drop()
	l.closeQueries()
}
