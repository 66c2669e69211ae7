// Package workload holds what clients do in a run: programs that produce,
// consume, query, administer and finally dump, and that write down everything
// they see into a history.
//
// # Invariants
//
//   - every record carries a payload that names it (history.AppendPayload), and
//     every operation has its invocation in the history before it can have any effect
//   - each life of a client is a producer instance and a set of sessions of its own
//   - all choice comes from the node's streams; a Config is plain integers
//
// Not here: judgement of what was seen (package checks), faults, the choice of
// a Config (whoever draws the plan).
package workload
