package bubble

import (
	"context"
	"net"
	"strconv"

	"trial/engine"
)

// Machine is a node of the simulated network on which clients run. Faults name it
// as they name a plan's clients: "cut app | n1 for 5s".
type Machine struct {
	c     *Cluster
	name  string
	index int // among the guests

	// The driver's.
	conns []*Conn // that are dialling or open, in the order of their numbers
	down  bool    // a fault has ended the machine's process
}

// DialContext connects to a broker by the address that it advertises. It has the
// shape that clients ask for (kgo.Dialer, kafka.Dialer.DialFunc).
func (m *Machine) DialContext(ctx context.Context, network, to string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: addr(to), Err: net.UnknownNetworkError(network)}
	}
	if err := ctx.Err(); err != nil {
		return nil, dialError(network, to, cancelled(err))
	}
	c := newConn(m, to, m.c.dials())
	if !m.c.box.ring(c) {
		return nil, dialError(network, to, refused(to, engine.ErrRefused))
	}
	select {
	case <-c.opened:
	case <-ctx.Done():
		_ = c.Close()
		return nil, dialError(network, to, cancelled(ctx.Err()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialErr != nil {
		return nil, dialError(network, to, refused(to, c.dialErr))
	}
	return c, nil
}

// Dial is DialContext without a context, as proxy.Dialer has it (sarama's
// Config.Net.Proxy).
func (m *Machine) Dial(network, to string) (net.Conn, error) {
	return m.DialContext(context.Background(), network, to)
}

// dialled gives the connection its number and its port.
func (c *Conn) dialled(num int) {
	c.num = num
	c.mu.Lock()
	c.local = addr(c.m.name + ":" + strconv.Itoa(40_000+num))
	c.mu.Unlock()
}
