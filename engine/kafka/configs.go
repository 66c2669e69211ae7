package kafka

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/replica"
)

// topicConf is the effective configuration of a topic, typed. It is derived
// from the image and the settings, and thrown away when either changes.
type topicConf struct {
	log     plog.Config
	replica replica.Settings
}

// lookup finds the values that are in force on this broker.
func (b *Broker) lookup() configs.Lookup {
	return configs.Lookup{Image: b.image, Node: b.cfg.NodeID, Static: b.settings}
}

// topicConfig is the effective configuration of a topic.
func (b *Broker) topicConfig(topic string) *topicConf {
	if c := b.topicConfs[topic]; c != nil {
		return c
	}
	l := b.lookup()
	long := func(name string) int64 { return l.Int(topic, name) }
	segment := int32(long("segment.bytes"))
	if own := b.settings.long(internalSegmentBytes); own > 0 {
		segment = int32(own)
	}
	c := &topicConf{
		log: plog.Config{
			SegmentBytes: segment, SegmentMs: long("segment.ms"), MaxMessageBytes: int32(long("max.message.bytes")),
			FlushMessages: long("flush.messages"), FlushMs: long("flush.ms"),
			LogAppendTime:        l.Topic(topic, configs.Topic("message.timestamp.type")).Value == "LogAppendTime",
			TimestampBeforeMaxMs: long("message.timestamp.before.max.ms"),
			TimestampAfterMaxMs:  long("message.timestamp.after.max.ms"),
			Mutant:               b.cfg.Mutant,
		},
		replica: replica.Settings{
			MinISR:          int32(long("min.insync.replicas")),
			UncleanElection: l.Bool(topic, "unclean.leader.election.enable"),
			MaxMessageBytes: int32(long("max.message.bytes")),
			LagTimeMax:      b.settings.ms("replica.lag.time.max.ms"),
		},
	}
	b.topicConfs[topic] = c
	return c
}

// onConfigs lets the logs know that configurations changed.
func (b *Broker) onConfigs() {
	clear(b.topicConfs)
	for _, p := range b.parts.list {
		if p.log != nil {
			p.log.SetConfig(b.topicConfig(p.tp.Topic).log)
		}
	}
}

// configValue is one place that gives a configuration its value.
type configValue struct {
	name   string
	value  string
	source kmsg.ConfigSource
}

// brokerValues lists what gives a broker configuration its value, nearest first:
// the broker's own dynamic value, the cluster's, the broker's file, the default.
func (b *Broker) brokerValues(name string) []configValue {
	var values []configValue
	if v, ok := b.image.Config(image.ResourceBroker, image.BrokerResource(b.cfg.NodeID), name); ok {
		values = append(values, configValue{name, v, kmsg.ConfigSourceDynamicBrokerConfig})
	}
	if v, ok := b.image.Config(image.ResourceBroker, "", name); ok {
		values = append(values, configValue{name, v, kmsg.ConfigSourceDynamicDefaultBrokerConfig})
	}
	if v, ok := b.settings[name]; ok {
		values = append(values, configValue{name, strings.TrimSpace(v), kmsg.ConfigSourceStaticBrokerConfig})
	}
	if d := lookupBrokerDef(name); d != nil && d.def != "" {
		values = append(values, configValue{name, d.def, kmsg.ConfigSourceDefaultConfig})
	}
	return values
}
