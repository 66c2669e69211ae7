package plog

import "trial/internal/mutant"

// leavesEpochs is REP-15: a truncation to the log end passes for one without any
// effect, and the leader epochs that start there stay (KAFKA-10706).
func (l *Log) leavesEpochs(newNext, offset int64) bool {
	if !mutant.Enabled || l.cfg.Mutant != mutant.REP15 || newNext < l.next {
		return false
	}
	l.h.Probe("mutant.reached")
	if e, ok := l.epochs.last(); ok && e.Start >= offset {
		l.h.Probe("mutant.infected")
	}
	return true
}

// skipsEpoch is SYN-W19: recovery notes the leader epoch of a segment's first batch
// and takes the others for the same.
func (r *recovery) skipsEpoch(e *entry) bool {
	if !mutant.Enabled || r.l.cfg.Mutant != mutant.SynW19 || len(r.seg.entries) == 1 {
		return false
	}
	r.l.h.Probe("mutant.reached")
	if e.epoch != r.lastEpoch {
		r.l.h.Probe("mutant.infected")
	}
	return true
}
