package control

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/control/quorum"
	"trial/engine/kafka/plog"
	"trial/internal/wire"
)

// Responder takes the one answer to a request, now or in a later event.
type Responder = quorum.Responder

// Node is one node's part in the metadata quorum, its image and, while it leads
// the quorum, the active controller.
type Node struct {
	h     engine.Host
	cfg   Config
	log   *plog.Log
	q     *quorum.Member
	c     *controller
	apply applier

	listeners []func(old, new *image.Image, delta image.Delta)
	channels  []*Channel
	onFatal   func(error)
	stopped   bool
}

// New makes a node over its metadata log, which Start opens. The log should take
// batches of up to 8 MiB (KafkaRaftClient.MAX_BATCH_SIZE_BYTES).
func New(h engine.Host, cfg Config, log *plog.Log) *Node {
	cfg = cfg.normal()
	n := &Node{h: h, cfg: cfg, log: log}
	n.q = quorum.New(h, quorum.Config{NodeID: cfg.NodeID, ClusterID: cfg.ClusterID, Voters: cfg.Voters,
		Volume: cfg.Volume, Dir: cfg.Dir, ElectionTimeout: cfg.ElectionTimeout, FetchTimeout: cfg.FetchTimeout,
		ElectionBackoffMax: cfg.ElectionBackoffMax, RequestTimeout: cfg.RequestTimeout,
		RetryBackoff: cfg.RetryBackoff, Mutant: cfg.Mutant}, log)
	n.c = newController(n)
	n.apply = applier{n: n, image: image.Empty()}
	n.onFatal = h.Exit
	n.q.OnFatal = func(err error) { n.fatal(err) }
	n.q.OnCommit = func() {
		n.c.release()
		n.apply.pump()
	}
	n.q.OnChange = func() {
		n.c.check()
		for _, ch := range n.channels {
			ch.leaderChanged()
		}
	}
	return n
}

// Start opens the log, reads the vote and joins the quorum. Requests may be
// handed to Handle before.
func (n *Node) Start() { n.q.Start() }

// OnFatal sets who is told, once, that the metadata volume failed or that a
// committed record cannot be applied. Without it the node exits.
func (n *Node) OnFatal(f func(err error)) { n.onFatal = f }

func (n *Node) fatal(err error) {
	if n.onFatal != nil && !n.stopped {
		f := n.onFatal
		n.onFatal = nil
		f(err)
	}
}

// Image is the committed metadata, never nil.
func (n *Node) Image() *image.Image { return n.apply.image }

// OnImage adds a listener. It is called after committed records were applied, with
// the image before and after, in the order of registration.
func (n *Node) OnImage(f func(old, new *image.Image, delta image.Delta)) {
	n.listeners = append(n.listeners, f)
}

// Leader is the leader of the metadata quorum (the active controller) as this
// node knows it, -1 if unknown, and the quorum's epoch.
func (n *Node) Leader() (id, epoch int32) { return n.q.Leader(), n.q.Epoch() }

// Active reports whether this node is the active controller and decides.
func (n *Node) Active() bool { return n.c.active }

// HW is the high watermark of the metadata log on this node.
func (n *Node) HW() int64 { return n.q.HW() }

// Role is the node's role in the quorum.
func (n *Node) Role() quorum.Role { return n.q.Role() }

// Stop ends the node's part in an orderly way: a leader resigns and tells the
// voters (EndQuorumEpoch), then the log is closed. done follows in a later event.
func (n *Node) Stop(done func()) {
	n.q.Stop(func() {
		n.stopped = true
		n.c.stop()
		for _, ch := range n.channels {
			ch.Close()
		}
		n.log.Close(func(error) { done() })
	})
}

// Handle takes a request of the controller listener; false means that it is not
// one of ours: nothing was done and no answer follows.
func (n *Node) Handle(c Responder, _ wire.Header, req kmsg.Request) bool {
	if n.q.Handle(c, req) {
		return true
	}
	return n.c.handle(c, req)
}
