package view

// VoteAnswered: a voter answered a vote request.
type VoteAnswered struct {
	Epoch     int32
	Candidate int32
	PreVote   bool
	Granted   bool
}

// QuorumRole: a node changed its role in the metadata quorum.
type QuorumRole struct {
	Role   string // unattached, follower, prospective, candidate, leader, resigned
	Epoch  int32
	Leader int32 // -1 unknown
	Vote   int32 // -1 none
}

// QuorumAppended: an entry batch was appended to a node's metadata log.
type QuorumAppended struct {
	Batch
	AsLeader bool
}

// QuorumSynced: the metadata log of a node is durable below End.
type QuorumSynced struct{ End int64 }

// QuorumTruncated: a node removed metadata entries at or above To.
type QuorumTruncated struct{ To, HW int64 }

// QuorumOpened: a node recovered its metadata log and its vote.
type QuorumOpened struct {
	End     int64
	Epoch   int32
	Vote    int32
	Batches []Batch
}

// QuorumHW: the high watermark of the metadata log moved on a node.
type QuorumHW struct {
	Epoch      int32
	From, To   int64
	Leader     bool
	EpochStart int64 // of the leader's epoch; set on the leader
}

// MetadataApplied: a node's image now holds every record below Offset. Hash is
// a hash over the image's content.
type MetadataApplied struct {
	Offset int64
	Hash   uint64
}

// PartitionRegistered: a committed metadata record at Offset set or changed a
// partition. Emitted by every node that applies it.
type PartitionRegistered struct {
	TP
	Offset                      int64
	Leader                      int32
	LeaderEpoch, PartitionEpoch int32
	Replicas, ISR, ELR          []int32
	Recovering                  bool
	Removed                     bool
	Unclean                     bool // the change elected a leader outside ISR and ELR
}

// BrokerRegistered: a committed metadata record at Offset set or changed a broker.
type BrokerRegistered struct {
	Offset      int64
	ID          int32
	Epoch       int64
	Incarnation [16]byte
	Fenced      bool
	Stopping    bool // in controlled shutdown
	Removed     bool
	Clean       bool // registered after a clean shutdown (previous broker epoch known)
}

// AlterPartitionAccepted: the active controller accepted an ISR change.
type AlterPartitionAccepted struct {
	TP
	Broker                            int32 // who asked
	AskedLeaderEpoch, LeaderEpoch     int32
	AskedPartitionEpoch, PartEpochNow int32
	ISR                               []ISRMember
}

func (VoteAnswered) FactName() string           { return "vote" }
func (QuorumRole) FactName() string             { return "quorum" }
func (QuorumAppended) FactName() string         { return "meta-append" }
func (QuorumSynced) FactName() string           { return "meta-sync" }
func (QuorumTruncated) FactName() string        { return "meta-truncate" }
func (QuorumOpened) FactName() string           { return "meta-opened" }
func (QuorumHW) FactName() string               { return "meta-hw" }
func (MetadataApplied) FactName() string        { return "meta-apply" }
func (PartitionRegistered) FactName() string    { return "partition" }
func (BrokerRegistered) FactName() string       { return "broker" }
func (AlterPartitionAccepted) FactName() string { return "isr" }
