// Package kafka is the broker: one node that is a member or an observer of the
// metadata quorum, holds partition replicas on its volumes and answers Kafka
// requests on two listeners.
//
// A Broker is an engine.Program. It boots by reading its volumes, registers
// with the active controller, follows the committed metadata image and is
// unfenced once the logs that the image gives it are recovered. Requests are
// handled in one file per API key, api_*.go; what outlives a request (a produce
// waiting for replicas, a fetch waiting for bytes) is a small struct with a
// timer.
//
// # Invariants
//
//   - a connection has one request in work; answers leave in order
//   - a request's frame is released exactly once, when the answer was sent and no
//     log still reads from it
//   - a partition directory belongs to one topic id for ever; a directory of
//     another id is deleted, never reused
//   - nothing of a partition is served before its log is recovered and the
//     committed image says what we are to it
//   - a volume that failed stays offline for the rest of the incarnation
//   - nothing that arrives from a socket or a disk panics
//
// Not here: bytes of logs (plog), leader and follower rules (replica), the
// quorum, the controller and the metadata image (control), sockets and files
// (the host), consumer groups and transactions (not served).
package kafka
