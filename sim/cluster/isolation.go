package cluster

import (
	"slices"

	"trial/checks/liveness"
	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// isolation tells since when each voter can hear no majority of voters, by the
// links that faults have cut or clogged: what a quorum leader must notice.
type isolation struct {
	w     *world
	nodes []int32         // the voters
	since []clock.Instant // by index of voter; clock.Never while it hears a majority
}

func newIsolation(w *world) isolation {
	i := isolation{w: w, nodes: w.plan.voters()}
	i.since = make([]clock.Instant, len(i.nodes))
	for k := range i.since {
		i.since[k] = clock.Never
	}
	return i
}

// refresh looks at the links anew, after one of them has changed.
func (i *isolation) refresh() {
	for k := range i.since {
		heard := 1
		for from := range i.since {
			if from != k && !i.w.blocked(engine.NodeID(i.nodes[from]), engine.NodeID(i.nodes[k])) {
				heard++
			}
		}
		if isolated := 2*heard <= len(i.since); !isolated {
			i.since[k] = clock.Never
		} else if i.since[k] == clock.Never {
			i.since[k] = i.w.Now()
		}
	}
}

// again begins to count anew: the node was frozen or not there meanwhile.
func (i *isolation) again(id engine.NodeID) {
	if k := slices.Index(i.nodes, int32(id)); k >= 0 && i.since[k] != clock.Never {
		i.since[k] = i.w.Now()
	}
}

// blocked reports whether a fault lets nothing pass from one node to another.
func (w *world) blocked(from, to engine.NodeID) bool {
	return w.nesting[nestKey{faults.Cut, from, to}] > 0 || w.nesting[nestKey{faults.Clog, from, to}] > 0
}

// view lists the voters that are isolated, running and not frozen.
func (i *isolation) view() []liveness.Isolated {
	var out []liveness.Isolated
	for k, since := range i.since {
		id := engine.NodeID(i.nodes[k])
		if since == clock.Never || i.w.Paused(id) {
			continue
		}
		if b := i.w.broker(int32(id)); b != nil {
			out = append(out, liveness.Isolated{Node: int32(id), Since: since, Active: b.View().ControllerID == int32(id)})
		}
	}
	return out
}
