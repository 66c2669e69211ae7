package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"trial/engine"
	"trial/engine/kafka"
	"trial/host"
)

// Cluster is a running cluster. Its methods may be called from any goroutine.
type Cluster struct {
	cfg      Config
	data     *data
	group    *host.Group
	programs []atomic.Pointer[kafka.Broker] // of the latest incarnations
	addrs    []string                       // of the client listeners, as advertised
}

// Start takes ports and directories, boots every broker and waits until all of
// them serve and know each other. The error says what it cannot have, or which
// broker does not come up; nothing is left running then. The context bounds
// the start, not the cluster.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	if err := cfg.normal(); err != nil {
		return nil, err
	}
	d, err := openData(cfg.Data, cfg.Brokers)
	if err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, data: d, group: host.NewGroup(), programs: make([]atomic.Pointer[kafka.Broker], cfg.Brokers)}
	bound, err := c.bind()
	if err == nil {
		if err = c.boot(bound); err == nil {
			err = c.await(ctx)
		}
	}
	if err != nil {
		c.group.Kill()
		d.close()
		return nil, err
	}
	return c, nil
}

// pair is the two listeners of a node.
type pair struct{ client, controller net.Listener }

// bind takes every port.
func (c *Cluster) bind() (out []pair, err error) {
	defer func() {
		if err != nil {
			closeAll(out)
		}
	}()
	h, port, err := splitListen(c.cfg.Listen)
	if err != nil {
		return nil, err
	}
	for k := range c.cfg.Brokers {
		p := port
		if port != 0 {
			p += k
		}
		addr := net.JoinHostPort(h, strconv.Itoa(p))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return out, fmt.Errorf("broker %d cannot listen on %s: %w", k+1, addr, cause(err))
		}
		out = append(out, pair{client: l})
		if out[k].controller, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return out, fmt.Errorf("controller %d cannot listen on a loopback port: %w", k+1, cause(err))
		}
	}
	return out, nil
}

func closeAll(pairs []pair) {
	for _, p := range pairs {
		_ = p.client.Close()
		if p.controller != nil {
			_ = p.controller.Close()
		}
	}
}

// cause strips what net wraps around the system's own words.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (c *Cluster) boot(bound []pair) error {
	var voters []kafka.Voter
	for k, p := range bound[:min(len(bound), maxVoters)] {
		voters = append(voters, kafka.Voter{ID: int32(k + 1), Addr: p.controller.Addr().String()})
	}
	for k, p := range bound {
		id := int32(k + 1)
		adv := net.JoinHostPort(c.cfg.Advertise, strconv.Itoa(p.client.Addr().(*net.TCPAddr).Port))
		c.addrs = append(c.addrs, adv)
		kc := kafka.Config{
			NodeID: id, ClusterID: c.data.clusterID, Voters: voters, Settings: c.cfg.Settings,
			Listeners: kafka.Listeners{Client: adv, Controller: p.controller.Addr().String()},
		}
		if len(c.cfg.Racks) > 0 {
			kc.Rack = c.cfg.Racks[k]
		}
		if err := kc.Validate(); err != nil {
			closeAll(bound[k:])
			return fmt.Errorf("broker %d: %w", id, err)
		}
		spec := host.Spec{
			ID: engine.NodeID(id), Factory: func() engine.Program {
				b := kafka.New(kc)
				c.programs[k].Store(b)
				return b
			},
			Listeners: []host.Listener{{Bound: p.client}, {Bound: p.controller}},
			Volumes:   []string{c.data.dir(k + 1)}, Logger: c.cfg.Logger, Facts: c.cfg.Facts,
		}
		if _, err := c.group.Start(spec); err != nil {
			closeAll(bound[k:])
			return err
		}
	}
	return nil
}

// Addrs are the addresses of the brokers, as clients are told.
func (c *Cluster) Addrs() []string { return append([]string(nil), c.addrs...) }

// ClusterID is the id that is stored in the data directory.
func (c *Cluster) ClusterID() string { return c.data.clusterID }

// Dir is the data directory of a broker.
func (c *Cluster) Dir(id int32) string { return c.data.dir(int(id)) }

// node finds a broker; the error names the ids there are.
func (c *Cluster) node(id int32) (*host.Node, error) {
	if n := c.group.Node(engine.NodeID(id)); n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("no broker %d; ids go from 1 to %d", id, c.cfg.Brokers)
}

// Kill ends a broker as the death of its process would.
func (c *Cluster) Kill(id int32) error {
	n, err := c.node(id)
	if err == nil {
		n.Kill()
	}
	return err
}

// StopNode ends a broker in an orderly way (controlled shutdown, then a clean
// stop of its logs) and waits; when ctx ends first it is killed.
func (c *Cluster) StopNode(ctx context.Context, id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.Stop(ctx)
}

// StartNode starts a broker that has ended, on its address with its data.
func (c *Cluster) StartNode(id int32) error {
	if _, err := c.node(id); err != nil {
		return err
	}
	_, err := c.group.Restart(engine.NodeID(id))
	return err
}

// Running reports whether a broker's process runs.
func (c *Cluster) Running(id int32) bool {
	n, err := c.node(id)
	if err != nil {
		return false
	}
	select {
	case <-n.Done():
		return false
	default:
		return true
	}
}

// Wait waits until a broker has ended and tells why: nil after an orderly stop.
func (c *Cluster) Wait(id int32) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.Wait()
}

// Do runs f with the broker's program, as an event of its loop.
func (c *Cluster) Do(id int32, f func(*kafka.Broker)) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	return n.Do(func() { f(c.programs[id-1].Load()) })
}

// Stop ends every broker in an orderly way and gives up ports and directories.
// When ctx ends first, what still runs is killed and the error says so.
func (c *Cluster) Stop(ctx context.Context) error {
	err := c.group.Stop(ctx)
	c.data.close()
	return err
}

// KillAll ends every broker as the death of the process would and gives up
// ports and directories.
func (c *Cluster) KillAll() {
	c.group.Kill()
	c.data.close()
}
