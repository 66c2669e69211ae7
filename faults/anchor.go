package faults

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
)

// Step is one part of an anchor: wait until something has happened so many times,
// or until a state holds, or let a span pass.
type Step struct {
	Event Event
	Count int64          // how often Event is to happen, from when the step before was done; 1 of a state
	Later clock.Duration // instead of Event and Count
}

func (s Step) String() string {
	switch {
	case s.Later != 0:
		return s.Later.String() + " later"
	case s.Event.What.State():
		return "when " + s.Event.String()
	}
	return "after " + s.Event.times(s.Count)
}

// Anchored reports whether the fault strikes at an event instead of at an instant.
func (f Fault) Anchored() bool { return len(f.Steps) > 0 }

// When prints when the fault strikes, as Parse reads it: its instant, or its
// anchor with the colon.
func (f Fault) When() string {
	if !f.Anchored() {
		return f.At.String()
	}
	return f.Anchor() + ":"
}

// Anchor prints the anchor of the fault without its colon; "" without one.
func (f Fault) Anchor() string {
	if !f.Anchored() {
		return ""
	}
	var parts []string
	if f.At != 0 {
		parts = append(parts, "after "+f.At.String())
	}
	for _, s := range f.Steps {
		parts = append(parts, s.String())
	}
	if f.Before.What != "" {
		parts = append(parts, "before the next "+f.Before.String())
	}
	return strings.Join(parts, ", ")
}

// Anchored reports whether any fault of the schedule has an anchor.
func (s Schedule) Anchored() bool { return slices.ContainsFunc(s, Fault.Anchored) }

// CheckAnchors reports the first anchor that waits for what no node, client or
// partition of the world can do.
func CheckAnchors(s Schedule, brokers, clients, partitions []string) error {
	for _, f := range s {
		events := []Event{f.Before}
		for _, st := range f.Steps {
			events = append(events, st.Event)
		}
		for _, e := range events {
			if err := e.check(brokers, clients, partitions); err != nil {
				return fmt.Errorf("fault %q: %w", f.When()+" "+f.String(), err)
			}
		}
	}
	return nil
}

func (e Event) check(brokers, clients, partitions []string) error {
	var known []string
	switch e.What.Subject() {
	case SomePartition:
		known = partitions
	case SomeBroker:
		known = brokers
	case SomeClient:
		known = clients
	case SomeNode:
		known = slices.Concat(brokers, clients)
	}
	if e.Of != "" && !slices.Contains(known, e.Of) {
		return fmt.Errorf("%s: there is no %s %s; there are %s", e, e.What.Subject(), e.Of, strings.Join(known, ", "))
	}
	names := []string{e.On}
	if e.Set != "" {
		names = append(names, strings.Split(e.Set, ", ")...)
	}
	for _, n := range names {
		if n != "" && !slices.Contains(brokers, n) {
			return fmt.Errorf("%s: there is no broker %s; there are %s", e, n, strings.Join(brokers, ", "))
		}
	}
	return nil
}
