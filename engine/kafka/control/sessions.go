package control

import (
	"cmp"
	"slices"

	"trial/clock"
	"trial/engine/kafka/control/image"
)

// session is what the active controller remembers of a broker's heartbeats
// (BrokerHeartbeatManager). It is not in the log: a new controller starts every
// session anew.
type session struct {
	id       int32
	contact  clock.Instant // of the last heartbeat or the registration
	metadata int64         // the last offset that the broker has applied
	handover int64         // in controlled shutdown: offset of the last change that moved its leaderships; else -1
	left     bool          // it was told to stop: another incarnation may come at once
	expired  bool          // mutant SYN-V2: it has run out
}

// sessions are sorted by broker id.
type sessions struct{ all []session }

func (s *sessions) idx(id int32) (int, bool) {
	return slices.BinarySearchFunc(s.all, id, func(x session, id int32) int { return cmp.Compare(x.id, id) })
}

func (s *sessions) reset(brokers []*image.Broker, now clock.Instant) {
	s.all = s.all[:0]
	for _, b := range brokers {
		n := session{id: b.ID, contact: now, metadata: -1, handover: -1}
		if b.InControlledShutdown {
			// The hand-over happened under an earlier controller: wait for all brokers
			// to have everything that this one found.
			n.handover = b.Epoch
		}
		s.all = append(s.all, n)
	}
}

// open starts a session, or a new one in place of the old.
func (s *sessions) open(id int32, now clock.Instant) {
	i, ok := s.idx(id)
	if !ok {
		s.all = slices.Insert(s.all, i, session{})
	}
	s.all[i] = session{id: id, contact: now, metadata: -1, handover: -1}
}

func (s *sessions) drop(id int32) {
	if i, ok := s.idx(id); ok {
		s.all = slices.Delete(s.all, i, i+1)
	}
}

// of returns a broker's session, nil if it has none. The pointer is good until the
// next open or drop.
func (s *sessions) of(id int32) *session {
	if i, ok := s.idx(id); ok {
		return &s.all[i]
	}
	return nil
}

// valid reports whether the broker was heard of within the timeout.
func (s *sessions) valid(id int32, now clock.Instant, timeout clock.Duration) bool {
	x := s.of(id)
	return x != nil && !x.left && now.Sub(x.contact) <= timeout
}

// lowestActive is the lowest metadata offset among unfenced brokers that are not
// shutting down; the largest number if there are none.
func (s *sessions) lowestActive(im *image.Image) int64 {
	lowest := int64(1<<63 - 1)
	for i := range s.all {
		if im.Broker(s.all[i].id).Active() {
			lowest = min(lowest, s.all[i].metadata)
		}
	}
	return lowest
}
