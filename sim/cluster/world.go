package cluster

import (
	"slices"

	"trial/checks/history"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka"
	"trial/sim"
)

// Node ids: brokers have their Kafka node ids, from 1.
const (
	firstClientID engine.NodeID = 101
	firstSpareID  engine.NodeID = 501
	firstGuestID  engine.NodeID = 801
	setupID       engine.NodeID = 901
	dumpID        engine.NodeID = 902
)

const (
	clusterID = "trialtrialtrialtrialtw" // 22 characters of base64, as Kafka wants
	maxVoters = 5
)

// world is the simulated cluster of one run.
type world struct {
	*sim.World
	plan    *Plan
	clients *workload.Run
	history *history.History
	guests  []Guest
	setup   *setup
	hands   []*hand // the clients that a Stage drives, on the spare nodes
	happen  happenings
	held    holdTracker
	stopped []engine.Incarnation // broker index -> the latest that was asked to stop
	made    []bool               // broker index -> its pod was made anew, with empty volumes
	failing []bool               // broker index -> its next append or sync is to fail, and its process with it
	lossy   []bool               // broker index -> a power failure struck and its replicas are not all back in sync

	nesting     nesting
	isolation   isolation
	flips       *engine.Stream // what a flip damages
	disturbed   int            // links and disks that a fault disturbs now
	heldUntil   clock.Instant  // when what a hold delays has arrived
	longestHold clock.Duration
}

func brokerAddr(id int32) string     { return "n" + itoa32(id) + ":9092" }
func controllerAddr(id int32) string { return "n" + itoa32(id) + ":9093" }

// hooks are what a run is told by its world, as in sim.Options.
type hooks struct {
	fact func(clock.Instant, engine.NodeID, engine.Incarnation, engine.Fact)
	exit func(engine.NodeID, engine.Incarnation, error)
	late func(at clock.Instant, node, from engine.NodeID, frame []byte)
}

func newWorld(p *Plan, o RunOptions, h hooks) *world {
	w := &world{plan: p, history: &history.History{}, nesting: nesting{}, failing: make([]bool, p.Brokers), lossy: make([]bool, p.Brokers), made: make([]bool, p.Brokers), stopped: make([]engine.Incarnation, p.Brokers)}
	w.held.w = w
	w.happen = happenings{w: w, on: p.Faults.Anchored() || o.spare > 0} // the caller of a stage may add anchors
	w.history.Seen = w.happen.client
	w.guests = o.guests
	w.isolation = newIsolation(w)
	w.flips = engine.NewStream(p.Seed, "world/flips")
	var bootstrap []string
	for _, id := range p.hosts() {
		bootstrap = append(bootstrap, brokerAddr(id))
	}
	w.clients = &workload.Run{History: w.history, Bootstrap: bootstrap, Mutant: p.Mutant}
	for _, t := range p.Topics {
		w.clients.Topics = append(w.clients.Topics, workload.Topic{Name: t.Name, Partitions: int(t.Partitions)})
	}
	opt := sim.Options{
		Seed: p.Seed, Net: p.Net.Links(), Disk: p.Disk.Costs(), Limits: p.Net.Limits(),
		EpochMs: o.epochMs, Trace: o.Trace, OnLog: o.OnLog, OnFact: h.fact, OnExit: h.exit, OnLate: h.late,
	}
	if p.Buggify {
		opt.Buggify = sim.Buggify{Active: 25, Rarest: 100}
	}
	opt.Nodes = append(w.nodes(bootstrap), w.spares(o.spare)...)
	w.World = sim.New(opt)
	return w
}

func (w *world) nodes(bootstrap []string) []sim.NodeSpec {
	p := w.plan
	var voters []kafka.Voter
	for _, id := range p.voters() {
		voters = append(voters, kafka.Voter{ID: id, Addr: controllerAddr(id)})
	}
	var specs []sim.NodeSpec
	for id := int32(1); id <= p.Brokers; id++ {
		node := p.Node(id)
		cfg := kafka.Config{
			ControllerOnly: node.Roles == ControllerOnly, Rack: node.Rack,
			NodeID: id, ClusterID: clusterID, Voters: voters, Settings: p.settings(), Mutant: p.Mutant,
			Features:  map[string]int16{elrFeature: boolLevel(p.ELR)},
			Listeners: kafka.Listeners{Client: brokerAddr(id), Controller: controllerAddr(id)},
		}
		specs = append(specs, sim.NodeSpec{
			ID: engine.NodeID(id), Factory: func() engine.Program { return kafka.New(cfg) },
			Listeners: []string{brokerAddr(id), controllerAddr(id)}, Volumes: node.volumes(),
		})
	}
	for i, c := range p.Clients {
		cfg := c.Config
		specs = append(specs, sim.NodeSpec{
			ID: firstClientID + engine.NodeID(i), Factory: func() engine.Program { return workload.New(w.clients, cfg) },
		})
	}
	specs = append(specs, w.guestSpecs()...)
	w.setup = &setup{topics: p.Topics, bootstrap: bootstrap, history: w.history}
	specs = append(specs, sim.NodeSpec{ID: setupID, Factory: func() engine.Program { return w.setup }})
	dump := workload.Default(workload.Dumper)
	dump.RequestMs = 5000
	specs = append(specs, sim.NodeSpec{ID: dumpID, Factory: func() engine.Program { return workload.New(w.clients, dump) }})
	return specs
}

// elrFeature is finalized at level 1 on new Kafka clusters since 4.1.
const elrFeature = "eligible.leader.replicas.version"

func boolLevel(on bool) int16 {
	if on {
		return 1
	}
	return 0
}

// broker is the program of a broker that runs, else nil.
func (w *world) broker(id int32) *kafka.Broker {
	if !w.Running(engine.NodeID(id)) {
		return nil
	}
	b, _ := w.Program(engine.NodeID(id)).(*kafka.Broker)
	return b
}

// id finds a node by its name in plans.
func (w *world) id(name string) engine.NodeID {
	if i := slices.Index(w.plan.BrokerNames(), name); i >= 0 {
		return engine.NodeID(i + 1)
	}
	if i := slices.Index(w.plan.ClientNames(), name); i >= 0 {
		return firstClientID + engine.NodeID(i)
	}
	for _, h := range w.hands {
		if h.name == name {
			return h.id
		}
	}
	if id, ok := w.guest(name); ok {
		return id
	}
	panic("cluster: no node is called " + name) // Validate has checked the names
}

// name is the inverse of id.
func (w *world) name(id engine.NodeID) string {
	switch i := int(id - firstClientID); {
	case id == setupID:
		return setupName
	case id == dumpID:
		return dumpName
	case id >= firstGuestID && int(id-firstGuestID) < len(w.guests):
		return w.guests[id-firstGuestID].Name
	case w.hand(id) != nil:
		return w.hand(id).name
	case i >= 0 && i < len(w.plan.Clients):
		return w.plan.Clients[i].Name
	}
	return "n" + itoa32(int32(id))
}
