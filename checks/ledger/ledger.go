// Package ledger decides which losses are legal, from what the simulator itself
// knows: the configuration, the fault log, the bytes that its disks dropped, and
// the metadata log decoded from its disks' bytes.
//
// # Invariants
//
//   - no fact and no answer of an engine is used, or a planted bug would excuse itself
//   - an entry excuses exactly its offsets in its era, nothing else
//   - every entry says its cause and the configuration that permits it
//
// Not here: judging (the other packages below checks). Cases A, B, H and I of
// single records are counted by partlog, which sees every send.
package ledger

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/history"
	"trial/clock"
)

// Ledger collects losses while a run goes on and settles them at its end.
type Ledger struct {
	cfg    checks.Config
	faults []checks.FaultEvent
	losses []loss
	starts []dirStarts
	forgot []Forgotten // what the metadata quorum may have forgotten
}

// loss is what one event took from one replica.
type loss struct {
	node    int32
	dir     string
	at      clock.Instant
	seq     int64
	decided int64 // the metadata log's committed end at that time
	batches []lostBatch
	corrupt bool
	wiped   bool // the whole volume: syncing did not help
}

type lostBatch struct {
	bytes.Batch
	holders uint64 // by index into Config.Brokers: who had it, the loser included
}

// New returns a ledger for a run of that configuration.
func New(cfg checks.Config) *Ledger { return &Ledger{cfg: cfg} }

// Faults returns the fault log so far, without the bytes.
func (l *Ledger) Faults() []checks.FaultEvent { return l.faults }

// OnFault takes in one event of the fault log, in order. After a power failure or
// a corruption the disks are read at once, to see who else holds what was lost.
func (l *Ledger) OnFault(e *checks.FaultEvent, d checks.Disk) {
	kept := *e
	kept.Lost = nil
	l.faults = append(l.faults, kept)
	l.look(d)
	for i := range e.Lost {
		if dir, _, ok := bytes.SplitPath(e.Lost[i].Path); ok && l.mayElectUncleanly(dir) {
			l.note(dir, bytes.EpochStarts(e.Lost[i].Before))
		}
	}
	if e.Kind == checks.Wipe {
		l.forget(e, d)
	}
	if e.Kind != checks.PowerFail && e.Kind != checks.Corrupt && e.Kind != checks.Wipe {
		return
	}
	decided := int64(-1)
	for _, dir := range damaged(e) {
		batches := lostBatches(e, d, dir)
		if len(batches) == 0 {
			continue
		}
		if decided < 0 {
			decided = committedEnd(d, l.cfg.Voters)
		}
		x := loss{node: e.Node, dir: dir, at: e.At, seq: e.Seq, decided: decided, batches: batches, corrupt: e.Kind == checks.Corrupt, wiped: e.Kind == checks.Wipe}
		l.holders(&x, d)
		l.losses = append(l.losses, x)
	}
}

// damaged lists the partitions' directories in which files were changed.
func damaged(e *checks.FaultEvent) []string {
	var dirs []string
	for i := range e.Lost {
		if dir, _, ok := bytes.SplitPath(e.Lost[i].Path); ok && dir != bytes.MetadataDir {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// lostBatches lists the batches of a log that could be read before an event and
// are not in its longest valid prefix after it: behind the first damage, whole
// segments that came through intact are lost, too.
func lostBatches(e *checks.FaultEvent, d checks.Disk, dir string) []lostBatch {
	left := bytes.Segments(d, e.Node, dir)
	was := slices.Clone(left)
	for i := range e.Lost {
		f := &e.Lost[i]
		at, base, ok := bytes.SplitPath(f.Path)
		if !ok || at != dir {
			continue
		}
		k, found := slices.BinarySearchFunc(was, base, func(s bytes.Segment, base int64) int { return cmp.Compare(s.Base, base) })
		if !found {
			was = slices.Insert(was, k, bytes.Segment{Base: base, Path: f.Path})
		}
		was[k].Data = f.Before
	}
	before, after := bytes.DecodeLog(was).Batches, bytes.DecodeLog(left).Batches
	same := 0
	for same < len(before) && same < len(after) && before[same].Same(&after[same]) {
		same++
	}
	var lost []lostBatch
	for _, b := range before[same:] {
		b.RecordsEncoded = nil // the bytes are the simulator's
		lost = append(lost, lostBatch{Batch: b})
	}
	return lost
}

// committedEnd is the end of the metadata log that a majority of the voters has:
// what a broker lacks, the controller learns of in records behind it.
func committedEnd(d checks.Disk, voters []int32) int64 {
	if d == nil || len(voters) == 0 {
		return 0
	}
	ends := make([]int64, 0, len(voters))
	for _, n := range voters {
		log := bytes.DecodeLog(bytes.Segments(d, n, bytes.MetadataDir))
		ends = append(ends, log.End(0))
	}
	slices.Sort(ends)
	return ends[(len(ends)-1)/2]
}

// holders finds out who had each lost batch: the loser, every broker whose disk
// shows it now, and everybody who lost it before.
func (l *Ledger) holders(x *loss, d checks.Disk) {
	for i, b := range l.cfg.Brokers {
		if b == x.node {
			for k := range x.batches {
				x.batches[k].holders |= 1 << (i & 63)
			}
			continue
		}
		if d == nil {
			continue
		}
		theirs := bytes.DecodeLog(bytes.Segments(d, b, x.dir)).Batches
		for k := range x.batches {
			if find(theirs, &x.batches[k].Batch) {
				x.batches[k].holders |= 1 << (i & 63)
			}
		}
	}
	for i := range l.losses {
		if o := &l.losses[i]; o.dir == x.dir {
			for k := range x.batches {
				for m := range o.batches {
					if o.batches[m].Same(&x.batches[k].Batch) {
						x.batches[k].holders |= o.batches[m].holders
					}
				}
			}
		}
	}
}

func find(list []bytes.Batch, b *bytes.Batch) bool {
	i, found := slices.BinarySearchFunc(list, b.Base, func(x bytes.Batch, base int64) int { return cmp.Compare(x.Base, base) })
	return found && list[i].Same(b)
}

// Entry is one line of the ledger.
type Entry struct {
	checks.EraEnd
	Name     string // of the partition
	Cause    string
	Settings string
}

// String is the entry in one line.
func (e Entry) String() string {
	what := fmt.Sprintf("from offset %d on", e.Offset)
	if e.Ranges != nil {
		what = "offsets"
		for _, r := range e.Ranges {
			what += fmt.Sprintf(" [%d,%d)", r.From, r.To)
		}
	}
	return fmt.Sprintf("case %s: %s may lack %s from leader epoch %d on: %s (%s)", e.Case, e.Name, what, e.Epoch, e.Cause, e.Settings)
}

// Book is the settled ledger.
type Book struct {
	Entries  []Entry
	Metadata *Metadata
	Forgot   *Forgotten // committed metadata is gone; nil if not
}

// Ends returns the ends of eras, for the judges of histories.
func (b *Book) Ends() []checks.EraEnd {
	ends := make([]checks.EraEnd, 0, len(b.Entries))
	for i := range b.Entries {
		ends = append(ends, b.Entries[i].EraEnd)
	}
	return ends
}

// Settle closes the ledger with the disks at the end of the run.
func (l *Ledger) Settle(d checks.Disk) *Book {
	nodes := l.cfg.Brokers
	f := l.Forgot(d)
	if f != nil {
		nodes = f.without // the longest log of all may be one that nobody follows any more
	}
	m := ReadMetadata(d, nodes)
	b := &Book{Metadata: m}
	l.look(d)
	for i := range m.Partitions {
		p := &m.Partitions[i]
		topic := l.cfg.Topic(p.TopicName)
		log := finalLog(d, p)
		l.unclean(b, p, topic, log)
		l.lastStanding(b, p, topic, log)
		l.interim(b, p)
	}
	if f != nil {
		b.settleForgotten(f)
	}
	slices.SortStableFunc(b.Entries, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Epoch, y.Epoch))
	})
	return b
}

// finalLog is the partition's log at the end: of its leader, or the longest.
func finalLog(d checks.Disk, p *Partition) []bytes.Batch {
	last := p.Last()
	if last.Leader >= 0 {
		return bytes.DecodeLog(bytes.Segments(d, last.Leader, p.Name())).Batches
	}
	var best []bytes.Batch
	for _, n := range last.Replicas {
		if log := bytes.DecodeLog(bytes.Segments(d, n, p.Name())).Batches; end(log) > end(best) {
			best = log
		}
	}
	return best
}

func end(log []bytes.Batch) int64 {
	if n := len(log); n > 0 {
		return log[n-1].Last + 1
	}
	return 0
}

// startOf is where leader epoch e or the first later one began in a log.
func startOf(log []bytes.Batch, e int32) int64 {
	for i := range log {
		if log[i].LeaderEpoch >= e {
			return log[i].Base
		}
	}
	return end(log)
}

// unclean enters case D: an allowed unclean election with no live in-sync replica.
func (l *Ledger) unclean(b *Book, p *Partition, topic checks.Topic, log []bytes.Batch) {
	for i := range p.Changes {
		c := &p.Changes[i]
		if !c.Unclean || !topic.Unclean || c.Alive >= 0 {
			continue
		}
		seq, any := l.firstFault()
		if !any {
			continue // nobody took the in-sync replicas away
		}
		b.Entries = append(b.Entries, Entry{
			EraEnd: checks.EraEnd{Part: p.Key, Epoch: c.LeaderEpoch, Offset: l.parting(p, i, log), FromSeq: seq, Case: "D"},
			Name:   p.Name(),
			Cause: fmt.Sprintf("n%d was elected uncleanly in leader epoch %d (metadata offset %d) when no member of the ISR %v was alive",
				c.Leader, c.LeaderEpoch, c.Offset, c.Before),
			Settings: "unclean.leader.election.enable=true",
		})
	}
}

// interim marks the ends of eras of a partition after which an unclean election
// may have brought back an older lineage. The final log then shows only one of the
// lineages, so they part where any two replicas were ever seen to part.
func (l *Ledger) interim(b *Book, p *Partition) {
	last := int32(0)
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Part == p.Key && e.Case == "D" {
			last = max(last, e.Epoch)
		}
	}
	several := false
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Part == p.Key && e.Epoch < last {
			e.Until, several = last, true
		}
	}
	for i := range b.Entries {
		if e := &b.Entries[i]; several && e.Part == p.Key && e.Case == "D" {
			e.Offset = min(e.Offset, l.startsOf(p.Name()).parting)
		}
	}
}

func (l *Ledger) firstFault() (seq int64, any bool) {
	for i := range l.faults {
		if k := l.faults[i].Kind; k != checks.HealAll && k != checks.Restart {
			return l.faults[i].Seq, true
		}
	}
	return 0, false
}

// lastStanding enters cases C1, C3 and E (classic mode: the last in-sync replica
// lost records in a power failure and led again), F, and C2 (ELR mode: ISR and ELR
// were empty and the last known leader, which had lost records, led again; at
// least min ISR of those that had them crashed).
func (l *Ledger) lastStanding(b *Book, p *Partition, topic checks.Topic, log []bytes.Batch) {
	needed := min(int(topic.Needed()), len(p.Last().Replicas))
	for i := range l.losses {
		x := &l.losses[i]
		if x.dir != p.Name() || topic.FlushEach && !x.wiped {
			continue
		}
		newest := int32(-1)
		for k := range x.batches {
			newest = max(newest, x.batches[k].LeaderEpoch)
		}
		c := l.ledAgain(p, x, newest)
		if c == nil {
			continue
		}
		from := x.batches[0].Base
		if !topic.Unclean { // else a later election may have brought old records back
			from = max(from, startOf(log, c.LeaderEpoch))
		}
		ranges := l.ranges(x, from, needed)
		if len(ranges) == 0 {
			continue
		}
		b.Entries = append(b.Entries, Entry{
			EraEnd: checks.EraEnd{Part: p.Key, Epoch: c.LeaderEpoch, Offset: from, FromSeq: x.seq, Ranges: ranges, Case: l.caseOf(x, needed)},
			Name:   p.Name(),
			Cause: fmt.Sprintf("n%d lost offsets [%d,%d) in a %s at %v and led again in leader epoch %d (metadata offset %d) as %s",
				x.node, x.batches[0].Base, x.batches[len(x.batches)-1].Last+1, x.kind(), x.at, c.LeaderEpoch, c.Offset, l.standing()),
			Settings: fmt.Sprintf("min.insync.replicas=%d, %d replicas, flush not forced per message", needed, len(p.Last().Replicas)),
		})
	}
}

// ledAgain finds the election that made the loser lead without what it lost.
func (l *Ledger) ledAgain(p *Partition, x *loss, newest int32) *Change {
	node := x.node
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Leader != node || c.LeaderEpoch <= newest || !c.Elected || c.Offset < x.decided {
			continue
		}
		if l.cfg.ELR && c.LastKnown || !l.cfg.ELR && !c.Unclean && len(c.ISR) == 1 && c.ISR[0] == node {
			return c
		}
	}
	return nil
}

// ranges merges the lost batches whose loss is legal into ranges of offsets.
func (l *Ledger) ranges(x *loss, from int64, needed int) []checks.Range {
	var list []checks.Range
	for k := range x.batches {
		b := &x.batches[k]
		if b.Last < from || bits.OnesCount64(b.holders) < needed || l.cfg.ELR && l.crashed(b.holders) < needed {
			continue
		}
		if n := len(list); n > 0 && list[n-1].To == b.Base {
			list[n-1].To = b.Last + 1
		} else {
			list = append(list, checks.Range{From: max(b.Base, from), To: b.Last + 1})
		}
	}
	return list
}

// crashed counts those of the holders whose process ever died. The controller
// cannot tell a kill from a power failure: both take a replica out of the ELR.
func (l *Ledger) crashed(holders uint64) int {
	n := 0
	for i, b := range l.cfg.Brokers {
		if holders&(1<<(i&63)) != 0 && slices.ContainsFunc(l.faults, func(e checks.FaultEvent) bool { return e.Kind.Crash() && e.Node == b }) {
			n++
		}
	}
	return n
}

// losers counts the replicas that ever lost the batch.
func (l *Ledger) losers(dir string, b *bytes.Batch) int {
	nodes := []int32{}
	for i := range l.losses {
		if o := &l.losses[i]; o.dir == dir && !slices.Contains(nodes, o.node) {
			for m := range o.batches {
				if o.batches[m].Same(b) {
					nodes = append(nodes, o.node)
					break
				}
			}
		}
	}
	return len(nodes)
}

func (l *Ledger) caseOf(x *loss, needed int) string {
	switch {
	case x.corrupt:
		return "F"
	case x.wiped:
		return "W"
	case l.cfg.ELR:
		return "C2"
	case needed == 1:
		return "C3"
	}
	for k := range x.batches {
		if bits.OnesCount64(x.batches[k].holders) != l.losers(x.dir, &x.batches[k].Batch) {
			return "C1"
		}
	}
	return "E"
}

func (l *Ledger) standing() string {
	if l.cfg.ELR {
		return "the last known leader, with no in-sync and no eligible replica left"
	}
	return "the last in-sync replica"
}

func (x *loss) kind() string {
	if x.corrupt {
		return "corruption"
	}
	if x.wiped {
		return "volume that was emptied (its pod was made anew)"
	}
	return "power failure"
}

// Offline reports whether a partition may legally have no leader at the end (case
// Q): nobody who may lead is up.
func (b *Book) Offline(key checks.Part, up func(node int32) bool) bool {
	p := b.Metadata.Partition(key)
	if p == nil {
		return false
	}
	c := p.Last()
	for _, n := range slices.Concat(c.ISR, c.ELR) {
		if up(n) {
			return false
		}
	}
	return true
}

// Name returns the name of a topic for people.
func (b *Book) Name(id history.TopicID) string { return b.Metadata.Name(id) }
