package mutant

import "slices"

// All lists the ids of every planted bug this build knows, in catalogue order.
func All() []string {
	return []string{
		LOG01, LOG02, LOG07, LOG08, LOG10, LOG18,
		REP01, REP02, REP03, REP04, REP06, REP07, REP09, REP11, REP15, REP17, REP18, REP21, REP22, REP23, REP25, REP27, REP28, REP29, REP31,
		CTL01, CTL02, CTL03, CTL04, CTL05, CTL09, CTL10, IDM01, IDM02, IDM04, IDM06, IDM08, CLI03,
		SynL5, SynL6, SynC3, SynV2, SynV3, SynV8, SynV10, SynW5, SynW19,
	}
}

// Known reports whether id names a planted bug.
func Known(id string) bool { return slices.Contains(All(), id) }
