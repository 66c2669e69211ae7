package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/must"
	"trial/internal/wire"
)

// request is one request in work: from its frame to its answer, and to the
// last log that reads from the frame.
//
// Records in body are slices of the frame, so the frame is released only when
// the answer was given and pins is zero.
type request struct {
	b       *Broker
	conn    *conn
	hdr     wire.Header
	api     *api
	body    kmsg.Request
	frame   *engine.Buf
	arrived clock.Instant

	answered bool
	pins     int // appends that still read from frame
}

// reply answers. Once per request.
func (r *request) reply(resp kmsg.Response) {
	if !r.finish() {
		return
	}
	buf := r.b.h.Buf(replySizeHint)
	buf.B = wire.AppendResponse(buf.B, r.hdr.CorrelationID, resp)
	r.b.h.Send(r.conn.id, buf)
}

// replySizeHint fits the common small answers.
const replySizeHint = 512

// Respond answers a request of the controller listener, unless its connection
// has ended meanwhile.
func (r *request) Respond(resp kmsg.Response) {
	if r.answered {
		return
	}
	resp.SetVersion(r.hdr.Version)
	r.reply(resp)
}

// silence ends a request that has no answer (acks=0) and lets the next one in.
func (r *request) silence() {
	if r.finish() {
		r.b.h.Unmute(r.conn.id)
	}
}

// hangUp ends the connection instead of an answer.
func (r *request) hangUp(why string) {
	if !r.finish() {
		return
	}
	r.b.h.Logf(engine.Debug, "closing connection of %s: %s", r.conn.peer, why)
	r.conn.close()
}

// finish marks the request answered; false if nobody waits for an answer.
func (r *request) finish() bool {
	must.Hold(!r.answered, "request %d of key %d answered twice", r.hdr.CorrelationID, r.hdr.Key)
	r.answered = true
	r.conn.current = nil
	r.unpin(0)
	return !r.conn.closed
}

// abandon is finish for a connection that ended under the request.
func (r *request) abandon() {
	if !r.answered {
		r.finish()
	}
}

func (r *request) pin() { r.pins++ }

// unpin gives back n pins and releases the frame behind the last.
func (r *request) unpin(n int) {
	r.pins -= n
	must.Hold(r.pins >= 0, "request %d of key %d has %d pins", r.hdr.CorrelationID, r.hdr.Key, r.pins)
	if r.answered && r.pins == 0 && r.frame != nil {
		r.b.h.Release(r.frame)
		r.frame = nil
	}
}
