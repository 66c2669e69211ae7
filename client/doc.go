// Package client holds Kafka clients as state machines on package engine: a
// Producer, a Consumer of assigned partitions and an Admin, each with its own
// Cluster (connections, versions, metadata).
//
// They run inside a program on any host, simulated or real. A program makes
// them in Boot and calls them inside its events; they call back inside events
// of theirs, never inside the call that caused it. Names and defaults of
// configurations are Kafka's.
//
// # Invariants
//
//   - responses of a connection are matched in request order; a mismatch closes it
//   - the leader epoch known for one topic id never goes back
//   - a batch of an idempotent producer that was sent once keeps its sequence
//     until none of its partition's batches is on the wire
//   - every message accepted by Send is completed exactly once
//   - a completed message is OK, Fail (certainly without effect) or Info (unknown)
//   - a fetched batch is delivered only if the position it was asked for still holds
//
// Not here: consumer groups, transactions, fetch sessions, splitting a batch that
// the broker finds too large; what clients do and record (package client/workload).
package client
