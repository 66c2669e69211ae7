package quorum

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// ballot is the election that a prospective or a candidate has under way; slices
// go by index of voter.
type ballot struct {
	granted, rejected, asked []bool
	lost, won                bool
	retry                    engine.Timer
}

func (b *ballot) reset(n int) {
	b.granted, b.rejected, b.asked, b.lost, b.won = make([]bool, n), make([]bool, n), make([]bool, n), false, false
}

func count(v []bool) (n int) {
	for _, x := range v {
		if x {
			n++
		}
	}
	return n
}

// prospect asks for pre-votes in the current epoch (KIP-996): an election is only
// started when a majority would grant it, so a returning voter deposes nobody.
func (m *Member) prospect() {
	if len(m.cfg.Voters) == 1 {
		m.campaign()
		return
	}
	m.change(Prospective, m.epoch, m.leader, m.vote)
	m.openBallot()
	m.askVotes()
}

// campaign stands for election in the next epoch.
func (m *Member) campaign() {
	m.change(Candidate, m.epoch+1, -1, m.cfg.NodeID)
	m.stand()
}

func (m *Member) stand() {
	m.openBallot()
	m.whenDurable(func() {
		m.askVotes()
		m.tally()
	})
}

func (m *Member) openBallot() {
	m.armElection()
	m.vo.reset(len(m.cfg.Voters))
	for i, v := range m.cfg.Voters {
		if v.ID == m.cfg.NodeID {
			m.vo.granted[i] = true
		}
	}
}

// askVotes asks every voter that has not answered and is not being asked.
func (m *Member) askVotes() {
	if !m.running || m.role != Prospective && m.role != Candidate {
		return
	}
	for i := range m.cfg.Voters {
		if m.vo.granted[i] || m.vo.rejected[i] || m.vo.asked[i] {
			continue
		}
		m.vo.asked[i] = true
		term := m.term
		m.peers[i].Send(m.voteRequest(m.cfg.Voters[i].ID), m.cfg.RequestTimeout, func(resp kmsg.Response, err error) {
			if term == m.term && m.running {
				m.vo.asked[i] = false
				m.onVote(i, resp, err)
			}
		})
	}
}

func (m *Member) voteRequest(to int32) *kmsg.VoteRequest {
	req := kmsg.NewPtrVoteRequest()
	req.Version = 2
	req.ClusterID, req.VoterID = &m.cfg.ClusterID, to
	p := kmsg.NewVoteRequestTopicPartition()
	p.CandidateEpoch, p.CandidateID, p.PreVote = m.epoch, m.cfg.NodeID, m.role == Prospective
	p.LastOffsetEpoch, p.LastOffset = m.vouched()
	t := kmsg.NewVoteRequestTopic()
	t.Topic, t.Partitions = TopicName, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// vouched is the last epoch and the end of the log as far as it is durable. A
// voter grants the same candidate again without looking at its log, so what the
// candidate was granted for must outlive a power failure. (Kafka forces the log
// with every append of a voter.)
func (m *Member) vouched() (epoch int32, end int64) {
	end = m.log.Synced()
	if end == m.log.Next() {
		return m.lastEpoch(), end
	}
	if b, ok := m.log.BatchAt(end - 1); ok {
		return b.LeaderEpoch, end
	}
	return 0, 0
}

// lastEpoch is the epoch of the last record, 0 for an empty log as in Kafka.
func (m *Member) lastEpoch() int32 {
	e, ok := m.log.LastEpoch()
	if !ok {
		return 0
	}
	return e
}

func (m *Member) onVote(i int, resp kmsg.Response, err error) {
	r, ok := resp.(*kmsg.VoteResponse)
	if err != nil || !ok || r.ErrorCode != 0 || len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		if !m.vo.retry.Armed() {
			m.h.SetTimer(&m.vo.retry, m.h.Now().Add(m.cfg.RetryBackoff))
		}
		return
	}
	p := &r.Topics[0].Partitions[0]
	// A voter that still follows the leader we lost contact with is a rejection,
	// not news.
	if (p.LeaderEpoch > m.epoch || m.leader < 0) && m.learn(p.LeaderEpoch, p.LeaderID) {
		return
	}
	if p.VoteGranted {
		m.vo.granted[i] = true
	} else {
		m.vo.rejected[i] = true
	}
	m.tally()
}

// tally ends the election when a majority has spoken.
func (m *Member) tally() {
	won := count(m.vo.granted) >= m.cfg.majority()
	lost := count(m.vo.rejected) > len(m.cfg.Voters)-m.cfg.majority()
	switch {
	case won && m.role == Prospective:
		m.campaign()
	case won && m.role == Candidate:
		m.win()
	case lost && m.role == Prospective && m.leader >= 0:
		m.follow(m.epoch, m.leader) // a majority has a leader: it may still be ours
	case lost && m.role == Prospective:
		m.unattach(m.epoch, -1, m.vote)
	case lost && m.role == Candidate && !m.vo.lost && !m.vo.won:
		m.vo.lost = true
		back := int64(m.cfg.RetryBackoff) + m.rng.N(int64(m.cfg.ElectionBackoffMax))
		m.h.SetTimer(&m.timer, m.h.Now().Add(clock.Duration(back)))
	}
}

// win leads as soon as it is on disk that this node leads the epoch: from then on
// a restart ends the leadership. An incarnation that dies before was a candidate
// to everybody, and the next one may win the same epoch.
func (m *Member) win() {
	if m.vo.won {
		return
	}
	m.vo.won = true
	m.h.StopTimer(&m.timer)
	m.h.StopTimer(&m.vo.retry)
	m.store.save(election{Epoch: m.epoch, Leader: m.cfg.NodeID, Vote: m.vote})
	m.whenDurable(func() {
		m.change(Leader, m.epoch, m.cfg.NodeID, m.vote)
		m.lead()
	})
}

// heldVote is a vote that was given and waits to be durable before it is told.
type heldVote struct {
	c     Responder
	req   *kmsg.VoteRequest
	epoch int32
	to    int32
}

// onVoteRequest decides on a vote or a pre-vote (KafkaRaftClient.handleVoteRequest).
func (m *Member) onVoteRequest(c Responder, req *kmsg.VoteRequest) {
	if !m.sameCluster(req.ClusterID) {
		resp := req.ResponseKind().(*kmsg.VoteResponse)
		resp.ErrorCode = kerr.InconsistentClusterID.Code
		c.Respond(resp)
		return
	}
	if len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1 {
		resp := req.ResponseKind().(*kmsg.VoteResponse)
		resp.ErrorCode = kerr.InvalidRequest.Code
		c.Respond(resp)
		return
	}
	p := &req.Topics[0].Partitions[0]
	pre := req.Version >= 2 && p.PreVote
	switch {
	case !m.voter || !m.cfg.isVoter(p.CandidateID) || p.CandidateID == m.cfg.NodeID:
		m.answerVote(c, req, false, kerr.InconsistentVoterSet.Code)
		return
	case p.CandidateEpoch < m.epoch:
		m.answerVote(c, req, false, kerr.FencedLeaderEpoch.Code)
		return
	case p.LastOffset < 0 || p.LastOffsetEpoch < 0 || !pre && p.LastOffsetEpoch >= p.CandidateEpoch:
		m.answerVote(c, req, false, kerr.InvalidRequest.Code)
		return
	case p.CandidateEpoch > m.epoch:
		m.unattach(p.CandidateEpoch, -1, -1)
	}
	last := m.lastEpoch()
	complete := p.LastOffsetEpoch > last || p.LastOffsetEpoch == last && p.LastOffset >= m.log.Next()
	open := m.role == Unattached || m.role == Prospective
	switch {
	case pre:
		hasLeader := m.role == Leader || m.role == Candidate && m.vo.won || m.role == Follower && m.fo.fetched && !m.fo.gone
		m.answerVote(c, req, complete && !hasLeader, 0)
	case open && m.vote == p.CandidateID:
		m.holdVote(c, req)
	case open && m.vote < 0 && m.leader < 0 && complete:
		m.unattach(m.epoch, -1, p.CandidateID)
		m.holdVote(c, req)
	default:
		m.answerVote(c, req, false, 0)
	}
}

// holdVote answers with a granted vote as soon as the vote is durable.
func (m *Member) holdVote(c Responder, req *kmsg.VoteRequest) {
	if m.store.unsafe && !m.store.isDurable() {
		m.h.Probe("mutant.reached")
		m.h.Probe("mutant.infected")
		m.answerVote(c, req, true, 0)
		return
	}
	m.votes = append(m.votes, heldVote{c, req, m.epoch, m.vote})
	m.answerVotes()
}

// answerVotes answers the held votes that are durable, and refuses those that a
// higher epoch has overtaken.
func (m *Member) answerVotes() {
	if len(m.votes) == 0 {
		return
	}
	held := m.votes
	m.votes = nil
	for _, v := range held {
		switch {
		case v.epoch != m.epoch || v.to != m.vote:
			m.answerVote(v.c, v.req, false, kerr.FencedLeaderEpoch.Code)
		case m.store.isDurable():
			m.answerVote(v.c, v.req, true, 0)
		default:
			m.votes = append(m.votes, v)
		}
	}
}

func (m *Member) answerVote(c Responder, req *kmsg.VoteRequest, granted bool, code int16) {
	asked := &req.Topics[0].Partitions[0]
	if m.h.Observed() {
		m.h.Emit(view.VoteAnswered{Epoch: asked.CandidateEpoch, Candidate: asked.CandidateID,
			PreVote: req.Version >= 2 && asked.PreVote, Granted: granted})
	}
	resp := req.ResponseKind().(*kmsg.VoteResponse)
	p := kmsg.NewVoteResponseTopicPartition()
	p.ErrorCode, p.VoteGranted, p.LeaderID, p.LeaderEpoch = code, granted, m.Leader(), m.epoch
	t := kmsg.NewVoteResponseTopic()
	t.Topic, t.Partitions = TopicName, append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
	c.Respond(resp)
}
