// Package sim runs programs on simulated nodes: a virtual clock, a simulated
// network and simulated disks, all drawn from one seed. It knows nothing of the
// programs but the contract of package engine.
//
// A World is driven from outside: NextAt tells when the next thing happens, Step
// does one thing, RunUntil many. Faults are methods of the World, to be called
// between steps or put on the timeline with At.
//
// # Events
//
// What reaches a program waits in its node's inbox until the node is free, that
// is neither paused nor busy with the modelled service time of the event before.
// Sends and disk operations of an event begin when its service time ends. All
// instants are the timeline's; a node's own clock may drift against it.
//
// # Trace and hash
//
// Every event that reaches a program and every fault is mixed into a running
// 64-bit hash: its number, instant, node and kind, the ids and lengths that it
// concerns, and a checksum of the bytes that it carries (frames, what disk
// operations wrote or read). Events inside the network and the disk are not
// mixed in: what matters of them shows in what programs see and when. The mixing
// is a folded 64x64-bit multiplication per two words, the checksum the same over
// four lanes of little-endian words: integers only, so that every architecture
// gets the same number, and about as fast as the bytes can be read. Nothing is
// formatted unless somebody reads the trace; the last event is kept as plain
// numbers, so that two worlds run in step can tell where they part. Facts, log
// lines, probes and the trace itself never reach the hash.
//
// # Invariants
//
//   - two worlds with equal options take equal steps and have equal hashes,
//     whatever else the process does
//   - no event reaches a dead incarnation
//   - readers of facts, of the trace and of logs change nothing
//   - all choices come from streams named after what they decide
//   - a panic in a program ends the run as a violation, never the process
//
// Not here: Kafka (sim/cluster), fault schedules (faults), judges (checks).
package sim
