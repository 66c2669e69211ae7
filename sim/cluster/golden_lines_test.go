package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trial/engine"
	"trial/engine/kafka/view"
)

// lines turns facts into the lines of a story: what was promised, nothing that a
// seed or a latency decides. What several do at the same time has no order that is
// promised, so a block shows one actor after the other, and one partition after
// the other for each; for one actor and one partition, the order is that of time.
// What goes on in steps (a follower that copies, a high watermark that moves)
// is one line.
type lines struct {
	list []storyLine
	cast cast

	// What the quorum has decided latest.
	regs    map[view.TP]registeredFact
	brokers map[int32]view.BrokerRegistered
	epochs  map[int32][]int64 // broker epochs, one for each life
}

// storyLine is a line with what decides its place.
type storyLine struct {
	rank int    // the quorum, brokers, clients
	who  string // as the story calls it
	part string // "t-0"; empty sorts first
	what string
	text string // without who and part

	phase    int   // of the quorum's lines: how many lines on brokers came before
	from, to int64 // of what goes on in steps
	epoch    int32
	producer int16 // producer epoch
}

// The ranks of actors.
const (
	rankQuorum = iota
	rankBroker
	rankClient
)

type registeredFact struct {
	offset int64
	fact   view.PartitionRegistered
}

func partName(tp view.TP) string { return tp.Topic + "-" + strconv.Itoa(int(tp.Partition)) }

func (l *lines) add(s storyLine) { l.list = append(l.list, s) }

// grow adds a line for steps [from, to), or lengthens the one before. A high
// watermark's line has its place behind the appends that it covers.
func (l *lines) grow(s storyLine) {
	for i := len(l.list) - 1; i >= 0; i-- {
		p := &l.list[i]
		if p.who != s.who || p.part != s.part {
			continue
		}
		if p.what == s.what && p.epoch == s.epoch && p.to == s.from {
			s.from = p.from
			if s.what != "hw" {
				p.to = s.to
				return
			}
			l.list = slices.Delete(l.list, i, i+1)
			break
		}
		if p.what != "append" && p.what != "copy" && p.what != "hw" {
			break // an election or a truncation lies between
		}
	}
	l.add(s)
}

// fact takes in what a broker said of itself.
func (l *lines) fact(node int32, f engine.Fact) {
	who := l.cast.name(node)
	switch f := f.(type) {
	case view.PartitionRegistered:
		l.registered(f)
	case view.BrokerRegistered:
		l.broker(f)
	case view.Appended:
		what := "copy"
		if f.AsLeader {
			what = "append"
		}
		l.grow(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: what, from: f.Base, to: f.Last + 1, epoch: f.LeaderEpoch, producer: max(0, f.Producer.Epoch)})
	case view.AppendDuplicate:
		l.add(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: "duplicate",
			text: fmt.Sprintf("of [%d,%d): nothing is appended", f.Base, f.Last+1)})
	case view.HWMoved:
		if f.Leader {
			l.grow(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: "hw", from: f.From, to: f.To, epoch: f.LeaderEpoch})
		}
	case view.Truncated:
		if f.To < f.End {
			l.add(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: "truncate", text: fmt.Sprintf("%d -> %d", f.End, f.To)})
		}
	case view.BecameLeader:
		l.add(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: "lead", text: fmt.Sprintf("epoch=%d from=%d", f.LeaderEpoch, f.Start)})
	case view.ISRProposed:
		var isr []int32
		for _, m := range f.ISR {
			isr = append(isr, m.Broker)
		}
		l.add(storyLine{rank: rankBroker, who: who, part: partName(f.TP), what: "propose", text: "isr=" + l.cast.set(isr)})
	}
}

// registered tells what the metadata quorum has decided, once: every node that
// applies the record says so.
func (l *lines) registered(f view.PartitionRegistered) {
	old, known := l.regs[f.TP]
	if known && f.Offset <= old.offset {
		return
	}
	if l.regs == nil {
		l.regs = map[view.TP]registeredFact{}
	}
	l.regs[f.TP] = registeredFact{f.Offset, f}
	say := func(what, format string, args ...any) {
		l.add(storyLine{rank: rankQuorum, who: "quorum", part: partName(f.TP), what: what, text: fmt.Sprintf(format, args...)})
	}
	isr, was := l.cast.set(f.ISR), l.cast.set(old.fact.ISR)
	switch {
	case f.Removed:
		say("deleted", "")
		return
	case !known:
		say("created", "leader=%s isr=%s", l.cast.name(f.Leader), isr)
		return
	case f.LeaderEpoch != old.fact.LeaderEpoch:
		how := ""
		if f.Unclean {
			how = " unclean"
		}
		say("leader", "%s -> %s epoch=%d isr=%s%s", l.cast.name(old.fact.Leader), l.cast.name(f.Leader), f.LeaderEpoch, isr, how)
	case isr != was:
		say("isr", "%s -> %s", was, isr)
	}
	if elr, was := l.cast.set(f.ELR), l.cast.set(old.fact.ELR); elr != was {
		say("elr", "%s -> %s", was, elr)
	}
	if len(f.Replicas) != len(old.fact.Replicas) {
		say("replicas", "%s", l.cast.set(f.Replicas))
	}
}

// broker tells what the quorum has decided on a broker, once.
func (l *lines) broker(f view.BrokerRegistered) {
	old, known := l.brokers[f.ID]
	if known && f.Offset <= old.Offset {
		return
	}
	if l.brokers == nil {
		l.brokers, l.epochs = map[int32]view.BrokerRegistered{}, map[int32][]int64{}
	}
	l.brokers[f.ID] = f
	if f.Epoch != old.Epoch || !known {
		l.epochs[f.ID] = append(l.epochs[f.ID], f.Epoch)
	}
	what := ""
	switch {
	case !known:
	case f.Epoch != old.Epoch:
		what = "registers anew"
	case f.Fenced && !old.Fenced:
		what = "is fenced"
	case !f.Fenced && old.Fenced:
		what = "is unfenced"
	case f.Stopping && !old.Stopping:
		what = "is stopping"
	}
	if what != "" {
		l.add(storyLine{rank: rankQuorum, who: "quorum", what: "broker", text: l.cast.name(f.ID) + " " + what})
	}
}

// take gives the lines since it was last called, in the order of a story.
func (l *lines) take() []string {
	list := slices.DeleteFunc(l.list, func(s storyLine) bool { return strings.HasPrefix(s.part, warmUp) })
	l.list = nil
	list = slices.DeleteFunc(list, func(s storyLine) bool { return s.what == "propose" && decided(list, s) })
	phase := 0
	for i := range list {
		if s := &list[i]; s.rank == rankQuorum {
			if s.what == "broker" {
				phase += 2
			}
			s.phase = phase
			if s.what == "broker" {
				s.phase--
			}
		}
	}
	slices.SortStableFunc(list, func(a, b storyLine) int {
		switch {
		case a.rank != b.rank:
			return a.rank - b.rank
		case a.phase != b.phase:
			return a.phase - b.phase
		case a.who != b.who:
			return strings.Compare(a.who, b.who)
		}
		return strings.Compare(a.part, b.part)
	})
	var out []string
	for _, s := range list {
		switch s.what {
		case "append", "copy":
			s.text = fmt.Sprintf("[%d,%d) epoch=%d", s.from, s.to, s.epoch)
			if s.producer > 0 && s.what == "append" {
				s.text += fmt.Sprintf(" producer-epoch=%d", s.producer)
			}
		case "hw":
			s.text = fmt.Sprintf("%d -> %d", s.from, s.to)
		}
		if s.part != "" {
			s.text = s.part + " " + s.text
		}
		out = append(out, strings.TrimRight(fmt.Sprintf("%-6s %-9s %s", s.who, s.what, s.text), " "))
	}
	return out
}

// decided reports whether the quorum has accepted a proposed ISR in the same
// block: then its line says it all.
func decided(list []storyLine, p storyLine) bool {
	isr := strings.TrimPrefix(p.text, "isr=")
	return slices.ContainsFunc(list, func(s storyLine) bool {
		return s.what == "isr" && s.part == p.part && strings.HasSuffix(s.text, "-> "+isr)
	})
}

// cast says who plays whom: brokers are called by their part in the story, so that
// a story may say which of them is the active controller.
type cast []int32 // part in the story - 1 -> broker id

func (c cast) name(id int32) string {
	for i, b := range c {
		if b == id {
			return "n" + strconv.Itoa(i+1)
		}
	}
	return "none"
}

// set prints brokers as a story calls them, in order.
func (c cast) set(ids []int32) string {
	var names []string
	for _, id := range ids {
		names = append(names, c.name(id))
	}
	slices.Sort(names)
	return "{" + strings.Join(names, ",") + "}"
}
