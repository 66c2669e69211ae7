package plog

import "math"

// Config holds the settings of a log, named after Kafka's topic configs. They
// may change at run time, see Log.SetConfig. A zero size or span stands for
// Kafka's default.
type Config struct {
	SegmentBytes    int32 // segment.bytes
	SegmentMs       int64 // segment.ms
	MaxMessageBytes int32 // max.message.bytes: the largest batch a leader takes
	FlushMessages   int64 // flush.messages: records before a sync is forced; the append that reaches it completes after the sync
	FlushMs         int64 // flush.ms

	LogAppendTime        bool  // message.timestamp.type=LogAppendTime
	TimestampBeforeMaxMs int64 // message.timestamp.before.max.ms
	TimestampAfterMaxMs  int64 // message.timestamp.after.max.ms

	// Rewrite makes recovery write every byte that it keeps again before it syncs. A
	// sync that failed may leave bytes in the page cache that no later sync writes
	// (the kernel took them for clean); whoever must be sure that what it reads is
	// what a power failure leaves, as a voter must, pays for it at every start.
	Rewrite bool

	Mutant string
}

// DefaultConfig returns Kafka's defaults (TopicConfig, ServerLogConfigs).
func DefaultConfig() Config { return Config{}.normal() }

func (c Config) normal() Config {
	or := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 1 << 30
	}
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = 1<<20 + 12
	}
	or(&c.SegmentMs, 7*24*3600*1000)
	or(&c.FlushMessages, math.MaxInt64)
	or(&c.FlushMs, math.MaxInt64)
	or(&c.TimestampBeforeMaxMs, math.MaxInt64)
	or(&c.TimestampAfterMaxMs, 3600*1000)
	return c
}
