package control

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/control/image"
	"trial/internal/must"
)

// elrFeature is the feature that turns on eligible leader replicas (KIP-966).
const elrFeature = "eligible.leader.replicas.version"

// controller is the active controller of this node, idle while another node leads.
type controller struct {
	n   *Node
	h   engine.Host
	cfg *Config

	active bool
	epoch  int32        // of the quorum, while active
	work   *image.Image // committed image plus everything appended in this epoch
	held   []heldAnswer // by end
	sess   sessions
	clean  []cleanEpoch // for facts: registrations that followed a clean shutdown
	place  *engine.Stream
	ids    *engine.Stream

	stale, idle, balance, unclean engine.Timer
}

// heldAnswer waits until everything below end is committed.
type heldAnswer struct {
	end  int64
	c    Responder
	req  kmsg.Request
	resp kmsg.Response
}

type cleanEpoch struct {
	id    int32
	epoch int64
}

func newController(n *Node) *controller {
	c := &controller{n: n, h: n.h, cfg: &n.cfg, place: n.h.Stream("placement"), ids: n.h.Stream("topic-ids")}
	c.stale.Fire = c.onStaleCheck
	c.idle.Fire = c.onIdle
	c.balance.Fire = c.onBalance
	c.unclean.Fire = c.onUncleanCheck
	return c
}

// check takes up or lays down the office as the quorum says.
func (c *controller) check() {
	leading := c.n.q.Leading()
	if c.active && (!leading || c.n.q.Epoch() != c.epoch) {
		c.resign()
	}
	if leading && !c.active && c.n.Image().Offset() > c.n.q.EpochStart() {
		c.activate()
	}
}

// activate starts to decide: our first record of the epoch is committed and
// everything before it applied, so the image is all there is.
func (c *controller) activate() {
	c.active, c.epoch, c.work = true, c.n.q.Epoch(), c.n.Image()
	must.Hold(c.work.Offset() == c.n.q.Next(), "controller activates at %d with a log up to %d", c.work.Offset(), c.n.q.Next())
	c.h.Logf(engine.Info, "active controller in epoch %d", c.epoch)
	c.sess.reset(c.work.Brokers(), c.h.Now())
	if len(c.work.Features()) == 0 {
		c.bootstrap()
	}
	c.arm(&c.stale, c.cfg.SessionTimeout/8)
	c.arm(&c.idle, c.cfg.MaxIdleInterval)
	c.arm(&c.balance, c.cfg.LeaderImbalance)
	c.arm(&c.unclean, c.cfg.UncleanCheck)
}

// resign drops the working image and fails what waits.
func (c *controller) resign() {
	c.h.Logf(engine.Info, "no longer the active controller of epoch %d", c.epoch)
	c.active, c.work = false, nil
	for _, t := range [...]*engine.Timer{&c.stale, &c.idle, &c.balance, &c.unclean} {
		c.h.StopTimer(t)
	}
	held := c.held
	c.held = nil
	for _, a := range held {
		a.c.Respond(refusal(a.req, kerr.NotController.Code))
	}
}

func (c *controller) stop() {
	if c.active {
		c.resign()
	}
}

func (c *controller) arm(t *engine.Timer, d clock.Duration) {
	if d > 0 {
		c.h.SetTimer(t, c.h.Now().Add(d))
	}
}

// bootstrap writes the first records of a fresh cluster.
func (c *controller) bootstrap() {
	d := c.decide()
	elr := c.cfg.ELR
	for _, f := range c.cfg.Features {
		if f.Level > 0 {
			d.add(&image.FeatureLevel{Name: f.Name, Level: f.Level})
		}
		if f.Name == elrFeature {
			elr = false // said explicitly
		}
	}
	if elr {
		d.add(&image.FeatureLevel{Name: elrFeature, Level: 1})
	}
	if d.image().Feature(elrFeature) > 0 {
		// With ELR the minimum must not depend on each broker's own file.
		v := c.lookup(d.image()).Inherited(configs.Topic("min.insync.replicas")).Value
		d.add(&image.ConfigRecord{ResourceType: image.ResourceBroker, Name: "min.insync.replicas", Value: &v})
	}
	d.commit()
}

// lookup finds configs in force as the controller sees them.
func (c *controller) lookup(im *image.Image) configs.Lookup {
	return configs.Lookup{Image: im, Node: -1, Static: c.cfg.Settings}
}

// decision is one operation of the controller: records, and the working image
// with them applied. It becomes real by commit, or is dropped.
type decision struct {
	c       *controller
	ed      *image.Editor
	base    int64
	records [][]byte
}

// decide starts a decision on the working image.
func (c *controller) decide() *decision {
	return &decision{c: c, ed: c.work.Edit(), base: c.n.q.Next()}
}

// image is the working image with the records so far.
func (d *decision) image() *image.Image { return d.ed.Image() }

// next is the offset of the record to be added next.
func (d *decision) next() int64 { return d.base + int64(len(d.records)) }

func (d *decision) add(r image.Record) {
	err := d.ed.Apply(r, d.next())
	must.Hold(err == nil, "controller writes a record that does not apply: %v", err)
	d.records = append(d.records, image.Append(nil, r))
}

// maxRecords is the most that one operation may write
// (QuorumController.MAX_RECORDS_PER_USER_OP).
const maxRecords = 10000

// commit appends the records in one batch; false: they do not fit, nothing happened.
func (d *decision) commit() bool {
	if len(d.records) == 0 {
		return true
	}
	base, err := d.c.n.q.Append(d.records)
	if err != nil {
		d.c.h.Logf(engine.Warn, "controller could not append %d records: %v", len(d.records), err)
		return false
	}
	must.Hold(base == d.base, "controller decided for offset %d and appended at %d", d.base, base)
	d.c.work, _ = d.ed.Done(d.next(), d.c.epoch)
	d.c.arm(&d.c.idle, d.c.cfg.MaxIdleInterval)
	return true
}

// conclude writes what an administrator's request decided, unless it was only to be
// validated, and answers: with a refusal if it was too much for one batch.
func (c *controller) conclude(d *decision, to Responder, req kmsg.Request, resp kmsg.Response, validateOnly bool) {
	if !validateOnly && !d.commit() {
		resp = refusal(req, kerr.PolicyViolation.Code)
	}
	c.answer(to, req, resp)
}

// answer holds resp until everything appended so far is committed: even an answer
// without records of its own speaks of a state that must not be lost.
func (c *controller) answer(to Responder, req kmsg.Request, resp kmsg.Response) {
	end := c.work.Offset()
	if end <= c.settled() {
		to.Respond(resp)
		return
	}
	c.held = append(c.held, heldAnswer{end, to, req, resp})
}

// settled is the offset below which everything is committed and in our own image:
// who has got an answer finds it in the metadata of this node.
func (c *controller) settled() int64 { return min(c.n.q.HW(), c.n.Image().Offset()) }

// release gives the answers whose records are settled.
func (c *controller) release() {
	end, n := c.settled(), 0
	for n < len(c.held) && c.held[n].end <= end {
		n++
	}
	if n == 0 {
		return
	}
	ready := c.held[:n:n]
	c.held = c.held[n:]
	for _, a := range ready {
		a.c.Respond(a.resp)
	}
}

// onIdle writes a NoOp so that the committed offset moves on an idle cluster (KIP-835).
func (c *controller) onIdle() {
	if !c.active {
		return
	}
	d := c.decide()
	d.add(&image.NoOp{})
	if !d.commit() {
		c.arm(&c.idle, c.cfg.MaxIdleInterval)
	}
}

func (c *controller) wasClean(id int32, epoch int64) bool {
	for _, e := range c.clean {
		if e.id == id && e.epoch == epoch {
			return true
		}
	}
	return false
}

// handle takes a request for the active controller.
func (c *controller) handle(to Responder, req kmsg.Request) bool {
	f := c.handler(req)
	if f == nil {
		return false
	}
	if !c.active {
		to.Respond(refusal(req, kerr.NotController.Code))
		return true
	}
	f(to)
	return true
}

func (c *controller) handler(req kmsg.Request) func(Responder) {
	switch r := req.(type) {
	case *kmsg.BrokerRegistrationRequest:
		return func(to Responder) { c.onRegister(to, r) }
	case *kmsg.BrokerHeartbeatRequest:
		return func(to Responder) { c.onHeartbeat(to, r) }
	case *kmsg.UnregisterBrokerRequest:
		return func(to Responder) { c.onUnregister(to, r) }
	case *kmsg.AlterPartitionRequest:
		return func(to Responder) { c.onAlterPartition(to, r) }
	case *kmsg.AssignReplicasToDirsRequest:
		return func(to Responder) { c.onAssignDirs(to, r) }
	case *kmsg.AllocateProducerIDsRequest:
		return func(to Responder) { c.onAllocateProducerIDs(to, r) }
	case *kmsg.CreateTopicsRequest:
		return func(to Responder) { c.onCreateTopics(to, r) }
	case *kmsg.DeleteTopicsRequest:
		return func(to Responder) { c.onDeleteTopics(to, r) }
	case *kmsg.CreatePartitionsRequest:
		return func(to Responder) { c.onCreatePartitions(to, r) }
	case *kmsg.IncrementalAlterConfigsRequest:
		return func(to Responder) { c.onIncrementalAlterConfigs(to, r) }
	case *kmsg.AlterConfigsRequest:
		return func(to Responder) { c.onAlterConfigs(to, r) }
	case *kmsg.ElectLeadersRequest:
		return func(to Responder) { c.onElectLeaders(to, r) }
	}
	return nil
}
