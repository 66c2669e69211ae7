package ledger

import (
	"math"
	"slices"

	"trial/checks"
	"trial/checks/bytes"
)

// dirStarts is where leader epochs were ever seen to begin in one log, on any
// disk at any fault. An unclean election may bring back a lineage that an earlier
// one had given up, so the final logs alone do not tell where lineages part.
type dirStarts struct {
	dir    string
	epochs []bytes.EpochStart // sorted by epoch, lowest offset each
	// parting is the lowest offset at which the logs of two replicas ever differed;
	// beyond every offset if they never did.
	parting int64
}

// look notes where leader epochs begin in the logs of topics whose leaders may be
// elected uncleanly, and where the logs of their replicas part.
func (l *Ledger) look(d checks.Disk) {
	if d == nil {
		return
	}
	var seen []outline
	for _, n := range l.cfg.Brokers {
		for _, dir := range bytes.Dirs(d, n) {
			if !l.mayElectUncleanly(dir) {
				continue
			}
			o := outline{dir: dir}
			for _, s := range bytes.Segments(d, n, dir) {
				o.Add(s.Data)
			}
			l.note(dir, o.Epochs)
			for i := range seen {
				if at, differ := seen[i].Parting(&o.Outline); differ && seen[i].dir == dir {
					s := l.startsOf(dir)
					s.parting = min(s.parting, at)
				}
			}
			seen = append(seen, o)
		}
	}
}

type outline struct {
	dir string
	bytes.Outline
}

func (l *Ledger) mayElectUncleanly(dir string) bool {
	topic, _, ok := bytes.SplitDir(dir)
	return ok && dir != bytes.MetadataDir && l.cfg.Topic(topic).Unclean
}

func (l *Ledger) startsOf(dir string) *dirStarts {
	k := slices.IndexFunc(l.starts, func(s dirStarts) bool { return s.dir == dir })
	if k < 0 {
		k = len(l.starts)
		l.starts = append(l.starts, dirStarts{dir: dir, parting: math.MaxInt64})
	}
	return &l.starts[k]
}

func (l *Ledger) note(dir string, list []bytes.EpochStart) {
	s := l.startsOf(dir)
	for _, e := range list {
		i, found := slices.BinarySearchFunc(s.epochs, e.Epoch, func(x bytes.EpochStart, epoch int32) int { return int(x.Epoch) - int(epoch) })
		if found {
			s.epochs[i].Base = min(s.epochs[i].Base, e.Base)
		} else {
			s.epochs = slices.Insert(s.epochs, i, e)
		}
	}
}

// start is where a leader epoch was ever seen to begin.
func (l *Ledger) start(dir string, epoch int32) (base int64, seen bool) {
	for i := range l.starts {
		if l.starts[i].dir != dir {
			continue
		}
		for _, e := range l.starts[i].epochs {
			if e.Epoch == epoch {
				return e.Base, true
			}
		}
	}
	return 0, false
}

// parting is the lowest offset at which the lineage of an unclean election, the
// i-th change of a partition, can differ from the one before it. Going back over
// the leader epochs before: one that the final log has is common, and the lineages
// part where it ends; one that it lacks belongs to what was given up, so they part
// where it began at the latest.
func (l *Ledger) parting(p *Partition, i int, log []bytes.Batch) int64 {
	c := &p.Changes[i]
	at := startOf(log, c.LeaderEpoch)
	if base, seen := l.start(p.Name(), c.LeaderEpoch); seen && !hasEpoch(log, c.LeaderEpoch) {
		at = min(at, base)
	}
	known := false
	for k := i - 1; k >= 0; k-- {
		before := &p.Changes[k]
		if before.Leader < 0 || before.LeaderEpoch == c.LeaderEpoch || k+1 < i && before.LeaderEpoch == p.Changes[k+1].LeaderEpoch {
			continue
		}
		if hasEpoch(log, before.LeaderEpoch) {
			return min(at, startOf(log, before.LeaderEpoch+1))
		}
		if base, seen := l.start(p.Name(), before.LeaderEpoch); seen {
			at, known = min(at, base), true
		}
		// Else that leader wrote nothing, as far as any disk ever showed.
	}
	if !known {
		return 0
	}
	return at
}

func hasEpoch(log []bytes.Batch, epoch int32) bool {
	return slices.ContainsFunc(log, func(b bytes.Batch) bool { return b.LeaderEpoch == epoch })
}
