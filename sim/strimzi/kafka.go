package strimzi

import (
	"strconv"
	"strings"

	"trial/engine/kafka"
	"trial/engine/kafka/control/configs"
	"trial/sim/cluster"
)

// Fields of the resources that mean nothing in a simulation (CRDs v1 and v1beta2).
var (
	mootOfSpec = []string{"entityOperator", "clusterCa", "clientsCa", "cruiseControl", "kafkaExporter", "maintenanceTimeWindows", "jmxTrans"}
	mootOfNode = []string{"image", "listeners", "authorization", "brokerRackInitImage", "livenessProbe", "readinessProbe", "jvmOptions", "jmxOptions",
		"resources", "metricsConfig", "logging", "template", "tieredStorage", "quotas", "replicas", "storage"}
	mootOfRack = []string{"type", "envVarName"}
)

// readKafka reads a Kafka resource.
func (l *loader) readKafka(res *resource) {
	for _, f := range res.spec.open([]string{"kafka", "zookeeper"}, mootOfSpec) {
		if f.name == "zookeeper" {
			f.key.fail("spec.zookeeper: clusters with ZooKeeper are gone since Strimzi 0.46; describe controllers and brokers with KafkaNodePool resources")
		}
	}
	node, ok := find(res.spec.fields(), "kafka")
	if !ok {
		res.spec.key.fail("spec of Kafka %s has no kafka", res.name)
		return
	}
	l.cluster.ELR = true // Kafka turns it on for new clusters since 4.1
	list := node.open([]string{"version", "metadataVersion", "config", "rack"}, mootOfNode)
	if f, ok := find(list, "version"); ok {
		l.readVersion(f)
	}
	if f, ok := find(list, "metadataVersion"); ok { // decides over version
		l.readVersion(f)
	}
	if f, ok := find(list, "rack"); ok {
		if _, ok := find(f.open([]string{"topologyKey"}, mootOfRack), "topologyKey"); !ok {
			f.key.fail("spec.kafka.rack has no topologyKey")
		}
		l.cluster.Rack = true
	}
	if f, ok := find(list, "config"); ok {
		l.readConfig(f)
	}
}

// readVersion takes a version of Kafka or of its metadata, "4.3.1" or "4.3-IV0":
// new clusters have eligible leader replicas since 4.1.
func (l *loader) readVersion(f field) {
	s, ok := f.word()
	if !ok {
		return
	}
	number, _, _ := strings.Cut(s, "-")
	parts := strings.Split(number, ".")
	major, err := strconv.Atoi(parts[0])
	minor := 0
	if err == nil && len(parts) > 1 {
		minor, err = strconv.Atoi(parts[1])
	}
	if err != nil || len(parts) < 2 {
		f.fail("%s is %q; write a version, as in 4.3.1 or 4.3-IV0", f.path, s)
		return
	}
	l.cluster.ELR = major > 4 || major == 4 && minor >= 1
	if major < 4 {
		l.ignore(f.path + " (" + s + "; brokers behave as those of Kafka 4.3)")
	}
}

// readConfig takes spec.kafka.config through the broker's table of configs.
func (l *loader) readConfig(f field) {
	settings := map[string]string{}
	for _, kv := range f.fields() {
		v, ok := kv.text()
		if !ok {
			continue
		}
		if ownedByOperator(kv.name) {
			l.ignore(kv.path + " (the operator owns it)")
			continue
		}
		l.config = append(l.config, kv)
		d := configs.Setting(kv.name)
		if d == nil {
			l.strangeConfig(kv)
			continue
		}
		if want, ok := d.Want(v); !ok {
			kv.fail("%s = %q: must be %s", kv.name, v, want)
			continue
		}
		settings[kv.name] = v
		l.cluster.Set(kv.name, v)
	}
	if len(l.errs) == 0 {
		if err := kafka.Validate(settings); err != nil {
			at := f.value
			for _, kv := range l.config { // it names the config that is to blame first
				if strings.HasPrefix(err.Error(), kv.name) {
					at = kv.value
				}
			}
			at.fail("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
}

// strangeConfig is for names that no broker of ours can be started with: Kafka's,
// which are listed, and nobody's, which are misspelt.
func (l *loader) strangeConfig(kv field) {
	if configs.Broker(kv.name) != nil || knownToKafka(kv.name) {
		l.ignore(kv.path)
		return
	}
	if t := configs.Topic(kv.name); t != nil && len(t.Synonyms) > 0 {
		kv.key.fail("%s is a config of topics; the broker's default for it is %s", kv.name, t.Synonyms[0].Name)
		return
	}
	if near := nearest(kv.name, brokerConfigs()); near != "" {
		kv.key.fail("Kafka has no broker config %s; did you mean %s?", kv.name, near)
		return
	}
	kv.key.fail("Kafka has no broker config %s", kv.name)
}

func brokerConfigs() []string {
	var out []string
	for _, d := range configs.Brokers() {
		out = append(out, d.Name)
	}
	return append(out, kafkaConfigs...)
}

// readTopic reads a KafkaTopic.
func (l *loader) readTopic(res resource) {
	t := topic{res: res, t: cluster.Topic{Name: res.name}}
	for _, f := range res.spec.open([]string{"partitions", "replicas", "config", "topicName"}, nil) {
		switch f.name {
		case "partitions":
			t.partitions, _ = f.number(1, 1<<31-1)
		case "replicas":
			t.replicas, _ = f.number(1, 32767)
			t.replicasAt = f.value
		case "topicName":
			t.t.Name, _ = f.word()
		case "config":
			for _, kv := range f.fields() {
				l.topicConfig(&t.t, kv)
			}
		}
	}
	if !legalTopic(t.t.Name) {
		res.nameAt.fail("%q is no name of a topic: up to 249 of the characters a-z A-Z 0-9 . _ -", t.t.Name)
	}
	l.topics = append(l.topics, t)
}

func legalTopic(name string) bool {
	illegal := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}
	return name != "" && name != "." && name != ".." && len(name) <= 249 && strings.IndexFunc(name, illegal) < 0
}

func (l *loader) topicConfig(t *cluster.Topic, kv field) {
	v, ok := kv.text()
	if !ok {
		return
	}
	d := configs.Topic(kv.name)
	if d == nil {
		var known []string
		for _, k := range configs.Topics() {
			known = append(known, k.Name)
		}
		if near := nearest(kv.name, known); near != "" {
			kv.key.fail("Kafka has no topic config %s; did you mean %s?", kv.name, near)
		} else {
			kv.key.fail("Kafka has no topic config %s", kv.name)
		}
		return
	}
	if err := d.Check(v); err != nil {
		kv.fail("%s", err)
		return
	}
	if strings.ContainsAny(v, " \t\n") {
		kv.fail("%s = %q: blanks have no place in it", kv.name, v)
		return
	}
	t.Configs = append(t.Configs, cluster.Setting{Key: kv.name, Value: v})
}

// readUser reads a KafkaUser: nobody is asked who they are here.
func (l *loader) readUser(res resource) {
	res.spec.open([]string{"authentication", "authorization", "quotas", "template"}, nil)
	l.ignore("KafkaUser " + res.name)
}
