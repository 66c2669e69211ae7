package invariant

import (
	"strings"

	"trial/checks"
	"trial/checks/bytes"
	"trial/clock"
	"trial/engine/kafka/view"
)

// OnFault tells the judge what the world did. Power failures bring the bytes
// that were lost.
func (j *Judge) OnFault(e *checks.FaultEvent) {
	j.now = e.At
	switch e.Kind {
	case checks.Kill:
		n := j.node(e.Node)
		j.nodes[n].crashed = true
		j.down(n)
	case checks.Stop:
		j.nodes[j.node(e.Node)].stopped = true
	case checks.PowerFail:
		n := j.node(e.Node)
		j.nodes[n].crashed = true
		j.lose(n, e)
		j.down(n)
	case checks.Wipe:
		j.wipe(j.node(e.Node), e)
	case checks.Corrupt:
		j.lose(j.node(e.Node), e)
	case checks.Restart:
		n := &j.nodes[j.node(e.Node)]
		n.up = true
		if n.stopped { // its last life may have ended cleanly, even if it was killed at the end
			n.stopped, n.crashed = false, false
		}
	}
}

// OnKill, OnPower and OnRestart are OnFault for runners that have no fault log.
func (j *Judge) OnKill(at clock.Instant, node int32) {
	j.OnFault(&checks.FaultEvent{At: at, Kind: checks.Kill, Node: node})
}

// OnPower tells of a power failure and of the files that it changed.
func (j *Judge) OnPower(at clock.Instant, node int32, lost []checks.FileLoss) {
	j.OnFault(&checks.FaultEvent{At: at, Kind: checks.PowerFail, Node: node, Lost: lost})
}

// OnRestart tells of a new incarnation.
func (j *Judge) OnRestart(at clock.Instant, node int32) {
	j.OnFault(&checks.FaultEvent{At: at, Kind: checks.Restart, Node: node})
}

// lose notes, per log of the node, the first offset whose bytes are gone.
func (j *Judge) lose(n int, e *checks.FaultEvent) {
	for i := range e.Lost {
		dir, base, ok := bytes.SplitPath(e.Lost[i].Path)
		if !ok {
			continue
		}
		from, any := FirstLost(base, &e.Lost[i])
		if !any {
			continue
		}
		if dir == bytes.MetadataDir {
			j.meta.lose(j.meta.rep(n), from)
		} else if p := j.nodes[n].dirOf[dir]; p != nil {
			if e.Kind == checks.PowerFail {
				j.durable(n, p, from)
			}
			p.lose(p.rep(n), from)
		}
	}
}

// onLogSynced judges W5 on the log of a partition: how far it is durable only
// grows, but by truncation.
func (j *Judge) onLogSynced(n int, f *view.LogSynced) {
	p := j.part(&f.TP)
	r := p.rep(n)
	j.r.w5.Evaluated++
	if f.End < r.synced {
		j.r.w5.Fail(-1, j.now, p.where(f.End), "the durable end of n%d's log of %s went back from %d to %d", j.id(n), p.name, r.synced, f.End)
	}
	r.synced = f.End
}

// durable judges W18 when the power fails: it takes nothing that was synced. What
// recovery had found is left out: a sync that failed in an earlier life may have
// left it in the page cache alone, where no later sync finds it.
func (j *Judge) durable(n int, p *partition, from int64) {
	r := p.rep(n)
	j.r.w18.Evaluated++
	if from >= r.found && from < r.synced {
		j.r.w18.Fail(-1, j.now, p.where(from), "a power failure took what lies above offset %d of n%d's log of %s, although it was durable up to %d",
			from, j.id(n), p.name, r.synced)
	}
}

// emptiesQuorum reports whether a fault took files of the metadata quorum.
func emptiesQuorum(e *checks.FaultEvent) bool {
	for i := range e.Lost {
		if strings.HasPrefix(e.Lost[i].Path, bytes.MetadataDir+"/") {
			return true
		}
	}
	return false
}

// lose takes from a replica what a power failure took.
func (l *lineage) lose(r *replica, from int64) {
	r.pending = min(r.pending, from)
	if from >= r.end {
		return // written, but not yet completed
	}
	if !r.lossy {
		r.lossy, r.lost, r.lostEnd = true, never, 0
	}
	r.lost, r.lostEnd = min(r.lost, from), max(r.lostEnd, r.end)
	l.cutLog(r, from)
}

// FirstLost is the first offset of a segment that was readable before a loss and
// is not any more. any is false when nothing readable was lost.
func FirstLost(base int64, l *checks.FileLoss) (from int64, any bool) {
	before := bytes.DecodeLog([]bytes.Segment{{Base: base, Data: l.Before}}).Batches
	var after []bytes.Batch
	if !l.Gone {
		after = bytes.DecodeLog([]bytes.Segment{{Base: base, Data: l.After}}).Batches
	}
	for i := range before {
		if i >= len(after) || !before[i].Same(&after[i]) {
			return before[i].Base, true
		}
	}
	return 0, false
}

func (j *Judge) onOpened(n int, f *view.LogOpened) {
	p := j.part(&f.TP)
	j.nodes[n].dirOf[p.name] = p
	r := p.rep(n)
	j.recovered(n, &p.lineage, r, f.Start, f.End, f.Batches, f.Clean, j.r.w1)
	j.r.w6.Evaluated++
	if f.HW > f.End {
		j.r.w6.Fail(-1, j.now, p.where(f.HW), "n%d opened %s with high watermark %d above its log end %d", j.id(n), p.name, f.HW, f.End)
	}
	r.hw, r.found, r.synced = f.HW, f.End, f.End // recovery syncs what it keeps
	j.epochCache(n, p, f)
	j.complete(p, n, "recovery")
}

// recovered judges W18: what recovery found is a prefix of what was written and
// has everything that no power failure took; then the ghost takes it over.
func (j *Judge) recovered(n int, l *lineage, r *replica, start, end int64, found []view.Batch, clean bool, clash *checks.Rule) {
	if r.seen {
		j.r.w18.Evaluated++
		j.compareRecovered(n, l, r, start, found, clean)
	}
	*r = replica{
		seen: true, open: true, start: start, end: end, log: append(r.log[:0:0], found...), pending: never, epoch: -1,
		lossy: r.lossy, crashed: r.crashed, lost: r.lost, lostEnd: r.lostEnd, wiped: r.wiped, admitted: r.admitted, synced: min(r.synced, end), fetched: r.fetched[:0],
	}
	for _, b := range found {
		clash.Evaluated++
		if _, other := l.own(n, b); other != nil {
			clash.Fail(-1, j.now, l.where(b.Base), "n%d recovered in %s the batch %s, but leader epoch and offset already name the batch %s",
				j.id(n), l.name, show(b), show(other.Batch))
		}
	}
	l.rematch(r)
}

func (j *Judge) compareRecovered(n int, l *lineage, r *replica, start int64, found []view.Batch, clean bool) {
	fail := func(o int64, format string, args ...any) {
		args = append([]any{j.id(n), l.name}, args...)
		j.r.w18.Fail(-1, j.now, l.where(o), "n%d recovered %s "+format, args...)
	}
	pending := r.pending
	if clean && pending != never {
		fail(pending, "as after a clean stop, although a power failure took what lies above offset %d", pending)
		return
	}
	k := 0
	for i := range r.log {
		b := r.log[i]
		if b.Base < start {
			continue // the log start moved on
		}
		for k < len(found) && found[k].Last < b.Base {
			k++
		}
		if b.Last >= pending {
			break
		}
		if k >= len(found) || found[k] != b {
			fail(b.Base, "without the batch %s, which it had written and no power failure took (power failures took what lies above %s)",
				show(b), limit(pending))
			return
		}
		k++
	}
	for ; k < len(found); k++ {
		b := found[k]
		switch {
		case b.Base >= r.end && (clean || !r.touched && r.pending == never):
			fail(b.Base, "with the batch %s beyond its end %d, although nothing was written since it was last recovered or stopped", show(b), r.end)
			return
		case b.Base < r.end && l.owner(b) == nil:
			fail(b.Base, "with the batch %s, which nobody ever wrote there", show(b))
			return
		}
	}
}

func limit(o int64) string {
	if o == never {
		return "nothing"
	}
	return "offset " + itoa(o)
}

// epochCache judges W19: the leader-epoch cache increases and agrees with the log.
func (j *Judge) epochCache(n int, p *partition, f *view.LogOpened) {
	j.r.w19.Evaluated++
	for i := 1; i < len(f.Epochs); i++ {
		if a, b := f.Epochs[i-1], f.Epochs[i]; a.Epoch >= b.Epoch || a.Start >= b.Start {
			j.r.w19.Fail(-1, j.now, p.where(b.Start), "n%d has in the epoch cache of %s leader epoch %d from %d followed by leader epoch %d from %d",
				j.id(n), p.name, a.Epoch, a.Start, b.Epoch, b.Start)
			return
		}
	}
	k := -1
	for _, b := range f.Batches {
		for k+1 < len(f.Epochs) && f.Epochs[k+1].Start <= b.Base {
			k++
		}
		if k < 0 || f.Epochs[k].Epoch != b.LeaderEpoch {
			j.r.w19.Fail(-1, j.now, p.where(b.Base), "n%d has %s@%d with leader epoch %d, which its epoch cache %v does not say",
				j.id(n), p.name, b.Base, b.LeaderEpoch, f.Epochs)
			return
		}
	}
}
