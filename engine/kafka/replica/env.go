package replica

import (
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// Settings are the configs a partition needs. They are read afresh each time,
// because they change at run time.
type Settings struct {
	MinISR          int32 // min.insync.replicas of the topic
	UncleanElection bool
	MaxMessageBytes int32
	LagTimeMax      clock.Duration // replica.lag.time.max.ms
}

// Env is what a partition needs of its broker.
type Env interface {
	Host() engine.Host
	Settings(tp view.TP) Settings
	// Eligible tells the broker's epoch in our metadata image (-1 if it is not
	// there) and whether it may be in an ISR: registered, unfenced, not in
	// controlled shutdown.
	Eligible(broker int32) (epoch int64, ok bool)
	// BrokerEpoch is our own registration.
	BrokerEpoch() int64
	// AlterPartition sends one ISR change to the active controller. Done gets the
	// answer exactly once, in a later event.
	AlterPartition(r AlterRequest, done func(AlterResult))
	// LowerCheckpoint follows a truncation below the high watermark: after a crash
	// none above hw may come back. It reports false if none can; else done follows
	// in a later event, also if the volume fails.
	LowerCheckpoint(tp view.TP, hw int64, done func()) bool
}

// AlterRequest proposes the ISR of one partition (KIP-497). The leader recovery
// state of a proposal is always "recovered" (KIP-704).
type AlterRequest struct {
	TP                          view.TP
	LeaderEpoch, PartitionEpoch int32
	ISR                         []view.ISRMember
}

// AlterResult is the answer to an AlterRequest. Err is set when no answer came,
// Code is the first error found: of the response, else of the partition.
type AlterResult struct {
	Err                         error
	Code                        int16
	Leader                      int32
	LeaderEpoch, PartitionEpoch int32
	ISR                         []int32
	Recovering                  bool
}

// Registration is the state of a partition in the committed metadata image. The
// partition keeps no reference to its slices.
type Registration struct {
	Leader                      int32 // -1 none
	LeaderEpoch, PartitionEpoch int32
	Replicas, ISR, ELR          []int32
	Recovering                  bool
}
