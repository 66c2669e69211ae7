package view

// Broker is the state of one broker.
type Broker struct {
	ID             int32
	State          string   // NOT_RUNNING, STARTING, RECOVERY, RUNNING, PENDING_CONTROLLED_SHUTDOWN, SHUTTING_DOWN
	Epoch          int64    // of its registration, -1 before it
	Incarnation    [16]byte // of its registration
	Fenced         bool     // as the last heartbeat's answer said
	MetadataOffset int64    // end of the committed metadata that it has applied
	MetadataHash   uint64

	ControllerID    int32 // the active controller as it knows it, -1 unknown
	ControllerEpoch int32
	QuorumRole      string // unattached, follower, prospective, candidate, leader, resigned

	Partitions []Replica // in the order in which they came
}

// Replica is the state of one replica on a broker. Without an open log only the
// first three fields are set.
type Replica struct {
	TP
	Volume int32
	Phase  string // opening, online, failed, deleting

	Leading                     bool
	Leader                      int32 // -1 none
	LeaderEpoch, PartitionEpoch int32
	ISR, MaximalISR             []int32 // of a leader
	LogStart, HW, LEO           int64
}
