package trialrun

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
	"trial/faults"
)

// Limits of a plan: a wrong digit must not become an endless run.
const (
	MaxFor     = 24 * clock.Hour
	MaxServers = 50
	MaxClients = 200
)

// Validate reports the first thing in the plan that cannot be, with what would be
// right.
func (s *System) Validate(p *Plan) error {
	if err := s.check(); err != nil {
		return err
	}
	switch {
	case p.System != s.Name:
		return fmt.Errorf("system %q: this is the system %q", p.System, s.Name)
	case p.For <= 0 || p.For > MaxFor:
		return fmt.Errorf("for %v: faults strike for more than 0s and at most %v", p.For, MaxFor)
	case p.Liveness <= 0 || p.Liveness > MaxFor:
		return fmt.Errorf("liveness %v: the deadline is more than 0s and at most %v", p.Liveness, MaxFor)
	case p.Servers < 1 || p.Servers > MaxServers:
		return fmt.Errorf("servers %d: there are 1 to %d", p.Servers, MaxServers)
	case p.Clients < 0 || p.Clients > MaxClients:
		return fmt.Errorf("clients %d: there are 0 to %d", p.Clients, MaxClients)
	case p.Mutant != "" && !slices.Contains(s.Mutants, p.Mutant):
		return fmt.Errorf("mutant %q: %s", p.Mutant, known("no planted bug is called so", s.Mutants))
	}
	for _, k := range p.Knobs {
		if err := s.checkKnob(k); err != nil {
			return err
		}
	}
	if err := p.validateClimate(); err != nil {
		return err
	}
	return s.validateFaults(p)
}

func known(what string, names []string) string {
	if len(names) == 0 {
		return what + "; there is none"
	}
	return what + "; known are " + strings.Join(names, ", ")
}

func (s *System) checkKnob(k Setting) error {
	knob := s.knob(k.Name)
	if knob == nil {
		var names []string
		for _, k := range s.Knobs {
			names = append(names, k.Name)
		}
		return fmt.Errorf("knob %s: %s", k.Name, known("no knob is called so", names))
	}
	if k.Value < knob.Min || k.Value > knob.Max {
		return fmt.Errorf("knob %s=%d: it goes from %d to %d", k.Name, k.Value, knob.Min, knob.Max)
	}
	return nil
}

func (p *Plan) validateClimate() error {
	n, d := &p.Net, &p.Disk
	switch {
	case n.Latency < 0 || n.Jitter < 0 || n.Jitter >= 4*clock.Second || n.Tail < 0 || n.Tail >= 4*clock.Second || n.TailOneIn < 0 || n.BytesPerMs < 1 || n.TCPTimeout <= 0:
		return fmt.Errorf("net: spans must not be negative, jitter and tail be below 4s, bytes.per.ms and tcp.timeout above zero")
	case d.Latency < 0 || d.Jitter < 0 || d.Jitter >= 4*clock.Second || d.Sync < 0 || d.Sync >= 4*clock.Second || d.BytesPerMs < 1:
		return fmt.Errorf("disk: spans must not be negative, jitter and sync be below 4s, bytes.per.ms above zero")
	}
	return nil
}

func (s *System) validateFaults(p *Plan) error {
	for _, f := range p.Faults {
		line := f.When() + " " + f.String()
		if f.Anchored() {
			return fmt.Errorf("fault %q: anchors wait for what happens in a Kafka cluster; write an instant, as in: 5s %s", line, f)
		}
		if !s.knows(f.Action) {
			return fmt.Errorf("fault %q: system %s has no faults of this kind", line, s.Name)
		}
		if f.Action == faults.Hold && !slices.Contains(s.Classes, f.Class) {
			return fmt.Errorf("fault %q: %s", line, known("no frames are of class "+f.Class, s.Classes))
		}
		for _, t := range slices.Concat(f.Left, f.Right) {
			if t.Of != "" && !slices.Contains(s.Groups, t.Of) {
				return fmt.Errorf("fault %q: %s", line, known("nobody leads "+t.Of, s.Groups))
			}
		}
	}
	return faults.Check(p.Faults, p.ServerNames(), p.ClientNames())
}
