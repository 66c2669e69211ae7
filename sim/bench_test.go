package sim_test

import (
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/echo"
	"trial/sim"
)

// echoes builds n nodes that play ping-pong in a ring, with 64-byte frames.
func echoes(n int, opt sim.Options) (*sim.World, []*echo.Program) {
	programs := make([]*echo.Program, n)
	for i := range n {
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{
			ID: engine.NodeID(i + 1), Listeners: []string{addr(engine.NodeID(i+1), 0)},
			Factory: func() engine.Program {
				programs[i] = echo.New(echo.Config{Serve: true, Peers: []string{addr(engine.NodeID((i+1)%n+1), 0)}})
				return programs[i]
			},
		})
	}
	w := sim.New(opt)
	for i := range n {
		w.Start(engine.NodeID(i + 1))
	}
	return w, programs
}

// BenchmarkIdleCost is the cost of the simulator itself: three echo nodes, hash
// on, trace unread. An event is one that reaches a program.
func BenchmarkIdleCost(b *testing.B) {
	w, _ := echoes(3, sim.Options{Seed: 1})
	w.RunUntil(w.Now().Add(clock.Second)) // connections open, buffers exist
	from := w.Events()
	b.ReportAllocs()
	for b.Loop() {
		w.Step()
	}
	events := float64(w.Events() - from)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(w.Now())/1e9/b.Elapsed().Seconds(), "virtual-s/s")
}

// BenchmarkRunUntil is the same, driven in one call.
func BenchmarkRunUntil(b *testing.B) {
	w, _ := echoes(3, sim.Options{Seed: 1})
	w.RunUntil(w.Now().Add(clock.Second))
	from := w.Events()
	for b.Loop() {
		w.RunUntil(w.Now().Add(clock.Second))
	}
	b.ReportMetric(float64(w.Events()-from)/b.Elapsed().Seconds(), "events/s")
}
