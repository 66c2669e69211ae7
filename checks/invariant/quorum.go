package invariant

import (
	"slices"

	"trial/engine"
	"trial/engine/kafka/view"
)

// quorum is the ghost of the metadata quorum.
type quorum struct {
	lineage
	leaders map[int32]reign // by leader epoch of the quorum
	votes   map[ballot]cast
	voters  []voter // by node index
	// forgotten is the highest epoch in which a voter that lost its disk may have voted.
	forgotten int32
}

type reign struct {
	node        int
	incarnation engine.Incarnation
}

type ballot struct {
	node  int
	epoch int32
}

// cast is a vote. One for itself leaves the node only with the requests that
// follow, so an incarnation that died before may have forgotten it.
type cast struct {
	candidate   int32
	incarnation engine.Incarnation
}

// voter is what a node of the quorum is, by its own word.
type voter struct {
	role  string
	epoch int32
	hw    int64
	// voteEpoch and vote are its latest answer to another's request; heard says
	// that it has since known the leader of that epoch.
	voteEpoch int32
	vote      int32
	heard     bool
}

func newQuorum() quorum {
	q := quorum{leaders: map[int32]reign{}, votes: map[ballot]cast{}, forgotten: -1}
	q.name = "metadata"
	return q
}

func (q *quorum) voter(n int) *voter {
	for len(q.voters) <= n {
		q.voters = append(q.voters, voter{epoch: -1, voteEpoch: -1, vote: -1})
	}
	return &q.voters[n]
}

func (q *quorum) down(n int) {
	if n < len(q.voters) {
		q.voters[n].role = ""
	}
}

func (j *Judge) onVote(n int, f *view.VoteAnswered) {
	if f.Granted && !f.PreVote {
		j.voted(n, f.Epoch, f.Candidate)
	}
}

// voted judges W14: one vote per voter and epoch, over all its incarnations.
func (j *Judge) voted(n int, epoch, candidate int32) {
	j.r.w14.Evaluated++
	key, inc := ballot{n, epoch}, j.nodes[n].incarnation
	was, found := j.meta.votes[key]
	if found && was.candidate != candidate && (was.candidate != j.id(n) || was.incarnation == inc) {
		j.r.w14.Fail(-1, j.now, nil, "n%d voted for n%d and for n%d in quorum epoch %d", j.id(n), was.candidate, candidate, epoch)
	}
	j.meta.votes[key] = cast{candidate, inc}
	if v := j.meta.voter(n); epoch > v.voteEpoch && candidate != j.id(n) {
		v.voteEpoch, v.vote, v.heard = epoch, candidate, false
	}
}

func (j *Judge) onRole(n int, f *view.QuorumRole) {
	v := j.meta.voter(n)
	j.r.w14.Evaluated++
	if f.Epoch < v.epoch {
		j.r.w14.Fail(-1, j.now, nil, "n%d went back from quorum epoch %d to %d", j.id(n), v.epoch, f.Epoch)
	}
	v.role, v.epoch = f.Role, f.Epoch
	j.meta.rep(n).touched = true // from now on appends may be under way
	if f.Role == "candidate" {
		j.voted(n, f.Epoch, j.id(n))
	}
	if f.Leader >= 0 && f.Epoch >= v.voteEpoch {
		v.heard = true
	}
	if f.Role == "leader" {
		j.reigns(n, f.Epoch)
	}
}

// reigns judges W14 on a node that leads the quorum.
func (j *Judge) reigns(n int, epoch int32) {
	inc := j.nodes[n].incarnation
	was, found := j.meta.leaders[epoch]
	switch {
	case !found:
		j.meta.leaders[epoch] = reign{n, inc}
	case was != (reign{n, inc}) && epoch <= j.meta.forgotten:
		j.silence("n%d leads quorum epoch %d, which n%d has led: voters that lost their disks voted twice", j.id(n), epoch, j.id(was.node))
		return
	case was.node != n:
		j.r.w14.Fail(-1, j.now, nil, "n%d and n%d both lead quorum epoch %d", j.id(was.node), j.id(n), epoch)
	case was.incarnation != inc:
		j.r.w14.Fail(-1, j.now, nil, "n%d resumed the leadership of quorum epoch %d that an earlier incarnation of it held", j.id(n), epoch)
	}
	if r, need := j.meta.rep(n), j.meta.committedBefore(epoch); r.match < need {
		if j.meta.amnesia() {
			j.silence("n%d leads quorum epoch %d with the committed metadata below %d only, of %d: voters that lost their disks elected it", j.id(n), epoch, r.match, need)
			return
		}
		j.r.w14.Fail(-1, j.now, nil, "n%d leads quorum epoch %d, but its log agrees with the committed one only below %d of %d",
			j.id(n), epoch, r.match, need)
		j.meta.endEra(r.match, epoch)
	}
}

func (j *Judge) onQuorumAppended(n int, f *view.QuorumAppended) {
	q := &j.meta
	r := q.rep(n)
	r.touched = true
	j.r.w14.Evaluated++
	if _, other := q.own(n, f.Batch); other != nil {
		j.r.w14.Fail(-1, j.now, q.where(f.Base), "n%d appended to the metadata log the batch %s, but epoch and offset already name the batch %s",
			j.id(n), show(f.Batch), show(other.Batch))
	}
	if f.AsLeader {
		if was, found := q.leaders[f.LeaderEpoch]; found && was.node != n {
			j.r.w14.Fail(-1, j.now, q.where(f.Base), "n%d appended metadata as leader in quorum epoch %d, which n%d leads", j.id(n), f.LeaderEpoch, j.id(was.node))
		}
	}
	if !r.fits(f.Batch) {
		j.r.w14.Fail(-1, j.now, q.where(f.Base), "n%d appended to the metadata log the batch %s, although its log already ends at %d", j.id(n), show(f.Batch), r.end)
		q.cutLog(r, f.Base)
	}
	r.seen, r.open = true, true
	q.push(r, f.Batch)
}

func (j *Judge) onSynced(n int, f *view.QuorumSynced) {
	r := j.meta.rep(n)
	j.r.w5.Evaluated++
	if f.End < r.synced {
		j.r.w5.Fail(-1, j.now, j.meta.where(f.End), "the durable end of n%d's metadata log went back from %d to %d", j.id(n), r.synced, f.End)
	}
	r.synced = f.End
}

func (j *Judge) onQuorumTruncated(n int, f *view.QuorumTruncated) {
	q := &j.meta
	r, v := q.rep(n), q.voter(n)
	r.touched = true
	j.r.w13.Evaluated++
	hw := max(f.HW, v.hw)
	if f.To < hw {
		j.r.w13.Fail(-1, j.now, q.where(f.To), "n%d truncated the metadata log to %d, below its high watermark %d", j.id(n), f.To, hw)
	}
	j.r.w14.Evaluated++
	switch {
	case v.role == "leader":
		j.r.w14.Fail(-1, j.now, q.where(f.To), "n%d truncated the metadata log to %d while leading quorum epoch %d", j.id(n), f.To, v.epoch)
	case r.match > f.To:
		j.r.w14.Fail(-1, j.now, q.where(f.To), "n%d truncated the metadata log to %d and removed committed records up to %d", j.id(n), f.To, r.match)
	}
	q.cutLog(r, f.To)
	r.synced = min(r.synced, f.To)
}

// onQuorumOpened judges what a voter remembers: W18 on its log, W14 on its vote.
func (j *Judge) onQuorumOpened(n int, f *view.QuorumOpened) {
	q := &j.meta
	r, v := q.rep(n), q.voter(n)
	synced := r.synced
	start := int64(0)
	if len(f.Batches) > 0 {
		start = min(f.Batches[0].Base, r.start)
	}
	j.recovered(n, &q.lineage, r, start, f.End, f.Batches, false, j.r.w14)
	j.r.w18.Evaluated++
	if f.End < synced {
		j.r.w18.Fail(-1, j.now, q.where(f.End), "n%d recovered the metadata log up to %d, although it was durable up to %d", j.id(n), f.End, synced)
	}
	j.r.w14.Evaluated++
	switch {
	case f.Epoch < v.voteEpoch:
		j.r.w14.Fail(-1, j.now, nil, "n%d voted for n%d in quorum epoch %d, but after its restart it remembers only epoch %d",
			j.id(n), v.vote, v.voteEpoch, f.Epoch)
	case f.Epoch == v.voteEpoch && f.Vote != v.vote && !(f.Vote < 0 && v.heard):
		j.r.w14.Fail(-1, j.now, nil, "n%d voted for n%d in quorum epoch %d, but after its restart it remembers a vote for %d",
			j.id(n), v.vote, v.voteEpoch, f.Vote)
	}
	v.epoch, v.role, v.hw = f.Epoch, "", 0
}

func (j *Judge) onQuorumHW(n int, f *view.QuorumHW) {
	q := &j.meta
	r, v := q.rep(n), q.voter(n)
	j.r.w14.Evaluated++
	if f.To < f.From {
		j.r.w5.Fail(-1, j.now, q.where(f.To), "n%d moved the metadata high watermark back from %d to %d", j.id(n), f.From, f.To)
	}
	v.hw = f.To
	if !f.Leader {
		if f.To > q.trueHW || r.match < f.To {
			j.r.w14.Fail(-1, j.now, q.where(f.To), "n%d moved the metadata high watermark to %d, but its log agrees with what is committed only below %d of %d",
				j.id(n), f.To, r.match, q.trueHW)
		}
		return
	}
	last, there := batchAt(r.log, f.To-1)
	switch {
	case f.To <= f.EpochStart || !there || last.LeaderEpoch != f.Epoch:
		j.r.w14.Fail(-1, j.now, q.where(f.To), "n%d, leading quorum epoch %d from offset %d, moved the high watermark to %d over no record of its own epoch",
			j.id(n), f.Epoch, f.EpochStart, f.To)
	default:
		j.majority(n, f, last)
	}
	if f.To <= q.trueHW {
		return
	}
	if r.match < q.trueHW {
		j.r.w14.Fail(-1, j.now, q.where(r.match), "n%d, leading quorum epoch %d, moved the high watermark to %d, but its log differs from the committed one at %d",
			j.id(n), f.Epoch, f.To, r.match)
		q.endEra(r.match, f.Epoch)
	}
	q.commit(r, f.Epoch, f.To)
}

// majority judges that a majority of voters holds the record durably.
func (j *Judge) majority(n int, f *view.QuorumHW, last view.Batch) {
	voters := j.cfg.Voters
	if len(voters) == 0 {
		return
	}
	durable := []int32{}
	for _, id := range voters {
		i := j.node(id)
		r := j.meta.rep(i)
		if b, there := batchAt(r.log, f.To-1); there && b == last && r.synced >= f.To {
			durable = append(durable, id)
		}
	}
	slices.Sort(durable)
	if 2*len(durable) <= len(voters) {
		j.r.w14.Fail(-1, j.now, j.meta.where(f.To), "n%d, leading quorum epoch %d, moved the high watermark to %d although only %v of the voters %v hold it durably",
			j.id(n), f.Epoch, f.To, durable, voters)
	}
}
