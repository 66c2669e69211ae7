// Package linear judges whether every partition's log is linearizable: whether
// produces, offset queries and deliveries can be placed on one line that agrees
// with real time and with the offsets they were given.
//
// Judge is exact and linear in time: with offsets as witnesses no search is
// needed. Place an append at its offset o and an answer "latest is v" between
// v-1 and v. Points that lie inside the operations' intervals and increase with
// position exist if and only if every operation completes after the latest
// invocation among those placed before it. Porcupine is a second opinion by an
// independent search on windows of the same history.
//
// # Invariants
//
//   - only acks=all acknowledgements bind; any other send may take effect at any
//     time after its invocation, or never
//   - an answer that a deposed leader gave is stale by leader epoch and left out
//     (case O of the ledger)
//   - a search over its step budget is "exhausted", never a pass
//   - no clock decides anything
//
// Not here: loss, duplicates, order per producer (partlog).
package linear

import (
	"fmt"
	"math"

	"trial/checks"
	"trial/checks/history"
)

// Input is what the judges read.
type Input struct {
	History *history.History
	// Name prints a partition.
	Name func(checks.Part) string
	Ends []checks.EraEnd
}

// inf is the completion of an operation that binds nothing.
const inf = math.MaxInt64

// send is one produced record with its place in the final lineage.
type send struct {
	part       int32
	inv, comp  int64 // comp is inf unless an acks=all acknowledgement binds it
	compByList int64 // comp, but inf when the acknowledging leader's epoch is unknown
	pos        int64 // offset; -1 when it is in no lineage
	acked      int64
	attempts   int32
	idem       bool
	all        bool
}

// list is one answered query for the latest offset.
type list struct {
	part      int32
	inv, comp int64
	value     int64
	epoch     int32
}

// delivery is one record that a consumer got.
type delivery struct {
	seq  int64
	pos  int64
	send int32
}

type part struct {
	key        checks.Part
	ends       []checks.EraEnd
	sends      []int32
	lists      []list
	deliveries []delivery
	lineage    []int32 // final dump: offset -> send, 0 for a hole
	epochs     []int32
	cur        []int32
	curEpochs  []int32
	end        int64
	dumped     bool
}

// model is the history, sorted into partitions.
type model struct {
	in     Input
	index  map[checks.Part]int32
	last   int32
	parts  []part
	sends  []send // 0 unused
	opOf   []int32
	byID   [][]int32
	events []history.Event
	asked  map[int64]list
	stale  int64 // answers left out
}

func read(in Input) *model {
	m := &model{in: in, index: map[checks.Part]int32{}, last: -1, events: in.History.Events, asked: map[int64]list{}}
	if in.Name == nil {
		m.in.Name = func(p checks.Part) string { return fmt.Sprintf("%x-%d", p.Topic[:4], p.Partition) }
	}
	m.sends = make([]send, 1, 1+len(m.events)/4)
	for _, e := range in.Ends {
		p := &m.parts[m.part(e.Topic, e.Partition)]
		p.ends = append(p.ends, e)
	}
	for i := range m.events {
		m.on(&m.events[i])
	}
	for i := range m.parts {
		m.place(&m.parts[i])
	}
	m.dropStale()
	return m
}

func (m *model) part(topic history.TopicID, partition int32) int32 {
	if m.last >= 0 {
		if p := &m.parts[m.last]; p.key.Partition == partition && p.key.Topic == topic {
			return m.last
		}
	}
	key := checks.Part{Topic: topic, Partition: partition}
	i, found := m.index[key]
	if !found {
		i = int32(len(m.parts))
		m.index[key] = i
		m.parts = append(m.parts, part{key: key})
	}
	m.last = i
	return i
}

func (m *model) on(e *history.Event) {
	switch e.Kind {
	case history.SendInvoked:
		pi := m.part(e.Topic, e.Partition)
		n := int32(len(m.sends))
		m.sends = append(m.sends, send{part: pi, inv: e.Seq, comp: inf, compByList: inf, pos: -1, acked: -1, idem: e.Idempotent, all: e.Acks == -1})
		m.parts[pi].sends = append(m.parts[pi].sends, n)
		m.opOf = put(m.opOf, e.Op, n)
		in := int(e.Record.Instance())
		for len(m.byID) <= in {
			m.byID = append(m.byID, nil)
		}
		if c := e.Record.Counter(); c <= uint64(len(m.events)) {
			m.byID[in] = put(m.byID[in], int64(c), n)
		}
	case history.SendAttempt:
		if e.Op >= 0 && e.Op < int64(len(m.opOf)) {
			m.sends[m.opOf[e.Op]].attempts++
		}
	case history.SendDone:
		m.onDone(e)
	case history.Delivered:
		if s := m.find(e); s != 0 {
			p := &m.parts[m.last]
			p.deliveries = append(p.deliveries, delivery{e.Seq, e.Offset, s})
		}
	case history.ListInvoked:
		if e.Query == -1 && !e.Committed {
			m.asked[e.Op] = list{part: m.part(e.Topic, e.Partition), inv: e.Seq}
		}
	case history.ListDone:
		if l, found := m.asked[e.Op]; found && e.Outcome == history.OK && e.Offset >= 0 {
			l.comp, l.value, l.epoch = e.Seq, e.Offset, e.LeaderEpoch
			m.parts[l.part].lists = append(m.parts[l.part].lists, l)
		}
		delete(m.asked, e.Op)
	case history.Dumped:
		m.onDumped(e)
	case history.DumpEnd:
		if p := &m.parts[m.part(e.Topic, e.Partition)]; !e.Committed {
			if e.Why == "" {
				p.lineage, p.epochs, p.end, p.dumped = p.cur, p.curEpochs, e.Offset, true
			}
			p.cur, p.curEpochs = nil, nil
		}
	}
}

func (m *model) onDone(e *history.Event) {
	if e.Op < 0 || e.Op >= int64(len(m.opOf)) || m.opOf[e.Op] == 0 || e.Outcome != history.OK {
		return
	}
	s := &m.sends[m.opOf[e.Op]]
	if !s.all || e.Offset < 0 {
		return
	}
	s.comp, s.acked = e.Seq, e.Offset
	if !s.idem || s.attempts <= 1 {
		s.compByList = e.Seq
	}
}

// find returns the send of an intact record read from its own partition.
func (m *model) find(e *history.Event) int32 {
	pi := m.part(e.Topic, e.Partition)
	in, c := int(e.Record.Instance()), e.Record.Counter()
	if e.Bad != "" || e.Offset < 0 || in >= len(m.byID) || c >= uint64(len(m.byID[in])) {
		return 0
	}
	if s := m.byID[in][c]; s != 0 && m.sends[s].part == pi {
		return s
	}
	return 0
}

func (m *model) onDumped(e *history.Event) {
	s := m.find(e)
	p := &m.parts[m.last]
	if s == 0 || e.Committed || e.Offset < int64(len(p.cur)) || e.Offset > int64(len(m.events))*16+1<<20 {
		return
	}
	for int64(len(p.cur)) < e.Offset {
		p.cur, p.curEpochs = append(p.cur, 0), append(p.curEpochs, -1)
	}
	p.cur, p.curEpochs = append(p.cur, s), append(p.curEpochs, e.LeaderEpoch)
}

func put(s []int32, i int64, v int32) []int32 {
	if i < 0 {
		return s
	}
	for int64(len(s)) <= i {
		s = append(s, 0)
	}
	s[i] = v
	return s
}

// place gives every send its position: the acknowledged offset if it binds, else
// the first offset in the final lineage. What an ended era took has none.
func (m *model) place(p *part) {
	for o, s := range p.lineage {
		if s != 0 && m.sends[s].pos < 0 {
			m.sends[s].pos = int64(o)
		}
	}
	for _, n := range p.sends {
		s := &m.sends[n]
		if s.comp == inf {
			continue
		}
		at := s.acked
		if at < int64(len(p.lineage)) && p.lineage[at] == n {
			s.pos = at
			continue
		}
		if m.removed(p, at) || s.pos >= 0 {
			// Gone with its era, or present elsewhere: partlog speaks about the latter.
			s.comp, s.compByList = inf, inf
			continue
		}
		s.pos = at
	}
}

func (m *model) removed(p *part, offset int64) bool {
	for i := range p.ends {
		if offset >= p.ends[i].Offset {
			return true
		}
	}
	return false
}
