package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trial/engine"
	"trial/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness runs the nodes of one test on this host.
type harness struct {
	t     *testing.T
	specs map[engine.NodeID]*Spec
	nodes map[engine.NodeID]*Node
}

func newHarness(t *testing.T, spec enginetest.Spec) enginetest.Harness {
	h := &harness{t: t, specs: map[engine.NodeID]*Spec{}, nodes: map[engine.NodeID]*Node{}}
	for _, ns := range spec.Nodes {
		s := &Spec{ID: ns.ID, Factory: ns.New}
		s.Limits.Poison = true
		s.Limits.FrameLimit = ns.MaxFrame
		for range ns.Listeners {
			s.Listeners = append(s.Listeners, Listener{Addr: freeAddr(t)})
		}
		for range ns.Volumes {
			s.Volumes = append(s.Volumes, t.TempDir())
		}
		h.specs[ns.ID] = s
	}
	t.Cleanup(func() {
		for _, n := range h.nodes {
			n.Kill()
		}
	})
	return h
}

// freeAddr finds a port that nobody uses now and, where every loopback address can
// be bound, nobody will take while the node that has it is down.
func freeAddr(t testing.TB) string {
	ip := "127.0.0.1"
	if pid := os.Getpid(); runtime.GOOS == "linux" {
		ip = fmt.Sprintf("127.%d.%d.%d", 64+pid>>16&63, pid>>8&255, pid&255)
	}
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (h *harness) Addr(n engine.NodeID, l engine.ListenerID) string {
	return h.specs[n].Listeners[l].Addr
}

func (h *harness) Start(n engine.NodeID) {
	h.t.Helper()
	s := h.specs[n]
	s.Incarnation++
	node, err := Start(*s)
	if err != nil {
		h.t.Fatal(err)
	}
	h.nodes[n] = node
}

func (h *harness) Kill(n engine.NodeID) { h.nodes[n].Kill() }
func (h *harness) Stop(n engine.NodeID) { h.nodes[n].AskStop() }

func (h *harness) Ended(n engine.NodeID) (bool, error) { return h.nodes[n].Exited() }

// publish lets every node see what the test's goroutine has written to the
// programs since the last event.
func (h *harness) publish() {
	for _, n := range h.nodes {
		n.m.in.post(event{kind: evFunc, x: func() {}})
	}
}

func (h *harness) Do(n engine.NodeID, f func()) {
	h.t.Helper()
	h.publish()
	if err := h.nodes[n].Do(f); err != nil {
		h.t.Fatalf("node %d: %v: %v", n, err, h.nodes[n].Wait())
	}
}

const patience = time.Minute

func (h *harness) Await(n engine.NodeID, cond func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		holds := false
		if err := h.nodes[n].Do(func() { holds = cond() }); err != nil {
			h.t.Logf("node %d: %v: %v", n, err, h.nodes[n].Wait())
			return false
		}
		if holds {
			return true
		}
	}
	return false
}

func (h *harness) AwaitEnd(n engine.NodeID) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-h.nodes[n].Done():
		ended, _ := h.nodes[n].Exited()
		return ended
	case <-ctx.Done():
		return false
	}
}

func TestPassesTheSuiteOfPrograms(t *testing.T) { enginetest.Run(t, newHarness) }
