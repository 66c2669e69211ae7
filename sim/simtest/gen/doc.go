// Package gen draws plans for property tests with rapid: topologies, settings,
// workloads and fault schedules. rapid shrinks them, keeps them in replay files and,
// by rapid.MakeFuzz, has Go's native fuzzer draw them from its bytes.
//
// # Invariants
//
//   - what is drawn is a valid plan, and prints and parses back
//   - a zero draw is the tamest choice: one broker fewer is tamer, no fault is tamer
//     than one, a slow link tamer than a power failure, an early instant tamer than a
//     late one; so a shrunk plan is a readable one
//   - every draw is labelled, so that rapid's output says what it is
//
// Not here: plans drawn from a seed (sim/cluster, Draw), whose climates are made to
// find bugs fast; running plans.
package gen
