package client

import (
	"strconv"

	"trial/clock"
	"trial/engine"
)

// node is a broker, or a bootstrap address that no broker is known behind yet
// (negative id).
type node struct {
	id       int32
	addr     string
	rack     string
	conn     *conn // nil while there is none
	failures int
	retryAt  clock.Instant // reconnect back-off
	gone     bool          // no longer in the metadata
	timer    engine.Timer  // wakes the client when retryAt has come
}

func address(host string, port int32) string { return host + ":" + strconv.Itoa(int(port)) }

// load is the number of requests that a connection still has to answer or send.
func (n *node) load() int {
	if n.conn == nil {
		return 0
	}
	return len(n.conn.inFlight) + len(n.conn.waiting)
}

func (n *node) ready(now clock.Instant) bool {
	return n.conn != nil && n.conn.state == connReady && !now.Before(n.conn.throttled)
}
