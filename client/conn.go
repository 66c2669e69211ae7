package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/wire"
)

type connState uint8

const (
	connDialing connState = iota
	connNegotiating
	connReady
	connClosed
)

// conn is one connection to a broker: negotiates versions, then sends calls and
// matches answers in order.
type conn struct {
	c         *Cluster
	node      *node
	id        engine.ConnID
	state     connState
	versions  []versionRange // by API key
	waiting   []*call        // not sent yet
	inFlight  []*call        // sent, oldest first
	corr      int32
	setupBy   clock.Instant
	throttled clock.Instant // KIP-219: no request before
	timer     engine.Timer
}

type versionRange struct{ min, max int16 } // max -1: not supported

const maxAPIKey = 1023

func dial(c *Cluster, n *node) *conn {
	k := &conn{c: c, node: n, setupBy: c.h.Now().Add(c.cfg.ConnectionSetupTimeout)}
	k.timer.Fire = k.onTimer
	k.id = c.h.Dial(n.addr, k)
	k.arm()
	return k
}

// Opened starts the negotiation of versions (KIP-35).
func (k *conn) Opened(engine.ConnID) {
	if k.state != connDialing {
		return
	}
	k.state, k.setupBy = connNegotiating, clock.Never
	k.negotiate(k.c.cfg.cap(int16(kmsg.ApiVersions), kmsg.NewPtrApiVersionsRequest().MaxVersion()))
}

func (k *conn) negotiate(version int16) {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = k.c.cfg.ClientSoftwareName, k.c.cfg.ClientSoftwareVersion
	req.SetVersion(version)
	k.write(&call{req: req, timeout: k.c.cfg.RequestTimeout})
}

// Frame delivers one response.
func (k *conn) Frame(_ engine.ConnID, b *engine.Buf) {
	if k.state == connClosed {
		k.c.h.Release(b)
		return
	}
	if len(k.inFlight) == 0 {
		k.c.h.Release(b)
		k.fail(ErrProtocol)
		return
	}
	call := k.inFlight[0]
	if k.state == connNegotiating {
		k.onVersions(call, b.B)
		k.c.h.Release(b)
		return
	}
	resp := call.req.ResponseKind()
	if corr, err := wire.ParseResponse(b.B, resp); err != nil || corr != call.corr {
		k.c.h.Release(b)
		k.fail(ErrProtocol)
		return
	}
	k.inFlight = append(k.inFlight[:0], k.inFlight[1:]...)
	k.throttle(resp)
	k.arm()
	r := Reply{Resp: resp, Sent: true, Node: k.node.id, buf: b}
	call.done(&r)
	if r.buf != nil {
		k.c.h.Release(r.buf)
	}
	if k.state != connClosed { // the callback may have closed the client
		k.flush()
		k.c.notify()
	}
}

func (k *conn) throttle(resp kmsg.Response) {
	t, ok := resp.(kmsg.ThrottleResponse)
	if !ok {
		return
	}
	if ms, after := t.Throttle(); ms > 0 && after {
		k.throttled = k.c.h.Now().Add(clock.Ms(int64(ms)))
	}
}

// onVersions reads the ApiVersions answer. A broker that does not know our
// version answers with body v0, error 35 and its own range (KIP-511).
func (k *conn) onVersions(call *call, frame []byte) {
	asked := call.req.GetVersion()
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.SetVersion(asked)
	unsupported := len(frame) >= 6 && int16(frame[4])<<8|int16(frame[5]) == codeUnsupportedVersion
	if unsupported {
		resp.SetVersion(0)
	}
	corr, err := wire.ParseResponse(frame, resp)
	if err != nil || corr != call.corr || resp.ErrorCode != 0 && (!unsupported || asked == 0) {
		k.fail(ErrProtocol)
		return
	}
	k.inFlight = append(k.inFlight[:0], k.inFlight[1:]...)
	if unsupported {
		k.negotiate(lowerVersion(resp, asked))
		return
	}
	k.versions = k.versions[:0]
	for _, key := range resp.ApiKeys {
		if key.ApiKey < 0 || key.ApiKey > maxAPIKey { // a table by key stays small whatever a broker says
			continue
		}
		for int(key.ApiKey) >= len(k.versions) {
			k.versions = append(k.versions, versionRange{0, -1})
		}
		k.versions[key.ApiKey] = versionRange{key.MinVersion, key.MaxVersion}
	}
	k.state = connReady
	k.node.failures = 0
	k.arm()
	k.flush()
	k.c.notify()
}

// lowerVersion is what to ask next when ApiVersions itself was too new.
func lowerVersion(resp *kmsg.ApiVersionsResponse, asked int16) int16 {
	for _, key := range resp.ApiKeys {
		if key.ApiKey == int16(kmsg.ApiVersions) && key.MaxVersion >= 0 && key.MaxVersion < asked {
			return key.MaxVersion
		}
	}
	return 0
}

// pick chooses the version of a request; below 0 there is none.
func (k *conn) pick(req kmsg.Request, max int16) int16 {
	key := req.Key()
	if int(key) >= len(k.versions) {
		return -1
	}
	v := k.c.cfg.cap(key, req.MaxVersion())
	if max >= 0 && max < v {
		v = max
	}
	r := k.versions[key]
	if r.max < v {
		v = r.max
	}
	if v < r.min {
		return -1
	}
	return v
}

// submit sends the call, now or when the connection is ready.
func (k *conn) submit(call *call) {
	if call.deadline == 0 {
		call.deadline = k.c.h.Now().Add(call.timeout)
	}
	k.waiting = append(k.waiting, call)
	k.flush()
	k.arm()
}

func (k *conn) flush() {
	if k.state != connReady || len(k.waiting) == 0 {
		return
	}
	if k.c.h.Now().Before(k.throttled) {
		return
	}
	for len(k.waiting) > 0 && k.state == connReady {
		call := k.waiting[0]
		k.waiting = append(k.waiting[:0], k.waiting[1:]...)
		version := k.pick(call.req, call.max)
		if version < 0 {
			k.c.later(func() { call.done(&Reply{Err: ErrNoVersion, Node: k.node.id}) })
			continue
		}
		call.req.SetVersion(version)
		k.write(call)
	}
}

func (k *conn) write(call *call) {
	k.corr++
	call.corr = k.corr
	call.deadline = k.c.h.Now().Add(call.timeout)
	b := k.c.h.Buf(requestSize(call.req))
	b.B = wire.AppendRequest(b.B, call.req, call.corr, &k.c.cfg.ClientID)
	if !call.oneWay {
		k.inFlight = append(k.inFlight, call)
	}
	k.c.h.Send(k.id, b)
	k.arm()
}

// Closed is the host telling that the connection has ended.
func (k *conn) Closed(_ engine.ConnID, err error) { k.end(err) }

// fail ends the connection from our side.
func (k *conn) fail(err error) {
	if k.state == connClosed {
		return
	}
	k.c.h.Logf(engine.Warn, "client %s: connection to %s ended: %v", k.c.cfg.ClientID, k.node.addr, err)
	k.c.h.Close(k.id)
	k.end(err)
}

func (k *conn) end(err error) {
	if k.state == connClosed {
		return
	}
	k.state = connClosed
	k.c.h.StopTimer(&k.timer)
	if err == nil {
		err = engine.ErrClosed
	}
	sent, waiting := k.inFlight, k.waiting
	k.inFlight, k.waiting = nil, nil
	k.c.lost(k)
	for _, call := range sent {
		if call.done != nil && !k.c.closed {
			call.done(&Reply{Err: err, Sent: true, Node: k.node.id})
		}
	}
	for _, call := range waiting {
		switch {
		case k.c.closed:
		case call.anyNode: // another broker may take it
			k.c.anyQueue = append(k.c.anyQueue, call)
		default:
			call.done(&Reply{Err: err, Node: k.node.id})
		}
	}
	k.c.pumpAny()
	k.c.notify()
}

// arm sets the timer to the earliest moment at which something is over.
func (k *conn) arm() {
	at := k.setupBy
	for _, call := range k.inFlight {
		if call.deadline.Before(at) {
			at = call.deadline
		}
	}
	for _, call := range k.waiting {
		if call.deadline.Before(at) {
			at = call.deadline
		}
	}
	if k.c.h.Now().Before(k.throttled) && k.throttled.Before(at) {
		at = k.throttled // somebody may wait for it without having asked yet
	}
	if at == clock.Never {
		k.c.h.StopTimer(&k.timer)
		return
	}
	k.c.h.SetTimer(&k.timer, at)
}

func (k *conn) onTimer() {
	now := k.c.h.Now()
	if !now.Before(k.setupBy) {
		k.fail(engine.ErrTimeout)
		return
	}
	for _, call := range k.inFlight {
		if !now.Before(call.deadline) {
			k.fail(ErrRequestTimeout) // as NetworkClient: a late answer would upset the order
			return
		}
	}
	k.dropLate(now)
	k.flush()
	k.arm()
	k.c.notify()
}

// dropLate fails requests that waited too long for the connection.
func (k *conn) dropLate(now clock.Instant) {
	var late []*call
	k.waiting, late = splitLate(k.waiting, now)
	k.c.timeOut(late, k.node.id)
}

// requestSize guesses the room a request takes, so that its buffer need not grow.
func requestSize(req kmsg.Request) int {
	size := 256
	if p, ok := req.(*kmsg.ProduceRequest); ok {
		for i := range p.Topics {
			size += 64
			for j := range p.Topics[i].Partitions {
				size += 32 + len(p.Topics[i].Partitions[j].Records)
			}
		}
	}
	return size
}
