package quorum

import (
	"cmp"
	"slices"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/peer"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// TopicID is the well-known id of the metadata topic (Uuid.METADATA_TOPIC_ID).
var TopicID = [16]byte{15: 1}

// TopicName is the name of the metadata topic.
const TopicName = "__cluster_metadata"

// Role is what a member currently is.
type Role uint8

// The roles (KRaft's states). Observers are only ever unattached or followers.
const (
	Unattached Role = iota
	Follower
	Prospective
	Candidate
	Leader
	Resigned
)

func (r Role) String() string {
	return [...]string{"unattached", "follower", "prospective", "candidate", "leader", "resigned"}[r]
}

// Member is one node's member of the metadata quorum.
type Member struct {
	// OnChange is told that role, epoch or known leader changed.
	OnChange func()
	// OnCommit is told that the high watermark moved, or more of the committed
	// log became readable.
	OnCommit func()
	// OnFatal is told, once, that the disk under the quorum failed: the node must end.
	OnFatal func(err error)

	h     engine.Host
	cfg   Config
	log   *plog.Log
	store store
	rng   *engine.Stream
	peers []*peer.Conn // by index of voter; of ourselves unused

	running bool
	voter   bool
	role    Role
	epoch   int32
	leader  int32  // -1 unknown
	vote    int32  // -1 none
	term    uint64 // counts changes of role and epoch: stale completions compare it
	hw      int64

	timer   engine.Timer // the role's main timeout
	durable []waiter     // work for when the election state is on disk
	votes   []heldVote   // granted votes that are not yet durable

	appending int  // appends under way
	syncing   bool // a sync or a truncation is under way
	failed    bool // the volume failed
	ended     bool // stopped in an orderly way

	vo ballot
	fo following
	le leadership
}

// waiter is work that waits until the election state of its term is durable.
type waiter struct {
	term uint64
	run  func()
}

// New makes a member over its log. Nothing happens before Start.
func New(h engine.Host, cfg Config, log *plog.Log) *Member {
	cfg = cfg.normal()
	cfg.Voters = slices.Clone(cfg.Voters)
	slices.SortStableFunc(cfg.Voters, func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
	m := &Member{h: h, cfg: cfg, log: log, rng: h.Stream("quorum"), voter: cfg.isVoter(cfg.NodeID), leader: -1, vote: -1}
	m.OnChange, m.OnCommit, m.OnFatal = func() {}, func() {}, func(error) {}
	m.timer.Fire = m.onTimeout
	m.fo.retry.Fire = m.settle
	m.vo.retry.Fire = m.askVotes
	m.le.begin.Fire = m.onBeginTimer
	m.le.check.Fire = m.onCheckQuorum
	m.store = store{h: h, vol: cfg.Volume, dir: cfg.Dir, fatal: m.fatal, written: m.onDurable,
		unsafe: mutant.Enabled && cfg.Mutant == mutant.CTL04}
	for _, v := range cfg.Voters {
		m.peers = append(m.peers, peer.New(h, v.Addr, "raft-client"))
		m.store.voters = append(m.store.voters, stateVoter{v.ID})
	}
	return m
}

// Start opens the log, reads the vote and takes up the role that follows from them.
func (m *Member) Start() {
	m.log.OnOffline(m.fatal)
	m.log.Open(func(err error) {
		if err != nil {
			m.fatal(err)
			return
		}
		// What a crash left in the page cache was never counted: sync before it is.
		m.log.Sync(func(err error) {
			if err != nil {
				m.fatal(err)
				return
			}
			m.store.load(m.loaded)
		})
	})
}

func (m *Member) loaded(e election, found bool, err error) {
	if m.ended {
		return
	}
	if err != nil {
		m.fatal(err)
		return
	}
	m.running = true
	if last, ok := m.log.LastEpoch(); ok && last > e.Epoch {
		e = election{Epoch: last, Leader: -1, Vote: -1}
	}
	if m.h.Observed() {
		m.h.Emit(view.QuorumOpened{End: m.log.End(), Epoch: e.Epoch, Vote: e.Vote, Batches: m.log.Batches()})
		m.h.Emit(view.QuorumSynced{End: m.log.Synced()})
	}
	fresh := !found && m.log.Next() == 0
	self := m.cfg.NodeID
	m.epoch, m.vote = e.Epoch, e.Vote
	switch {
	case !m.voter && e.Leader >= 0:
		m.follow(e.Epoch, e.Leader)
	case !m.voter:
		m.unattach(e.Epoch, -1, -1)
	case mutant.Enabled && m.cfg.Mutant == mutant.CTL02 && e.Leader == self:
		m.h.Probe("mutant.reached")
		m.change(Leader, e.Epoch, self, e.Vote)
		m.lead()
	case len(m.cfg.Voters) == 1:
		m.campaign()
	case e.Leader == self:
		m.change(Resigned, e.Epoch, self, e.Vote)
		m.armElection()
	case e.Vote == self && e.Leader < 0:
		m.change(Candidate, e.Epoch, -1, self)
		m.stand()
	case e.Leader >= 0:
		m.follow(e.Epoch, e.Leader)
	case fresh && self == m.cfg.Voters[0].ID:
		m.prospect()
	default:
		m.unattach(e.Epoch, -1, e.Vote)
	}
}

// Role is the current role.
func (m *Member) Role() Role { return m.role }

// Epoch is the current epoch of the quorum.
func (m *Member) Epoch() int32 { return m.epoch }

// Leader is the leader of the current epoch as far as known: -1 unknown, or resigned.
func (m *Member) Leader() int32 {
	if m.role == Leader || m.role == Follower && !m.fo.gone {
		return m.leader
	}
	return -1
}

// HW is the high watermark: every record below it is committed.
func (m *Member) HW() int64 { return m.hw }

// Log is the metadata log.
func (m *Member) Log() *plog.Log { return m.log }

// IsVoter reports whether this node is a voter.
func (m *Member) IsVoter() bool { return m.voter }

// fatal ends the member: the node must not go on with a volume that failed.
func (m *Member) fatal(err error) {
	if m.failed {
		return
	}
	m.failed, m.running = true, false
	m.h.Logf(engine.Error, "metadata quorum: %v", err)
	m.OnFatal(err)
}

// change sets role, epoch, leader and vote, stops what the old role had under way
// and saves what must be durable.
func (m *Member) change(r Role, epoch, leader, vote int32) {
	wasLeader := m.role == Leader
	m.role, m.epoch, m.leader, m.vote = r, epoch, leader, vote
	m.term++
	m.durable = m.durable[:0]
	m.h.StopTimer(&m.timer)
	m.h.StopTimer(&m.fo.retry)
	m.h.StopTimer(&m.vo.retry)
	m.fo.gone, m.fo.fetched, m.fo.inFlight, m.fo.misses = false, false, false, 0
	if wasLeader && r != Leader {
		m.unlead()
	}
	m.store.save(election{Epoch: epoch, Leader: leader, Vote: vote})
	m.answerVotes()
	if m.h.Observed() {
		m.h.Emit(view.QuorumRole{Role: r.String(), Epoch: epoch, Leader: leader, Vote: vote})
	}
	m.h.Logf(engine.Info, "metadata quorum: %s in epoch %d, leader %d", r, epoch, leader)
	m.OnChange()
}

// whenDurable runs f once the current election state is on disk, unless the role
// or epoch has changed by then. CTL-04 does not wait.
func (m *Member) whenDurable(f func()) {
	if m.store.isDurable() {
		f()
		return
	}
	if m.store.unsafe {
		m.h.Probe("mutant.reached")
		f()
		return
	}
	m.durable = append(m.durable, waiter{m.term, f})
}

func (m *Member) onDurable() {
	if !m.store.isDurable() || m.failed {
		return
	}
	m.answerVotes()
	ready := m.durable
	m.durable = nil
	for _, w := range ready {
		if w.term == m.term {
			w.run()
		}
	}
}

// unattach: the epoch has no known leader.
func (m *Member) unattach(epoch, leader, vote int32) {
	m.change(Unattached, epoch, leader, vote)
	if m.voter {
		m.armElection()
		return
	}
	m.whenDurable(m.settle)
}

// armElection sets the role's timeout to a random election timeout.
func (m *Member) armElection() {
	t := int64(m.cfg.ElectionTimeout)
	m.h.SetTimer(&m.timer, m.h.Now().Add(clock.Duration(t+m.rng.N(t))))
}

// onTimeout is the role's main timeout.
func (m *Member) onTimeout() {
	switch m.role {
	case Unattached:
		m.prospect()
	case Follower:
		if m.voter {
			m.prospect()
		} else {
			m.unattach(m.epoch, -1, m.vote)
		}
	case Prospective, Candidate:
		m.prospect()
	case Resigned:
		m.unattach(m.epoch+1, -1, -1)
	}
}

// learn takes note of what another node says about the quorum; it reports whether
// that changed our role or epoch.
func (m *Member) learn(epoch, leader int32) bool {
	if leader == m.cfg.NodeID || leader >= 0 && !m.cfg.isVoter(leader) {
		leader = -1
	}
	switch {
	case epoch < m.epoch:
		return false
	case epoch > m.epoch && leader >= 0:
		m.follow(epoch, leader)
		return true
	case epoch > m.epoch:
		m.unattach(epoch, -1, -1)
		return true
	case leader >= 0 && (m.role == Unattached || m.role == Prospective || m.role == Candidate):
		if m.leader >= 0 && m.leader != leader {
			m.h.Logf(engine.Error, "metadata quorum: two leaders %d and %d in epoch %d", m.leader, leader, epoch)
			return false
		}
		m.follow(epoch, leader)
		return true
	}
	return false
}

// peerOf is the connection to a voter, nil for others and ourselves.
func (m *Member) peerOf(id int32) *peer.Conn {
	for i, v := range m.cfg.Voters {
		if v.ID == id && id != m.cfg.NodeID {
			return m.peers[i]
		}
	}
	return nil
}

// sync makes the log durable; syncs follow each other until nothing is volatile.
func (m *Member) sync() {
	if m.syncing || m.failed || m.log.Synced() >= m.log.End() {
		return
	}
	m.syncing = true
	m.log.Sync(func(err error) {
		m.syncing = false
		if m.failed {
			return
		}
		if err != nil {
			m.fatal(err)
			return
		}
		if m.h.Observed() {
			m.h.Emit(view.QuorumSynced{End: m.log.Synced()})
		}
		m.quiet()
	})
}

// quiet goes on after a sync or a truncation.
func (m *Member) quiet() {
	if m.role == Leader {
		m.updateHW()
		m.sync()
		return
	}
	m.settle()
}

// advance moves the high watermark, never back.
func (m *Member) advance(to int64, start int64) {
	if to = min(to, m.log.End()); to <= m.hw {
		return
	}
	from := m.hw
	m.hw = to
	if m.h.Observed() {
		m.h.Emit(view.QuorumHW{Epoch: m.epoch, From: from, To: to, Leader: m.role == Leader, EpochStart: start})
	}
	m.OnCommit()
}
