// Package partlog judges one history by the rules L1 to L10 and C5: what the
// clients were promised about every partition's log, in one pass over the events
// and one over the final dump. No sorting, no hashing per record, no search.
//
// # Invariants
//
//   - only what clients saw is used, and the ledger's ends of eras
//   - an acknowledgement of acks=1 binds nothing until the record was delivered or
//     found in the final dump
//   - unknown outcomes bind nothing and may appear at any time after their invocation
//   - an answer of a deposed leader is stale, not wrong: answers are compared only
//     where leader epochs say that the later one comes from an equal or newer leader
//
// Not here: real-time order as a whole (linear), which losses are legal (ledger).
package partlog

import (
	"fmt"

	"trial/checks"
	"trial/checks/history"
)

// Input is what the judge reads.
type Input struct {
	History *history.History
	Config  checks.Config
	// Names gives the topics' names; topics that it lacks print as their ids.
	Names func(history.TopicID) string
	// Ends are the legal ends of eras, from the ledger, ordered by epoch.
	Ends []checks.EraEnd
	// LeaderChanges tells how many leader epochs the metadata log shows for a
	// partition beyond its first.
	LeaderChanges func(checks.Part) int
	// Removed tells that the metadata log shows the deletion of the topic (case R).
	Removed func(history.TopicID) bool
	Faults  []checks.FaultEvent
	// Late are the requests that reached a broker after the client had given up the
	// connection, in order.
	Late []checks.LateRequest
}

// Result is what the judge says.
type Result struct {
	Findings checks.Findings
	Allowed  []checks.Allowed
	Stats    Stats
}

// Stats says how much there was to judge.
type Stats struct {
	Sends, Acked, Refused, Unknown int64
	Delivered, Dumped              int64
	Partitions, DumpedPartitions   int64
	Stale                          int64 // answers of deposed leaders, not compared
}

type class uint8

const (
	open class = iota // still running, or its client died
	ok
	failed
	info
)

// op is one send. Offsets are -1 while unknown.
type op struct {
	id        history.RecordID
	inv, comp int64 // comp is -1 while open
	floor     int64 // highest committed offset known when it was invoked
	floor1    int64 // the same of acks=1 sends that survived, set by the second pass
	acked     int64 // offset in the acknowledgement
	first     int64 // offset at which it was first observed
	part      int32
	epoch     int32 // of the leader that it was sent to last, as the producer knew it; -1
	attempts  uint16
	copies    uint16
	acks      int8
	class     class
	idem      bool
	// renumbered: sent again under a new producer epoch while an earlier attempt had
	// no known outcome, so that the broker cannot tell the copies apart (case H).
	renumbered bool
	// disputed: the same, but a later attempt had been refused. The broker did not
	// have the record then, unless it forgot; it may have got it since (cameLate).
	disputed bool
	retried  int64 // event of its second attempt
	serial   bool  // one request in flight
}

// slot is what is known of one offset in the current era.
type slot struct {
	op        int32 // 0 is none
	epoch     int32 // -1 unknown
	weak      bool  // known from an acknowledgement that does not bind
	delivered int32 // 1 + event of its first delivery; 0 none
}

type session struct {
	part  int32
	next  int64 // -1 unknown
	epoch int32 // of the last delivery
}

type gap struct {
	from, to int64 // offsets skipped: [from, to)
	seq      int64
	session  int32
}

type dumped struct {
	op    int32 // 0: a hole
	epoch int32
}

type must struct {
	offset    int64
	op        int32
	delivered int32
}

type part struct {
	key      checks.Part
	name     string
	topic    checks.Topic
	slots    []slot
	maxAcked int64 // acks=all acknowledgements, deliveries, answered ends
	ends     []end
	cur      []dumped // dump under way
	curSeq   int64
	dump     []dumped
	dumpSeq  int64
	dumpEnd  int64
	hasDump  bool
	latest   [2][]epochMax // by isolation: read_uncommitted, read_committed
	earliest []epochMax
	byEpoch  []epochMax // second pass: highest acknowledged offset by the epoch of its batch
	weakMax  int64      // second pass: highest acks=1 acknowledgement that survived
	gaps     []gap
	must     []must // delivered, then another record was seen there or its era ended
}

// end is an EraEnd with the event at which clients first saw the new era.
type end struct {
	checks.EraEnd
	seen   int64 // seq; beyond every event if never
	passed bool
}

type judge struct {
	in       Input
	res      *Result
	r        rules
	parts    []part
	index    map[checks.Part]int32
	last     int32
	ops      []op      // by position; 0 unused
	opOf     []int32   // history op -> position in ops
	byID     [][]int32 // instance, counter -> position in ops
	sessions []session
	queries  map[int64]*query
	again    map[int32][]int64 // position in ops -> offsets after the first at which it was seen
	started  map[int32]int64   // when each client last came to life
	faulty   bool
	seq      int64
	ev       *history.Event
	limit    int64 // offsets at or above it are absurd
	stories  int
	tally    [numTally]tally
	eras     []eraTally
}

type rules struct {
	l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, c5 *checks.Rule
}

// Judge reads the history and returns what it found.
func Judge(in Input) *Result {
	if in.Names == nil {
		in.Names = func(id history.TopicID) string { return fmt.Sprintf("%x", id[:4]) }
	}
	res := &Result{}
	f := &res.Findings
	j := &judge{
		in: in, res: res, index: map[checks.Part]int32{}, last: -1, queries: map[int64]*query{}, again: map[int32][]int64{}, started: map[int32]int64{},
		r: rules{f.Rule("L1"), f.Rule("L2"), f.Rule("L3"), f.Rule("L4"), f.Rule("L5"), f.Rule("L6"), f.Rule("L7"),
			f.Rule("L8"), f.Rule("L9"), f.Rule("L10"), f.Rule("C5")},
		ops:   make([]op, 1, 1+len(in.History.Events)/4),
		limit: int64(len(in.History.Events))*16 + 1<<20,
	}
	for _, e := range in.Ends {
		p := &j.parts[j.part(e.Topic, e.Partition)]
		p.ends = append(p.ends, end{EraEnd: e, seen: int64(len(in.History.Events)) + 1})
	}
	for i := range in.Faults {
		if k := in.Faults[i].Kind; k != checks.HealAll && k != checks.Restart {
			j.faulty = true
		}
	}
	j.findEnds()
	for i := range in.History.Events {
		j.on(&in.History.Events[i])
	}
	j.finish()
	return res
}

// findEnds finds, for every end of an era, the first event whose leader epoch
// belongs to the new era.
func (j *judge) findEnds() {
	if len(j.in.Ends) == 0 {
		return
	}
	for i := range j.in.History.Events {
		e := &j.in.History.Events[i]
		if e.Kind != history.Delivered && e.Kind != history.Dumped && e.Kind != history.DumpEnd {
			continue
		}
		p := &j.parts[j.part(e.Topic, e.Partition)]
		for k := range p.ends {
			// The final dump shows the last era, even where it brings back records of an
			// epoch before the one that ended.
			c := &p.ends[k]
			if c.seen > e.Seq && (e.Kind != history.Delivered || e.LeaderEpoch >= c.Epoch && e.Offset >= c.Offset) {
				c.seen = e.Seq
			}
		}
	}
}

func (j *judge) part(topic history.TopicID, partition int32) int32 {
	if j.last >= 0 {
		if p := &j.parts[j.last]; p.key.Partition == partition && p.key.Topic == topic {
			return j.last
		}
	}
	key := checks.Part{Topic: topic, Partition: partition}
	i, found := j.index[key]
	if !found {
		i = int32(len(j.parts))
		j.index[key] = i
		name := j.in.Names(topic)
		j.parts = append(j.parts, part{
			key: key, name: fmt.Sprintf("%s-%d", name, partition), topic: j.in.Config.Topic(name), maxAcked: -1, weakMax: -1,
		})
		j.res.Stats.Partitions++
	}
	j.last = i
	return i
}

func (j *judge) on(e *history.Event) {
	j.seq, j.ev = e.Seq, e
	switch e.Kind {
	case history.SendInvoked:
		j.onInvoked(e)
	case history.SendAttempt:
		if o := j.op(e.Op); o != nil && o.attempts < 1<<15 {
			if o.attempts++; o.attempts == 2 {
				o.retried = e.Seq
			}
			o.renumbered = o.renumbered || e.Renumbered
			o.disputed = o.disputed || e.Disputed
		}
	case history.SendDone:
		j.onDone(e)
	case history.Delivered:
		j.onDelivered(e)
	case history.Positioned:
		j.onPositioned(e)
	case history.ListInvoked, history.FetchInvoked:
		j.onQuery(e)
	case history.ListDone, history.FetchDone:
		j.onAnswer(e)
	case history.Dumped:
		j.onDumped(e)
	case history.DumpEnd:
		j.onDumpEnd(e)
	case history.ClientStarted:
		j.started[e.Client] = e.Seq
	}
}

// op returns the send of a history operation; nil for a stranger.
func (j *judge) op(id int64) *op {
	if id < 0 || id >= int64(len(j.opOf)) || j.opOf[id] == 0 {
		return nil
	}
	return &j.ops[j.opOf[id]]
}

// find returns the send of a record id; 0 for a stranger.
func (j *judge) find(id history.RecordID) int32 {
	in, c := int(id.Instance()), id.Counter()
	if in >= len(j.byID) || c >= uint64(len(j.byID[in])) {
		return 0
	}
	return j.byID[in][c]
}

// objects names an offset of a partition for a violation.
func (p *part) objects(o int64) []string { return []string{fmt.Sprintf("%s@%d", p.name, o)} }

func recordName(id history.RecordID) string {
	return fmt.Sprintf("record %d/%d", id.Instance(), id.Counter())
}

func (j *judge) name(op int32) string { return recordName(j.ops[op].id) }

// event describes one event of the history for a violation.
func (j *judge) event(seq int64) string {
	if seq < 0 || seq >= int64(len(j.in.History.Events)) {
		return "never"
	}
	return Describe(&j.in.History.Events[seq])
}
