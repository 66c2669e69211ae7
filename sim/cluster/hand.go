package cluster

import (
	"fmt"

	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/sim"
)

// spareNodes is how many clients a Stage can have beside those of its plan. A node
// must be there when its world is built; one that never starts costs nothing.
const spareNodes = 32

// hand is a client that the caller of a Stage drives: a node with a name and, while
// the node runs, the program of its present life.
type hand struct {
	w     *world
	id    engine.NodeID
	name  string
	role  workload.Role
	birth func() life
	life  life // of the running process; nil while there is none
}

// life is one life of such a client.
type life interface {
	engine.Program
	// lost tells that the process is gone, without a last event.
	lost()
}

func (w *world) spares(n int) []sim.NodeSpec {
	specs := make([]sim.NodeSpec, n)
	for i := range specs {
		specs[i] = sim.NodeSpec{ID: firstSpareID + engine.NodeID(i), Factory: func() engine.Program {
			h := w.hands[i]
			h.life = h.birth()
			return h.life
		}}
	}
	return specs
}

// hand finds a client that is driven by hand; nil if the node is none.
func (w *world) hand(id engine.NodeID) *hand {
	if i := int(id - firstSpareID); i >= 0 && i < len(w.hands) {
		return w.hands[i]
	}
	return nil
}

func (h *hand) crashed() {
	if h.life != nil {
		h.life.lost()
		h.life = nil
	}
}

// call runs f as an event of the client's process; false if none runs.
func (h *hand) call(f func()) bool {
	return h.w.Call(h.id, func(engine.Host) { f() })
}

// end is how the program of a hand ends its process.
func (h *hand) end(host engine.Host, err error) {
	h.w.clients.Crashed(h.id, host.Now())
	host.Exit(err)
	h.crashed()
}

// newHand gives the next spare node a name and a role, and starts it.
func (s *Stage) newHand(name string, role workload.Role, birth func() life) (*hand, error) {
	w := s.run.world
	switch {
	case s.err != nil:
		return nil, s.err
	case s.finished:
		return nil, errFinished
	case !validNodeName(name):
		return nil, fmt.Errorf("client %q: a name is made of letters, digits, - and _, and is no word of the fault language", name)
	case s.known(name):
		return nil, fmt.Errorf("client %s: the name is taken", name)
	case len(w.hands) == spareNodes:
		return nil, fmt.Errorf("client %s: a stage has room for %d clients beside those of its plan", name, spareNodes)
	}
	h := &hand{w: w, id: firstSpareID + engine.NodeID(len(w.hands)), name: name, role: role, birth: birth}
	w.hands = append(w.hands, h)
	w.Start(h.id)
	return h, nil
}

// retryEvery is how often a client that waits for a topic's metadata looks again.
const retryEvery = 10 * clock.Millisecond
