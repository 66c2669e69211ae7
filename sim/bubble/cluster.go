package bubble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trial/sim/cluster"
)

// Config says what Run runs.
type Config struct {
	// Plan is the cluster, with its fault schedule. See Draw. The plan's own clients,
	// if there are any, run beside yours and have the plan's topics for themselves.
	Plan cluster.Plan
	// Machines are the names of the nodes on which your clients run; "app" if empty.
	Machines []string
	// Options change what is shown of the run.
	Options cluster.RunOptions
	// Limit is how much virtual time the function may take; an hour if zero.
	Limit time.Duration
	// Patience is how long, on the machine's clock, virtual time may stand still
	// before the process ends with all stacks; a minute if zero.
	Patience time.Duration

	every bool // wake for every event of the world: what a test compares with
}

// Cluster is a simulated cluster inside a bubble. Its methods may be called from
// any goroutine of the bubble.
type Cluster struct {
	d        *driver
	box      *box
	plan     cluster.Plan
	machines []*Machine
	ctx      context.Context
	cancel   context.CancelCauseFunc
	dialled  atomic.Int64
}

// Run starts the cluster inside a synctest bubble, waits until the plan's topics
// are there, and calls f. When f returns, the fault phase is over: the cluster is
// healed, comes to rest and is judged. A broken rule fails the test. f must close
// its clients before it returns, and must not call synctest.Wait, which is the
// driver's.
func Run(t *testing.T, cfg Config, f func(t *testing.T, c *Cluster)) Result {
	t.Helper()
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	w := watch(cfg.Patience)
	defer close(w.stop)
	var res Result
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		c, err := start(t.Context(), cfg, w)
		if err != nil {
			t.Fatal("bubble: " + err.Error())
		}
		defer c.end()
		if err := c.awaitTopics(); err != nil {
			t.Fatal("bubble: " + err.Error())
		}
		f(t, c)
		res = c.finish()
		if n := res.Open; n > 0 {
			t.Errorf("bubble: %d connections are open at the end: close your clients before the function returns", n)
		}
		if res.Failed() {
			t.Errorf("%s\nThe plan of this run (a bubble replays the cluster's part only, see docs/CLIENTS.md):\n%s", res.Sentence(), res.Plan.String())
		}
	})
	return res
}

// Result is what a run came to.
type Result struct {
	cluster.Result
	Stats Stats
	Open  int // connections that clients had open when the function returned
}

func start(ctx context.Context, cfg Config, w *watchdog) (*Cluster, error) {
	if len(cfg.Machines) == 0 {
		cfg.Machines = []string{"app"}
	}
	if cfg.Limit == 0 {
		cfg.Limit = time.Hour
	}
	c := &Cluster{plan: cfg.Plan, box: newBox()}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.d = &driver{box: c.box, limit: cfg.Limit, every: cfg.every, watch: w, ended: make(chan struct{}), start: time.Now()}
	c.d.onBroken = c.cancel
	var guests []cluster.Guest
	for i, name := range cfg.Machines {
		m := &Machine{c: c, name: name, index: i}
		g := &gate{d: c.d, m: m}
		c.machines = append(c.machines, m)
		c.d.gates = append(c.d.gates, g)
		guests = append(guests, cluster.Guest{Name: name, Program: g})
	}
	live, err := cluster.OpenLive(cfg.Plan, cfg.Options, c.d.start.UnixMilli(), guests...)
	if err != nil {
		return nil, err
	}
	c.d.live = live
	go c.d.loop()
	return c, nil
}

// topicsTake is how long a cluster may take to create the plan's topics.
const topicsTake = 2 * time.Minute

func (c *Cluster) awaitTopics() error {
	for since := time.Now(); time.Since(since) < topicsTake; time.Sleep(10 * time.Millisecond) {
		ready := false
		c.do(func() { ready = c.d.live.Ready() })
		if ready {
			return nil
		}
	}
	return fmt.Errorf("the plan's topics are not there after %v", topicsTake)
}

// finish has the driver end the run.
func (c *Cluster) finish() (res Result) {
	c.do(func() {
		for _, m := range c.machines {
			for _, conn := range m.conns {
				if !conn.closed() {
					res.Open++
				}
			}
		}
		c.d.watch.rest()
		res.Result = c.d.live.Finish()
		res.Stats = c.d.stats
		c.d.quit = true
	})
	return res
}

// end ends the driver, if it has not ended.
func (c *Cluster) end() {
	c.do(func() { c.d.quit = true })
	<-c.d.ended
	c.cancel(errors.New("bubble: the cluster has ended"))
}

func (c *Cluster) do(f func()) bool { return c.box.do(f) }

func (c *Cluster) dials() int { return int(c.dialled.Add(1)) }

// Addrs are the brokers' addresses, as they advertise them.
func (c *Cluster) Addrs() []string { return c.d.live.Addrs() }

// Plan is the plan that the cluster runs.
func (c *Cluster) Plan() cluster.Plan { return c.plan.Clone() }

// Context ends when the run ends, also early: after a broken rule no broker
// answers any more.
func (c *Cluster) Context() context.Context { return c.ctx }

// Now is the virtual time since the start, as plans and traces count it.
func (c *Cluster) Now() time.Duration { return time.Since(c.d.start) }

// Machine returns a machine of Config.Machines.
func (c *Cluster) Machine(name string) *Machine {
	for _, m := range c.machines {
		if m.name == name {
			return m
		}
	}
	panic(fmt.Sprintf("bubble: there is no machine %q; Config.Machines names them", name))
}

// DialContext connects from the first machine; see Machine.DialContext.
func (c *Cluster) DialContext(ctx context.Context, network, to string) (net.Conn, error) {
	return c.machines[0].DialContext(ctx, network, to)
}

// Dial connects from the first machine; see Machine.Dial.
func (c *Cluster) Dial(network, to string) (net.Conn, error) { return c.machines[0].Dial(network, to) }

// Kill ends the process of a broker, named or by role ("n2", "leader of t-0",
// "controller"), until Start or Heal, and returns its name. An error says that it
// is down already, or that nobody plays the role now.
func (c *Cluster) Kill(who string) (node string, err error) {
	c.act(&err, func() {
		node, err = c.d.live.Kill(who)
	})
	return node, err
}

// Start boots a node that is down, with what is on its disks, on the same address.
func (c *Cluster) Start(node string) (err error) {
	c.act(&err, func() { err = c.d.live.Start(node) })
	return err
}

// Strike injects a fault now, in the words of a schedule without its instant:
// "pause leader of t-0 for 5s", "cut app | n1 for 3s". It asks no budget.
func (c *Cluster) Strike(fault string) (err error) {
	c.act(&err, func() { err = c.d.live.Fault(fault) })
	return err
}

// Resolve finds who a name or a role means now.
func (c *Cluster) Resolve(who string) (node string, err error) {
	c.act(&err, func() { node, err = c.d.live.Resolve(who) })
	return node, err
}

// Heal ends every fault now, and those of the plan that are still to come never
// strike. The cluster needs its timeouts to come to rest.
func (c *Cluster) Heal() (err error) {
	c.act(&err, func() { err = c.d.live.Calm() })
	return err
}

// Hash is the hash of what the cluster has done so far, with every byte that
// reached it. Two runs of a bubble need not agree on it.
func (c *Cluster) Hash() (hash uint64) {
	c.do(func() { hash = c.d.live.Hash() })
	return hash
}

// act has the driver do something to the world, if it still runs.
func (c *Cluster) act(err *error, f func()) {
	if !c.do(func() {
		if c.d.broken != nil {
			*err = c.d.broken
			return
		}
		f()
	}) {
		*err = errors.New("the cluster has ended")
	}
}

// Draw draws a plan for a bubble: as cluster.Draw, but without the plan's own
// clients and without the faults that name them, so that its topics are yours.
func Draw(seed uint64, o cluster.Options) (cluster.Plan, error) {
	p, err := cluster.Draw(seed, o)
	if err != nil {
		return p, err
	}
	return cluster.WithoutClients(p), nil
}
