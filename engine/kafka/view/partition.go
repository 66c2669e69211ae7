package view

// Appended: a batch became visible at the end of a replica's log.
type Appended struct {
	TP
	Batch
	AsLeader bool
	Producer ProducerBatch
}

// ProducerBatch is the idempotence part of a batch; ID -1 without one.
type ProducerBatch struct {
	ID            int64
	Epoch         int16
	First, Last   int32
	Transactional bool
}

// AppendDuplicate: a leader answered a produced batch from its producer state
// without appending it.
type AppendDuplicate struct {
	TP
	Producer   ProducerBatch
	Base, Last int64
}

// LogOpening: recovery of a replica's log began.
type LogOpening struct{ TP }

// LogOpened: recovery of a replica's log ended. Clean says that the previous
// incarnation ended with a clean stop.
type LogOpened struct {
	TP
	Start, End, HW int64
	Clean          bool
	Epochs         []EpochStart
	Batches        []Batch
}

// LogSynced: a sync of a replica's log ended well; everything below End survives
// a power failure from now on.
type LogSynced struct {
	TP
	End int64
}

// Truncated: a replica removed every entry at or above To. Full means that it
// dropped everything and starts anew at To.
type Truncated struct {
	TP
	To, End     int64
	Leader      bool // it was leading the partition at that moment
	Full        bool
	LeaderEpoch int32
}

// BecameLeader: a replica started to lead a new leader epoch.
type BecameLeader struct {
	TP
	LeaderEpoch, PartitionEpoch int32
	Start, HW                   int64 // Start is the log end at that moment
	ISR                         []int32
	Last                        Batch // the last batch of its log; Base -1 if empty
}

// BecameFollower: a replica started to follow in a new leader epoch.
type BecameFollower struct {
	TP
	LeaderEpoch, PartitionEpoch int32
	Leader                      int32
	End, HW                     int64
}

// HWMoved: a replica's high watermark changed. The ISR fields are set on leaders.
type HWMoved struct {
	TP
	LeaderEpoch int32
	From, To    int64
	End         int64
	Leader      bool
	MaximalISR  []int32
	MinISR      int32 // effective
}

// FollowerFetched: a leader took note of a follower's fetch.
type FollowerFetched struct {
	TP
	LeaderEpoch int32
	Follower    int32
	BrokerEpoch int64
	Offset      int64
	AskedEpoch  int32 // the leader epoch that the follower named, -1 none
}

// ISRProposed: a leader sent AlterPartition.
type ISRProposed struct {
	TP
	LeaderEpoch, PartitionEpoch int32
	HW, EpochStart              int64
	ISR                         []ISRMember
	Added                       []AddedReplica
}

// ISRMember is a broker in a proposed ISR with the incarnation the leader believes in.
type ISRMember struct {
	Broker int32
	Epoch  int64
}

// AddedReplica is a follower that a proposal adds, with its fetch position.
type AddedReplica struct {
	Broker int32
	End    int64
}

// ProduceAcked: a broker answered a produced batch with success.
type ProduceAcked struct {
	TP
	LeaderEpoch int32
	Batch       Batch
	Acks        int16
	HW          int64
	MaximalISR  []int32
	MinISR      int32 // effective
	StillThere  bool  // the batch is still at its offset
}

// FetchServed: a broker answered a fetch (or an offset query) with records in
// [From, End). Bound is the offset it may not pass.
type FetchServed struct {
	TP
	LeaderEpoch    int32
	From, End      int64
	Bound, HW, LEO int64
	Follower       int32 // -1 for a consumer
	Committed      bool  // isolation level read_committed
}

// FetchApplied: a follower used the answer of a fetch. Asked is what held when it
// asked, Now what held when it used the answer.
type FetchApplied struct {
	TP
	AskedEpoch, NowEpoch   int32
	AskedOffset, NowOffset int64
}

// VolumeOffline: a broker latched a volume as failed.
type VolumeOffline struct {
	Volume int32
	Reason string
}

func (Appended) FactName() string        { return "append" }
func (AppendDuplicate) FactName() string { return "duplicate" }
func (LogSynced) FactName() string       { return "synced" }
func (LogOpening) FactName() string      { return "opening" }
func (LogOpened) FactName() string       { return "opened" }
func (Truncated) FactName() string       { return "truncate" }
func (BecameLeader) FactName() string    { return "lead" }
func (BecameFollower) FactName() string  { return "follow" }
func (HWMoved) FactName() string         { return "hw" }
func (FollowerFetched) FactName() string { return "fetched" }
func (ISRProposed) FactName() string     { return "propose" }
func (ProduceAcked) FactName() string    { return "ack" }
func (FetchServed) FactName() string     { return "serve" }
func (FetchApplied) FactName() string    { return "apply-fetch" }
func (VolumeOffline) FactName() string   { return "offline" }
