package strimzi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim/cluster"
)

// Question is one thing that an operator wants to know: what if this happened?
type Question struct {
	Key  string // "zone-loss-a", for flags and file names
	Name string // "loss of zone a", for people
	// happens is the fault, without its instant and how long it lasts.
	happens func(t *draw) string
	// All says that it takes down every node at once, so that nothing can be written.
	All bool
	// turns is how many nodes go down one after the other; 0 is one time only.
	turns int
	// machines says that machines fail, so that unsynced bytes go with them.
	machines bool
}

// draw is what a seed decides.
type draw struct {
	leader string // "leader of orders-3"
}

// Questions lists what is asked of the cluster. Losses of zones are asked where
// there are several.
func (c *Cluster) Questions(zones int) []Question {
	leader := func(verb string) func(*draw) string { return func(d *draw) string { return verb + " " + d.leader } }
	fixed := func(s string) func(*draw) string { return func(*draw) string { return s } }
	qs := []Question{
		{Key: "node-restart-leader", Name: "node restart, a leader", happens: leader("power"), machines: true},
		{Key: "node-restart-controller", Name: "node restart, the active controller", happens: fixed("power controller"), machines: true},
		{Key: "pod-restart-leader", Name: "pod restart, a leader", happens: leader("replace")},
		{Key: "pod-restart-controller", Name: "pod restart, the active controller", happens: fixed("replace controller")},
		{Key: "node-loss-leader", Name: "node loss, a leader", happens: leader("lose"), machines: true},
		{Key: "node-loss-controller", Name: "node loss, the active controller", happens: fixed("lose controller"), machines: true},
	}
	members := c.Members(zones)
	several := slices.ContainsFunc(members, func(m Member) bool { return m.Zone != members[0].Zone })
	for z := 0; z < zones && several; z++ {
		if slices.ContainsFunc(members, func(m Member) bool { return m.Zone == zoneName(z) }) {
			qs = append(qs, Question{Key: "zone-loss-" + zoneName(z), Name: "loss of zone " + zoneName(z), happens: fixed("lose zone " + zoneName(z)), machines: true})
		}
	}
	var all []string
	for _, m := range rollOrder(members) {
		all = append(all, "n"+strconv.Itoa(int(m.ID)))
	}
	return append(qs,
		Question{Key: "rolling-update", Name: "rolling update", happens: fixed("roll " + strings.Join(all, ", ")), turns: len(all)},
		Question{Key: "all-pods-restart", Name: "restart of all pods at once", happens: fixed("replace " + strings.Join(all, ", ")), All: true},
	)
}

// rollOrder is the order of KafkaRoller: nodes that are controllers only, then
// those with both roles, then brokers. That the active controller comes after the
// others is decided while it happens.
func rollOrder(members []Member) []Member {
	rank := func(m Member) int {
		return slices.Index([]cluster.Roles{cluster.ControllerOnly, cluster.BothRoles, cluster.BrokerOnly}, m.Pool.Roles)
	}
	out := slices.Clone(members)
	slices.SortStableFunc(out, func(a, b Member) int { return rank(a) - rank(b) })
	return out
}

// Spans of a run.
const (
	clientRequest  = 5 * clock.Second  // request.timeout.ms of the clients
	clientDelivery = 2 * clock.Minute  // delivery.timeout.ms of the producers, Kafka's default
	elections      = 3                 // rounds that a controller election may take
	awayLonger     = 10 * clock.Second // nodes are away for longer than it takes to do without them
	settleSpan     = 20 * clock.Second // for replicas to catch up
	firstFault     = 10                // seconds
)

// Failover is how long a healthy cluster may take to notice that a node is gone and
// to go on without it, by its configured timeouts. A partition that waits longer
// waited for the node.
func (c *Cluster) Failover() clock.Duration {
	ms := func(key string, def int64) clock.Duration { return clock.Ms(c.whole(key, def)) }
	return ms("broker.session.timeout.ms", 9000) + ms("controller.quorum.fetch.timeout.ms", 2000) +
		2*elections*ms("controller.quorum.election.timeout.ms", 1000) + clientRequest + 3*clock.Second
}

// away is how long a node that goes down stays away.
func (c *Cluster) away() clock.Duration { return c.Failover() + awayLonger }

// Plan is the run that asks a question with a seed.
func (c *Cluster) Plan(q Question, seed uint64, zones int) (cluster.Plan, error) {
	p := cluster.Plan{Seed: seed, Scenario: cluster.Mixed, Mode: cluster.Unbounded, ELR: c.ELR, Settings: slices.Clone(c.Settings)}
	for _, m := range c.Members(zones) {
		p.Brokers++
		n := cluster.Node{ID: m.ID, Roles: m.Pool.Roles, Zone: m.Zone, Volumes: int32(len(m.Pool.Storage))}
		if c.Rack && m.Pool.Roles != cluster.ControllerOnly {
			n.Rack, n.Zone = m.Zone, ""
		}
		if slices.Contains(m.Pool.Storage, cluster.Ephemeral) {
			n.Storage = slices.Compact(slices.Clone(m.Pool.Storage))
			if len(n.Storage) > 1 {
				n.Storage = slices.Clone(m.Pool.Storage)
			}
		}
		p.Nodes = append(p.Nodes, n)
	}
	p.Topics = c.topics()
	c.climate(&p, engine.NewStream(seed, "strimzi/climate"))
	c.clients(&p)
	s := engine.NewStream(seed, "strimzi/fault")
	t := p.Topics[s.Pick(len(p.Topics))]
	d := &draw{leader: fmt.Sprintf("leader of %s-%d", t.Name, s.N(int64(t.Partitions)))}
	at := clock.Ms(s.Between(firstFault*1000, firstFault*1500))
	f, err := faults.ParseFault(fmt.Sprintf("%v %s for %v", at, q.happens(d), c.away()))
	if err != nil {
		return p, err
	}
	p.Faults = faults.Schedule{f}
	p.For = (at + clock.Duration(1+q.turns)*(c.away()+settleSpan)) / clock.Second * clock.Second
	return p, p.Validate()
}

// MaxPartitions is how many partitions are simulated at most: of topics with more,
// the first ones, which fare like the rest.
const MaxPartitions = 60

// topics are those of the files, or one with Kafka's defaults.
func (c *Cluster) topics() []cluster.Topic {
	if len(c.Topics) == 0 {
		return []cluster.Topic{{Name: "test", Partitions: int32(c.whole("num.partitions", 3)), Replicas: int32(c.whole("default.replication.factor", 1))}}
	}
	out := slices.Clone(c.Topics)
	for share := int32(max(1, MaxPartitions/len(out))); ; share-- {
		total := int32(0)
		for i := range out {
			out[i].Partitions = min(c.Topics[i].Partitions, share)
			total += out[i].Partitions
		}
		if total <= MaxPartitions || share == 1 {
			return out
		}
	}
}

// Shortened says which topics are simulated with fewer partitions, "" if none.
func (c *Cluster) Shortened() string {
	var list []string
	for i, t := range c.topics() {
		if len(c.Topics) > 0 && t.Partitions < c.Topics[i].Partitions {
			list = append(list, fmt.Sprintf("%s (%d of %d)", t.Name, t.Partitions, c.Topics[i].Partitions))
		}
	}
	return strings.Join(list, ", ")
}

// climate draws how fast links and disks are: those of a data centre.
func (c *Cluster) climate(p *cluster.Plan, s *engine.Stream) {
	us := func(lo, hi int64) clock.Duration { return clock.Duration(s.Between(lo, hi)) * clock.Microsecond }
	p.Net = cluster.Net{Latency: us(100, 1000), Jitter: us(0, 500), BytesPerMs: 100_000, TCPTimeout: 15 * clock.Second}
	p.Disk = cluster.Disk{Latency: us(10, 100), Jitter: us(0, 100), Sync: us(500, 5000), BytesPerMs: 200_000}
}

// clients are two producers with acks=all and a consumer, on all topics.
func (c *Cluster) clients(p *cluster.Plan) {
	total := 0
	for i := range p.Topics {
		total += int(p.Topics[i].Partitions)
	}
	add := func(name string, role workload.Role) *cluster.Client {
		p.Clients = append(p.Clients, cluster.Client{Name: name, Config: workload.Default(role)})
		k := &p.Clients[len(p.Clients)-1]
		k.Topics, k.Partitions = len(p.Topics), int(p.Topics[0].Partitions)
		k.RequestMs, k.DeliveryMs = int(clientRequest.Ms()), int(clientDelivery.Ms())
		return k
	}
	for _, name := range []string{"c1", "c2"} {
		k := add(name, workload.Producer)
		k.Rate, k.Spread, k.MaxOutstanding = max(10, total), workload.SpreadTurns, 20_000
	}
	add("c3", workload.Consumer)
}
