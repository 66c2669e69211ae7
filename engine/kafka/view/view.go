// Package view shows a broker's doings and state to the checks: plain facts and
// plain structs, values only.
//
// # Invariants
//
//   - values are copies: nothing here aliases engine state
//   - a fact is emitted in the event in which it became true
//   - facts describe, they never decide: no judge of losses may rely on them
//
// Not here: behaviour of any kind.
package view

// TopicID is Kafka's 128-bit topic id.
type TopicID [16]byte

// TP names a topic partition for the judges. The id decides, the name is for people.
type TP struct {
	Topic     string
	ID        TopicID
	Partition int32
}

// Batch is one record batch as it lies in a log. CRC is the batch's own CRC-32C,
// which covers everything but base offset and partition leader epoch.
type Batch struct {
	Base, Last  int64
	LeaderEpoch int32
	CRC         uint32
	Control     bool
}

// EpochStart is one entry of a leader-epoch cache.
type EpochStart struct {
	Epoch int32
	Start int64
}
