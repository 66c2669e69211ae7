package strimzi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/sim/cluster"
)

func read(t *testing.T, names ...string) []File {
	t.Helper()
	var out []File
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, File{n, data})
	}
	return out
}

func load(t *testing.T, names ...string) *Cluster {
	t.Helper()
	c, err := Load(read(t, names...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShopIsRead(t *testing.T) {
	c := load(t, "shop-persistent.yaml", "topics.yaml")
	want := &Cluster{
		Name: "shop", ELR: true,
		Pools: []Pool{
			{Name: "ctl", Roles: cluster.ControllerOnly, Storage: []string{"persistent"}, IDs: []int32{0, 1, 2}},
			{Name: "data", Roles: cluster.BrokerOnly, Storage: []string{"persistent", "persistent"}, IDs: []int32{3, 4, 5}},
		},
		Settings: []cluster.Setting{{Key: "default.replication.factor", Value: "3"}, {Key: "min.insync.replicas", Value: "2"}},
		Topics: []cluster.Topic{
			{Name: "orders", Partitions: 6, Replicas: 3, Configs: []cluster.Setting{{Key: "min.insync.replicas", Value: "2"}, {Key: "retention.ms", Value: "604800000"}}},
			{Name: "audit", Partitions: 2, Replicas: 1},
		},
		Ignored: []string{"spec.kafka.listeners", "spec.kafka.config.offsets.topic.replication.factor", "KafkaUser teller"},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	lines := []string{
		"n1 to n3 are shop-ctl-0 to 2: controller, 1 volume, persistent",
		"n4 to n6 are shop-data-3 to 5: broker, 2 volumes, persistent",
		"zones a: n1 n4, b: n2 n5, c: n3 n6; brokers do not know them (no spec.kafka.rack)",
	}
	if d := cmp.Diff(lines, c.Lines(3)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Node ids that an annotation asks for, the volume with the metadata log first,
// racks, an old metadata version.
func TestSixIsRead(t *testing.T) {
	c := load(t, "six.yaml")
	want := []Pool{{Name: "both", Roles: cluster.BothRoles, Storage: []string{"persistent", "ephemeral"}, IDs: []int32{10, 11, 12, 13, 14, 15}}}
	if d := cmp.Diff(want, c.Pools); d != "" || c.ELR || !c.Rack {
		t.Errorf("ELR %v, rack %v; -want +got:\n%s", c.ELR, c.Rack, d)
	}
	p, err := c.Plan(c.Questions(3)[0], 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"node     n4 roles=broker,controller rack=a volumes=2 storage=persistent,ephemeral\n", "elr      false\n",
		"topic    test partitions=4 replicas=2\n", "set      min.insync.replicas=1\n",
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("the plan lacks %q:\n%s", want, p)
		}
	}
}

const (
	kafkaYAML = "apiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata:\n  name: k\nspec:\n  kafka:\n"
	poolYAML  = "---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaNodePool\nmetadata:\n  name: p\n  labels:\n    strimzi.io/cluster: k\nspec:\n" +
		"  replicas: 3\n  roles: [controller, broker]\n  storage: {type: ephemeral}\n"
	topicYAML = "---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: t\n  labels:\n    strimzi.io/cluster: k\nspec:\n"
)

func TestWrongFilesSayWhereAndWhy(t *testing.T) {
	good := kafkaYAML + "    version: 4.3.0\n" + poolYAML
	if _, err := Load(File{"k.yaml", []byte(good)}); err != nil {
		t.Fatal(err)
	}
	pool := func(old, new string) string {
		bad := strings.Replace(good, old, new, 1)
		if bad == good {
			t.Fatalf("the file does not contain %q", old)
		}
		return bad
	}
	for _, c := range []struct{ name, text, want string }{
		{"no YAML", "a: [", "k.yaml:1: this is no YAML: did not find expected node content"},
		{"nothing", "", "k.yaml: there is no Kafka resource"},
		{"a list", "- a\n", "k.yaml:1: a resource is a mapping with apiVersion, kind, metadata and spec, not a list"},
		{"no kind", "apiVersion: kafka.strimzi.io/v1\n", "k.yaml:1: a resource needs apiVersion and kind"},
		{"an old API", pool("strimzi.io/v1\nkind: Kafka\n", "strimzi.io/v1beta1\nkind: Kafka\n"),
			`k.yaml:1: apiVersion is "kafka.strimzi.io/v1beta1"; known are kafka.strimzi.io/v1 and kafka.strimzi.io/v1beta2`},
		{"a foreign API", pool("kafka.strimzi.io/v1\nkind: Kafka\n", "v1\nkind: Kafka\n"),
			`k.yaml:1: apiVersion is "v1"; a Kafka is of kafka.strimzi.io/v1 or kafka.strimzi.io/v1beta2`},
		{"a misspelt kind", pool("kind: KafkaNodePool", "kind: KafkaNodepool"), "k.yaml:10: unknown kind KafkaNodepool; did you mean KafkaNodePool?"},
		{"no name", pool("  name: k\n", "  labels: {}\n"), "k.yaml:3: metadata has no name"},
		{"no label", pool("    strimzi.io/cluster: k\n", "    app: k\n"),
			"k.yaml:12: KafkaNodePool p does not say to which cluster it belongs: give it the label strimzi.io/cluster"},
		{"pool of another cluster", pool("strimzi.io/cluster: k\n", "strimzi.io/cluster: other\n"),
			"k.yaml:4: no KafkaNodePool has the label strimzi.io/cluster: k; since Strimzi 0.46 node pools describe the nodes"},
		{"ZooKeeper", pool("spec:\n  kafka:\n", "spec:\n  zookeeper:\n    replicas: 3\n  kafka:\n"),
			"k.yaml:6: spec.zookeeper: clusters with ZooKeeper are gone since Strimzi 0.46; describe controllers and brokers with KafkaNodePool resources"},
		{"no kafka", "apiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: k}\nspec: {entityOperator: {}}\n", "k.yaml:4: spec of Kafka k has no kafka"},
		{"two Kafkas", good + "---\n" + strings.Replace(kafkaYAML, "name: k", "name: l", 1) + "    version: 4.3.0\n",
			"k.yaml:20: a second Kafka, l; one cluster is put on trial at a time, and k.yaml:1 has k"},
		{"a field twice", pool("  replicas: 3\n", "  replicas: 3\n  replicas: 4\n"), "k.yaml:17: spec.replicas is there twice"},
		{"a misspelt field", pool("  replicas: 3\n", "  replicsa: 3\n"),
			"k.yaml:15: spec of KafkaNodePool p has no replicas\nk.yaml:16: unknown field spec.replicsa; did you mean replicas?"},
		{"a word for a number", pool("replicas: 3", "replicas: three"), "k.yaml:16: spec.replicas is three; it must be a whole number from 0 to 50"},
		{"an unknown role", pool("[controller, broker]", "[controller, boss]"), `k.yaml:17: spec.roles[1] is "boss"; it must be controller or broker`},
		{"no controller", pool("[controller, broker]", "[broker]"), "k.yaml:4: no KafkaNodePool of k has the role controller"},
		{"no broker", pool("[controller, broker]", "[controller]"), "k.yaml:4: no KafkaNodePool of k has the role broker"},
		{"unknown storage", pool("type: ephemeral", "type: tape"), `k.yaml:18: spec.storage.type is "tape"; it must be ephemeral, persistent-claim or jbod`},
		{"no size", pool("{type: ephemeral}", "{type: persistent-claim}"), "k.yaml:18: spec.storage is a persistent-claim and has no size"},
		{"an id twice", pool("{type: ephemeral}", "\n    type: jbod\n    volumes:\n      - {id: 0, type: ephemeral}\n      - {id: 0, type: ephemeral}"),
			"k.yaml:22: spec.storage.volumes[1] has the id 0, like the volume in line 21"},
		{"two metadata logs", pool("{type: ephemeral}", "\n    type: jbod\n    volumes:\n      - {id: 0, type: ephemeral, kraftMetadata: shared}\n      - {id: 1, type: ephemeral, kraftMetadata: shared}"),
			"k.yaml:22: spec.storage.volumes[1] has kraftMetadata, like the volume in line 21; one volume has the metadata log"},
		{"node ids", pool("  name: p\n", "  name: p\n  annotations:\n    strimzi.io/next-node-ids: \"[a]\"\n"),
			`k.yaml:14: the annotation strimzi.io/next-node-ids is "[a]"; write ids and ranges of ids, as in [0, 1, 10-20]`},
		{"a misspelt config", pool("    version: 4.3.0\n", "    config:\n      min.insync.replica: 2\n"),
			"k.yaml:8: Kafka has no broker config min.insync.replica; did you mean min.insync.replicas?"},
		{"nobody's config", pool("    version: 4.3.0\n", "    config:\n      purple.elephants: 2\n"), "k.yaml:8: Kafka has no broker config purple.elephants"},
		{"a topic's config", pool("    version: 4.3.0\n", "    config:\n      retention.ms: 2\n"),
			"k.yaml:8: retention.ms is a config of topics; the broker's default for it is log.retention.ms"},
		{"a wrong value", pool("    version: 4.3.0\n", "    config:\n      num.partitions: 1\n      min.insync.replicas: two\n"),
			`k.yaml:9: min.insync.replicas = "two": must be a whole number from 1 to 2147483647`},
		{"no value", pool("    version: 4.3.0\n", "    config:\n      min.insync.replicas:\n"),
			"k.yaml:8: spec.kafka.config.min.insync.replicas must be one value, not nothing"},
		{"more copies than brokers", pool("    version: 4.3.0\n", "    config:\n      transaction.state.log.replication.factor: 4\n"),
			"k.yaml:8: transaction.state.log.replication.factor is 4; the operator refuses more than there are brokers, 3"},
		{"no version", pool("version: 4.3.0", "version: newest"), `k.yaml:7: spec.kafka.version is "newest"; write a version, as in 4.3.1 or 4.3-IV0`},
		{"rack without a key", pool("    version: 4.3.0\n", "    rack:\n      type: x\n"), "k.yaml:7: spec.kafka.rack has no topologyKey"},
		{"too many replicas", good + topicYAML + "  replicas: 4\n", "k.yaml:27: the topic t needs 4 replicas, but the cluster has 3 brokers"},
		{"a topic's misspelt config", good + topicYAML + "  config:\n    retention.mss: 4\n", "k.yaml:28: Kafka has no topic config retention.mss; did you mean retention.ms?"},
		{"a topic twice", good + topicYAML + "  replicas: 1\n" + topicYAML + "  partitions: 1\n", "k.yaml:32: a second KafkaTopic for the topic t"},
		{"an illegal topic", good + strings.Replace(topicYAML, "name: t", "name: t/u", 1) + "  replicas: 1\n",
			`k.yaml:23: "t/u" is no name of a topic: up to 249 of the characters a-z A-Z 0-9 . _ -`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(File{"k.yaml", []byte(c.text)})
			if err == nil {
				t.Fatalf("it was read: %+v", got)
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// What means nothing here is listed, once, and changes nothing.
func TestWhatHasNoMeaningIsListed(t *testing.T) {
	text := kafkaYAML + `    version: 3.9.0
    image: mine
    color: red
    config:
      broker.session.timeout.ms: 1000
      log.cleaner.threads: 2
      group.max.size: 7
      num.partitions: 5
  kafkaExporter: {}
` + poolYAML + "  template: {}\n" + `---
apiVersion: v1
kind: ConfigMap
metadata: {name: metrics}
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaRebalance
metadata: {name: full}
---
`
	c, err := Load(File{"k.yaml", []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"spec.kafkaExporter", "spec.kafka.image", "spec.kafka.color (unknown)", "spec.kafka.version (3.9.0; brokers behave as those of Kafka 4.3)",
		"spec.kafka.config.broker.session.timeout.ms (the operator owns it)", "spec.kafka.config.log.cleaner.threads", "spec.kafka.config.group.max.size",
		"KafkaNodePool spec.template", "ConfigMap of v1", "KafkaRebalance full",
	}
	if d := cmp.Diff(want, c.Ignored); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if fmt.Sprint(c.Settings) != "[{num.partitions 5}]" || c.ELR {
		t.Errorf("settings %v, ELR %v", c.Settings, c.ELR)
	}
}
