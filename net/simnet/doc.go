// Package simnet is a simulated network of machines: directed links with latency,
// bandwidth and faults, and connections that carry frames over them in order, as
// TCP would.
//
// A connection is two Ends. What one end sends runs through its pipe: a queue of
// frames not yet transmitted, then a flight of packets with instants of arrival,
// then the queue of the other end, from which the machine takes them one event at
// a time. One task per pipe is on the timeline, not one per packet. A packet that
// arrives over a cut link waits and is sent again after the heal; if nothing gets
// through for the user timeout, the sending end gives up and the other end stays
// half-open until it sends or is told.
//
// # Invariants
//
//   - frames of one connection arrive in order, whole, or not at all
//   - bytes are copied on Send; regions of files are read when their frame is
//     transmitted, not before
//   - per direction at most the window is on its way and unread (or one frame)
//   - the network never calls a program: it tells Host.Ready, and the machine
//     takes events when it is free
//   - every link draws from a stream of its own
//
// Not here: programs, service times, pauses (package sim), when a fault strikes
// (package faults), sockets (tcpnet).
package simnet
