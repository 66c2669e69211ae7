package configs

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/image"
)

// Value is a config value in force and where it comes from.
type Value struct {
	Value  string
	Source kmsg.ConfigSource
}

// Lookup finds values in force: what is set in an image over the static configs of
// a node. Node -1 looks only at cluster-wide broker configs, as the controller does.
type Lookup struct {
	Image  *image.Image
	Node   int32
	Static map[string]string
}

// Topic is the value in force of a topic config. topic may be empty: what a topic
// without configs of its own gets.
func (l Lookup) Topic(topic string, d *Def) Value {
	if topic != "" {
		if v, ok := l.Image.Config(image.ResourceTopic, topic, d.Name); ok {
			return Value{v, kmsg.ConfigSourceDynamicTopicConfig}
		}
	}
	return l.Inherited(d)
}

// Named is a value that a broker config gives.
type Named struct {
	Name string
	Value
}

// Given lists what gives a broker config its value as DescribeConfigs shows it:
// the configs of all its names by level, nearest first, from the first one on that
// has the name itself (ConfigHelper.configSynonyms).
func (l Lookup) Given(name string) []Named {
	var given []Named
	for _, level := range [...]func(string) (Value, bool){l.node, l.cluster, l.static, byDefault} {
		for _, n := range Alternatives(name) {
			if v, ok := level(n); ok && (n == name || len(given) > 0) {
				given = append(given, Named{n, v})
			}
		}
	}
	return given
}

func byDefault(name string) (Value, bool) {
	d := Broker(name)
	if d == nil || !d.HasDefault() {
		return Value{}, false
	}
	return Value{d.Default, kmsg.ConfigSourceDefaultConfig}, true
}

// Inherited is the value that a topic config gets from its synonyms or its default.
func (l Lookup) Inherited(d *Def) Value {
	for _, level := range [...]func(string) (Value, bool){l.node, l.cluster, l.static} {
		for _, s := range d.Synonyms {
			if v, ok := level(s.Name); ok {
				v.Value = scale(v.Value, s.Factor)
				return v
			}
		}
	}
	return Value{d.Default, kmsg.ConfigSourceDefaultConfig}
}

// Broker is the value in force of a broker config.
func (l Lookup) Broker(d *Def) Value {
	for _, level := range [...]func(string) (Value, bool){l.node, l.cluster, l.static} {
		if v, ok := level(d.Name); ok {
			return v
		}
	}
	return Value{d.Default, kmsg.ConfigSourceDefaultConfig}
}

func (l Lookup) node(name string) (Value, bool) {
	if l.Node < 0 {
		return Value{}, false
	}
	v, ok := l.Image.Config(image.ResourceBroker, image.BrokerResource(l.Node), name)
	return Value{v, kmsg.ConfigSourceDynamicBrokerConfig}, ok
}

func (l Lookup) cluster(name string) (Value, bool) {
	v, ok := l.Image.Config(image.ResourceBroker, "", name)
	return Value{v, kmsg.ConfigSourceDynamicDefaultBrokerConfig}, ok
}

func (l Lookup) static(name string) (Value, bool) {
	v, ok := l.Static[name]
	return Value{strings.TrimSpace(v), kmsg.ConfigSourceStaticBrokerConfig}, ok
}

// scale converts a synonym's unit. A value that does not parse stays as it is: it
// was checked when it was set.
func scale(v string, factor int64) string {
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if factor == 1 || err != nil || n < 0 || n > maxLong/factor {
		return v
	}
	return strconv.FormatInt(n*factor, 10)
}

// Int is the value in force of a numeric topic config.
func (l Lookup) Int(topic, name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(l.Topic(topic, Topic(name)).Value), 10, 64)
	return n
}

// Bool is the value in force of a boolean topic config.
func (l Lookup) Bool(topic, name string) bool {
	return strings.EqualFold(strings.TrimSpace(l.Topic(topic, Topic(name)).Value), "true")
}
