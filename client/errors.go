package client

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

// What a request or a call may fail with, beside the connection's own errors
// and Kafka's error codes (kerr).
var (
	ErrRequestTimeout  = errors.New("no answer within request.timeout.ms")
	ErrNoVersion       = errors.New("client and broker share no version of the request")
	ErrProtocol        = errors.New("the broker's answer cannot be parsed")
	ErrUnknownNode     = errors.New("the broker is not in the cluster's metadata")
	ErrClosed          = errors.New("the client is closed")
	ErrNotConnected    = errors.New("no connection to the broker")
	ErrBufferFull      = errors.New("buffer.memory is exhausted")
	ErrRecordTooLarge  = errors.New("the record is larger than max.request.size")
	ErrDeliveryTimeout = errors.New("delivery.timeout.ms has passed")
	ErrUnknownTopic    = errors.New("the topic or partition is not in the cluster's metadata")
	ErrTopicRecreated  = errors.New("the topic was deleted or recreated under another id")
	ErrTimeout         = errors.New("default.api.timeout.ms has passed")
	ErrNoOffset        = errors.New("no offset to start from and auto.offset.reset is none")
	ErrTruncated       = errors.New("the log was truncated below the position and auto.offset.reset is none")
)

// CorruptError says that a broker sent a batch that is damaged.
type CorruptError struct{ Err error }

func (e *CorruptError) Error() string { return "damaged batch: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *CorruptError) Unwrap() error { return e.Err }

// Kafka's error codes that the state machines tell apart. Constants, because
// kerr has variables.
const (
	codeNone                 = 0
	codeUnknownServerError   = -1
	codeOffsetOutOfRange     = 1
	codeCorruptMessage       = 2
	codeUnknownTopic         = 3
	codeLeaderNotAvailable   = 5
	codeNotLeader            = 6
	codeRequestTimedOut      = 7
	codeReplicaNotAvailable  = 9
	codeMessageTooLarge      = 10
	codeNetworkException     = 13
	codeInvalidTopic         = 17
	codeRecordListTooLarge   = 18
	codeNotEnoughReplicas    = 19
	codeInvalidRequiredAcks  = 21
	codeTopicAuthorization   = 29
	codeClusterAuthorization = 31
	codeInvalidTimestamp     = 32
	codeUnsupportedVersion   = 35
	codeTopicExists          = 36
	codeNotController        = 41
	codeUnsupportedFormat    = 43
	codeOutOfOrderSequence   = 45
	codeDuplicateSequence    = 46
	codeInvalidProducerEpoch = 47
	codeInvalidTxnState      = 48
	codeStorageError         = 56
	codeUnknownProducerID    = 59
	codeFencedLeaderEpoch    = 74
	codeUnknownLeaderEpoch   = 75
	codeOffsetNotAvailable   = 78
	codeInvalidRecord        = 87
	codeUnknownTopicID       = 100
	codeInconsistentTopicID  = 103
	codeTransactionAbortable = 120
)

// Retriable reports whether Kafka's clients retry the error by themselves.
func Retriable(code int16) bool { return retriable(code) }

func retriable(code int16) bool {
	if code == codeNone {
		return false
	}
	e := kerr.TypedErrorForCode(code)
	return e != nil && e.Retriable
}

// staleMetadata reports whether the error says that the client's view of
// leaders or topics is old (InvalidMetadataException and its subclasses).
func staleMetadata(code int16) bool {
	switch code {
	case codeUnknownTopic, codeLeaderNotAvailable, codeNotLeader, codeReplicaNotAvailable, codeNetworkException,
		codeStorageError, codeFencedLeaderEpoch, codeUnknownTopicID, codeInconsistentTopicID, codeUnknownLeaderEpoch:
		return true
	}
	return false
}

// codeOf finds the error code behind err: kerr's own, NETWORK_EXCEPTION for
// anything that ended a connection, REQUEST_TIMED_OUT for a local time limit.
func codeOf(err error) int16 {
	var ke *kerr.Error
	switch {
	case err == nil:
		return codeNone
	case errors.As(err, &ke):
		return ke.Code
	case errors.Is(err, ErrDeliveryTimeout), errors.Is(err, ErrTimeout), errors.Is(err, ErrRequestTimeout):
		return codeRequestTimedOut
	case errors.Is(err, ErrNoVersion):
		return codeUnsupportedVersion
	case errors.Is(err, ErrTopicRecreated):
		return codeUnknownTopicID
	case errors.Is(err, ErrUnknownTopic):
		return codeUnknownTopic
	case errors.Is(err, ErrRecordTooLarge):
		return codeMessageTooLarge
	}
	return codeNetworkException
}

// Code is the Kafka error code that stands for err in a history.
func Code(err error) int16 { return codeOf(err) }

// kafkaError is the error of a code that is not zero.
func kafkaError(code int16) error { return kerr.ErrorForCode(code) }
