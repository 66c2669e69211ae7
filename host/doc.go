// Package host runs programs of package engine for real: one event loop per
// node, with sockets (net/tcpnet), files (disk/osdisk) and heavy work on
// goroutines at its edge that post their results back in batches.
//
// A Node is one incarnation; a Group is a set of nodes that can be killed and
// started again at the same addresses with the same data.
//
// # Invariants
//
//   - a program is called from one goroutine, one event at a time, and no host
//     method calls it back before returning
//   - Now is fixed during an event
//   - once a node has ended nothing of it runs: no goroutine, no open socket, no
//     open file, no event
//   - a panic of a program ends its own node only
//
// A closed connection with frames that waited for their turn tells Closed when
// the program has got them: a producer that does not wait for answers may send
// and close.
//
// Not here: wire formats, disk layouts, what a program does.
package host
