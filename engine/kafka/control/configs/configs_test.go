package configs

import (
	"slices"
	"sort"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

func TestTablesAreSortedAndDefaultsAreLegal(t *testing.T) {
	for _, defs := range [][]Def{Topics(), Brokers()} {
		if !sort.SliceIsSorted(defs, func(i, j int) bool { return defs[i].Name < defs[j].Name }) {
			t.Error("a table is not sorted")
		}
		for _, d := range defs {
			if err := d.Check(d.Default); err != nil && d.HasDefault() {
				t.Errorf("default of %s: %v", d.Name, err)
			}
			for _, s := range d.Synonyms {
				if b := Broker(s.Name); b == nil || b.Type != d.Type && s.Factor == 1 {
					t.Errorf("%s: synonym %s is no broker config of its type", d.Name, s.Name)
				}
			}
		}
	}
}

func TestChecksRefuseWhatKafkaRefuses(t *testing.T) {
	for _, c := range [][2]string{{"min.insync.replicas", "0"}, {"min.insync.replicas", "x"}, {"cleanup.policy", "keep"},
		{"compression.type", "brotli"}, {"preallocate", "yes"}, {"retention.ms", "-2"}, {"segment.bytes", "99999999999"},
		{"min.cleanable.dirty.ratio", "1.1"}, {"min.cleanable.dirty.ratio", "1e0"}, {"flush.messages", "0"}} {
		if Topic(c[0]).Check(c[1]) == nil {
			t.Errorf("%s=%s is accepted", c[0], c[1])
		}
	}
	for _, c := range [][2]string{{"cleanup.policy", "compact, delete"}, {"retention.ms", "-1"}, {"preallocate", "TRUE"},
		{"min.cleanable.dirty.ratio", "0.25"}, {"min.cleanable.dirty.ratio", "1.0"}} {
		if err := Topic(c[0]).Check(c[1]); err != nil {
			t.Error(err)
		}
	}
	if Topic("no.such") != nil || Broker("no.such") != nil || Dynamic("num.partitions") != nil || Setting("num.io.threads") != nil {
		t.Error("an unknown config is in a table, or one in the wrong role")
	}
}

func TestKafkaHas34TopicConfigs(t *testing.T) {
	if n := len(Topics()); n != 34 {
		t.Errorf("%d topic configs", n)
	}
}

// What ConfigHelper.configSynonyms does: alternatives by level, without those
// before the config itself.
func TestGivenBeginsWithTheConfigItself(t *testing.T) {
	l := Lookup{Image: image.Empty(), Node: 1, Static: map[string]string{"log.roll.ms": "5", "log.roll.hours": " 2"}}
	for name, want := range map[string][]Named{
		"log.roll.ms": {{"log.roll.ms", Value{"5", kmsg.ConfigSourceStaticBrokerConfig}},
			{"log.roll.hours", Value{"2", kmsg.ConfigSourceStaticBrokerConfig}}, {"log.roll.hours", Value{"168", kmsg.ConfigSourceDefaultConfig}}},
		"log.roll.hours":        {{"log.roll.hours", Value{"2", kmsg.ConfigSourceStaticBrokerConfig}}, {"log.roll.hours", Value{"168", kmsg.ConfigSourceDefaultConfig}}},
		"log.flush.interval.ms": nil,
		"message.max.bytes":     {{"message.max.bytes", Value{"1048588", kmsg.ConfigSourceDefaultConfig}}},
	} {
		if got := l.Given(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestNearestValueIsInForce(t *testing.T) {
	str := func(s string) *string { return &s }
	im := image.Empty()
	look := func(node int32) Lookup {
		return Lookup{Image: im, Node: node, Static: map[string]string{"log.retention.hours": "2"}}
	}
	d := Topic("retention.ms")
	want := func(l Lookup, topic, value string, source kmsg.ConfigSource) {
		t.Helper()
		if got := l.Topic(topic, d); got != (Value{value, source}) {
			t.Errorf("got %+v, want %s from %v", got, value, source)
		}
	}
	set := func(typ int8, res, name string, v *string) {
		e := im.Edit()
		if err := e.Apply(&image.ConfigRecord{ResourceType: typ, ResourceName: res, Name: name, Value: v}, 0); err != nil {
			t.Fatal(err)
		}
		im, _ = e.Done(1, 1)
	}
	want(Lookup{Image: im, Node: 1}, "t", "604800000", kmsg.ConfigSourceDefaultConfig)
	want(look(1), "t", "7200000", kmsg.ConfigSourceStaticBrokerConfig)
	set(image.ResourceBroker, "", "log.retention.ms", str("5"))
	want(look(1), "t", "5", kmsg.ConfigSourceDynamicDefaultBrokerConfig)
	set(image.ResourceBroker, "1", "log.retention.ms", str("6"))
	want(look(1), "t", "6", kmsg.ConfigSourceDynamicBrokerConfig)
	want(look(-1), "t", "5", kmsg.ConfigSourceDynamicDefaultBrokerConfig)
	set(image.ResourceTopic, "t", "retention.ms", str("7"))
	want(look(1), "t", "7", kmsg.ConfigSourceDynamicTopicConfig)
	want(look(1), "u", "6", kmsg.ConfigSourceDynamicBrokerConfig)
	set(image.ResourceTopic, "t", "retention.ms", nil)
	want(look(1), "t", "6", kmsg.ConfigSourceDynamicBrokerConfig)
}
