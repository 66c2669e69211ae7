package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/history"
	"trial/clock"
)

// Forgotten is what the metadata quorum may forget since voters came back with
// empty disks (case M): a majority of them lacks a committed record from then on.
// Raft's promise rests on voters that do not forget (Ongaro, Raft, 5.2 and 5.4).
type Forgotten struct {
	Node  int32 // the voter whose disk was lost last
	At    clock.Instant
	Seq   int64
	End   int64 // of what was committed
	Lacks int   // voters that lack it
	Of    int   // voters

	last    bytes.Batch // the last committed one
	without []int32     // voters whose disks lack it at the end
}

// String is the reason in one sentence.
func (f *Forgotten) String() string {
	return fmt.Sprintf("%d of %d controllers were without committed metadata (up to offset %d) when n%d came back with an empty volume at %v, and they outvoted the rest",
		f.Lacks, f.Of, f.End, f.Node, f.At)
}

// forget looks, when volumes were emptied, whether a majority of the voters now
// lacks committed metadata.
func (l *Ledger) forget(e *checks.FaultEvent, d checks.Disk) {
	var was []bytes.Segment
	for i := range e.Lost {
		if dir, base, ok := bytes.SplitPath(e.Lost[i].Path); ok && dir == bytes.MetadataDir {
			was = append(was, bytes.Segment{Base: base, Path: e.Lost[i].Path, Data: e.Lost[i].Before})
		}
	}
	if len(was) == 0 || d == nil || !slices.Contains(l.cfg.Voters, e.Node) {
		return
	}
	slices.SortStableFunc(was, func(a, b bytes.Segment) int { return cmp.Compare(a.Base, b.Base) })
	before := make([][]bytes.Batch, len(l.cfg.Voters))
	ends := make([]int64, len(l.cfg.Voters))
	for i, n := range l.cfg.Voters {
		log := bytes.DecodeLog(was)
		if n != e.Node {
			log = bytes.DecodeLog(bytes.Segments(d, n, bytes.MetadataDir))
		}
		before[i], ends[i] = log.Batches, log.End(0)
	}
	slices.Sort(ends)
	f := Forgotten{Node: e.Node, At: e.At, Seq: e.Seq, End: ends[(len(ends)-1)/2], Of: len(ends)}
	if !f.findLast(before) {
		return
	}
	for i, n := range l.cfg.Voters {
		if n == e.Node || !find(before[i], &f.last) {
			f.Lacks++
		}
	}
	if f.Lacks > len(l.cfg.Voters)/2 {
		l.forgot = append(l.forgot, f)
	}
}

// findLast finds the last committed batch: in the newest of the logs that reach so far.
func (f *Forgotten) findLast(logs [][]bytes.Batch) bool {
	newest := int32(-1)
	for _, log := range logs {
		k := slices.IndexFunc(log, func(b bytes.Batch) bool { return b.Base < f.End && b.Last >= f.End-1 })
		if k >= 0 && log[len(log)-1].LeaderEpoch > newest {
			newest, f.last = log[len(log)-1].LeaderEpoch, log[k]
			f.last.RecordsEncoded = nil // the bytes are the simulator's
		}
	}
	return newest >= 0
}

// Forgot tells whether the quorum has forgotten committed metadata: a majority of
// the voters' disks shows a log without it. nil if not.
func (l *Ledger) Forgot(d checks.Disk) *Forgotten {
	for i := range l.forgot {
		f := &l.forgot[i]
		f.without = nil
		for _, n := range l.cfg.Voters {
			if !find(bytes.DecodeLog(bytes.Segments(d, n, bytes.MetadataDir)).Batches, &f.last) {
				f.without = append(f.without, n)
			}
		}
		if len(f.without) > len(l.cfg.Voters)/2 {
			return f
		}
	}
	return nil
}

// settleForgotten enters case M: every partition that is still known may lack
// anything, for its leaders and replicas may be those of the past.
func (b *Book) settleForgotten(f *Forgotten) {
	b.Forgot = f
	for i := range b.Metadata.Partitions {
		p := &b.Metadata.Partitions[i]
		b.Entries = append(b.Entries, Entry{
			EraEnd: checks.EraEnd{Part: p.Key, Epoch: p.Last().LeaderEpoch + 1, FromSeq: f.Seq, Case: "M"},
			Name:   p.Name(), Cause: f.String(), Settings: "storage of the controllers: ephemeral",
		})
	}
}

// Unread counts the acknowledged records of acks=all in partitions that nobody can
// read at the end, as far as their bytes are gone: those of topics that the
// metadata no longer know (case M), and those beyond the end of every replica's
// log after a volume was emptied (case W).
func (l *Ledger) Unread(b *Book, h *history.History, d checks.Disk) []checks.Allowed {
	sent, read := map[int64]int32{}, map[checks.Part]bool{}
	type tally struct {
		key  checks.Part
		acks []int64
	}
	var parts []tally
	index := map[checks.Part]int{}
	for i := range h.Events {
		e := &h.Events[i]
		key := checks.Part{Topic: e.Topic, Partition: e.Partition}
		switch {
		case e.Kind == history.SendInvoked && e.Acks == -1:
			if _, found := index[key]; !found {
				index[key] = len(parts)
				parts = append(parts, tally{key: key})
			}
			sent[e.Op] = int32(index[key])
		case e.Kind == history.SendDone && e.Outcome == history.OK:
			if k, ours := sent[e.Op]; ours {
				parts[k].acks = append(parts[k].acks, e.Offset)
			}
		case e.Kind == history.DumpEnd && e.Why == "":
			read[key] = true
		}
	}
	var gone, empty checks.Allowed
	for i := range parts {
		t := &parts[i]
		p := b.Metadata.Partition(t.key)
		switch {
		case read[t.key] || len(t.acks) == 0:
		case p == nil && b.Forgot != nil:
			gone.Count += int64(len(t.acks))
		case p != nil && l.emptied(p.Name()):
			longest := int64(0)
			for _, n := range p.Last().Replicas {
				longest = max(longest, end(bytes.DecodeLog(bytes.Segments(d, n, p.Name())).Batches))
			}
			for _, o := range t.acks {
				if o >= longest {
					empty.Count++
				}
			}
		}
	}
	var out []checks.Allowed
	if gone.Count > 0 {
		gone.What, gone.Case, gone.Sentence = "lost", "M", "the cluster has forgotten its topics: "+b.Forgot.String()
		out = append(out, gone)
	}
	if empty.Count > 0 {
		empty.What, empty.Case, empty.Sentence = "lost", "W", "partitions that nobody can lead any more lost their last copies with volumes that were emptied"
		out = append(out, empty)
	}
	return out
}

// emptied reports whether a replica of the partition was lost with its volume.
func (l *Ledger) emptied(dir string) bool {
	return slices.ContainsFunc(l.losses, func(x loss) bool { return x.dir == dir && x.wiped })
}
