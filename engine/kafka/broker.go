package kafka

import (
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// Broker is one Kafka node: a program for an engine.Host.
type Broker struct {
	cfg      Config
	settings brokerSettings
	h        engine.Host
	files    files
	random   *engine.Stream

	volumes []volume
	metaLog *plog.Log
	node    *control.Node
	image   *image.Image // the newest committed metadata, never nil after Boot

	lifecycle  lifecycle
	heartbeats *control.Channel // registration and heartbeats, never behind anything else
	isrChanges *control.Channel // AlterPartition
	forwards   *control.Channel // what clients ask of the controller

	caughtUp   bool // the image decides what we host
	parts      hostedSet
	opening    int // partitions whose log is not open yet
	openingNow int // of those, being opened; the rest is in openQueue
	openQueue  []func()
	follows    []*follow
	listening  bool

	clientAPIs, controllerAPIs           []api
	topicConfs                           map[string]*topicConf
	recoders                             recoders
	creating                             map[string]bool // topics being auto-created
	producerIDs                          producerIDs
	assignments                          assignments
	metrics                              Metrics
	isrTimer, checkpointTimer, stopTimer engine.Timer
	stopping                             bool // Stop was called
	stopped                              bool // Exit was called, or is about to be
	newRoles                             roleCounts
	scratch32                            []int32
}

var _ engine.Program = (*Broker)(nil)

// New makes a broker. Its configuration is checked at Boot, which ends the node
// with a clear error if it is wrong; Config.Validate tells before.
func New(cfg Config) *Broker {
	b := &Broker{
		cfg: cfg, settings: brokerSettings(cfg.Settings), image: image.Empty(),
		parts: newHostedSet(), topicConfs: map[string]*topicConf{}, creating: map[string]bool{},
	}
	b.clientAPIs, b.controllerAPIs = clientAPIs(), controllerAPIs()
	b.lifecycle.b, b.lifecycle.epoch = b, -1
	b.producerIDs.b = b
	b.assignments.b, b.assignments.timer.Fire = b, b.assignments.again
	return b
}

// Boot begins an incarnation: volumes first, then the metadata log and the
// quorum, then registration.
func (b *Broker) Boot(h engine.Host) {
	b.h, b.files = h, files{h: h, unsynced: b.cfg.Mutant == mutant.LOG02}
	b.random = h.Stream("broker")
	if err := b.cfg.Validate(); err != nil {
		b.halt(err)
		return
	}
	b.isrTimer.Fire = b.tickISR
	b.checkpointTimer.Fire = b.tickCheckpoint
	b.loadVolumes()
}

// onVolumes goes on when all volumes were read: the metadata log is on volume 0.
func (b *Broker) onVolumes() {
	b.metaLog = plog.New(b.h, 0, metadataTopic+"-0", b.metadataLogConfig())
	b.node = control.New(b.h, b.controlConfig(), b.metaLog)
	b.node.OnFatal(func(err error) { b.volumeOffline(0, err) })
	b.node.OnImage(b.onImage)
	b.heartbeats = b.node.Channel(b.clientID("heartbeat"))
	b.isrChanges = b.node.Channel(b.clientID("alter-partition"))
	b.forwards = b.node.Channel(b.clientID("forwarding"))
	b.h.Listen(controllerListener)
	b.node.Start()
	if b.cfg.ControllerOnly {
		b.lifecycle.previous = -1 // nothing to register, and no clean shutdown to vouch for
		return
	}
	b.lifecycle.start(b.previousEpoch())
}

func (b *Broker) clientID(what string) string {
	return "broker-" + image.BrokerResource(b.cfg.NodeID) + "-" + what
}

func (b *Broker) metadataLogConfig() plog.Config {
	c := plog.DefaultConfig()
	// Batches of the metadata log are bounded by the quorum, not by clients.
	c.MaxMessageBytes = maxMetadataBatch
	c.Rewrite = true
	c.Mutant = b.cfg.Mutant
	return c
}

// maxMetadataBatch is KafkaRaftClient.MAX_BATCH_SIZE_BYTES.
const maxMetadataBatch = 8 << 20

func (b *Broker) controlConfig() control.Config {
	c := control.Config{
		NodeID: b.cfg.NodeID, ClusterID: b.cfg.ClusterID,
		Volume: 0, Dir: metadataTopic + "-0",
		ElectionTimeout:    b.settings.ms("controller.quorum.election.timeout.ms"),
		FetchTimeout:       b.settings.ms("controller.quorum.fetch.timeout.ms"),
		ElectionBackoffMax: b.settings.ms("controller.quorum.election.backoff.max.ms"),
		RequestTimeout:     b.settings.ms("controller.quorum.request.timeout.ms"),
		RetryBackoff:       b.settings.ms("controller.quorum.retry.backoff.ms"),
		SessionTimeout:     b.settings.ms("broker.session.timeout.ms"),
		MaxIdleInterval:    b.settings.ms("metadata.max.idle.interval.ms"),
		Settings:           b.cfg.Settings,
		Features:           b.cfg.initialFeatures(),
		Mutant:             b.cfg.Mutant,
	}
	c.LeaderImbalance = clock.Duration(b.settings.long("leader.imbalance.check.interval.seconds")) * clock.Second
	if !b.settings.bool("auto.leader.rebalance.enable") {
		c.LeaderImbalance = -1
	}
	if c.MaxIdleInterval == 0 {
		c.MaxIdleInterval = -1 // Kafka: 0 means no NoOp records
	}
	for _, f := range c.Features {
		c.ELR = c.ELR || f.Name == elrFeature
	}
	for _, v := range b.cfg.Voters {
		c.Voters = append(c.Voters, control.Voter{ID: v.ID, Addr: v.Addr})
	}
	return c
}

// onUnfenced is told when the controller first lets us serve.
func (b *Broker) onUnfenced() {
	b.h.Logf(engine.Info, "broker %d is unfenced with epoch %d and %d partitions", b.cfg.NodeID, b.lifecycle.epoch, len(b.parts.list))
	b.listen()
	b.h.SetTimer(&b.isrTimer, b.h.Now().Add(b.settings.ms("replica.lag.time.max.ms")/2))
	b.h.SetTimer(&b.checkpointTimer, b.h.Now().Add(b.settings.ms("replica.high.watermark.checkpoint.interval.ms")))
}

func (b *Broker) listen() {
	if !b.listening {
		b.listening = true
		b.h.Listen(clientListener)
	}
}

// tickISR lets leaders look for followers that lag (ReplicaManager, isr-expiration).
func (b *Broker) tickISR() {
	for _, p := range b.parts.list {
		if p.phase == online {
			p.part.TickISR()
		}
	}
	b.h.SetTimer(&b.isrTimer, b.h.Now().Add(max(b.settings.ms("replica.lag.time.max.ms")/2, clock.Millisecond)))
}

func (b *Broker) tickCheckpoint() {
	b.checkpointAll()
	b.h.SetTimer(&b.checkpointTimer, b.h.Now().Add(b.settings.ms("replica.high.watermark.checkpoint.interval.ms")))
}

// Accept takes a connection on either listener.
func (b *Broker) Accept(c engine.ConnID, l engine.ListenerID, peer string) engine.ConnHandler {
	if b.stopped || l != clientListener && l != controllerListener {
		return nil
	}
	b.metrics.Connections++
	return &conn{b: b, id: c, listener: l, peer: peer}
}

// halt ends the node at once: it cannot go on.
func (b *Broker) halt(err error) {
	if b.stopped {
		return
	}
	b.stopped = true
	b.h.Logf(engine.Error, "broker %d ends: %v", b.cfg.NodeID, err)
	b.h.Exit(err)
}

func (b *Broker) emitVolumeOffline(id engine.VolumeID, err error) {
	if b.h.Observed() {
		b.h.Emit(view.VolumeOffline{Volume: int32(id), Reason: err.Error()})
	}
}
