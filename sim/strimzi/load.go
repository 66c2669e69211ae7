package strimzi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trial/sim/cluster"
)

const (
	group        = "kafka.strimzi.io/"
	clusterLabel = "strimzi.io/cluster"
	nextIDs      = "strimzi.io/next-node-ids"
)

// The kinds of Strimzi that mean something here, and those that do not.
var (
	kinds     = []string{"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"}
	mootKinds = []string{"KafkaRebalance", "KafkaConnect", "KafkaConnector", "KafkaMirrorMaker2", "KafkaMirrorMaker", "KafkaBridge"}
)

// resource is one document of a file.
type resource struct {
	value
	kind, name string
	nameAt     value
	cluster    string // of its label
	nextIDs    field
	spec       field
	hasSpec    bool
}

// loader holds what was found until it can be put together.
type loader struct {
	reader
	kafka   *resource
	pools   []pool
	topics  []topic
	cluster Cluster
	config  []field // of spec.kafka.config, for errors about several of them
}

// pool is a node pool before it has node ids.
type pool struct {
	res      resource
	replicas int64
	roles    cluster.Roles
	storage  []string
	wants    []int32 // node ids of its annotation
}

type topic struct {
	res                  resource
	partitions, replicas int64 // 0: Kafka's default
	replicasAt           value
	t                    cluster.Topic
}

// Load reads files into the cluster that they describe. All errors are reported.
func Load(files ...File) (*Cluster, error) {
	l := &loader{}
	for _, f := range files {
		for _, doc := range l.documents(f) {
			l.resource(doc)
		}
	}
	if len(l.errs) == 0 {
		l.together(files)
	}
	if len(l.errs) > 0 {
		return nil, l.err()
	}
	l.cluster.Ignored = l.ignored
	return &l.cluster, nil
}

// resource reads one document.
func (l *loader) resource(doc value) {
	res, ok := l.head(doc)
	if !ok {
		return
	}
	if slices.Contains(mootKinds, res.kind) {
		l.ignore(res.kind + " " + res.name)
		return
	}
	if !res.hasSpec {
		doc.fail("%s %s has no spec", res.kind, res.name)
		return
	}
	if res.kind != "Kafka" && res.cluster == "" {
		res.nameAt.fail("%s %s does not say to which cluster it belongs: give it the label %s", res.kind, res.name, clusterLabel)
		return
	}
	switch res.kind {
	case "Kafka":
		if l.kafka != nil {
			doc.fail("a second Kafka, %s; one cluster is put on trial at a time, and %s:%d has %s", res.name, l.kafka.file, l.kafka.node.Line, l.kafka.name)
			return
		}
		l.kafka = &res
		l.readKafka(&res)
	case "KafkaNodePool":
		l.readPool(res)
	case "KafkaTopic":
		l.readTopic(res)
	case "KafkaUser":
		l.readUser(res)
	}
}

// head reads apiVersion, kind and metadata. It is false for what is not ours.
func (l *loader) head(doc value) (res resource, ok bool) {
	top := doc.fields()
	api, hasAPI := find(top, "apiVersion")
	kind, hasKind := find(top, "kind")
	if !hasAPI || !hasKind {
		doc.fail("a resource needs apiVersion and kind")
		return res, false
	}
	version, ok1 := api.word()
	res.kind, ok = kind.word()
	if !ok1 || !ok {
		return res, false
	}
	if !strings.HasPrefix(version, group) {
		if slices.Contains(kinds, res.kind) {
			api.fail("apiVersion is %q; a %s is of %sv1 or %sv1beta2", version, res.kind, group, group)
			return res, false
		}
		l.ignore(res.kind + " of " + version)
		return res, false
	}
	if v := strings.TrimPrefix(version, group); v != "v1" && v != "v1beta2" {
		api.fail("apiVersion is %q; known are %sv1 and %sv1beta2", version, group, group)
		return res, false
	}
	if !slices.Contains(kinds, res.kind) && !slices.Contains(mootKinds, res.kind) {
		reason := fmt.Sprintf("unknown kind %s; known are %s", res.kind, strings.Join(slices.Concat(kinds, mootKinds), ", "))
		if near := nearest(res.kind, slices.Concat(kinds, mootKinds)); near != "" {
			reason = fmt.Sprintf("unknown kind %s; did you mean %s?", res.kind, near)
		}
		kind.fail("%s", reason)
		return res, false
	}
	if res.kind != "Kafka" {
		doc.of = res.kind + " "
		top = doc.fields()
	}
	res.value = doc
	doc.open([]string{"apiVersion", "kind", "metadata", "spec", "status"}, nil)
	res.spec, res.hasSpec = find(top, "spec")
	return res, l.metadata(&res, top)
}

func (l *loader) metadata(res *resource, top []field) bool {
	meta, ok := find(top, "metadata")
	if !ok {
		res.fail("a %s needs metadata with a name", res.kind)
		return false
	}
	list := meta.fields()
	name, ok := find(list, "name")
	if !ok {
		meta.key.fail("metadata has no name")
		return false
	}
	if res.name, ok = name.word(); !ok {
		return false
	}
	res.nameAt = name.value
	if labels, ok := find(list, "labels"); ok {
		for _, f := range labels.fields() {
			if f.name == clusterLabel {
				res.cluster, _ = f.word()
			}
		}
	}
	if notes, ok := find(list, "annotations"); ok {
		for _, f := range notes.fields() {
			if f.name == nextIDs {
				res.nextIDs = f
			}
		}
	}
	return true
}

// together puts the cluster together once every resource could be read.
func (l *loader) together(files []File) {
	if l.kafka == nil {
		var names []string
		for _, f := range files {
			names = append(names, f.Name)
		}
		l.errs = append(l.errs, &Error{File: strings.Join(names, ", "), Reason: "there is no Kafka resource"})
		return
	}
	c := &l.cluster
	c.Name = l.kafka.name
	l.placePools()
	for i := range l.topics {
		l.addTopic(&l.topics[i])
	}
	if len(l.errs) == 0 {
		l.checkReplication()
	}
}

// placePools gives the pools of the cluster their node ids: those that an
// annotation asks for, else the lowest free ones, pool by pool in the order of
// their names (NodeIdAssignor).
func (l *loader) placePools() {
	c := &l.cluster
	slices.SortStableFunc(l.pools, func(a, b pool) int { return strings.Compare(a.res.name, b.res.name) })
	taken := map[int32]bool{}
	for i := range l.pools {
		p := &l.pools[i]
		if p.res.cluster != c.Name {
			l.ignore(fmt.Sprintf("KafkaNodePool %s (of cluster %s)", p.res.name, p.res.cluster))
			continue
		}
		if i > 0 && l.pools[i-1].res.name == p.res.name {
			p.res.nameAt.fail("a second KafkaNodePool %s", p.res.name)
		}
		out := Pool{Name: p.res.name, Roles: p.roles, Storage: p.storage}
		for n := int64(0); n < p.replicas; n++ {
			id := int32(0)
			for len(p.wants) > 0 && taken[p.wants[0]] {
				p.wants = p.wants[1:]
			}
			if len(p.wants) > 0 {
				id = p.wants[0]
			} else {
				for taken[id] {
					id++
				}
			}
			taken[id] = true
			out.IDs = append(out.IDs, id)
		}
		c.Pools = append(c.Pools, out)
	}
	switch total := c.nodes(); {
	case len(c.Pools) == 0:
		l.kafka.nameAt.fail("no KafkaNodePool has the label %s: %s; since Strimzi 0.46 node pools describe the nodes", clusterLabel, c.Name)
	case c.controllers() == 0:
		l.kafka.nameAt.fail("no KafkaNodePool of %s has the role controller", c.Name)
	case c.brokers() == 0:
		l.kafka.nameAt.fail("no KafkaNodePool of %s has the role broker", c.Name)
	case total > cluster.MaxBrokers:
		l.kafka.nameAt.fail("the pools of %s have %d nodes; at most %d can be simulated", c.Name, total, cluster.MaxBrokers)
	}
}

func (c *Cluster) nodes() (n int) {
	for i := range c.Pools {
		n += len(c.Pools[i].IDs)
	}
	return n
}

// addTopic fills in the defaults of a topic.
func (l *loader) addTopic(t *topic) {
	c := &l.cluster
	if t.res.cluster != c.Name {
		l.ignore(fmt.Sprintf("KafkaTopic %s (of cluster %s)", t.res.name, t.res.cluster))
		return
	}
	if slices.ContainsFunc(c.Topics, func(o cluster.Topic) bool { return o.Name == t.t.Name }) {
		t.res.nameAt.fail("a second KafkaTopic for the topic %s", t.t.Name)
		return
	}
	if t.partitions == 0 {
		t.partitions = c.whole("num.partitions", 1)
	}
	if t.replicas == 0 {
		t.replicas, t.replicasAt = c.whole("default.replication.factor", 1), t.res.nameAt
	}
	if brokers := int64(c.brokers()); t.replicas > brokers {
		t.replicasAt.fail("the topic %s needs %d replicas, but the cluster has %d brokers", t.t.Name, t.replicas, brokers)
		return
	}
	t.t.Partitions, t.t.Replicas = int32(t.partitions), int32(t.replicas)
	c.Topics = append(c.Topics, t.t)
}

// whole is a broker config that is a whole number; it was checked when it was read.
func (c *Cluster) whole(key string, def int64) int64 {
	n, err := strconv.ParseInt(c.setting(key, ""), 10, 64)
	if err != nil {
		return def
	}
	return n
}

// checkReplication is KafkaCluster.validateKafkaSpec of the operator: it refuses
// more replicas than there are brokers.
func (l *loader) checkReplication() {
	brokers := int64(l.cluster.brokers())
	for _, f := range l.config {
		switch f.name {
		case "default.replication.factor", "offsets.topic.replication.factor", "transaction.state.log.replication.factor", "transaction.state.log.min.isr":
			if n, err := strconv.ParseInt(f.node.Value, 10, 64); err == nil && n > brokers {
				f.fail("%s is %d; the operator refuses more than there are brokers, %d", f.name, n, brokers)
			}
		}
	}
}
