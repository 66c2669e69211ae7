package replica

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
)

// Transport reaches the one leader that a Fetcher follows. Each done is called
// exactly once, in a later event; a request ends with an error when the
// connection does, or after replica.socket.timeout.ms.
type Transport interface {
	// Fetch sends req, which is the fetcher's again after done. The response's
	// records may alias a buffer that lives until release (never nil on success).
	Fetch(req *kmsg.FetchRequest, done func(resp *kmsg.FetchResponse, release func(), err error))
	// ListOffsets asks for the leader's log start or log end.
	ListOffsets(req *kmsg.ListOffsetsRequest, done func(resp *kmsg.ListOffsetsResponse, err error))
}

// FetcherConfig holds the broker configs of replica fetchers.
type FetcherConfig struct {
	MaxWaitMs         int32          // replica.fetch.wait.max.ms
	MinBytes          int32          // replica.fetch.min.bytes
	MaxBytes          int32          // replica.fetch.response.max.bytes
	PartitionMaxBytes int32          // replica.fetch.max.bytes
	Backoff           clock.Duration // replica.fetch.backoff.ms
	Mutant            string
}

// DefaultFetcherConfig returns Kafka's defaults.
func DefaultFetcherConfig() FetcherConfig {
	return FetcherConfig{
		MaxWaitMs: 500, MinBytes: 1, MaxBytes: 10 << 20, PartitionMaxBytes: 1 << 20,
		Backoff: 1000 * clock.Millisecond,
	}
}
