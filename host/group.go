package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"trial/engine"
)

// Group is a set of nodes of one process that can be stopped, killed and started
// again. It is safe for concurrent use.
type Group struct {
	mu    sync.Mutex
	order []engine.NodeID
	nodes map[engine.NodeID]*member
}

type member struct {
	spec Spec
	node *Node // of the latest incarnation
}

// NewGroup returns an empty group.
func NewGroup() *Group { return &Group{nodes: make(map[engine.NodeID]*member)} }

// Start adds a node and boots its first incarnation.
func (g *Group) Start(spec Spec) (*Node, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nodes[spec.ID] != nil {
		return nil, fmt.Errorf("node %d is in the group already", spec.ID)
	}
	n, err := Start(spec)
	if err != nil {
		return nil, err
	}
	// Later incarnations come back to the ports that were taken.
	ls := make([]Listener, len(spec.Listeners))
	for i := range ls {
		ls[i] = Listener{Addr: n.Addr(engine.ListenerID(i))}
	}
	spec.Listeners, spec.Incarnation = ls, n.m.spec.Incarnation
	g.order = append(g.order, spec.ID)
	g.nodes[spec.ID] = &member{spec: spec, node: n}
	return n, nil
}

// Restart boots the next incarnation of a node that has ended, with its data
// and its addresses.
func (g *Group) Restart(id engine.NodeID) (*Node, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.nodes[id]
	if x == nil {
		return nil, fmt.Errorf("node %d is not in the group", id)
	}
	select {
	case <-x.node.Done():
	default:
		return nil, fmt.Errorf("node %d is running", id)
	}
	spec := x.spec
	spec.Incarnation++
	n, err := Start(spec)
	if err != nil {
		return nil, err
	}
	x.spec, x.node = spec, n
	return n, nil
}

// Node is the latest incarnation of a node; nil if there is none.
func (g *Group) Node(id engine.NodeID) *Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	if x := g.nodes[id]; x != nil {
		return x.node
	}
	return nil
}

// Nodes are the latest incarnations, in the order in which the nodes were added.
func (g *Group) Nodes() []*Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*Node, len(g.order))
	for i, id := range g.order {
		all[i] = g.nodes[id].node
	}
	return all
}

// Stop stops all nodes that run, at the same time, and waits for them. Nodes
// that ended before do not count.
func (g *Group) Stop(ctx context.Context) error {
	nodes := g.Nodes()
	errs := make([]error, len(nodes))
	var wait sync.WaitGroup
	for i, n := range nodes {
		select {
		case <-n.Done():
			continue
		default:
		}
		wait.Go(func() { errs[i] = n.Stop(ctx) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// Kill kills all nodes that run.
func (g *Group) Kill() {
	for _, n := range g.Nodes() {
		n.Kill()
	}
}
