package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// Node is what a plan says of one node where it is not the default. The default
// node is a broker, and a controller, too, among the first five; it stands in no
// zone and has one volume that outlives everything.
type Node struct {
	ID    int32
	Roles Roles
	Rack  string // broker.rack, which the cluster knows; "" for none
	Zone  string // where its machine stands, which the cluster may not know; "" for Rack
	// Volumes are its log directories, 1 if zero. The first one has the metadata log.
	Volumes int32
	// Storage says of each volume, or in one word of all, what becomes of it when the
	// pod is made anew: Persistent, the default, or Ephemeral.
	Storage []string
}

// Roles is process.roles of a node.
type Roles string

// The roles.
const (
	DefaultRoles   Roles = ""
	BrokerOnly     Roles = "broker"
	ControllerOnly Roles = "controller"
	BothRoles      Roles = "broker,controller"
)

// Storage words.
const (
	Persistent = "persistent" // a disk of its own, attached to whatever machine the pod runs on
	Ephemeral  = "ephemeral"  // a directory of the machine that ends with the pod
)

// MaxVolumes bounds the volumes of a node.
const MaxVolumes = 16

// Node returns what the plan says of a node, the default if nothing.
func (p *Plan) Node(id int32) Node {
	for _, n := range p.Nodes {
		if n.ID == id {
			return n
		}
	}
	return Node{ID: id}
}

// isBroker reports whether a node hosts partitions.
func (p *Plan) isBroker(id int32) bool { return p.Node(id).Roles != ControllerOnly }

// isVoter reports whether a node votes in the metadata quorum. Where no node has
// roles, the first maxVoters do.
func (p *Plan) isVoter(id int32) bool {
	switch p.Node(id).Roles {
	case ControllerOnly, BothRoles:
		return true
	case BrokerOnly:
		return false
	}
	return id <= maxVoters && id <= p.Brokers
}

func (p *Plan) nodesWhere(f func(int32) bool) []int32 {
	var out []int32
	for id := int32(1); id <= p.Brokers; id++ {
		if f(id) {
			out = append(out, id)
		}
	}
	return out
}

// voters are the controllers.
func (p *Plan) voters() []int32 { return p.nodesWhere(p.isVoter) }

// hosts are the nodes that host partitions.
func (p *Plan) hosts() []int32 { return p.nodesWhere(p.isBroker) }

func (n *Node) volumes() int { return int(max(n.Volumes, 1)) }

// ephemeral reports whether a volume ends with the node's pod.
func (n *Node) ephemeral(volume int) bool {
	switch len(n.Storage) {
	case 0:
		return false
	case 1:
		return n.Storage[0] == Ephemeral
	}
	return n.Storage[volume] == Ephemeral
}

func (n *Node) zone() string {
	if n.Zone != "" {
		return n.Zone
	}
	return n.Rack
}

// Zones are the zones of the plan, sorted.
func (p *Plan) Zones() []string {
	var out []string
	for _, n := range p.Nodes {
		if z := n.zone(); z != "" {
			out = append(out, z)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// zone names the nodes that stand in a zone.
func (p *Plan) zone(name string) []string {
	var out []string
	for id := int32(1); id <= p.Brokers; id++ {
		if n := p.Node(id); n.zone() == name {
			out = append(out, "n"+itoa32(id))
		}
	}
	return out
}

// String is the node's line in a plan, without its key.
func (n Node) String() string {
	words := []string{"n" + itoa32(n.ID)}
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+"="+value)
		}
	}
	add("roles", string(n.Roles))
	add("rack", n.Rack)
	add("zone", n.Zone)
	if n.Volumes > 1 {
		add("volumes", itoa32(n.Volumes))
	}
	add("storage", strings.Join(n.Storage, ","))
	return strings.Join(words, " ")
}

func (p *Plan) parseNode(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("it needs a node, as in: node n4 roles=broker rack=a volumes=2 storage=ephemeral")
	}
	var n Node
	id, ok := strings.CutPrefix(words[0], "n")
	if !ok || setInt(id, 32, func(v int64) { n.ID = int32(v) }) != nil {
		return fmt.Errorf("%q is no node; nodes are called n1, n2 and so on", words[0])
	}
	for _, w := range words[1:] {
		k, v, ok := strings.Cut(w, "=")
		if !ok || v == "" {
			return fmt.Errorf("%q is not of the form key=value", w)
		}
		switch k {
		case "roles":
			n.Roles = Roles(v)
			if n.Roles == "controller,broker" {
				n.Roles = BothRoles
			}
		case "rack":
			n.Rack = v
		case "zone":
			n.Zone = v
		case "volumes":
			if err := setInt(v, 32, func(x int64) { n.Volumes = int32(x) }); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		case "storage":
			n.Storage = strings.Split(v, ",")
		default:
			return fmt.Errorf("unknown key %q; known are roles, rack, zone, volumes, storage", k)
		}
	}
	p.Nodes = append(p.Nodes, n)
	return nil
}

func (p *Plan) validateNodes() error {
	var seen []int32
	for i := range p.Nodes {
		n := &p.Nodes[i]
		name := "n" + itoa32(n.ID)
		switch {
		case n.ID < 1 || n.ID > p.Brokers:
			return fmt.Errorf("node %s: with brokers %d the nodes are n1 to n%d", name, p.Brokers, p.Brokers)
		case slices.Contains(seen, n.ID):
			return fmt.Errorf("node %s is there twice", name)
		case !slices.Contains([]Roles{DefaultRoles, BrokerOnly, ControllerOnly, BothRoles}, n.Roles):
			return fmt.Errorf("node %s: roles=%s is none of broker, controller, broker,controller", name, n.Roles)
		case n.Volumes < 0 || n.Volumes > MaxVolumes:
			return fmt.Errorf("node %s: volumes=%d; 1 to %d are possible", name, n.Volumes, MaxVolumes)
		case len(n.Storage) > 1 && len(n.Storage) != n.volumes():
			return fmt.Errorf("node %s: storage names %d volumes, the node has %d", name, len(n.Storage), n.volumes())
		case strings.ContainsAny(n.Rack+n.Zone, " \t\n,|>=#"):
			return fmt.Errorf("node %s: the name of a rack or zone is one word without , | > = #", name)
		}
		for _, s := range n.Storage {
			if s != Persistent && s != Ephemeral {
				return fmt.Errorf("node %s: storage=%s is neither %s nor %s", name, s, Persistent, Ephemeral)
			}
		}
		seen = append(seen, n.ID)
	}
	switch {
	case len(p.voters()) == 0:
		return fmt.Errorf("no node is a controller; give one roles=controller or roles=broker,controller")
	case len(p.hosts()) == 0:
		return fmt.Errorf("no node is a broker; give one roles=broker or roles=broker,controller")
	}
	for _, f := range p.Faults {
		for _, t := range slices.Concat(f.Left, f.Right) {
			if t.Node == "zone" && len(p.zone(t.Of)) == 0 {
				return fmt.Errorf("fault %q: no node stands in zone %s; the plan has the zones: %s", f, t.Of, strings.Join(p.Zones(), ", "))
			}
		}
	}
	return nil
}
