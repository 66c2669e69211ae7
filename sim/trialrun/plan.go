package trialrun

import (
	"slices"

	"trial/clock"
	"trial/faults"
	"trial/sim/climate"
)

// Plan is everything that a run depends on: a seed expands into one, text files
// keep one, shrinking edits one. A seed is good for one commit; a plan outlives
// changes of the code.
type Plan struct {
	System   string
	Seed     uint64 // of all that is drawn while the run goes on
	For      clock.Duration
	Liveness clock.Duration
	Servers  int
	Clients  int
	Buggify  bool
	Mutant   string // the planted bug that is switched on, or ""
	Knobs    []Setting
	Net      Net
	Disk     Disk
	Faults   faults.Schedule
}

// Setting is the value of a knob.
type Setting struct {
	Name  string
	Value int64
}

// Net is the climate of the links.
type Net = climate.Net

// Disk is the climate of the disks.
type Disk = climate.Disk

// Knob returns the value of a knob; 0 if the system has no such knob.
func (p *Plan) Knob(name string) int64 {
	for _, k := range p.Knobs {
		if k.Name == name {
			return k.Value
		}
	}
	return 0
}

// SetKnob sets a knob that the plan has, or adds it.
func (p *Plan) SetKnob(name string, value int64) {
	for i := range p.Knobs {
		if p.Knobs[i].Name == name {
			p.Knobs[i].Value = value
			return
		}
	}
	p.Knobs = append(p.Knobs, Setting{name, value})
}

// ServerNames are n1, n2 ...
func (p *Plan) ServerNames() []string {
	out := make([]string, p.Servers)
	for i := range out {
		out[i] = Name(ServerID(i))
	}
	return out
}

// ClientNames are c1, c2 ...
func (p *Plan) ClientNames() []string {
	out := make([]string, p.Clients)
	for i := range out {
		out[i] = Name(ClientID(i))
	}
	return out
}

// Clone returns a copy that shares nothing with p.
func (p Plan) Clone() Plan {
	p.Knobs = slices.Clone(p.Knobs)
	p.Faults = slices.Clone(p.Faults)
	return p
}
