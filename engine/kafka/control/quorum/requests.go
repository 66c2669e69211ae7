package quorum

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// Responder takes the one answer to a request, now or in a later event.
type Responder interface{ Respond(resp kmsg.Response) }

// Handle takes a request of the quorum's own kind; false if it is of another kind.
func (m *Member) Handle(c Responder, req kmsg.Request) bool {
	switch r := req.(type) {
	case *kmsg.VoteRequest:
		if m.running {
			m.onVoteRequest(c, r)
			return true
		}
	case *kmsg.BeginQuorumEpochRequest:
		if m.running {
			m.onBegin(c, r)
			return true
		}
	case *kmsg.EndQuorumEpochRequest:
		if m.running {
			m.onEnd(c, r)
			return true
		}
	case *kmsg.FetchRequest:
		if !fetchesMetadata(r) {
			return false
		}
		if m.running {
			m.onFetchRequest(c, r)
			return true
		}
	case *kmsg.DescribeQuorumRequest:
		m.onDescribe(c, r)
		return true
	default:
		return false
	}
	m.notReady(c, req)
	return true
}

// notReady answers while the log and the vote are being read, and after the stop.
func (m *Member) notReady(c Responder, req kmsg.Request) {
	resp := req.ResponseKind()
	switch r := resp.(type) {
	case *kmsg.VoteResponse:
		r.ErrorCode = kerr.BrokerNotAvailable.Code
	case *kmsg.BeginQuorumEpochResponse:
		r.ErrorCode = kerr.BrokerNotAvailable.Code
	case *kmsg.EndQuorumEpochResponse:
		r.ErrorCode = kerr.BrokerNotAvailable.Code
	case *kmsg.FetchResponse:
		r.ErrorCode = kerr.BrokerNotAvailable.Code
	}
	c.Respond(resp)
}

func (m *Member) sameCluster(id *string) bool { return id == nil || *id == m.cfg.ClusterID }

// onBegin: a leader says that its epoch has begun.
func (m *Member) onBegin(c Responder, req *kmsg.BeginQuorumEpochRequest) {
	resp := req.ResponseKind().(*kmsg.BeginQuorumEpochResponse)
	switch {
	case !m.sameCluster(req.ClusterID):
		resp.ErrorCode = kerr.InconsistentClusterID.Code
	case len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1:
		resp.ErrorCode = kerr.InvalidRequest.Code
	default:
		p := &req.Topics[0].Partitions[0]
		out := kmsg.NewBeginQuorumEpochResponseTopicPartition()
		switch {
		case p.LeaderEpoch < m.epoch:
			out.ErrorCode = kerr.FencedLeaderEpoch.Code
		case !m.cfg.isVoter(p.LeaderID) || p.LeaderID == m.cfg.NodeID:
			out.ErrorCode = kerr.InconsistentVoterSet.Code
		default:
			m.learn(p.LeaderEpoch, p.LeaderID)
		}
		out.LeaderID, out.LeaderEpoch = m.Leader(), m.epoch
		t := kmsg.NewBeginQuorumEpochResponseTopic()
		t.Topic, t.Partitions = TopicName, append(t.Partitions, out)
		resp.Topics = append(resp.Topics, t)
	}
	c.Respond(resp)
}

// onEnd: a leader gives up its epoch. The first in its list of heirs stands for
// election at once, the others a little later; all grant pre-votes from now on.
func (m *Member) onEnd(c Responder, req *kmsg.EndQuorumEpochRequest) {
	resp := req.ResponseKind().(*kmsg.EndQuorumEpochResponse)
	switch {
	case !m.sameCluster(req.ClusterID):
		resp.ErrorCode = kerr.InconsistentClusterID.Code
	case len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1:
		resp.ErrorCode = kerr.InvalidRequest.Code
	default:
		p := &req.Topics[0].Partitions[0]
		out := kmsg.NewEndQuorumEpochResponseTopicPartition()
		if p.LeaderEpoch < m.epoch {
			out.ErrorCode = kerr.FencedLeaderEpoch.Code
		} else {
			m.leaderEnded(p)
		}
		out.LeaderID, out.LeaderEpoch = m.Leader(), m.epoch
		t := kmsg.NewEndQuorumEpochResponseTopic()
		t.Topic, t.Partitions = TopicName, append(t.Partitions, out)
		resp.Topics = append(resp.Topics, t)
	}
	c.Respond(resp)
}

func (m *Member) leaderEnded(p *kmsg.EndQuorumEpochRequestTopicPartition) {
	m.learn(p.LeaderEpoch, p.LeaderID)
	if m.role != Follower || m.leader != p.LeaderID {
		return
	}
	m.fo.gone = true
	m.OnChange()
	if !m.voter {
		m.unattach(m.epoch, -1, m.vote)
		return
	}
	heirs := p.PreferredSuccessors
	for _, h := range p.PreferredCandidates {
		heirs = append(heirs, h.CandidateID)
	}
	at := slices.Index(heirs, m.cfg.NodeID)
	wait := clock.Duration(0)
	if at != 0 {
		if at < 0 {
			at = len(heirs)
		}
		step := int64(m.cfg.ElectionBackoffMax) / int64(len(m.cfg.Voters)+1)
		wait = clock.Duration(step*int64(at) + m.rng.N(step+1))
	}
	m.h.SetTimer(&m.timer, m.h.Now().Add(wait))
}

// onDescribe answers DescribeQuorum from the leader's state.
func (m *Member) onDescribe(c Responder, req *kmsg.DescribeQuorumRequest) {
	resp := req.ResponseKind().(*kmsg.DescribeQuorumResponse)
	for _, asked := range req.Topics {
		t := kmsg.NewDescribeQuorumResponseTopic()
		t.Topic = asked.Topic
		for _, ap := range asked.Partitions {
			p := kmsg.NewDescribeQuorumResponseTopicPartition()
			p.Partition, p.LeaderID, p.LeaderEpoch = ap.Partition, m.Leader(), m.epoch
			switch {
			case asked.Topic != TopicName || ap.Partition != 0:
				p.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case !m.Leading():
				p.ErrorCode = kerr.NotLeaderForPartition.Code
			default:
				p.HighWatermark = m.hw
				p.CurrentVoters = m.replicaStates(m.le.voters)
				p.Observers = m.replicaStates(m.le.observers)
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	resp.Nodes = []kmsg.DescribeQuorumResponseNode{}
	for _, v := range m.cfg.Voters {
		n := kmsg.NewDescribeQuorumResponseNode()
		host, port := hostPort(v.Addr)
		n.NodeID = v.ID
		n.Listeners = append(n.Listeners, kmsg.DescribeQuorumResponseNodeListener{Name: "CONTROLLER", Host: host, Port: port})
		resp.Nodes = append(resp.Nodes, n)
	}
	c.Respond(resp)
}

// hostPort splits an address; a port that is no number gives 0.
func hostPort(addr string) (string, uint16) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr, 0
	}
	port, _ := strconv.ParseUint(addr[i+1:], 10, 16)
	return strings.Trim(addr[:i], "[]"), uint16(port)
}

func (m *Member) replicaStates(all []progress) []kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	out := []kmsg.DescribeQuorumResponseTopicPartitionReplicaState{}
	wall, now := m.h.WallMs(), m.h.Now()
	for _, v := range all {
		s := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		s.ReplicaID, s.LogEndOffset, s.LastFetchTimestamp, s.LastCaughtUpTimestamp = v.id, v.end, -1, -1
		if v.id == m.cfg.NodeID && m.role == Leader {
			s.LogEndOffset, s.LastFetchTimestamp, s.LastCaughtUpTimestamp = m.log.End(), wall, wall
		} else if v.ever {
			s.LastFetchTimestamp = wall - now.Sub(v.fetched).Ms()
			if v.caughtUp != 0 {
				s.LastCaughtUpTimestamp = wall - now.Sub(v.caughtUp).Ms()
			}
		}
		out = append(out, s)
	}
	return out
}

// Stop ends the member in an orderly way: a leader resigns and tells the voters.
// done is called when that is over, in this event or a later one.
func (m *Member) Stop(done func()) {
	if m.role == Leader && m.running {
		m.resign(func() { m.end(done) })
		return
	}
	m.end(done)
}

// end silences the member for good.
func (m *Member) end(done func()) {
	if m.ended {
		return
	}
	m.ended, m.running = true, false
	m.term++
	for _, t := range []*engine.Timer{&m.timer, &m.fo.retry, &m.vo.retry, &m.le.begin, &m.le.check} {
		m.h.StopTimer(t)
	}
	for _, p := range m.peers {
		p.Close()
	}
	done()
}
