package mutant

import "slices"

// All lists the ids of every planted bug this build knows, in catalogue order.
func All() []string {
	return []string{
		LOG07, LOG08, REP01, REP02, REP03, REP04, REP06, REP07, REP09, REP11, REP18, REP21, REP22, REP25, REP27, REP28, REP31,
		CTL01, CTL02, CTL04, CTL05, CTL09, IDM02, IDM04, CLI03,
	}
}

// Known reports whether id names a planted bug.
func Known(id string) bool { return slices.Contains(All(), id) }
