package strimzi

import (
	"fmt"
	"slices"
	"strings"

	"trial/sim/cluster"
)

// Cluster is what the files describe, as far as it has a meaning here.
type Cluster struct {
	Name     string
	Pools    []Pool // by name, the order in which Strimzi gives node ids
	Rack     bool   // spec.kafka.rack: brokers know the zone they stand in
	ELR      bool   // eligible leader replicas are on, by the metadata version
	Settings []cluster.Setting
	Topics   []cluster.Topic
	// Ignored lists what was read and has no effect.
	Ignored []string
}

// Pool is a KafkaNodePool.
type Pool struct {
	Name    string
	Roles   cluster.Roles
	Storage []string // of each volume, the one with the metadata log first
	IDs     []int32  // Strimzi's node ids
}

// Member is a node: its name in plans and in Kubernetes.
type Member struct {
	ID   int32 // n1, n2 ... in the order of Strimzi's node ids
	Node int32 // Strimzi's node id
	Pod  string
	Pool *Pool
	Zone string
}

// Members lists the nodes. Pods of each pool are spread evenly over the zones, as
// the scheduler of Kubernetes does where nobody tells it otherwise.
func (c *Cluster) Members(zones int) []Member {
	type placed struct {
		id, nth int32
		pool    *Pool
	}
	var all []placed
	for i := range c.Pools {
		for k, id := range c.Pools[i].IDs {
			all = append(all, placed{id, int32(k), &c.Pools[i]})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return int(a.id) - int(b.id) })
	var out []Member
	for i, p := range all {
		m := Member{ID: int32(i + 1), Node: p.id, Pod: fmt.Sprintf("%s-%s-%d", c.Name, p.pool.Name, p.id), Pool: p.pool}
		if zones > 1 {
			m.Zone = zoneName(int(p.nth) % zones)
		}
		out = append(out, m)
	}
	return out
}

// zoneName names zones a, b, c ...
func zoneName(i int) string { return string(rune('a' + i)) }

// MaxZones is the most zones a cluster is spread over.
const MaxZones = 26

func (c *Cluster) brokers() (n int32) {
	for i := range c.Pools {
		if c.Pools[i].Roles != cluster.ControllerOnly {
			n += int32(len(c.Pools[i].IDs))
		}
	}
	return n
}

func (c *Cluster) controllers() (n int32) {
	for i := range c.Pools {
		if c.Pools[i].Roles != cluster.BrokerOnly {
			n += int32(len(c.Pools[i].IDs))
		}
	}
	return n
}

// Ephemeral reports whether any node has a volume that ends with its pod.
func (c *Cluster) Ephemeral() bool {
	return slices.ContainsFunc(c.Pools, func(p Pool) bool { return slices.Contains(p.Storage, cluster.Ephemeral) })
}

// Set overrides a broker config.
func (c *Cluster) Set(key, value string) {
	p := cluster.Plan{Settings: c.Settings}
	p.Set(key, value)
	c.Settings = p.Settings
}

// setting is the value of a broker config, or def.
func (c *Cluster) setting(key, def string) string {
	for _, s := range c.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return def
}

// Lines says, for people, how names map and what was ignored.
func (c *Cluster) Lines(zones int) []string {
	var out []string
	members := c.Members(zones)
	for i := 0; i < len(members); {
		m := &members[i]
		k := i
		for k < len(members) && members[k].Pool == m.Pool && members[k].Node-m.Node == int32(k-i) {
			k++
		}
		what := string(m.Pool.Roles)
		if m.Pool.Roles == cluster.BothRoles {
			what = "broker and controller"
		}
		out = append(out, fmt.Sprintf("%s: %s, %s", span(members[i:k]), what, storageWords(m.Pool.Storage)))
		i = k
	}
	if zones > 1 {
		var list []string
		for z := range zones {
			var names []string
			for _, m := range members {
				if m.Zone == zoneName(z) {
					names = append(names, fmt.Sprintf("n%d", m.ID))
				}
			}
			if len(names) > 0 {
				list = append(list, zoneName(z)+": "+strings.Join(names, " "))
			}
		}
		known := "brokers do not know them (no spec.kafka.rack)"
		if c.Rack {
			known = "brokers know them (spec.kafka.rack)"
		}
		out = append(out, "zones "+strings.Join(list, ", ")+"; "+known)
	}
	return out
}

func span(ms []Member) string {
	first, last := &ms[0], &ms[len(ms)-1]
	if len(ms) == 1 {
		return fmt.Sprintf("n%d is %s", first.ID, first.Pod)
	}
	return fmt.Sprintf("n%d to n%d are %s to %d", first.ID, last.ID, first.Pod, last.Node)
}

func storageWords(storage []string) string {
	ephemeral := 0
	for _, s := range storage {
		if s == cluster.Ephemeral {
			ephemeral++
		}
	}
	volumes := "1 volume"
	if n := len(storage); n > 1 {
		volumes = fmt.Sprintf("%d volumes", n)
	}
	switch ephemeral {
	case 0:
		return volumes + ", persistent"
	case len(storage):
		return volumes + ", ephemeral"
	}
	return fmt.Sprintf("%s, %d of them ephemeral", volumes, ephemeral)
}
