// Package cluster binds the Kafka engine, its clients, their workload and the
// judges to the simulator: a seed expands into a Plan, Run executes a plan to its
// verdict, Shrink looks for a smaller plan with the same verdict.
//
// # Invariants
//
//   - a run depends on its plan alone: equal plans give equal trace hashes
//   - a plan prints everything it was drawn with, and its text reads back as itself
//   - the loss ledger is computed from the fault log, the bytes on the simulated
//     disks and the metadata log among them; never from what an engine says of itself
//
// Not here: the simulator (sim), the engine (engine/kafka), what the rules say
// (checks), flags and reports (cmd/simrun).
package cluster
