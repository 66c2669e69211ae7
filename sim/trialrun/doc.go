// Package trialrun puts anybody's engine on trial: what sim/cluster does for
// Kafka, for programs that this module has never heard of.
//
// A System says what there is: how many servers and clients, which programs run
// on them, which judges watch, which knobs a seed may turn, whom "leader of x"
// means. From it comes the rest. System.Draw expands a seed into a Plan: climate
// of network and disk, knobs, a schedule of faults, as text that prints and
// parses back. System.Run executes a plan to its verdict: a safety phase in which
// faults strike, healing, a liveness phase with a deadline, an orderly end of the
// clients, rest, and then the judges' last word. System.Verify runs a plan twice
// and compares, System.Hunt tries seeds, System.Shrink looks for a smaller plan
// on which the same rule fires.
//
// Package sim/cluster does not use this package: the text of Kafka's plans and the
// hashes of Kafka's runs are pinned by seeds, and must not move when something is
// added here.
//
// # Invariants
//
//   - a run depends on its plan and its System alone: equal plans give equal trace
//     hashes, or the verdict is nondeterministic
//   - a plan prints everything it was drawn with, and its text reads back as itself
//   - every run builds its programs and judges anew (System.New); runs share
//     nothing
//   - judges change nothing: the hash is sealed before they have their last word
//   - nothing here knows what the engine does, and no exported signature needs a
//     package that another module cannot import
//
// Not here: the simulated world (sim), what faults are (faults), Kafka
// (sim/cluster), flags, files and environment variables (the caller's test).
package trialrun
