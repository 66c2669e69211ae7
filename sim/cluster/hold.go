package cluster

import (
	"encoding/binary"
	"strings"

	"trial/clock"
	"trial/engine"
)

// holdTracker recognizes the requests and answers that a hold fault names by
// their bytes. A request says its API key; an answer says only the correlation
// id of its request, so keys of requests on the way are remembered while a hold
// of answers lasts.
type holdTracker struct {
	w       *world
	pending map[pendingKey]int16
}

type pendingKey struct {
	client, server engine.NodeID
	correlation    uint32
}

// hold starts a hold of that class; false if there is no such class.
func (t *holdTracker) hold(node engine.NodeID, class string, until clock.Instant) bool {
	name, answer := strings.CutSuffix(class, "-answer")
	key := int16(-1)
	for _, c := range HoldClasses {
		if c.Name == name {
			key = c.Key
		}
	}
	if key < 0 {
		return false
	}
	if t.pending == nil {
		t.pending = map[pendingKey]int16{}
	}
	match := func(from, to engine.NodeID, frame []byte) bool {
		if to < firstClientID && len(frame) >= 8 && t.isRequest(from, to, frame) {
			k := int16(binary.BigEndian.Uint16(frame))
			t.pending[pendingKey{from, to, binary.BigEndian.Uint32(frame[4:])}] = k
			return !answer && from == node && k == key
		}
		if !answer || from != node || len(frame) < 4 {
			return false
		}
		p := pendingKey{to, from, binary.BigEndian.Uint32(frame)}
		k, ok := t.pending[p]
		return ok && k == key
	}
	release := t.w.HoldFrames(match, until.Sub(t.w.Now()))
	t.w.At(until, release)
	return true
}

// isRequest tells a request from an answer between two brokers by its header: an
// API key and a version of Kafka's, where an answer has a correlation id, which
// counts up from zero. Brokers do not produce to each other, so key 0 is none.
func (t *holdTracker) isRequest(from, to engine.NodeID, frame []byte) bool {
	if from >= firstClientID {
		return true
	}
	key, version := binary.BigEndian.Uint16(frame), binary.BigEndian.Uint16(frame[2:])
	if _, asked := t.pending[pendingKey{to, from, binary.BigEndian.Uint32(frame)}]; asked {
		return false
	}
	return key > 0 && key < 100 && version < 20
}
