package kafka

import (
	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/replica"
	"trial/internal/record"
	"trial/internal/record/codec"
)

// topicConf is the effective configuration of a topic, typed. It is derived
// from the image and the settings, and thrown away when either changes.
type topicConf struct {
	log     plog.Config
	replica replica.Settings

	keepCodec bool         // compression.type=producer: batches stay as they come
	codec     record.Codec // what others become
	level     int
}

// setCompression reads compression.type and the level of that codec
// (BrokerCompressionType.targetCompression).
func (c *topicConf) setCompression(name string, long func(string) int64) {
	c.codec, _ = codec.Parse(name) // "producer" and "uncompressed" are no codecs
	c.keepCodec = name == "producer"
	switch c.codec {
	case record.Gzip, record.LZ4, record.Zstd:
		c.level = int(long("compression." + name + ".level"))
	}
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
	if own := long(configs.InternalSegmentBytes); own > 0 {
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
	c.setCompression(l.Topic(topic, configs.Topic("compression.type")).Value, long)
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
