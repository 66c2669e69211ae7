package replica

import "github.com/twmb/franz-go/pkg/kerr"

// The error codes this package answers with or meets.
var (
	codeStorage           = kerr.KafkaStorageError.Code
	codeNotLeader         = kerr.NotLeaderForPartition.Code
	codeFencedEpoch       = kerr.FencedLeaderEpoch.Code
	codeUnknownEpoch      = kerr.UnknownLeaderEpoch.Code
	codeOutOfRange        = kerr.OffsetOutOfRange.Code
	codeNotAvailable      = kerr.OffsetNotAvailable.Code
	codeTooFew            = kerr.NotEnoughReplicas.Code
	codeTooFewAfter       = kerr.NotEnoughReplicasAfterAppend.Code
	codeBadAcks           = kerr.InvalidRequiredAcks.Code
	codeTimedOut          = kerr.RequestTimedOut.Code
	codeUnsupported       = kerr.UnsupportedVersion.Code
	codeUnknownTopic      = kerr.UnknownTopicOrPartition.Code
	codeUnknownTopicID    = kerr.UnknownTopicID.Code
	codeBadUpdate         = kerr.InvalidUpdateVersion.Code
	codeInvalidRequest    = kerr.InvalidRequest.Code
	codeNewLeader         = kerr.NewLeaderElected.Code
	codeNotAttempted      = kerr.OperationNotAttempted.Code
	codeIneligibleReplica = kerr.IneligibleReplica.Code
)
