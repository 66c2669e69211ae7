package sim_test

import (
	"fmt"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/enginetest"
	"trial/sim"
)

// harness runs the suite of programs in a world.
type harness struct {
	t *testing.T
	w *sim.World
}

func addr(n engine.NodeID, l engine.ListenerID) string { return fmt.Sprintf("n%d:%d", n, 9092+int(l)) }

// nodes translates the suite's nodes.
func nodes(spec enginetest.Spec) []sim.NodeSpec {
	var out []sim.NodeSpec
	for _, n := range spec.Nodes {
		s := sim.NodeSpec{ID: n.ID, Factory: n.New, Volumes: n.Volumes, MaxFrame: n.MaxFrame}
		for l := range n.Listeners {
			s.Listeners = append(s.Listeners, addr(n.ID, engine.ListenerID(l)))
		}
		out = append(out, s)
	}
	return out
}

func start(t *testing.T, spec enginetest.Spec) enginetest.Harness {
	h := &harness{t, sim.New(sim.Options{Seed: 7, Nodes: nodes(spec), Poison: true})}
	t.Cleanup(func() {
		if v := h.w.Violation(); v != nil {
			t.Errorf("%v\n%s", v, v.Stack)
		}
	})
	return h
}

func (h *harness) Addr(n engine.NodeID, l engine.ListenerID) string { return addr(n, l) }
func (h *harness) Start(n engine.NodeID)                            { h.w.Start(n) }
func (h *harness) Kill(n engine.NodeID)                             { h.w.Kill(n) }
func (h *harness) Stop(n engine.NodeID)                             { h.w.Stop(n) }
func (h *harness) Ended(n engine.NodeID) (bool, error)              { return h.w.Ended(n) }

func (h *harness) LimitVolume(n engine.NodeID, v engine.VolumeID, bytes int64) {
	h.w.LimitDisk(n, v, bytes)
}

func (h *harness) Do(n engine.NodeID, f func()) {
	h.t.Helper()
	done := false
	if !h.w.Call(n, func(engine.Host) { f(); done = true }) {
		h.t.Fatalf("node %d does not run", n)
	}
	for !done {
		if !h.w.Step() {
			h.t.Fatalf("the call to node %d was never made: %v", n, h.w.Violation())
		}
	}
}

func (h *harness) until(done func() bool) bool {
	limit := h.w.Now().Add(clock.Minute)
	for !done() {
		if at, ok := h.w.NextAt(); !ok || at > limit {
			return false
		}
		h.w.Step()
	}
	return true
}

func (h *harness) Await(_ engine.NodeID, cond func() bool) bool { return h.until(cond) }

func (h *harness) AwaitEnd(n engine.NodeID) bool {
	return h.until(func() bool { ended, _ := h.w.Ended(n); return ended })
}

func TestSuiteOfPrograms(t *testing.T) { enginetest.Run(t, start) }
