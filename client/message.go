package client

import (
	"trial/checks/history"
	"trial/internal/record"
)

// AnyPartition lets the partitioner choose.
const AnyPartition = -1

// Header is a key and a value that travel with a record.
type Header struct {
	Key   string
	Value []byte
}

// Message is one record to produce. The program owns the struct and hands it to
// Producer.Send; until Done it belongs to the producer, key, value and headers
// included.
type Message struct {
	Topic string
	// Partition, or AnyPartition.
	Partition  int32
	Key, Value []byte
	Headers    []Header
	// TimestampMs is the record's timestamp; 0 takes the node's wall clock.
	TimestampMs int64
	// Tag is the program's own.
	Tag int64
	// Done, if set, is called exactly once for a message that Send accepted, in a
	// later event.
	Done func(m *Message, r Result)
}

// Result is how a message ended.
type Result struct {
	// Outcome: OK acknowledged (acks=0: handed to the network), Fail certainly
	// without effect, Info unknown.
	Outcome history.Outcome
	// Offset of the record, -1 if unknown.
	Offset    int64
	TopicID   TopicID
	Partition int32
	Err       error
	// Code is Kafka's error code of Err.
	Code     int16
	Attempts int32
	// LeaderEpoch is the leader epoch that the producer knew when it sent the message
	// last; -1 if it never did. The leader that answered may have been one of a later
	// epoch.
	LeaderEpoch int32
	// Renumbered: the record was sent again under a new producer epoch while the
	// outcome of an earlier attempt was unknown. It may be there twice.
	Renumbered bool
}

// Attempt says what is special about one attempt to send a message.
type Attempt struct {
	// Renumbered: it was sent under a new producer epoch when nobody had said what
	// became of an earlier attempt.
	Renumbered bool
	// Disputed: it was sent under a new producer epoch when an earlier attempt was
	// unanswered, but a later one had been refused: the broker did not have it then.
	// The earlier one may still lie in the buffers of a broker that hangs.
	Disputed bool
}

func (m *Message) headers() []record.Header {
	if len(m.Headers) == 0 {
		return nil
	}
	hs := make([]record.Header, len(m.Headers))
	for i, h := range m.Headers {
		hs[i] = record.Header{Key: h.Key, Value: h.Value}
	}
	return hs
}
