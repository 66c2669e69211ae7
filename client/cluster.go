package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// Cluster is one client's view of a Kafka cluster: connections to its brokers
// and its metadata. Every Producer, Consumer and Admin owns one; a program may
// use one directly to send any request of kmsg.
type Cluster struct {
	h   engine.Host
	cfg Config
	rng *engine.Stream

	seeds    []*node
	brokers  []*node // by id
	anyQueue []*call // wait for any broker that can be reached
	closed   bool

	clusterID  string
	controller int32
	topics     []*topicMeta // by name
	meta       refresher

	onChange   func() // a connection became ready or ended, or metadata changed
	deferred   []func()
	deferTimer engine.Timer
}

// NewCluster makes a Cluster. It connects when it is first asked something.
func NewCluster(h engine.Host, cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cluster{h: h, cfg: cfg, rng: h.Stream(cfg.Stream + ".cluster"), controller: -1}
	for i, addr := range cfg.BootstrapServers {
		c.seeds = append(c.seeds, c.newNode(int32(-1-i), addr))
	}
	c.deferTimer.Fire = c.runDeferred
	c.meta.init(c)
	return c, nil
}

func (c *Cluster) newNode(id int32, addr string) *node {
	n := &node{id: id, addr: addr}
	n.timer.Fire = func() { c.pumpAny(); c.notify() }
	return n
}

// Close ends all connections. Requests under way get no callback any more.
func (c *Cluster) Close() {
	if c.closed {
		return
	}
	c.closed = true
	for _, list := range [][]*node{c.seeds, c.brokers} {
		for _, n := range list {
			c.h.StopTimer(&n.timer)
			if k := n.conn; k != nil {
				k.state, n.conn = connClosed, nil
				k.inFlight, k.waiting = nil, nil
				c.h.StopTimer(&k.timer)
				c.h.Close(k.id)
			}
		}
	}
	c.anyQueue, c.deferred = nil, nil
	c.h.StopTimer(&c.deferTimer)
	c.meta.stop()
}

// Do sends a request to the broker with that node id, connecting if need be.
// done is called in a later event. The request's version is chosen when it is sent.
func (c *Cluster) Do(node int32, req kmsg.Request, done func(*Reply)) {
	c.submit(node, &call{req: req, done: done, timeout: c.cfg.RequestTimeout, max: -1})
}

// DoAny sends a request to whichever broker can be reached.
func (c *Cluster) DoAny(req kmsg.Request, done func(*Reply)) {
	call := &call{req: req, done: done, timeout: c.cfg.RequestTimeout, max: -1, anyNode: true}
	call.deadline = c.h.Now().Add(call.timeout)
	c.anyQueue = append(c.anyQueue, call)
	c.later(c.pumpAny)
}

func (c *Cluster) submit(id int32, call *call) {
	if c.closed {
		return
	}
	n := c.broker(id)
	if n == nil {
		c.later(func() { call.done(&Reply{Err: ErrUnknownNode, Node: id}) })
		return
	}
	if !c.connect(n) {
		c.later(func() { call.done(&Reply{Err: ErrNotConnected, Node: id}) })
		return
	}
	n.conn.submit(call)
}

// broker finds a broker of the metadata.
func (c *Cluster) broker(id int32) *node {
	for _, n := range c.brokers {
		if n.id == id && !n.gone {
			return n
		}
	}
	return nil
}

// connect makes sure that n has a connection, if only a young one. False means
// that its back-off has not passed; the client is woken when it has.
func (c *Cluster) connect(n *node) bool {
	if n.conn != nil {
		return true
	}
	if c.h.Now().Before(n.retryAt) {
		if !n.timer.Armed() {
			c.h.SetTimer(&n.timer, n.retryAt)
		}
		return false
	}
	n.conn = dial(c, n)
	return true
}

// Ready reports whether requests to the broker leave at once; if not, it sees to
// a connection.
func (c *Cluster) Ready(id int32) bool {
	n := c.broker(id)
	return n != nil && c.connect(n) && n.ready(c.h.Now())
}

// lost is told that a connection has ended.
func (c *Cluster) lost(k *conn) {
	n := k.node
	if n.conn == k {
		n.conn = nil
	}
	n.retryAt = c.h.Now().Add(backoff(c.cfg.ReconnectBackoff, c.cfg.ReconnectBackoffMax, n.failures, c.rng))
	n.failures++
	if !c.closed {
		c.h.SetTimer(&n.timer, n.retryAt)
		c.meta.request() // the broker may have lost its partitions (NetworkClient.handleServerDisconnect)
	}
}

// pumpAny hands waiting requests for any broker to the least loaded one
// (NetworkClient.leastLoadedNode).
func (c *Cluster) pumpAny() {
	if c.closed {
		return
	}
	c.dropLateAny()
	for len(c.anyQueue) > 0 {
		n := c.leastLoaded(c.brokers)
		if n == nil {
			n = c.leastLoaded(c.seeds) // KIP-899: none of the known brokers can be reached, start over
		}
		if n == nil {
			return // a node's back-off timer comes back here
		}
		call := c.anyQueue[0]
		c.anyQueue = append(c.anyQueue[:0], c.anyQueue[1:]...)
		if !c.connect(n) {
			c.anyQueue = append(c.anyQueue, call)
			return
		}
		n.conn.submit(call)
	}
}

func (c *Cluster) dropLateAny() {
	var late []*call
	c.anyQueue, late = splitLate(c.anyQueue, c.h.Now())
	c.timeOut(late, -1)
}

// splitLate takes apart, in place, the calls whose deadline has come.
func splitLate(queue []*call, now clock.Instant) (kept, late []*call) {
	kept = queue[:0]
	for _, call := range queue {
		if now.Before(call.deadline) {
			kept = append(kept, call)
		} else {
			late = append(late, call)
		}
	}
	return kept, late
}

// timeOut fails calls, as long as no Done closes the client.
func (c *Cluster) timeOut(late []*call, node int32) {
	for _, call := range late {
		if c.closed {
			return
		}
		call.done(&Reply{Err: ErrRequestTimeout, Node: node})
	}
}

// leastLoaded prefers a ready connection with little to do, then one that is
// being made, then a node whose back-off has passed; ties go to a random start.
func (c *Cluster) leastLoaded(nodes []*node) *node {
	if len(nodes) == 0 {
		return nil
	}
	now := c.h.Now()
	start := c.rng.Pick(len(nodes))
	var best *node
	bestRank := 1 << 30
	for i := range nodes {
		n := nodes[(start+i)%len(nodes)]
		rank := 0
		switch {
		case n.gone:
			continue
		case n.ready(now):
			rank = n.load()
		case n.conn != nil:
			rank = 1<<20 + n.load()
		case !now.Before(n.retryAt):
			rank = 1 << 24
		default:
			if !n.timer.Armed() {
				c.h.SetTimer(&n.timer, n.retryAt)
			}
			continue
		}
		if rank < bestRank {
			best, bestRank = n, rank
		}
	}
	return best
}

// later runs f as an event of its own, soon.
func (c *Cluster) later(f func()) {
	c.deferred = append(c.deferred, f)
	if !c.deferTimer.Armed() {
		c.h.SetTimer(&c.deferTimer, c.h.Now())
	}
}

func (c *Cluster) runDeferred() {
	todo := c.deferred
	c.deferred = nil
	for _, f := range todo {
		if c.closed {
			return
		}
		f()
	}
	c.notify()
}

func (c *Cluster) notify() {
	if c.onChange != nil && !c.closed {
		c.onChange()
	}
}
