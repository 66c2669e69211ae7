package configs

// InternalSegmentBytes overrides segment.bytes below its floor of 1 MiB, for tests
// that need many segments (LogConfig.INTERNAL_SEGMENT_BYTES_CONFIG). As a setting
// of a broker, which is ours, it is the default of its topics.
const InternalSegmentBytes = "internal.segment.bytes"

var (
	codecs   = []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}
	policies = []string{"compact", "delete"}
	stamps   = []string{"CreateTime", "LogAppendTime"}
)

// topicDefs are the topic configs of Kafka 4.3 (TopicConfig, LogConfig,
// ServerTopicConfigSynonyms), sorted by name.
var topicDefs = []Def{
	list("cleanup.policy", "delete", policies, same("log.cleanup.policy")),
	num("compression.gzip.level", "-1", -1, 9, same("compression.gzip.level")),
	num("compression.lz4.level", "9", 1, 17, same("compression.lz4.level")),
	word("compression.type", "producer", codecs, same("compression.type")),
	num("compression.zstd.level", "3", -131072, 22, same("compression.zstd.level")),
	long("delete.retention.ms", "86400000", 0, same("log.cleaner.delete.retention.ms")),
	long("file.delete.delay.ms", "60000", 0, same("log.segment.delete.delay.ms")),
	long("flush.messages", longMax, 1, same("log.flush.interval.messages")),
	long("flush.ms", longMax, 0, same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")),
	list("follower.replication.throttled.replicas", "", nil),
	num("index.interval.bytes", "4096", 0, maxInt, same("log.index.interval.bytes")),
	internal(num(InternalSegmentBytes, "", 1, maxInt, same(InternalSegmentBytes))),
	list("leader.replication.throttled.replicas", "", nil),
	long("local.retention.bytes", "-2", -2, same("log.local.retention.bytes")),
	long("local.retention.ms", "-2", -2, same("log.local.retention.ms")),
	long("max.compaction.lag.ms", longMax, 1, same("log.cleaner.max.compaction.lag.ms")),
	num("max.message.bytes", "1048588", 0, maxInt, same("message.max.bytes")),
	long("message.timestamp.after.max.ms", "3600000", 0, same("log.message.timestamp.after.max.ms")),
	long("message.timestamp.before.max.ms", longMax, 0, same("log.message.timestamp.before.max.ms")),
	word("message.timestamp.type", "CreateTime", stamps, same("log.message.timestamp.type")),
	ratio("min.cleanable.dirty.ratio", "0.5", same("log.cleaner.min.cleanable.ratio")),
	long("min.compaction.lag.ms", "0", 0, same("log.cleaner.min.compaction.lag.ms")),
	num("min.insync.replicas", "1", 1, maxInt, same("min.insync.replicas")),
	flag("preallocate", "false", same("log.preallocate")),
	flag("remote.log.copy.disable", "false"),
	flag("remote.log.delete.on.disable", "false"),
	flag("remote.storage.enable", "false"),
	long("retention.bytes", "-1", -1, same("log.retention.bytes")),
	long("retention.ms", "604800000", -1, same("log.retention.ms"), Synonym{"log.retention.minutes", minute}, Synonym{"log.retention.hours", hour}),
	num("segment.bytes", "1073741824", 1<<20, maxInt, same("log.segment.bytes")),
	num("segment.index.bytes", "10485760", 4, maxInt, same("log.index.size.max.bytes")),
	long("segment.jitter.ms", "0", 0, same("log.roll.jitter.ms"), Synonym{"log.roll.jitter.hours", hour}),
	long("segment.ms", "604800000", 1, same("log.roll.ms"), Synonym{"log.roll.hours", hour}),
	flag("unclean.leader.election.enable", "false", same("unclean.leader.election.enable")),
}
