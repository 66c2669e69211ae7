package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"trial/engine"
	"trial/net/tcpnet"
)

// ErrKilled is what Wait tells about a node that was killed.
var ErrKilled = errors.New("node was killed")

// ErrEnded is what a call on a node that has ended returns.
var ErrEnded = errors.New("node has ended")

// Crash is the end of a node whose program panicked.
type Crash struct {
	Reason any    // what it panicked with
	Stack  []byte // where
}

func (c *Crash) Error() string { return fmt.Sprintf("program panicked: %v\n%s", c.Reason, c.Stack) }

// Unwrap gives the reason if it is an error.
func (c *Crash) Unwrap() error {
	err, _ := c.Reason.(error)
	return err
}

// Node is one incarnation of a node. Its methods may be called from any
// goroutine but not from the program.
type Node struct {
	m      *machine
	booted chan struct{}
	done   chan struct{}
	killed atomic.Bool
	err    error // why it ended; written before done is closed
	exited bool  // by Host.Exit; likewise
}

// Start takes the node's ports and directories and boots its program: when it
// returns, Boot has run. The error says what the node cannot have.
func Start(spec Spec) (*Node, error) {
	n := &Node{booted: make(chan struct{}), done: make(chan struct{})}
	m, err := newMachine(n, spec)
	if err != nil {
		return nil, fmt.Errorf("node %d: %w", spec.ID, err)
	}
	n.m = m
	go m.main()
	select {
	case <-n.booted:
	case <-n.done:
	}
	return n, nil
}

// Addr is the address of a listener, with the port that was taken.
func (n *Node) Addr(l engine.ListenerID) string { return n.m.listeners[l].addr }

// Stop asks the program for an orderly end and waits for it. When ctx ends
// first, the node is killed and the error of ctx returned.
func (n *Node) Stop(ctx context.Context) error {
	n.m.in.post(event{kind: evStop})
	select {
	case <-n.done:
		return n.err
	case <-ctx.Done():
		n.Kill()
		return fmt.Errorf("node %d did not stop: %w", n.m.spec.ID, ctx.Err())
	}
}

// AskStop asks the program for an orderly end and does not wait.
func (n *Node) AskStop() { n.m.in.post(event{kind: evStop}) }

// Kill ends the node as the death of its process would: the program gets no
// further event, connections are cut, what the operating system had not taken
// of its writes is lost, nothing is synced. When it returns nothing of the node
// runs any more. It waits for the event that the program is in.
func (n *Node) Kill() {
	n.killed.Store(true)
	n.m.in.rouse()
	<-n.done
}

// Wait waits for the end and tells why it came: nil or an error given to
// Host.Exit, a *Crash, ErrKilled, or an error of the host.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// Done is closed when the node has ended.
func (n *Node) Done() <-chan struct{} { return n.done }

// Exited reports whether the node has ended by Host.Exit, and the error given.
func (n *Node) Exited() (bool, error) {
	select {
	case <-n.done:
		return n.exited, n.err
	default:
		return false, nil
	}
}

// Do runs f as an event of the program and waits for it; ErrEnded if the node
// ends before.
func (n *Node) Do(f func()) error {
	ran := make(chan struct{})
	if !n.m.in.post(event{kind: evFunc, x: func() { f(); close(ran) }}) {
		return ErrEnded
	}
	select {
	case <-ran:
		return nil
	case <-n.done:
		select {
		case <-ran:
			return nil
		default:
			return ErrEnded
		}
	}
}

// Stats counts what a node did.
type Stats struct {
	Events    int64 // delivered to the program
	Batches   int64 // taken from the edge
	Sleeps    int64 // times the loop had nothing to do
	FramesIn  int64
	FramesOut int64
	Usage     tcpnet.Usage
}

// Stats returns the counters, some microseconds old at most.
func (n *Node) Stats() Stats {
	c := &n.m.published
	return Stats{
		c.events.Load(), c.batches.Load(), c.sleeps.Load(), c.framesIn.Load(), c.framesOut.Load(),
		n.m.edge.Budget.Usage(),
	}
}

// Probes counts the rare situations that the program reached.
func (n *Node) Probes() map[string]int64 {
	n.m.probeMu.Lock()
	defer n.m.probeMu.Unlock()
	return maps.Clone(n.m.probes)
}
