// Package faults holds fault schedules: lists of bad things that happen at given
// instants to given targets. It draws them (swarm), prints and parses them,
// applies them to a world within a budget, and shrinks them.
//
// A schedule reads like a story:
//
//	2.1s  kill leader of t-0 for 3s
//	2.3s  cut n1 | rest for 1.5s
//	4s    hold heartbeat from n2 for 12s
//
// Every fault carries its own end ("for 3s"), so any subset of a schedule is a
// schedule: that is what makes shrinking sound.
//
// # Invariants
//
//   - Parse(s.String()) equals s
//   - applying a schedule draws nothing: all choice was made when it was drawn
//   - a fault that the budget refuses, or whose role nobody plays at that moment,
//     is skipped and reported, never replaced
//
// Not here: what a leader or a controller is (Resolver), how a node is killed
// (World), whether a loss was legal (checks/ledger).
package faults
