package client

import (
	"errors"

	"trial/clock"
)

// Reset says where a consumer goes without a valid position.
type Reset int8

// The values of auto.offset.reset.
const (
	ResetEarliest Reset = iota
	ResetLatest
	ResetNone
)

// ConsumerConfig is the configuration of a Consumer, with Kafka's names.
type ConsumerConfig struct {
	Config

	FetchMinBytes          int32          // fetch.min.bytes
	FetchMaxWait           clock.Duration // fetch.max.wait.ms
	FetchMaxBytes          int32          // fetch.max.bytes
	MaxPartitionFetchBytes int32          // max.partition.fetch.bytes
	AutoOffsetReset        Reset          // auto.offset.reset
	ReadCommitted          bool           // isolation.level
	CheckCRCs              bool           // check.crcs
	MaxPollRecords         int            // max.poll.records: delivered in one event

	// OnRecord gets every record, in offset order within a partition. The record
	// is valid during the call only.
	OnRecord func(r *Record)
	// OnPosition, if set, is told when a position is set other than by reading
	// on; why is one of the constants of package history.
	OnPosition func(topic string, id TopicID, partition int32, offset int64, why string)
	// OnFetch, if set, is told when a partition's part of a fetch was sent and
	// when it was answered.
	OnFetch func(f *Fetch)
	// OnError, if set, is told of errors that retrying alone may not cure.
	OnError func(topic string, partition int32, offset int64, err error)
	// Mutant names a planted bug, see package mutant.
	Mutant string
}

// Record is one consumed record. Key and Value alias a buffer of the consumer.
type Record struct {
	Topic       string
	TopicID     TopicID
	Partition   int32
	Offset      int64
	LeaderEpoch int32
	TimestampMs int64
	Key, Value  []byte
	Headers     []Header
}

// Fetch is one partition's part of a fetch request and, when Done, its answer.
type Fetch struct {
	Topic       string
	TopicID     TopicID
	Partition   int32
	Offset      int64
	LeaderEpoch int32 // that the request named; an answer without error was given under it
	Tag         int64 // the program's own, kept from request to answer

	Done          bool
	Stale         bool // the answer came too late to be used
	Err           error
	Code          int16
	HighWatermark int64
	LogStart      int64
}

// DefaultConsumerConfig returns Kafka's defaults, but for auto.offset.reset,
// which is earliest.
func DefaultConsumerConfig(bootstrap ...string) ConsumerConfig {
	cfg := ConsumerConfig{
		Config:                 DefaultConfig(bootstrap...),
		FetchMinBytes:          1,
		FetchMaxWait:           500 * clock.Millisecond,
		FetchMaxBytes:          50 << 20,
		MaxPartitionFetchBytes: 1 << 20,
		AutoOffsetReset:        ResetEarliest,
		CheckCRCs:              true,
		MaxPollRecords:         500,
	}
	cfg.Stream = "consumer"
	return cfg
}

// Validate reports the first setting that makes no sense.
func (c ConsumerConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	switch {
	case c.FetchMinBytes < 0 || c.FetchMaxBytes < 0 || c.MaxPartitionFetchBytes < 0:
		return errors.New("fetch sizes must not be negative")
	case c.FetchMaxWait < 0 || c.FetchMaxWait >= c.RequestTimeout:
		return errors.New("fetch.max.wait.ms must lie between 0 and request.timeout.ms")
	case c.MaxPollRecords < 1:
		return errors.New("max.poll.records must be positive")
	case c.AutoOffsetReset < ResetEarliest || c.AutoOffsetReset > ResetNone:
		return errors.New("auto.offset.reset must be earliest, latest or none")
	case c.OnRecord == nil:
		return errors.New("OnRecord is not set")
	}
	return nil
}
