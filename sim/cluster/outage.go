package cluster

import (
	"cmp"
	"slices"

	"trial/checks/history"
	"trial/clock"
	"trial/faults"
)

// Outage is the longest time in which a partition could not be used, as clients
// saw it. A span is not shorter than what one request takes, so a few milliseconds
// are no outage.
type Outage struct {
	Topic     string
	Partition int32
	Write     Span  // sends with acks=all waited and none succeeded
	Read      Span  // acknowledged records waited for a reader and nobody got any
	Refused   int64 // sends with acks=all that failed for good
}

// Span is a stretch of the timeline. Open says that it had not ended when the run did.
type Span struct {
	From, To clock.Instant
	Open     bool
}

// Length is how long the span is.
func (s Span) Length() clock.Duration { return s.To.Sub(s.From) }

// stall is one side of a partition: since when something waits there.
type stall struct {
	waits   bool
	since   clock.Instant
	longest Span
	from    clock.Instant // spans that end before it do not count
}

func (s *stall) begin(at clock.Instant) {
	if !s.waits {
		s.waits, s.since = true, at
	}
}

// end notes that something was served; if more waits, it waits from now.
func (s *stall) end(at clock.Instant, more bool) {
	if s.waits {
		s.keep(Span{From: s.since, To: at})
	}
	s.waits, s.since = more, at
}

func (s *stall) keep(span Span) {
	if span.To >= s.from && span.Length() > s.longest.Length() {
		s.longest = span
	}
}

type partitionStalls struct {
	id          history.TopicID
	partition   int32
	write, read stall
	open        int   // sends under way
	refused     int64 // sends that failed for good
	acked, seen int64 // the end of what was acknowledged, and of what a reader got
}

// stalls goes over a history; what was before the first fault is the cluster's start.
type stalls struct {
	from  clock.Instant // spans that end before it do not count
	parts []*partitionStalls
	sends map[int64]*partitionStalls
	last  clock.Instant // when a producer last began or ended anything
}

func (s *stalls) of(id history.TopicID, partition int32) *partitionStalls {
	i := slices.IndexFunc(s.parts, func(p *partitionStalls) bool { return p.id == id && p.partition == partition })
	if i < 0 {
		i = len(s.parts)
		s.parts = append(s.parts, &partitionStalls{id: id, partition: partition, write: stall{from: s.from}, read: stall{from: s.from}})
	}
	return s.parts[i]
}

func (s *stalls) on(e *history.Event) {
	switch e.Kind {
	case history.SendInvoked:
		s.last = e.At
		if e.Acks == -1 {
			p := s.of(e.Topic, e.Partition)
			s.sends[e.Op] = p
			p.open++
			p.write.begin(e.At)
		}
	case history.SendDone:
		s.last = e.At
		if p := s.sends[e.Op]; p != nil {
			p.done(e)
		}
	case history.Delivered:
		p := s.of(e.Topic, e.Partition)
		p.seen = max(p.seen, e.Offset+1)
		p.read.end(e.At, p.seen < p.acked)
	}
}

// wentBack is how far below the highest acknowledged offset an acknowledgement may
// lie without saying that the log was cut: requests are answered out of order.
const wentBack = 1000

func (p *partitionStalls) done(e *history.Event) {
	p.open--
	if e.Outcome != history.OK {
		p.refused++ // and the partition has still not been written
		return
	}
	p.write.end(e.At, p.open > 0)
	if e.Offset+wentBack < p.acked {
		p.acked, p.seen = 0, min(p.seen, e.Offset)
	}
	if p.acked = max(p.acked, e.Offset+1); p.seen < p.acked {
		p.read.begin(e.At)
	}
}

// outages goes over the history of a run that has ended, from its first fault on. Sends that were given up
// leave their partition unwritten until one succeeds.
func outages(h *history.History, from, end clock.Instant, name func(history.TopicID) string) []Outage {
	s := stalls{from: from, sends: map[int64]*partitionStalls{}}
	for i := range h.Events {
		s.on(&h.Events[i])
	}
	var out []Outage
	for _, p := range s.parts {
		if p.write.waits {
			p.write.keep(Span{p.write.since, s.last, true})
		}
		if p.read.waits {
			p.read.keep(Span{p.read.since, end, true})
		}
		out = append(out, Outage{name(p.id), p.partition, p.write.longest, p.read.longest, p.refused})
	}
	slices.SortStableFunc(out, func(a, b Outage) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}

// firstFault is the instant before which no fault of a schedule strikes.
func firstFault(s faults.Schedule) clock.Instant {
	var first clock.Instant
	for i, f := range s {
		if i == 0 || f.At < first {
			first = f.At
		}
	}
	return first
}
