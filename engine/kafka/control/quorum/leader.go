package quorum

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/plog"
	"trial/internal/mutant"
	"trial/internal/record"
)

// leadership is what a leader knows of those that fetch from it.
type leadership struct {
	active    bool  // the epoch's first record was submitted
	start     int64 // offset of that record
	voters    []progress
	observers []progress
	parked    []*parkedFetch

	majority []bool // voters that fetched since check quorum last held
	begin    engine.Timer
	check    engine.Timer
}

// progress is the position of one replica.
type progress struct {
	id       int32
	end      int64 // it is durable below; -1 unknown
	fetched  clock.Instant
	caughtUp clock.Instant
	asked    bool // a BeginQuorumEpoch is under way
	ever     bool
}

// ErrNotLeader is what Append returns on a node that does not lead.
var ErrNotLeader = errors.New("quorum: not the leader")

// ErrTooLarge is what Append returns for records that fit no batch.
var ErrTooLarge = errors.New("quorum: records do not fit into one batch")

// Leading reports whether this node leads and may append.
func (m *Member) Leading() bool { return m.role == Leader && m.le.active }

// EpochStart is the offset of the current epoch's first record; only on a leader.
func (m *Member) EpochStart() int64 { return m.le.start }

// Next is the offset that the next appended record gets.
func (m *Member) Next() int64 { return m.log.Next() }

// lead starts a won epoch: its first record is a LeaderChangeMessage, below which
// nothing may be counted as committed by this leader.
func (m *Member) lead() {
	m.le.voters = m.le.voters[:0]
	msg := kmsg.LeaderChangeMessage{LeaderID: m.cfg.NodeID}
	for i, v := range m.cfg.Voters {
		m.le.voters = append(m.le.voters, progress{id: v.ID, end: -1})
		msg.Voters = append(msg.Voters, kmsg.LeaderChangeMessageVoter{VoterID: v.ID})
		if i < len(m.vo.granted) && m.vo.granted[i] {
			msg.GrantingVoters = append(msg.GrantingVoters, kmsg.LeaderChangeMessageVoter{VoterID: v.ID})
		}
	}
	m.le.observers, m.le.parked = nil, nil
	m.le.majority = make([]bool, len(m.cfg.Voters))
	m.le.active, m.le.start = true, m.log.Next()
	var w record.Builder
	w.Reset(nil)
	w.SetControl()
	w.AddControl(m.h.WallMs(), record.ControlLeaderChange, msg.AppendTo(nil))
	if err := m.appendBatch(w.Batch()); err != nil {
		m.fatal(err)
		return
	}
	m.armCheckQuorum()
	m.onBeginTimer()
	m.OnChange()
}

// Append appends records, atomically in one batch, and returns the offset of the
// first. They are committed when HW is above the last.
func (m *Member) Append(values [][]byte) (base int64, err error) {
	if !m.Leading() {
		return -1, ErrNotLeader
	}
	base = m.log.Next()
	var w record.Builder
	w.Reset(nil)
	now := m.h.WallMs()
	for _, v := range values {
		w.Add(now, nil, v)
	}
	return base, m.appendBatch(w.Batch())
}

func (m *Member) appendBatch(b record.Batch) error {
	a := &plog.Append{Data: b, Origin: plog.OriginRaft, Done: m.appended, Tag: true}
	_, code := m.log.AppendLeader(a, m.epoch)
	switch {
	case code == kerr.MessageTooLarge.Code || code == kerr.RecordListTooLarge.Code:
		return ErrTooLarge
	case code != 0:
		return kerr.ErrorForCode(code)
	}
	m.appending++
	return nil
}

// updateHW advances the high watermark to what a majority holds durably, if
// that includes a record of this epoch (LeaderState.maybeUpdateHighWatermark).
func (m *Member) updateHW() {
	if !m.Leading() {
		return
	}
	ends := make([]int64, 0, len(m.le.voters))
	for i := range m.le.voters {
		v := &m.le.voters[i]
		if v.id == m.cfg.NodeID {
			v.end = m.log.Synced()
			if mutant.Enabled && m.cfg.Mutant == mutant.CTL01 {
				v.end = m.log.End()
			}
		}
		ends = append(ends, v.end)
	}
	slices.Sort(ends)
	slices.Reverse(ends)
	if hw := ends[len(ends)/2]; (hw > m.le.start || m.commitsOld(hw)) && hw > m.hw {
		m.advance(hw, m.le.start)
		m.wake()
	}
}

// commitsOld is the planted bug CTL-03 (KAFKA-12619): what a majority has of earlier
// epochs counts as committed before it has a record of this one.
func (m *Member) commitsOld(hw int64) bool {
	if !mutant.Enabled || m.cfg.Mutant != mutant.CTL03 || hw <= m.hw {
		return false
	}
	m.h.Probe("mutant.reached")
	m.h.Probe("mutant.infected")
	return true
}

// armCheckQuorum starts the wait for fetches of a majority.
func (m *Member) armCheckQuorum() {
	if mutant.Enabled && m.cfg.Mutant == mutant.CTL05 {
		m.h.Probe("mutant.reached")
		return
	}
	if len(m.cfg.Voters) > 1 {
		m.h.SetTimer(&m.le.check, m.h.Now().Add(m.cfg.FetchTimeout*3/2))
	}
}

// sawFetch notes a voter's fetch for check quorum: a leader that a majority does
// not reach must not linger (KAFKA-15489).
func (m *Member) sawFetch(i int) {
	m.le.majority[i] = true
	if count(m.le.majority)+1 >= m.cfg.majority() {
		clear(m.le.majority)
		if mutant.Enabled && m.cfg.Mutant == mutant.SynV10 { // it resigns all the same
			m.h.Probe("mutant.reached")
			m.h.Probe("mutant.infected")
			return
		}
		m.armCheckQuorum()
	}
}

func (m *Member) onCheckQuorum() {
	if m.role == Leader {
		m.h.Logf(engine.Warn, "metadata quorum: no majority of voters has fetched for %v", m.cfg.FetchTimeout*3/2)
		m.resign(func() {})
	}
}

// onBeginTimer tells voters that do not fetch that the epoch has begun.
func (m *Member) onBeginTimer() {
	if !m.Leading() || !m.running {
		return
	}
	now, idle := m.h.Now(), m.cfg.FetchTimeout/2
	for i := range m.le.voters {
		v := &m.le.voters[i]
		if v.id == m.cfg.NodeID || v.asked || v.ever && now.Sub(v.fetched) < idle {
			continue
		}
		v.asked = true
		term := m.term
		m.peers[i].Send(m.beginRequest(v.id), m.cfg.RequestTimeout, func(resp kmsg.Response, err error) {
			if term != m.term || !m.running {
				return
			}
			m.le.voters[i].asked = false
			r, ok := resp.(*kmsg.BeginQuorumEpochResponse)
			switch {
			case err != nil || !ok:
			case r.ErrorCode == kerr.BrokerNotAvailable.Code: // it is starting, and will listen soon
				m.h.SetTimer(&m.le.begin, m.h.Now().Add(m.cfg.RetryBackoff))
			case len(r.Topics) == 1 && len(r.Topics[0].Partitions) == 1:
				m.learn(r.Topics[0].Partitions[0].LeaderEpoch, r.Topics[0].Partitions[0].LeaderID)
			}
		})
	}
	if len(m.cfg.Voters) > 1 {
		m.h.SetTimer(&m.le.begin, now.Add(idle))
	}
}

func (m *Member) beginRequest(to int32) *kmsg.BeginQuorumEpochRequest {
	req := kmsg.NewPtrBeginQuorumEpochRequest()
	req.Version = 0
	req.ClusterID, req.VoterID = &m.cfg.ClusterID, to
	p := kmsg.NewBeginQuorumEpochRequestTopicPartition()
	p.LeaderID, p.LeaderEpoch = m.cfg.NodeID, m.epoch
	t := kmsg.NewBeginQuorumEpochRequestTopic()
	t.Topic, t.Partitions = TopicName, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// unlead drops the leadership; fetches that wait are told.
func (m *Member) unlead() {
	m.le.active = false
	m.h.StopTimer(&m.le.begin)
	m.h.StopTimer(&m.le.check)
	parked := m.le.parked
	m.le.parked = nil
	for _, p := range parked {
		m.h.StopTimer(&p.timer)
		m.refuseFetch(p.c, p.req, kerr.NotLeaderForPartition.Code)
	}
}

// resign gives up the epoch for good and tells the voters, the most complete
// first in line. done is called when all have answered or cannot.
func (m *Member) resign(done func()) {
	heirs := slices.Clone(m.le.voters)
	slices.SortStableFunc(heirs, func(a, b progress) int {
		switch {
		case a.end > b.end:
			return -1
		case a.end < b.end:
			return 1
		}
		return 0
	})
	m.change(Resigned, m.epoch, m.cfg.NodeID, m.vote)
	m.armElection()
	left := 0
	for i, v := range m.cfg.Voters {
		if v.ID == m.cfg.NodeID {
			continue
		}
		left++
		m.peers[i].Send(m.endRequest(heirs), m.cfg.RequestTimeout, func(kmsg.Response, error) {
			if left--; left == 0 {
				done()
			}
		})
	}
	if left == 0 {
		done()
	}
}

func (m *Member) endRequest(heirs []progress) *kmsg.EndQuorumEpochRequest {
	req := kmsg.NewPtrEndQuorumEpochRequest()
	req.Version = 0
	req.ClusterID = &m.cfg.ClusterID
	p := kmsg.NewEndQuorumEpochRequestTopicPartition()
	p.LeaderID, p.LeaderEpoch = m.cfg.NodeID, m.epoch
	for _, v := range heirs {
		if v.id != m.cfg.NodeID {
			p.PreferredSuccessors = append(p.PreferredSuccessors, v.id)
		}
	}
	t := kmsg.NewEndQuorumEpochRequestTopic()
	t.Topic, t.Partitions = TopicName, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}
