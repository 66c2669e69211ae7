package host

import (
	"log/slog"
	"net"
	"time"

	"trial/engine"
	"trial/net/tcpnet"
)

// Spec describes a node.
type Spec struct {
	ID engine.NodeID
	// Factory makes the program of one incarnation.
	Factory func() engine.Program
	// Listeners are numbered from 0.
	Listeners []Listener
	// Volumes are existing, writable directories that no other node uses.
	Volumes []string
	// Incarnation counts the lives of the node's process; 1 if zero.
	Incarnation engine.Incarnation
	// Seed fixes the random streams, for tests; 0 draws a seed from the system.
	Seed uint64
	// Limits bound memory and time; zero fields get defaults.
	Limits Limits
	// Logger gets the program's log lines and the host's own; nil drops them.
	Logger *slog.Logger
	// Facts gets the program's facts, from its event loop; nil means nobody reads.
	Facts func(engine.NodeID, engine.Fact)
}

// Listener is an address to listen on.
type Listener struct {
	// Addr is "host:port". Port 0 takes a free one; see Node.Addr.
	Addr string
	// Bound is an already bound listener, which the node takes over and closes, in
	// place of Addr. The system answers its peers before the program listens.
	Bound net.Listener
}

// Limits are the bounds of a node.
type Limits struct {
	tcpnet.Options
	// DiskWorkers is the number of goroutines per volume; 8.
	DiskWorkers int
	// Workers is the number of goroutines for offloaded jobs; one per CPU.
	Workers int
	// ExitGrace bounds how long an orderly end goes on sending what was queued; 1 s.
	ExitGrace time.Duration
}
