// Package mutant names the planted bugs: real, historical defects that can be
// put back into one instance of a correct engine, to prove that a judge speaks.
//
// A place that can be mutated tests
//
//	if mutant.Enabled && cfg.Mutant == mutant.REP01 { ... }
//
// so that a binary without the build tag mutants does not contain the bug at
// all. Configurations carry the id as a plain string.
//
// # Invariants
//
//   - Enabled is a constant; without the tag every mutated branch is dead code
//   - one mutant at a time, in every node of the run
//
// Not here: the bugs themselves (at the place where a tired programmer would
// have made them), the hunt (package sim/cluster).
package mutant

// The ids, as in the catalogue of historical bugs.
const (
	REP01 = "REP-01"
	REP02 = "REP-02"
	REP03 = "REP-03"
	REP04 = "REP-04"
	REP06 = "REP-06"
	REP07 = "REP-07"
	REP09 = "REP-09"
	REP11 = "REP-11"
	REP15 = "REP-15"
	REP17 = "REP-17"
	REP18 = "REP-18"
	REP21 = "REP-21"
	REP22 = "REP-22"
	REP23 = "REP-23"
	REP25 = "REP-25"
	REP27 = "REP-27"
	REP28 = "REP-28"
	REP29 = "REP-29"
	REP31 = "REP-31"
	LOG01 = "LOG-01"
	LOG02 = "LOG-02"
	LOG07 = "LOG-07"
	LOG08 = "LOG-08"
	LOG10 = "LOG-10"
	LOG18 = "LOG-18"
	CTL01 = "CTL-01"
	CTL02 = "CTL-02"
	CTL03 = "CTL-03"
	CTL04 = "CTL-04"
	CTL05 = "CTL-05"
	CTL09 = "CTL-09"
	CTL10 = "CTL-10"
	CLI03 = "CLI-03"
	IDM01 = "IDM-01"
	IDM02 = "IDM-02"
	IDM04 = "IDM-04"
	IDM06 = "IDM-06"
	IDM08 = "IDM-08"
)

// The ids of synthetic bugs, that history has not left us: one for every rule that
// no historical bug makes speak, named after the rule.
const (
	SynL5  = "SYN-L5"
	SynL6  = "SYN-L6"
	SynC3  = "SYN-C3"
	SynV2  = "SYN-V2"
	SynV3  = "SYN-V3"
	SynV8  = "SYN-V8"
	SynV10 = "SYN-V10"
	SynW5  = "SYN-W5"
	SynW19 = "SYN-W19"
)
