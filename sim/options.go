package sim

import (
	"io"

	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/net/simnet"
)

// Options describe a world. Zero values mean the defaults named here.
type Options struct {
	Seed  uint64
	Nodes []NodeSpec

	Net     simnet.Climate  // simnet.DefaultClimate
	Limits  simnet.Limits   // simnet.DefaultLimits
	Disk    simdisk.Climate // simdisk.DefaultClimate
	Service Service         // DefaultService
	Buggify Buggify         // no site is active

	// EpochMs is the wall clock at the start of the timeline; 2026-01-01 by default.
	EpochMs int64
	// Poison overwrites buffers that a program has released.
	Poison bool

	// MaxEvents ends the run with rule LIMIT; 0 for no limit.
	MaxEvents uint64
	// MaxSteps at one instant end the run with rule STUCK; 100,000 by default.
	MaxSteps int

	// Trace gets one line per event and fact.
	Trace io.Writer
	// OnFact gets what programs emit.
	OnFact func(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact)
	// OnLog gets what programs log, formatted.
	OnLog func(at clock.Instant, node engine.NodeID, level engine.Level, line string)
	// OnLate is told that a node is about to get a frame from a node that has already
	// ended the connection. It may read the frame during the call.
	OnLate func(at clock.Instant, node, from engine.NodeID, frame []byte)
	// OnExit is told that a program ended by Host.Exit. It may call faults.
	OnExit func(node engine.NodeID, inc engine.Incarnation, err error)
}

// NodeSpec describes one node.
type NodeSpec struct {
	ID engine.NodeID
	// Factory makes the program of one incarnation.
	Factory func() engine.Program
	// Listeners are the addresses of listeners 0, 1, ...
	Listeners []string
	Volumes   int
	// VolumeBytes is the capacity of each volume; 0 for no limit.
	VolumeBytes int64
	// MaxFrame is the largest frame that is accepted, in bytes; 0 means 100 MiB, as
	// Kafka's socket.request.max.bytes.
	MaxFrame int
	Budget   simnet.Budget
}

// Service is the modelled time that a node spends on an event.
type Service struct {
	Base   clock.Duration // per event
	PerKiB clock.Duration // of a frame, of what a disk operation moved, of a job
}

// DefaultService is a modest server.
func DefaultService() Service { return Service{Base: 2 * clock.Microsecond, PerKiB: 80} }

// Buggify is how much is buggified: a site is active in Active of 100 runs, and
// an active site takes its rare choice in 1 of 2 to 1 of Rarest cases, which is
// drawn once per run.
type Buggify struct {
	Active int64
	Rarest int64
}

const defaultEpochMs = 1_767_225_600_000 // 2026-01-01T00:00:00Z

func (o *Options) setDefaults() {
	if o.Net == (simnet.Climate{}) {
		o.Net = simnet.DefaultClimate()
	}
	if o.Limits == (simnet.Limits{}) {
		o.Limits = simnet.DefaultLimits()
	}
	if o.Disk == (simdisk.Climate{}) {
		o.Disk = simdisk.DefaultClimate()
	}
	if o.Service == (Service{}) {
		o.Service = DefaultService()
	}
	if o.Buggify.Rarest == 0 {
		o.Buggify.Rarest = 100
	}
	if o.EpochMs == 0 {
		o.EpochMs = defaultEpochMs
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 100_000
	}
}
