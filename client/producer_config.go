package client

import (
	"errors"

	"trial/clock"
)

// Acks is the setting acks of a producer.
type Acks int16

// The values of acks.
const (
	AcksNone   Acks = 0
	AcksLeader Acks = 1
	AcksAll    Acks = -1
)

// ProducerConfig is the configuration of a Producer, with Kafka's names.
type ProducerConfig struct {
	Config

	Acks              Acks
	EnableIdempotence bool
	BatchSize         int            // batch.size
	Linger            clock.Duration // linger.ms
	MaxInFlight       int            // max.in.flight.requests.per.connection
	MaxRequestSize    int            // max.request.size
	BufferMemory      int            // buffer.memory; Send refuses beyond it
	Retries           int32
	Compression       Codec          // compression.type
	CompressionLevel  int            // compression.*.level of that type; 0 is Kafka's default
	DeliveryTimeout   clock.Duration // delivery.timeout.ms
	MaxBlock          clock.Duration // max.block.ms: how long a message waits for its topic's metadata
	// Partitioner chooses for messages with AnyPartition; nil is DefaultPartitioner.
	Partitioner Partitioner
	// FirstBatchAlone sends the first batch of a producer epoch to a partition
	// alone and waits for its answer. A broker without state takes any sequence
	// from a producer (KAFKA-14359), so with several first batches in flight a
	// later one could overtake. The Java client does not do this.
	FirstBatchAlone bool
	// OnAttempt, if set, is called for every message of a request when it is
	// handed to the network.
	OnAttempt func(m *Message, a Attempt)
	// OnSpace, if set, is called when buffer memory was freed after Send had
	// returned ErrBufferFull.
	OnSpace func()
	// Mutant names a planted bug, see package mutant.
	Mutant string
}

// DefaultProducerConfig returns Kafka's defaults (4.x).
func DefaultProducerConfig(bootstrap ...string) ProducerConfig {
	cfg := ProducerConfig{
		Config:            DefaultConfig(bootstrap...),
		Acks:              AcksAll,
		EnableIdempotence: true,
		BatchSize:         16384,
		Linger:            5 * clock.Millisecond,
		MaxInFlight:       5,
		MaxRequestSize:    1 << 20,
		BufferMemory:      32 << 20,
		Retries:           1<<31 - 1,
		DeliveryTimeout:   2 * clock.Minute,
		MaxBlock:          clock.Minute,
		FirstBatchAlone:   true,
	}
	cfg.Stream = "producer"
	return cfg
}

// Validate reports the first setting that makes no sense.
func (c ProducerConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	switch {
	case c.Acks != AcksAll && c.Acks != AcksLeader && c.Acks != AcksNone:
		return errors.New("acks must be 0, 1 or -1 (all)")
	case c.EnableIdempotence && c.Acks != AcksAll:
		return errors.New("enable.idempotence needs acks=all")
	case c.EnableIdempotence && c.Retries == 0:
		return errors.New("enable.idempotence needs retries above 0")
	case c.MaxInFlight < 1:
		return errors.New("max.in.flight.requests.per.connection must be positive")
	case c.EnableIdempotence && c.MaxInFlight > rememberedBatches:
		return errors.New("enable.idempotence needs max.in.flight.requests.per.connection of at most 5")
	case c.BatchSize < 0 || c.Linger < 0 || c.Retries < 0 || c.MaxBlock < 0:
		return errors.New("batch.size, linger.ms, retries and max.block.ms must not be negative")
	case !c.Compression.Known():
		return errors.New("compression.type must be none, gzip, snappy, lz4 or zstd")
	case c.MaxRequestSize < 1 || c.BufferMemory < 1:
		return errors.New("max.request.size and buffer.memory must be positive")
	case c.DeliveryTimeout < c.Linger+c.RequestTimeout:
		return errors.New("delivery.timeout.ms must be at least linger.ms + request.timeout.ms")
	}
	return nil
}
