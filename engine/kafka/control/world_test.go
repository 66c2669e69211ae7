package control

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/control/quorum"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/wire"
)

// testNode is a program with nothing but the control plane, and optionally a
// broker's lifecycle: registration and heartbeats.
type testNode struct {
	w    *testWorld
	h    engine.Host
	cfg  Config
	node *Node
	ch   *Channel

	broker testBroker
}

func (p *testNode) Boot(h engine.Host) {
	p.h = h
	log := plog.New(h, 0, "__cluster_metadata-0", plog.Config{MaxMessageBytes: 8 << 20, Mutant: p.cfg.Mutant})
	p.node = New(h, p.cfg, log)
	p.ch = p.node.Channel("test")
	h.Listen(1)
	p.node.OnImage(func(_, im *image.Image, _ image.Delta) { p.w.checkImage(im) })
	p.node.Start()
	if p.w.brokers {
		p.broker.start(p)
	}
}

func (p *testNode) Accept(c engine.ConnID, _ engine.ListenerID, _ string) engine.ConnHandler {
	return &testConn{p: p}
}

func (p *testNode) Stop() { p.node.Stop(func() { p.h.Exit(nil) }) }

type testConn struct{ p *testNode }

func (t *testConn) Opened(engine.ConnID)        {}
func (t *testConn) Closed(engine.ConnID, error) {}
func (t *testConn) Frame(c engine.ConnID, b *engine.Buf) {
	defer t.p.h.Release(b)
	hdr, body, err := wire.ParseRequest(b.B)
	if err != nil {
		t.p.h.Close(c)
		return
	}
	req, err := wire.DecodeRequest(hdr, body)
	if err != nil {
		t.p.h.Close(c)
		return
	}
	if v, ok := req.(*kmsg.VoteRequest); ok {
		t.p.w.rules.onVoteAsked(v)
	}
	if !t.p.node.Handle(&testAnswer{h: t.p.h, c: c, hdr: hdr}, hdr, req) {
		t.p.h.Close(c)
	}
}

type testAnswer struct {
	h    engine.Host
	c    engine.ConnID
	hdr  wire.Header
	done bool
}

func (a *testAnswer) Respond(resp kmsg.Response) {
	if a.done {
		panic("a request is answered twice")
	}
	a.done = true
	resp.SetVersion(a.hdr.Version)
	b := a.h.Buf(256)
	b.B = wire.AppendResponse(b.B, a.hdr.CorrelationID, resp)
	a.h.Send(a.c, b)
}

// testBroker registers and heartbeats as a broker does.
type testBroker struct {
	p        *testNode
	epoch    int64
	fenced   bool
	stopping bool
	stopped  bool
	previous int64
	inc      [16]byte
	timer    engine.Timer
	silent   bool
}

func (b *testBroker) start(p *testNode) {
	*b = testBroker{p: p, epoch: -1, fenced: true, previous: p.w.previous[p.cfg.NodeID], inc: p.h.Stream("incarnation").UUID()}
	delete(p.w.previous, p.cfg.NodeID)
	b.timer.Fire = b.next
	b.next()
}

func (b *testBroker) again(d clock.Duration) { b.p.h.SetTimer(&b.timer, b.p.h.Now().Add(d)) }

func (b *testBroker) next() {
	if b.silent {
		b.again(clock.Second)
		return
	}
	if b.epoch < 0 {
		b.p.ch.Send(registerReq(b.p.cfg.NodeID, b.inc, b.previous), 9*clock.Second, func(r kmsg.Response, err error) {
			if resp, ok := r.(*kmsg.BrokerRegistrationResponse); ok && err == nil && resp.ErrorCode == 0 {
				b.epoch = resp.BrokerEpoch
				b.again(0)
			} else {
				b.again(100 * clock.Millisecond)
			}
		})
		return
	}
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.Version = 1
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = b.p.cfg.NodeID, b.epoch, b.p.node.Image().Offset()-1
	req.WantShutdown = b.stopping
	b.p.ch.Send(req, 9*clock.Second, func(r kmsg.Response, err error) {
		resp, ok := r.(*kmsg.BrokerHeartbeatResponse)
		if err != nil || !ok || resp.ErrorCode != 0 {
			b.again(100 * clock.Millisecond)
			return
		}
		b.fenced = resp.IsFenced
		if b.stopped = resp.ShouldShutdown; b.stopped {
			b.p.w.previous[b.p.cfg.NodeID] = b.epoch
			return
		}
		b.expand()
		if b.fenced || b.stopping {
			b.again(10 * clock.Millisecond)
		} else {
			b.again(2 * clock.Second)
		}
	})
}

// expand proposes every eligible replica for the partitions that the broker leads,
// as a leader does whose followers have all caught up.
func (b *testBroker) expand() {
	im := b.p.node.Image()
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = 3, b.p.cfg.NodeID, b.epoch
	for _, t := range im.Topics() {
		rt := kmsg.NewAlterPartitionRequestTopic()
		rt.TopicID = t.ID
		for id, p := range t.Partitions {
			if p.Leader != b.p.cfg.NodeID || len(p.ISR) == len(p.Replicas) {
				continue
			}
			rp := kmsg.NewAlterPartitionRequestTopicPartition()
			rp.Partition, rp.LeaderEpoch, rp.PartitionEpoch = int32(id), p.LeaderEpoch, p.PartitionEpoch
			for _, r := range p.Replicas {
				if o := im.Broker(r); o.Active() {
					rp.NewEpochISR = append(rp.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: r, BrokerEpoch: o.Epoch})
				}
			}
			if len(rp.NewEpochISR) > len(p.ISR) {
				rt.Partitions = append(rt.Partitions, rp)
			}
		}
		if len(rt.Partitions) > 0 {
			req.Topics = append(req.Topics, rt)
		}
	}
	if len(req.Topics) > 0 {
		b.p.ch.Send(req, 2*clock.Second, func(kmsg.Response, error) {})
	}
}

// checkImage holds W10 on a committed image: nobody fenced or stopping is in an
// ISR, but for the last member of a partition without a leader.
func (w *testWorld) checkImage(im *image.Image) {
	for _, t := range im.Topics() {
		for id, p := range t.Partitions {
			w.rules.seen["w10"]++
			for _, r := range p.ISR {
				if !im.Broker(r).Active() && (len(p.ISR) > 1 || p.Leader != image.NoLeader) {
					w.rules.fail("offset %d: %s-%d has inactive broker %d in its ISR: %+v", im.Offset(), t.Name, id, r, *p)
				}
			}
			if p.Leader != image.NoLeader && !im.Broker(p.Leader).Active() {
				w.rules.fail("offset %d: %s-%d is led by inactive broker %d", im.Offset(), t.Name, id, p.Leader)
			}
		}
	}
}

func registerReq(id int32, inc [16]byte, previous int64) *kmsg.BrokerRegistrationRequest {
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.Version = 4
	req.BrokerID, req.ClusterID, req.IncarnationID, req.PreviousBrokerEpoch = id, "test-cluster", inc, previous
	l := kmsg.NewBrokerRegistrationRequestListener()
	l.Name, l.Host, l.Port = "PLAINTEXT", fmt.Sprintf("n%d", id), 9092
	req.Listeners = append(req.Listeners, l)
	for _, n := range []string{"metadata.version", elrFeature} {
		f := kmsg.NewBrokerRegistrationRequestFeature()
		f.Name, f.MinSupportedVersion, f.MaxSupportedVersion = n, 0, 30
		req.Features = append(req.Features, f)
	}
	req.LogDirs = [][16]byte{{0: 1, 15: byte(id)}}
	return req
}

// testWorld is a cluster of test nodes; the rules of the quorum are checked on
// every fact.
type testWorld struct {
	*tinyWorld
	t        *testing.T
	nodes    []*machine
	brokers  bool
	previous map[int32]int64
	rules    *rules
}

type option func(*Config)

func newWorld(t *testing.T, seed uint64, voters, all int, brokers bool, opts ...option) *testWorld {
	w := &testWorld{tinyWorld: newTinyWorld(seed), t: t, brokers: brokers, previous: map[int32]int64{}, rules: newRules(t, voters)}
	w.OnFact = w.rules.on
	if testing.Verbose() {
		w.OnLog = func(_ engine.NodeID, line string) { t.Log(line) }
	}
	var vs []Voter
	for i := 1; i <= voters; i++ {
		vs = append(vs, Voter{ID: int32(i), Addr: tinyAddr(engine.NodeID(i), 1)})
	}
	for i := 1; i <= all; i++ {
		cfg := Config{NodeID: int32(i), ClusterID: "test-cluster", Voters: vs}
		for _, o := range opts {
			o(&cfg)
		}
		w.nodes = append(w.nodes, w.Add(engine.NodeID(i), func() engine.Program { return &testNode{w: w, cfg: cfg} }))
	}
	return w
}

func (w *testWorld) start() *testWorld {
	for _, n := range w.nodes {
		n.Start()
	}
	return w
}

func (w *testWorld) prog(i int) *testNode { return w.nodes[i-1].Program().(*testNode) }

// leader is the node whose controller is active, 0 if there is not exactly one alive.
func (w *testWorld) leader() int {
	found := 0
	for i, n := range w.nodes {
		if n.Alive() && w.prog(i+1).node != nil && w.prog(i+1).node.Active() {
			if found != 0 {
				return 0
			}
			found = i + 1
		}
	}
	return found
}

func (w *testWorld) awaitLeader(d clock.Duration) int {
	w.t.Helper()
	if !w.Until(d, func() bool { return w.leader() != 0 }) {
		w.t.Fatalf("no active controller after %v", d)
	}
	return w.leader()
}

// call sends a request over a node's channel and runs until it is answered.
func (w *testWorld) call(i int, req kmsg.Request) kmsg.Response {
	w.t.Helper()
	var resp kmsg.Response
	var failed error
	w.prog(i).ch.Send(req, 30*clock.Second, func(r kmsg.Response, err error) { resp, failed = r, err })
	if !w.Until(31*clock.Second, func() bool { return resp != nil || failed != nil }) || failed != nil {
		w.t.Fatalf("%T was not answered: %v", req, failed)
	}
	return resp
}

// rules are the invariants of the quorum over facts (W8, W14, W15).
type rules struct {
	t         *testing.T
	majority  int
	leaders   map[int32]engine.NodeID
	votes     map[[2]int64]int32 // (voter, epoch) -> candidate
	entries   map[[2]int64]uint32
	synced    map[engine.NodeID]int64
	durable   map[engine.NodeID]int64 // the highest end that was ever synced
	logs      map[engine.NodeID]map[int64]view.Batch
	committed map[int64]view.Batch
	hw        int64
	hashes    map[int64]uint64
	parts     map[view.TP]view.PartitionRegistered
	seen      map[string]int
	broken    []string
}

func newRules(t *testing.T, voters int) *rules {
	return &rules{t: t, majority: voters/2 + 1, leaders: map[int32]engine.NodeID{}, votes: map[[2]int64]int32{},
		entries: map[[2]int64]uint32{}, synced: map[engine.NodeID]int64{}, durable: map[engine.NodeID]int64{}, logs: map[engine.NodeID]map[int64]view.Batch{},
		committed: map[int64]view.Batch{}, hashes: map[int64]uint64{}, parts: map[view.TP]view.PartitionRegistered{}, seen: map[string]int{}}
}

func (r *rules) fail(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

func (r *rules) on(n engine.NodeID, f engine.Fact) {
	r.seen[f.FactName()]++
	switch f := f.(type) {
	case view.QuorumRole:
		if f.Role == quorum.Leader.String() {
			if o, ok := r.leaders[f.Epoch]; ok && o != n {
				r.fail("two leaders in epoch %d: %d and %d", f.Epoch, o, n)
			} else if ok {
				r.fail("node %d leads epoch %d twice", n, f.Epoch)
			}
			r.leaders[f.Epoch] = n
		}
	case view.VoteAnswered:
		if f.Granted && !f.PreVote {
			k := [2]int64{int64(n), int64(f.Epoch)}
			if o, ok := r.votes[k]; ok && o != f.Candidate {
				r.fail("node %d votes for %d and %d in epoch %d", n, o, f.Candidate, f.Epoch)
			}
			r.votes[k] = f.Candidate
		}
	case view.QuorumOpened:
		r.logs[n], r.synced[n] = map[int64]view.Batch{}, 0
		for _, b := range f.Batches {
			r.logs[n][b.Base] = b
		}
	case view.QuorumAppended:
		k := [2]int64{int64(f.LeaderEpoch), f.Base}
		if crc, ok := r.entries[k]; ok && crc != f.CRC {
			r.fail("epoch %d offset %d names two batches", f.LeaderEpoch, f.Base)
		}
		r.entries[k] = f.CRC
		r.logs[n][f.Base] = f.Batch
	case view.QuorumSynced:
		r.synced[n] = f.End
		r.durable[n] = max(r.durable[n], f.End)
	case view.QuorumTruncated:
		if f.To < f.HW {
			r.fail("node %d truncates to %d below its high watermark %d", n, f.To, f.HW)
		}
		for base := range r.logs[n] {
			if base >= f.To {
				delete(r.logs[n], base)
			}
		}
		r.synced[n] = min(r.synced[n], f.To)
	case view.QuorumHW:
		r.onHW(n, f)
	case view.MetadataApplied:
		if h, ok := r.hashes[f.Offset]; ok && h != f.Hash {
			r.fail("node %d has another image at offset %d", n, f.Offset)
		}
		r.hashes[f.Offset] = f.Hash
		if f.Offset > r.hw {
			r.fail("node %d applies metadata up to %d, committed is %d", n, f.Offset, r.hw)
		}
	case view.PartitionRegistered:
		r.onPartition(f)
	}
}

// onVoteAsked: what a candidate says of its log is durable, because a voter that
// has granted it once grants it again unseen.
func (r *rules) onVoteAsked(req *kmsg.VoteRequest) {
	p := &req.Topics[0].Partitions[0]
	if n := engine.NodeID(p.CandidateID); !p.PreVote && p.LastOffset > r.durable[n] {
		r.fail("candidate %d of epoch %d claims a log up to %d, only %d has ever been durable", n, p.CandidateEpoch, p.LastOffset, r.durable[n])
	}
	r.seen["vote"]++
}

func (r *rules) onHW(n engine.NodeID, f view.QuorumHW) {
	if f.To < f.From {
		r.fail("high watermark of node %d falls", n)
	}
	if f.Leader {
		if f.To <= f.EpochStart {
			r.fail("node %d commits %d before its epoch's start %d", n, f.To, f.EpochStart)
		}
		holders := 0
		for id, s := range r.synced {
			if s >= f.To && int(id) <= 2*r.majority-1 {
				holders++
			}
		}
		if holders < r.majority {
			r.fail("node %d commits up to %d with %d synced holders", n, f.To, holders)
		}
	}
	for base, b := range r.logs[n] {
		if b.Last >= f.To {
			continue
		}
		if c, ok := r.committed[base]; ok && c != b {
			r.fail("committed batch at %d differs on node %d", base, n)
		}
		r.committed[base] = b
	}
	r.hw = max(r.hw, f.To)
}

func (r *rules) onPartition(f view.PartitionRegistered) {
	if o, ok := r.parts[f.TP]; ok && !f.Removed && f.Offset > o.Offset {
		if f.PartitionEpoch <= o.PartitionEpoch || f.LeaderEpoch < o.LeaderEpoch || f.Leader != o.Leader && f.LeaderEpoch == o.LeaderEpoch {
			r.fail("partition epochs of %v go wrong: %+v after %+v", f.TP, f, o)
		}
	}
	if o, ok := r.parts[f.TP]; !ok || f.Offset > o.Offset {
		r.parts[f.TP] = f
	}
}

// check fails the test if a rule was broken.
func (r *rules) check() {
	r.t.Helper()
	for i, b := range r.broken {
		if i < 5 {
			r.t.Error(b)
		}
	}
}
