// Package invariant judges what brokers and controllers do, fact by fact, by the
// white-box rules W1 to W21 as far as the engine has the features.
//
// # Invariants
//
//   - a rule is evaluated on the fact that can break it, at constant cost but for
//     recoveries and leader changes
//   - ghost state (who appended what, the true high watermark, what is committed,
//     who ever had a copy, what a crash took) is built from facts and from the
//     world's fault events, and never read back from an engine
//   - tracing facts or judging them changes no run
//   - after a violation the ghost follows the engine, so that one bug is told once
//
// Not here: what clients saw (partlog, linear), the ledger (which never uses facts).
package invariant

import (
	"fmt"
	"slices"

	"trial/checks"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// Judge consumes facts and faults in the order in which they happened.
type Judge struct {
	cfg   checks.Config
	f     checks.Findings
	r     rules
	nodes []node
	parts []*partition
	index map[partKey]*partition
	last  *partition
	meta  quorum
	void  string // why the judge is silent

	// The committed metadata, as far as any node has applied it.
	metaSeen int64                // highest record offset seen
	fencing  bool                 // a broker's state changed since W10 was evaluated
	brokers  map[int64]brokerName // broker epoch -> who got it
	images   map[int64]image

	now clock.Instant
}

type partKey struct {
	id        view.TopicID
	partition int32
}

// node is a machine and what the metadata log says of its broker.
type node struct {
	id          int32
	incarnation engine.Incarnation
	up          bool

	registered bool
	epoch      int64
	incarnID   [16]byte
	fenced     bool
	stopping   bool
	unclean    bool // this registration surely followed an unclean end
	doubtful   bool // it may have
	regOffset  int64
	// crashed and stopped say what the world did to it since it last registered.
	crashed, stopped bool
	dirOf            map[string]*partition
}

type brokerName struct {
	id          int32
	incarnation [16]byte
}

type image struct {
	hash uint64
	node int32
}

type rules struct {
	w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15, w16, w18, w19, w21 *checks.Rule
}

// partition is one topic partition: its lineage and its committed registration.
type partition struct {
	lineage
	key   partKey
	topic checks.Topic
	reg   registration
	regs  []applied      // what was applied at each metadata offset, sorted
	led   int32          // highest leader epoch that began
	dups  map[int64]bool // bases that a leader answered as duplicates

	// accepted are the ISR changes that a controller took and no node has shown as
	// committed yet: what the controller sees may already be one of them.
	accepted []acceptedISR

	lastLeader int32   // latest leader that was one; -1 none yet
	lastKnown  bool    // the latest unclean election chose it, with nobody left in ISR and ELR
	before     []int32 // ISR and ELR before the latest unclean election
	unresolved bool    // whether one of them was alive is not known yet
	alive      int32   // who was; -1 nobody
}

type registration struct {
	known                       bool
	offset                      int64
	leader                      int32
	leaderEpoch, partitionEpoch int32
	replicas, isr, elr          []int32
	uncleanEpoch                int32 // latest leader epoch that an unclean election began; -1 none
}

type acceptedISR struct {
	partitionEpoch int32
	members        []view.ISRMember
}

type applied struct {
	offset int64
	hash   uint64
	node   int32
}

// New returns a judge for a run of that configuration.
func New(cfg checks.Config) *Judge {
	j := &Judge{
		cfg: cfg, index: map[partKey]*partition{}, metaSeen: -1, brokers: map[int64]brokerName{}, images: map[int64]image{},
	}
	f := &j.f
	j.r = rules{f.Rule("W1"), f.Rule("W2"), f.Rule("W3"), f.Rule("W4"), f.Rule("W5"), f.Rule("W6"), f.Rule("W7"), f.Rule("W8"),
		f.Rule("W9"), f.Rule("W10"), f.Rule("W11"), f.Rule("W12"), f.Rule("W13"), f.Rule("W14"), f.Rule("W15"), f.Rule("W16"),
		f.Rule("W18"), f.Rule("W19"), f.Rule("W21")}
	j.meta = newQuorum()
	return j
}

// Findings returns what the judge has found so far.
func (j *Judge) Findings() *checks.Findings { return &j.f }

// node returns the index of a node. There is room for 64.
func (j *Judge) node(id int32) int {
	for i := range j.nodes {
		if j.nodes[i].id == id {
			return i
		}
	}
	j.nodes = append(j.nodes, node{id: id, up: true, epoch: -1, regOffset: -1, dirOf: map[string]*partition{}})
	return min(len(j.nodes)-1, 63)
}

func (j *Judge) part(tp *view.TP) *partition {
	if p := j.last; p != nil && p.key.partition == tp.Partition && p.key.id == tp.ID {
		return p
	}
	key := partKey{tp.ID, tp.Partition}
	p := j.index[key]
	if p == nil {
		p = &partition{key: key, topic: j.cfg.Topic(tp.Topic), reg: registration{uncleanEpoch: -1}, dups: map[int64]bool{}, led: -1, lastLeader: -1}
		p.name = fmt.Sprintf("%s-%d", tp.Topic, tp.Partition)
		j.index[key] = p
		j.parts = append(j.parts, p)
	}
	j.last = p
	return p
}

// needed is how many replicas must hold a record of p before it is committed.
func (p *partition) needed() int {
	n := max(int(p.topic.MinISR), 1)
	if len(p.reg.replicas) > 0 {
		return min(n, len(p.reg.replicas))
	}
	return int(p.topic.Needed())
}

// member reports whether a broker is surely in the controller's ISR or ELR.
func (p *partition) member(id int32) bool {
	if !has(p.reg.isr, id) && !has(p.reg.elr, id) {
		return false
	}
	for i := range p.accepted {
		if !slices.ContainsFunc(p.accepted[i].members, func(m view.ISRMember) bool { return m.Broker == id }) {
			return false
		}
	}
	return true
}

// OnFact judges one fact. Facts of one node arrive in the order of their emission.
func (j *Judge) OnFact(now clock.Instant, id engine.NodeID, inc engine.Incarnation, f engine.Fact) {
	j.now = now
	if j.void != "" {
		return
	}
	n := j.node(int32(id))
	if j.nodes[n].incarnation != inc {
		j.nodes[n].incarnation = inc
		j.down(n)
		j.nodes[n].up = true
	}
	switch f := f.(type) {
	case view.Appended:
		j.onAppended(n, &f)
	case view.AppendDuplicate:
		j.onDuplicate(n, &f)
	case view.LogOpened:
		j.onOpened(n, &f)
	case view.LogSynced:
		j.onLogSynced(n, &f)
	case view.Truncated:
		j.onTruncated(n, &f)
	case view.BecameLeader:
		j.onLeader(n, &f)
	case view.BecameFollower:
		j.onFollower(n, &f)
	case view.HWMoved:
		j.onHW(n, &f)
	case view.FollowerFetched:
		j.onFetched(n, &f)
	case view.ISRProposed:
		j.onProposed(n, &f)
	case view.ProduceAcked:
		j.onAcked(n, &f)
	case view.FetchServed:
		j.onServed(n, &f)
	case view.FetchApplied:
		j.onApplied(n, &f)
	default:
		j.onQuorumFact(n, f)
	}
}

func (j *Judge) onQuorumFact(n int, f engine.Fact) {
	switch f := f.(type) {
	case view.VoteAnswered:
		j.onVote(n, &f)
	case view.QuorumRole:
		j.onRole(n, &f)
	case view.QuorumAppended:
		j.onQuorumAppended(n, &f)
	case view.QuorumSynced:
		j.onSynced(n, &f)
	case view.QuorumTruncated:
		j.onQuorumTruncated(n, &f)
	case view.QuorumOpened:
		j.onQuorumOpened(n, &f)
	case view.QuorumHW:
		j.onQuorumHW(n, &f)
	case view.MetadataApplied:
		j.onMetadata(n, &f)
	case view.PartitionRegistered:
		j.onPartition(n, &f)
	case view.BrokerRegistered:
		j.onBroker(n, &f)
	case view.AlterPartitionAccepted:
		j.onAccepted(n, &f)
	}
}

// down forgets what a process held in memory.
func (j *Judge) down(n int) {
	j.nodes[n].up = false
	for _, p := range j.parts {
		if n < len(p.reps) {
			p.reps[n].close()
		}
	}
	if n < len(j.meta.reps) {
		j.meta.reps[n].close()
	}
	j.meta.down(n)
}

func (r *replica) close() {
	r.open, r.leading, r.hwGiven = false, false, false
	r.crashed = r.crashed || r.seen
	r.fetched = r.fetched[:0]
	r.producers = nil
}

func (j *Judge) id(n int) int32 { return j.nodes[n].id }

// where names a place in a partition for a violation.
func (l *lineage) where(o int64) []string { return []string{fmt.Sprintf("%s@%d", l.name, o)} }

func show(b view.Batch) string {
	return fmt.Sprintf("[%d,%d] of leader epoch %d, checksum %08x", b.Base, b.Last, b.LeaderEpoch, b.CRC)
}

func has(list []int32, id int32) bool { return slices.Contains(list, id) }
