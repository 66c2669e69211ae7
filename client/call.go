package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// Reply is how a request ended: with a response, or with an error. It is valid
// during the callback only.
type Reply struct {
	Resp kmsg.Response
	Err  error
	// Sent tells whether the request was handed to the network: without it the
	// request certainly had no effect.
	Sent bool
	Node int32

	buf *engine.Buf
}

// Take keeps the bytes that the response refers to alive beyond the callback.
// The caller releases the buffer; it is nil when there was no response.
func (r *Reply) Take() *engine.Buf {
	b := r.buf
	r.buf = nil
	return b
}

// call is one request on its way.
type call struct {
	req      kmsg.Request
	done     func(*Reply)
	timeout  clock.Duration
	deadline clock.Instant
	corr     int32
	max      int16 // highest version to use, -1 for no cap of its own
	anyNode  bool  // may move to another broker as long as it was not sent
	oneWay   bool  // no answer comes (Produce with acks=0)
}
