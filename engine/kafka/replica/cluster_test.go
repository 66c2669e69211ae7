package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/record"
)

var testTP = view.TP{Topic: "t", ID: view.TopicID{1}, Partition: 0}

// cluster is one partition on some nodes, with a controller that lives in the test.
type cluster struct {
	w        *world
	nodes    []*node
	reg      Registration
	settings Settings
	mutant   string

	alters   []AlterRequest
	altering func(n *node, r AlterRequest) (AlterResult, bool) // nil: the honest controller
	cut      map[[2]int32]bool
	latency  func() clock.Duration
	solo     int32 // when set, only this node hears of registrations: the test plays the others
	corrupt  int   // damage so many of the next fetch answers that carry records
}

type node struct {
	c      *cluster
	id     int32
	h      *host
	log    *plog.Log
	p      *Partition
	f      *Fetcher
	up     bool
	fenced bool
	deaf   bool // hears nothing of metadata
	epoch  int64

	checkpoint int64  // the highest high watermark that a crash could bring back; 0 none
	lowering   func() // ends LowerCheckpoint
}

func newCluster(t testing.TB, seed uint64, numNodes int, mut string) *cluster {
	c := &cluster{
		w: newWorld(t, seed), mutant: mut, cut: map[[2]int32]bool{},
		settings: Settings{MinISR: 2, MaxMessageBytes: 1 << 20, LagTimeMax: 30 * clock.Second},
		latency:  func() clock.Duration { return 100 * clock.Microsecond },
	}
	c.reg = Registration{Leader: -1, LeaderEpoch: 0, PartitionEpoch: 0}
	for id := int32(1); id <= int32(numNodes); id++ {
		n := &node{c: c, id: id, h: newHost(c.w, id)}
		c.nodes = append(c.nodes, n)
		c.reg.Replicas = append(c.reg.Replicas, id)
		c.reg.ISR = append(c.reg.ISR, id)
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.w.until("all logs open", func() bool {
		for _, n := range c.nodes {
			if n.p == nil {
				return false
			}
		}
		return true
	})
	return c
}

func (c *cluster) node(id int32) *node { return c.nodes[id-1] }

func (n *node) Host() engine.Host         { return n.h }
func (n *node) Settings(view.TP) Settings { return n.c.settings }
func (n *node) BrokerEpoch() int64        { return n.epoch }
func (n *node) Eligible(id int32) (int64, bool) {
	b := n.c.node(id)
	return b.epoch, b.up && !b.fenced
}

// LowerCheckpoint takes until the test calls lowering.
func (n *node) LowerCheckpoint(_ view.TP, hw int64, done func()) bool {
	if n.checkpoint <= hw {
		return false
	}
	n.lowering = func() { n.checkpoint, n.lowering = hw, nil; done() }
	return true
}

func (n *node) start() {
	n.up = true
	n.epoch += 10
	log := plog.New(n.h, 0, "t-0", plog.Config{SegmentBytes: 2000, Mutant: n.c.mutant})
	n.log = log
	log.Open(func(err error) {
		if err != nil {
			n.c.w.t.Fatalf("node %d: open: %v", n.id, err)
		}
		n.p = New(n, testTP, n.id, log, n.c.mutant)
		n.p.Opened(false, -1)
		n.c.tell(n)
	})
}

func (n *node) kill() {
	n.up = false
	n.h.life++
	n.h.lastDisk = 0
	n.h.disk.handles = map[engine.FileID]*file{}
	n.p, n.f, n.log = nil, nil, nil
}

// tell gives a node the current registration, as its metadata image would.
func (c *cluster) tell(n *node) {
	if !n.up || n.p == nil || c.reg.Leader == -1 && c.reg.PartitionEpoch == 0 || n.deaf || c.solo != 0 && c.solo != n.id {
		return
	}
	was := n.p.LeaderEpoch()
	n.p.Apply(c.reg)
	if c.reg.Leader == n.id || c.reg.Leader < 0 {
		if n.f != nil {
			n.f.Close()
			n.f = nil
		}
		return
	}
	if n.f == nil || n.f.Leader() != c.reg.Leader {
		if n.f != nil {
			n.f.Close()
		}
		cfg := DefaultFetcherConfig()
		cfg.Mutant = c.mutant
		n.f = NewFetcher(n, n.id, c.reg.Leader, &link{c: c, from: n, to: c.reg.Leader, life: n.h.life}, cfg)
		n.f.Add(n.p)
	} else if c.reg.LeaderEpoch != was {
		n.f.Add(n.p)
	}
}

// tellAll gives everybody the registration within a few milliseconds.
func (c *cluster) tellAll() {
	for _, n := range c.nodes {
		n.h.later(c.latency(), func() { c.tell(n) })
	}
}

func (c *cluster) elect(leader int32) {
	c.reg.Leader = leader
	c.reg.LeaderEpoch++
	c.reg.PartitionEpoch++
	c.tellAll()
}

func (c *cluster) leader() *node { return c.node(c.reg.Leader) }

// AlterPartition is the way to the test's controller and back.
func (n *node) AlterPartition(r AlterRequest, done func(AlterResult)) {
	c := n.c
	c.alters = append(c.alters, r)
	life := n.h.life
	c.w.after(c.latency(), func() {
		res, answer := AlterResult{}, true
		if c.altering != nil {
			res, answer = c.altering(n, r)
		} else {
			res = c.alter(n, r)
		}
		if !answer {
			res = AlterResult{Err: errors.New("no answer")}
		}
		c.w.after(c.latency(), func() {
			if n.h.life == life {
				done(res)
			}
		})
	})
}

func (c *cluster) alter(n *node, r AlterRequest) AlterResult {
	switch {
	case r.LeaderEpoch != c.reg.LeaderEpoch:
		return AlterResult{Code: codeFencedEpoch}
	case r.PartitionEpoch != c.reg.PartitionEpoch || c.reg.Leader != n.id:
		return AlterResult{Code: codeBadUpdate}
	}
	var isr []int32
	for _, m := range r.ISR {
		b := c.node(m.Broker)
		if m.Broker != n.id && (!b.up || b.fenced || m.Epoch != -1 && m.Epoch != b.epoch) {
			return AlterResult{Code: codeIneligibleReplica}
		}
		isr = append(isr, m.Broker)
	}
	c.reg.ISR = isr
	c.reg.PartitionEpoch++
	c.tellAll()
	return AlterResult{
		Leader: c.reg.Leader, LeaderEpoch: c.reg.LeaderEpoch, PartitionEpoch: c.reg.PartitionEpoch,
		ISR: slices.Clone(isr),
	}
}

// link carries a follower's requests to its leader.
type link struct {
	c    *cluster
	from *node
	to   int32
	life int
}

var errLink = errors.New("link is cut")

func (l *link) broken() bool { return l.c.cut[[2]int32{l.from.id, l.to}] }

// back runs do at the follower if it still lives.
func (l *link) back(do func()) {
	l.c.w.after(l.c.latency(), func() {
		if l.from.h.life == l.life {
			do()
		}
	})
}

func (l *link) Fetch(req *kmsg.FetchRequest, done func(*kmsg.FetchResponse, func(), error)) {
	fail := func() {
		l.c.w.after(clock.Second, func() { l.back(func() { done(nil, nil, errLink) }) })
	}
	to := l.c.node(l.to)
	l.c.w.after(l.c.latency(), func() {
		if l.from.h.life != l.life {
			return
		}
		if l.broken() || !to.up || to.p == nil {
			fail()
			return
		}
		s := &served{l: l, to: to, toLife: to.h.life, done: done, fail: fail}
		rp := req.Topics[0].Partitions[0]
		s.args = FetchArgs{
			Offset: rp.FetchOffset, MaxBytes: int(rp.PartitionMaxBytes), MinOne: true,
			CurrentEpoch: rp.CurrentLeaderEpoch, LastFetchedEpoch: rp.LastFetchedEpoch,
			Follower: req.ReplicaState.ID, FollowerEpoch: req.ReplicaState.Epoch, FollowerLogStart: rp.LogStartOffset,
		}
		s.p = to.p
		s.watch.Wake = func(*Watcher) { s.try(false) }
		s.timer.Fire = func() { s.try(true) }
		s.try(false)
		if !s.over {
			to.h.SetTimer(&s.timer, to.h.Now().Add(clock.Ms(int64(req.MaxWaitMillis))))
			l.c.w.after(40*clock.Second, func() { // the socket timeout, when the leader has died
				if !s.over && s.to.h.life != s.toLife {
					s.over = true
					l.back(func() { done(nil, nil, errLink) })
				}
			})
		}
	})
}

// served is one fetch at the leader, waiting for records.
type served struct {
	l      *link
	to     *node
	toLife int
	p      *Partition
	args   FetchArgs
	watch  Watcher
	timer  engine.Timer
	over   bool
	done   func(*kmsg.FetchResponse, func(), error)
	fail   func()
}

func (s *served) try(last bool) {
	if s.over {
		return
	}
	r := s.p.Fetch(s.args)
	s.args.ReadOnly = true
	if r.Code == 0 && r.Diverging == nil && r.Bytes == 0 && !last {
		s.p.Watch(&s.watch)
		return
	}
	s.over = true
	s.p.Unwatch(&s.watch)
	s.to.h.StopTimer(&s.timer)
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.Partition, rp.ErrorCode, rp.HighWatermark, rp.LogStartOffset = 0, r.Code, r.HW, r.LogStart
	if r.Diverging != nil {
		rp.DivergingEpoch.Epoch, rp.DivergingEpoch.EndOffset = r.Diverging.Epoch, r.Diverging.End
	}
	if r.Bytes == 0 {
		s.answer(rp)
		return
	}
	buf := make([]byte, r.Bytes)
	s.p.Log().Read(r.Slice, buf, func(n int, err error) {
		if err != nil {
			s.fail()
			return
		}
		rp.RecordBatches = buf[:n]
		if s.l.c.corrupt > 0 {
			s.l.c.corrupt--
			buf[n-1] ^= 0x40
		}
		s.answer(rp)
	})
}

func (s *served) answer(rp kmsg.FetchResponseTopicPartition) {
	if s.l.broken() {
		s.fail()
		return
	}
	resp := &kmsg.FetchResponse{Topics: []kmsg.FetchResponseTopic{{
		Topic: testTP.Topic, TopicID: testTP.ID, Partitions: []kmsg.FetchResponseTopicPartition{rp},
	}}}
	s.l.back(func() {
		s.done(resp, func() {
			for i := range rp.RecordBatches { // nobody may look at it any more
				rp.RecordBatches[i] = 0xDB
			}
		}, nil)
	})
}

func (l *link) ListOffsets(req *kmsg.ListOffsetsRequest, done func(*kmsg.ListOffsetsResponse, error)) {
	to := l.c.node(l.to)
	l.c.w.after(l.c.latency(), func() {
		if l.broken() || !to.up || to.p == nil {
			l.c.w.after(clock.Second, func() { l.back(func() { done(nil, errLink) }) })
			return
		}
		rp := req.Topics[0].Partitions[0]
		to.p.ListOffsets(rp.Timestamp, rp.CurrentLeaderEpoch, false, true, func(code int16, offset, ts int64, epoch int32) {
			resp := &kmsg.ListOffsetsResponse{Topics: []kmsg.ListOffsetsResponseTopic{{
				Topic:      testTP.Topic,
				Partitions: []kmsg.ListOffsetsResponseTopicPartition{{ErrorCode: code, Offset: offset, Timestamp: ts, LeaderEpoch: epoch}},
			}}}
			l.back(func() { done(resp, nil) })
		})
	})
}

// batch builds one batch of numRecords records.
func (c *cluster) batch(value string, numRecords int) []byte {
	var b record.Builder
	b.Reset(nil)
	for i := range numRecords {
		b.Add(1_700_000_000_000+c.w.now.Ms(), nil, fmt.Appendf(nil, "%s.%d", value, i))
	}
	return b.Batch()
}

// idem builds a batch of one record of an idempotent producer.
func (c *cluster) idem(value string, pid int64, seq int32) []byte {
	var b record.Builder
	b.Reset(nil)
	b.SetProducer(pid, 0, seq)
	b.Add(1_700_000_000_000, nil, []byte(value))
	return b.Batch()
}

// sent is a produce request of the tests.
type sent struct {
	ProduceWaiter
	answered int
	written  int
	crc      uint32
	at       clock.Instant
}

func (n *node) produce(data []byte, acks int16) *sent {
	s := &sent{crc: record.Batch(data).CRC()}
	s.Done = func(*ProduceWaiter) { s.answered++; s.at = n.c.w.now }
	s.Written = func() { s.written++ }
	n.p.Produce(&s.ProduceWaiter, data, acks)
	return s
}

func (s *sent) want(t testing.TB, code int16, base int64) {
	t.Helper()
	if s.answered != 1 {
		t.Fatalf("answered %d times, want once", s.answered)
	}
	if s.Code != code || s.Base != base {
		t.Fatalf("answer: code %d base %d, want code %d base %d", s.Code, s.Base, code, base)
	}
}

func (s *sent) wantOpen(t testing.TB) {
	t.Helper()
	if s.answered != 0 {
		t.Fatalf("answered with code %d, want it to wait", s.Code)
	}
}

// facts returns the facts of one type that a node has emitted.
func facts[F engine.Fact](n *node) []F {
	var out []F
	for _, f := range n.h.facts {
		if f, ok := f.(F); ok {
			out = append(out, f)
		}
	}
	return out
}
