// Package checks holds what all judges share: the form of a verdict, the count
// of rule evaluations, and the plain inputs that a runner feeds them.
//
// The judges live below: partlog (L rules), linear (linearizability), invariant
// (W rules), converge (C rules), liveness (V rules), ledger (which losses are
// legal), bytes (a decoder of their own), and panel, which runs them together.
//
// # Invariants
//
//   - inputs are values: no judge can reach the world
//   - every rule reports how often it was evaluated; zero means blind, not clean
//   - a violation is one sentence with the offsets, nodes and epochs that contradict
//   - equal inputs give equal verdicts, in the same order
//
// Not here: any rule (the packages below), any decoding (bytes).
package checks
