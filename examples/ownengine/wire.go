package ownengine

import (
	"encoding/binary"
	"errors"

	"trial/engine"
)

// Tag orders the values of a key: newer numbers win. The nonce is drawn for each
// put, so that two puts never have the same tag, not even of two lives of one
// server.
type Tag struct{ Number, Nonce uint64 }

// Less reports whether t is older than u.
func (t Tag) Less(u Tag) bool {
	return t.Number < u.Number || t.Number == u.Number && t.Nonce < u.Nonce
}

// kind says what a message is.
type kind byte

const (
	get    kind = iota + 1 // client to server: Key
	put                    // client to server: Key, Value
	done                   // the answer to both: Value of a get
	failed                 // the answer to both when no majority was heard

	query // server to server: Key
	told  // its answer: Tag, Value
	store // server to server: Key, Tag, Value
	kept  // its answer: it is durable
	numKinds
)

// message is one frame.
type message struct {
	Kind  kind
	Op    uint64 // chosen by who asks, repeated in the answer
	Tag   Tag
	Key   string
	Value string
}

const header = 1 + 8 + 16 + 2

var errMessage = errors.New("a frame that is no message")

func (m *message) append(b []byte) []byte {
	b = append(b, byte(m.Kind))
	b = binary.BigEndian.AppendUint64(b, m.Op)
	b = binary.BigEndian.AppendUint64(b, m.Tag.Number)
	b = binary.BigEndian.AppendUint64(b, m.Tag.Nonce)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Key)))
	b = append(b, m.Key...)
	return append(b, m.Value...)
}

func parse(b []byte) (message, error) {
	if len(b) < header {
		return message{}, errMessage
	}
	m := message{
		Kind: kind(b[0]), Op: binary.BigEndian.Uint64(b[1:]),
		Tag: Tag{binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])},
	}
	n := int(binary.BigEndian.Uint16(b[25:]))
	if b = b[header:]; n > len(b) || m.Kind == 0 || m.Kind >= numKinds {
		return message{}, errMessage
	}
	m.Key, m.Value = string(b[:n]), string(b[n:])
	return m, nil
}

// send queues a message on a connection.
func send(h engine.Host, c engine.ConnID, m message) {
	b := h.Buf(header + len(m.Key) + len(m.Value))
	b.B = m.append(b.B)
	h.Send(c, b)
}
