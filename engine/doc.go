// Package engine is the contract between a program (a broker, a client, any
// engine) and the host that runs it: the simulator or a real process.
//
// A program is a function of its state and its events. It is called from one
// goroutine, one event at a time; it calls the host directly (Send, Disk,
// SetTimer ...); what it started completes as a later event on an operation that
// the program owns. See docs/adr/0001-contract.md for the reasons.
//
// # Invariants
//
//   - a host method never calls back into the program before it returns
//   - no event reaches a dead incarnation
//   - Send and Disk take ownership of what they are given; Frame hands it over
//   - order: frames of one connection, operations on one file, operations on the
//     names of one volume; nothing else is ordered
//   - all random choice comes from named streams, all time from Now and timers
//
// Not here: any protocol, any implementation of a host, wire formats.
package engine
