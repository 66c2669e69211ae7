package trialrun

import (
	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim/climate"
)

// Options are what a caller fixes of a plan; the seed draws the rest. Zero fields
// fix nothing.
type Options struct {
	For              clock.Duration
	Servers, Clients int
	Mutant           string
	Knobs            []Setting
	// Calm draws no faults.
	Calm bool
}

// Draw expands a seed into a plan. Every component draws from a stream of its own
// name, so that a knob added here moves no fault there.
func (s *System) Draw(seed uint64, o Options) (Plan, error) {
	p := s.blank()
	p.Seed, p.Mutant = seed, o.Mutant
	if o.For != 0 {
		p.For = o.For
	}
	if o.Servers != 0 {
		p.Servers = o.Servers
	}
	if o.Clients != 0 {
		p.Clients = o.Clients
	}
	p.drawClimate(engine.NewStream(seed, "plan/climate"))
	for _, k := range s.Knobs {
		if draw := engine.NewStream(seed, "plan/knob/"+k.Name); !draw.Chance(1, 4) {
			p.SetKnob(k.Name, draw.Between(k.Min, k.Max))
		}
	}
	for _, k := range o.Knobs {
		p.SetKnob(k.Name, k.Value)
	}
	if err := s.Validate(&p); err != nil || o.Calm {
		return p, err
	}
	s.drawFaults(&p, engine.NewStream(seed, "plan/faults"))
	return p, s.Validate(&p)
}

// blank is the plan before anything was drawn: what a plan's text need not say.
func (s *System) blank() Plan {
	p := Plan{System: s.Name, For: s.For, Liveness: s.Liveness, Servers: s.Servers, Clients: s.Clients}
	if p.Liveness == 0 {
		p.Liveness = defaultLiveness
	}
	for _, k := range s.Knobs {
		p.SetKnob(k.Name, k.Default)
	}
	p.Net = Net{
		Latency: 200 * clock.Microsecond, Jitter: 300 * clock.Microsecond, BytesPerMs: 1_000_000,
		TCPTimeout: 20 * clock.Second,
	}
	p.Disk = Disk{
		Latency: 10 * clock.Microsecond, Jitter: 10 * clock.Microsecond, Sync: clock.Millisecond, BytesPerMs: 1_000_000,
	}
	return p
}

func (p *Plan) drawClimate(s *engine.Stream) {
	p.Buggify = s.Chance(3, 4)
	p.Net, p.Disk = climate.DrawNet(s), climate.DrawDisk(s)
}

// faultsFrom is when the first fault may strike: the engine has come up by then.
const faultsFrom = clock.Second

func (s *System) drawFaults(p *Plan, draw *engine.Stream) {
	scope := faults.Scope{
		Brokers: p.ServerNames(), Clients: p.ClientNames(), Partitions: s.Groups, Classes: s.Classes,
		From: clock.Instant(min(faultsFrom, p.For/4)), Until: clock.Instant(p.For), Hard: true,
	}
	c := faults.DrawClimate(draw, scope)
	for {
		var keep []faults.Weight
		for _, w := range c.Weights {
			if s.draws(w.Action) {
				keep = append(keep, w)
			}
		}
		if len(keep) > 0 {
			c.Weights = keep
			break
		}
		c = faults.DrawClimate(draw, scope)
	}
	p.Faults = faults.Draw(draw, c, scope)
	for i := range p.Faults {
		p.Faults[i].Left = s.ledOnly(p.Faults[i].Left)
		p.Faults[i].Right = s.ledOnly(p.Faults[i].Right)
	}
}

// ledOnly aims at a leader where a schedule for Kafka would aim at the active
// controller, which is nobody here.
func (s *System) ledOnly(ts []faults.Target) []faults.Target {
	for i := range ts {
		if ts[i].Node == faults.Controller {
			ts[i] = faults.Target{Node: faults.Leader, Of: s.Groups[0]}
		}
	}
	return ts
}
