// Package tcpnet carries frames over sockets: a 4-byte big-endian length, then
// that many bytes, as Kafka's protocol does.
//
// A Conn belongs to an event loop, which queues frames on it and flushes them.
// Flush writes what the socket takes at once, without a goroutine; what is
// left, and every region of a file, goes to a writer goroutine that lives until
// the queue is empty. One reader goroutine per connection splits the stream into
// frames and hands over many at a time.
//
// # Invariants
//
//   - frames leave and arrive in order; Ended is the last word of a connection, is
//     said once, and never after Close or Abort
//   - a reader hands over at most window unanswered frames plus a bounded number
//     of bytes read ahead; then, or over the node's budget, it stops reading
//   - a length prefix is never followed by fewer bytes of its frame than it
//     announced and then another frame: a region that cannot be read ends the
//     connection
//   - after Abort has returned no byte of a file is sent any more
//   - no goroutine outlives Edge.Kill or Edge.Shutdown
//
// Not here: what frames mean (internal/wire), who may connect, the event loop
// (package host).
package tcpnet
