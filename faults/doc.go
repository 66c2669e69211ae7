// Package faults holds fault schedules: lists of bad things that happen to given
// targets, at given instants or when something has happened. It draws them (swarm), prints and parses them,
// applies them to a world within a budget, and shrinks them.
//
// A schedule reads like a story:
//
//	2.1s  kill leader of t-0 for 3s
//	2.3s  cut n1 | rest for 1.5s
//	4s    hold heartbeat from n2 for 12s
//
// Every fault carries its own end ("for 3s"), so any subset of a schedule is a
// schedule: that is what makes shrinking sound.
//
// # Anchors
//
// Instead of its instant a fault may say what it waits for. That outlives changes
// that move instants:
//
//	after 3 acks of t-0: kill leader of t-0 for 2s
//	after 5s, when n2 leads t-1: cut n2 | rest for 3s
//	when the ISR of t-0 is {n1, n2}, 0.002s later: power n1 for 1s
//	after 3 acks=1 acks of t-0, before the next high watermark move of t-0: kill leader of t-0 for 2s
//
// An anchor is a list of steps, each waited for when the one before it is done:
//
//	anchor = [ "after" INSTANT "," ] step { "," step } [ "," "before the next" event ] ":"
//	step   = "after" COUNT event | "when" state | SPAN "later"
//	event  = NAME [ "of" PARTITION or NODE ] [ "on" BROKER ]
//	state  = BROKER "leads" PARTITION | BROKER "is controller" | PARTITION "has no leader"
//	       | "the ISR of" PARTITION "is {" BROKER "," ... "}"
//	       | "the high watermark of" PARTITION "reaches" OFFSET
//
// The names of events are the constants of type Happening, in the singular or the
// plural. What is counted is counted from the moment at which the step is waited
// for: from the start of the schedule, from INSTANT, or from the end of the step
// before. A state that holds at that moment is not waited for. The first step is
// never a span. Parse also takes "not before 5s" for "after 5s", "on ack 3 of t-0"
// for "after 3 acks of t-0", "before its high watermark moves", and {1, 2} for
// {n1, n2}; String prints none of these.
//
// What is promised: an anchored fault strikes when the event of the world in which
// its last step became true has ended, at the same instant and before any other
// event. All that happened within that event has happened, and no more. So an
// acknowledgement that a leader has decided on has not left it: a fault that should
// let it out must come a little later. "before the next E" leaves out events of the
// world in which E happened too (with acks=all the high watermark moves in the very
// event that acknowledges), and skips the fault if E happens in a span behind the
// last event. A fault whose anchor never comes never strikes, and is skipped.
//
// # Invariants
//
//   - Parse(s.String()) equals s
//   - applying a schedule draws nothing: all choice was made when it was drawn
//   - a fault that the budget refuses, whose role nobody plays at that moment or
//     whose anchor never comes is skipped and reported, never replaced
//
// Not here: what a leader or a controller is (Resolver), how a node is killed
// (World), when something has happened (Watcher), whether a loss was legal (checks/ledger).
package faults
