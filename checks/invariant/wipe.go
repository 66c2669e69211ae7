package invariant

import (
	"fmt"

	"trial/checks"
)

// wipe takes in that volumes of a node are empty: its replicas lost everything,
// synced or not, and a voter has forgotten its votes besides.
func (j *Judge) wipe(n int, e *checks.FaultEvent) {
	j.nodes[n].crashed, j.nodes[n].stopped = true, false
	j.lose(n, e)
	for _, p := range j.parts {
		if n < len(p.reps) && p.reps[n].lossy {
			p.reps[n].wiped = true
		}
	}
	if emptiesQuorum(e) {
		j.meta.forget(n)
	}
	j.down(n)
}

// forget resets what is expected of a voter that remembers nothing. From now on
// Raft's promises do not hold in the epochs in which it may have voted, nor for
// what it helped to commit, until it has all of it again.
func (q *quorum) forget(n int) {
	r, v := q.rep(n), q.voter(n)
	q.forgotten = max(q.forgotten, v.epoch, v.voteEpoch)
	*v = voter{epoch: -1, voteEpoch: -1, vote: -1}
	r.synced, r.wiped = 0, true
	for k := range q.votes { // unordered: each entry is looked at alone
		if k.node == n {
			delete(q.votes, k)
		}
	}
}

// amnesia reports whether a voter with an empty disk may have elected a leader
// that lacks committed records: one that has not got back what it lost.
func (q *quorum) amnesia() bool {
	for i := range q.reps {
		if q.reps[i].wiped && q.reps[i].lossy {
			return true
		}
	}
	return false
}

// Void is why the judge has fallen silent, "" while it has not: the metadata
// quorum broke its promises because voters lost their disks, and everything else
// rests on them.
func (j *Judge) Void() string { return j.void }

func (j *Judge) silence(format string, args ...any) {
	if j.void == "" {
		j.void = fmt.Sprintf("at %v ", j.now) + fmt.Sprintf(format, args...)
	}
}
