package quorum

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/control/peer"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
	"trial/internal/record"
)

// following is the state of the fetch loop: fetch from the synced end, append,
// sync, fetch again. One request is under way at a time.
type following struct {
	inFlight bool
	fetched  bool // the leader has answered in this epoch: pre-votes are refused
	gone     bool // the leader said that it ends its epoch
	misses   int  // failed fetches in a row
	leaderHW int64
	retry    engine.Timer
}

// maxFetchBytes bounds one fetch, see the limit of 1 MiB per event.
const maxFetchBytes = 1 << 20

// follow: the epoch has that leader. A vote given in the epoch stays.
func (m *Member) follow(epoch, leader int32) {
	vote := m.vote
	if epoch != m.epoch {
		vote = -1
	}
	m.change(Follower, epoch, leader, vote)
	m.fo.leaderHW = -1
	m.h.SetTimer(&m.timer, m.h.Now().Add(m.cfg.FetchTimeout))
	m.whenDurable(m.settle)
}

// settle goes on with the fetch loop once the log is quiet and durable.
func (m *Member) settle() {
	if !m.running || m.appending > 0 || m.syncing {
		return
	}
	if m.log.Synced() < m.log.End() {
		m.sync()
		if !mutant.Enabled || m.cfg.Mutant != mutant.CTL01 {
			return
		}
		m.h.Probe("mutant.reached")
	}
	if m.role == Follower {
		m.advance(m.fo.leaderHW, 0)
	}
	m.fetch()
}

// fetch asks the leader, or as an observer that knows none any voter, for what
// follows our log.
func (m *Member) fetch() {
	if m.fo.inFlight || m.fo.gone || !m.store.isDurable() && !m.store.unsafe || m.fo.retry.Armed() {
		return
	}
	target := int32(-1)
	switch {
	case m.role == Follower && (m.voter || m.fo.misses%2 == 0):
		target = m.leader
	case !m.voter && (m.role == Follower || m.role == Unattached):
		target = m.cfg.Voters[m.rng.Pick(len(m.cfg.Voters))].ID
	}
	to := m.peerOf(target)
	if to == nil {
		return
	}
	m.fo.inFlight = true
	term := m.term
	to.Send(m.fetchRequest(), m.cfg.RequestTimeout, func(resp kmsg.Response, err error) {
		if term != m.term || !m.running {
			return
		}
		m.fo.inFlight = false
		r, ok := resp.(*kmsg.FetchResponse)
		if err == nil && !ok {
			err = peer.ErrGarbled
		}
		if err != nil || !m.onFetched(target, r) {
			m.fo.misses++
			m.h.SetTimer(&m.fo.retry, m.h.Now().Add(m.cfg.RetryBackoff))
		}
	})
}

func (m *Member) fetchRequest() *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version = 18
	req.ClusterID = &m.cfg.ClusterID
	req.ReplicaState.ID = m.cfg.NodeID
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(m.cfg.FetchMaxWait.Ms()), 0, maxFetchBytes
	req.SessionEpoch = -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.CurrentLeaderEpoch, p.PartitionMaxBytes = m.epoch, maxFetchBytes
	p.FetchOffset, p.LastFetchedEpoch, p.HighWatermark = m.log.Synced(), m.lastEpoch(), m.hw
	if mutant.Enabled && m.cfg.Mutant == mutant.CTL01 {
		if p.FetchOffset != m.log.End() {
			m.h.Probe("mutant.infected")
		}
		p.FetchOffset = m.log.End()
	}
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = TopicName, TopicID
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// onFetched uses the answer of a fetch; false asks for a pause before the next one.
func (m *Member) onFetched(from int32, r *kmsg.FetchResponse) bool {
	if r.ErrorCode != 0 || len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		m.h.Logf(engine.Debug, "metadata fetch from %d: error %d", from, r.ErrorCode)
		return false
	}
	p := &r.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return m.learn(p.CurrentLeader.LeaderEpoch, p.CurrentLeader.LeaderID)
	}
	if m.role != Follower || from != m.leader {
		return m.learn(m.epoch, from) // an observer found the leader of its epoch
	}
	m.fo.fetched, m.fo.misses = true, 0
	m.h.SetTimer(&m.timer, m.h.Now().Add(m.cfg.FetchTimeout))
	if p.DivergingEpoch.EndOffset >= 0 {
		m.truncate(p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset)
		return true
	}
	m.fo.leaderHW = p.HighWatermark
	if len(p.RecordBatches) > 0 {
		return m.appendFetched(p.RecordBatches)
	}
	m.settle()
	return true
}

// appendFetched appends the whole batches of an answer. Batches of a higher epoch
// than the one we asked under are cut off (KAFKA-18723).
func (m *Member) appendFetched(b []byte) bool {
	end := 0
	for rest := b; len(rest) > 0; {
		batch, next, err := record.Next(rest)
		if err != nil || batch.Check() != nil || batch.LeaderEpoch() > m.epoch {
			break
		}
		end += len(batch)
		rest = next
	}
	if end == 0 {
		return false
	}
	// The frame goes back when we return; the log needs the bytes for longer.
	a := &plog.Append{Data: slices.Clone(b[:end]), Origin: plog.OriginRaft, Done: m.appended, Tag: false}
	if err := m.log.AppendFollower(a); err != nil {
		m.h.Logf(engine.Warn, "metadata log refuses what the leader sent: %v", err)
		return false
	}
	m.appending++
	return true
}

// appended: an append, as leader or as follower, is visible.
func (m *Member) appended(a *plog.Append) {
	m.appending--
	if m.failed || a.Err != nil { // offline: OnOffline tells; truncated: gone already
		if !m.failed {
			m.quiet()
		}
		return
	}
	if m.h.Observed() {
		m.tellAppended(a)
	}
	if mutant.Enabled && m.cfg.Mutant == mutant.CTL09 {
		m.OnCommit()
	}
	if m.role == Leader {
		if mutant.Enabled && m.cfg.Mutant == mutant.CTL01 {
			m.h.Probe("mutant.reached")
			m.updateHW()
		}
		m.sync()
		m.wake()
		return
	}
	m.settle()
}

func (m *Member) tellAppended(a *plog.Append) {
	for rest := a.Data; len(rest) > 0; {
		b, next, err := record.Next(rest)
		if err != nil {
			return
		}
		m.h.Emit(view.QuorumAppended{AsLeader: a.Tag == true, Batch: view.Batch{Base: b.BaseOffset(), Last: b.LastOffset(),
			LeaderEpoch: b.LeaderEpoch(), CRC: b.CRC(), Control: b.Control()}})
		rest = next
	}
}

// truncate removes what diverges from the leader's log, whose epoch e ends at end
// (ReplicatedLog.truncateToEndOffset).
func (m *Member) truncate(e int32, end int64) {
	own, ownEnd := m.log.EndOffsetFor(e)
	to := end
	switch {
	case own < 0:
	case own == e:
		to = min(ownEnd, end)
	default:
		to = ownEnd
	}
	to = min(to, m.log.Next())
	if m.h.Observed() {
		m.h.Emit(view.QuorumTruncated{To: to, HW: m.hw})
	}
	if to < m.hw {
		// The quorum has forgotten what it had committed: a majority of its voters came
		// back with empty disks. Kafka's node ends here, too (KafkaRaftLog.truncateTo).
		m.fatal(fmt.Errorf("the leader's metadata log ends at %d, below what was committed: up to %d", to, m.hw))
		return
	}
	m.h.Logf(engine.Info, "metadata log truncates to %d: the leader's epoch %d ends at %d", to, e, end)
	m.syncing = true
	m.log.TruncateTo(to, func(err error) {
		m.syncing = false
		if err != nil {
			m.fatal(err)
			return
		}
		m.quiet()
	})
}

// notLeading is the code that fits a request under another epoch or to a node that does
// not lead: fenced, unknown, or not the leader; 0 for a fitting one.
func (m *Member) notLeading(epoch int32) int16 {
	switch {
	case epoch < m.epoch:
		return kerr.FencedLeaderEpoch.Code
	case epoch > m.epoch:
		return kerr.UnknownLeaderEpoch.Code
	case !m.Leading():
		return kerr.NotLeaderForPartition.Code
	}
	return 0
}
