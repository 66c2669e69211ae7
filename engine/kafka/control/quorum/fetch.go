package quorum

import (
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// parkedFetch is a fetch that waits for records or for a higher high watermark.
type parkedFetch struct {
	c      Responder
	req    *kmsg.FetchRequest
	offset int64
	known  int64 // the high watermark that the replica has
	timer  engine.Timer
}

// maxObservers bounds what a leader remembers of nodes that are no voters.
const maxObservers = 1000

// observerAge is when an observer that does not fetch is forgotten (LeaderState).
const observerAge = 5 * clock.Minute

// onFetchRequest serves a replica of the metadata log (handleFetchRequest).
func (m *Member) onFetchRequest(c Responder, req *kmsg.FetchRequest) {
	if req.ClusterID != nil && !m.sameCluster(req.ClusterID) {
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.ErrorCode = kerr.InconsistentClusterID.Code
		c.Respond(resp)
		return
	}
	p := &req.Topics[0].Partitions[0]
	if code := m.notLeading(p.CurrentLeaderEpoch); code != 0 {
		m.refuseFetch(c, req, code)
		return
	}
	if p.FetchOffset < 0 || p.LastFetchedEpoch < 0 || p.LastFetchedEpoch > m.epoch {
		m.refuseFetch(c, req, kerr.InvalidRequest.Code)
		return
	}
	who := m.progressOf(replicaOf(req))
	now := m.h.Now()
	who.fetched, who.ever = now, true
	if e, end, diverges := m.divergence(p.FetchOffset, p.LastFetchedEpoch); diverges {
		resp, part := m.fetchResponse(req)
		part.DivergingEpoch.Epoch, part.DivergingEpoch.EndOffset = e, end
		c.Respond(resp)
		return
	}
	if p.FetchOffset >= m.log.End() {
		who.caughtUp = now
	}
	who.end = p.FetchOffset
	m.updateHW()
	known := int64(math.MaxInt64) // older replicas learn of it with the next answer
	if req.Version >= 18 {
		known = p.HighWatermark
	}
	w := &parkedFetch{c: c, req: req, offset: p.FetchOffset, known: known}
	if m.ready(w) || req.MaxWaitMillis <= 0 {
		m.serve(w)
		return
	}
	w.timer.Fire = func() { m.expire(w) }
	m.le.parked = append(m.le.parked, w)
	m.h.SetTimer(&w.timer, now.Add(min(clock.Ms(int64(req.MaxWaitMillis)), m.cfg.FetchMaxWait)))
}

// fetchesMetadata reports whether a fetch is for the metadata log and nothing else.
func fetchesMetadata(req *kmsg.FetchRequest) bool {
	if len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1 || req.Topics[0].Partitions[0].Partition != 0 {
		return false
	}
	if req.Version >= 13 {
		return req.Topics[0].TopicID == TopicID
	}
	return req.Topics[0].Topic == TopicName
}

func replicaOf(req *kmsg.FetchRequest) int32 {
	if req.Version >= 15 {
		return req.ReplicaState.ID
	}
	return req.ReplicaID
}

// progressOf is what we know of a replica; for an observer that is new, or for a
// consumer without an id, a new entry.
func (m *Member) progressOf(id int32) *progress {
	for i := range m.le.voters {
		if m.le.voters[i].id == id {
			m.sawFetch(i)
			return &m.le.voters[i]
		}
	}
	if id < 0 {
		return &progress{}
	}
	for i := range m.le.observers {
		if m.le.observers[i].id == id {
			return &m.le.observers[i]
		}
	}
	now := m.h.Now()
	m.le.observers = slices.DeleteFunc(m.le.observers, func(o progress) bool { return now.Sub(o.fetched) > observerAge })
	if len(m.le.observers) >= maxObservers {
		return &progress{}
	}
	m.le.observers = append(m.le.observers, progress{id: id, end: -1})
	return &m.le.observers[len(m.le.observers)-1]
}

// divergence tells where the follower's log parts from ours, if it does
// (ReplicatedLog.validateOffsetAndEpoch).
func (m *Member) divergence(offset int64, epoch int32) (e int32, end int64, diverges bool) {
	if offset == 0 {
		return 0, 0, false
	}
	e, end = m.log.EndOffsetFor(epoch)
	if e == epoch && end >= offset {
		return 0, 0, false
	}
	if e < 0 { // we have nothing at or below its epoch: all of it is foreign
		return 0, 0, true
	}
	return e, end, true
}

func (m *Member) ready(w *parkedFetch) bool {
	return m.log.End() > w.offset || m.hw > w.known
}

// wake serves what waited for records or for the high watermark.
func (m *Member) wake() {
	if !m.Leading() || len(m.le.parked) == 0 {
		return
	}
	parked := m.le.parked
	m.le.parked = nil
	for _, w := range parked {
		if m.ready(w) {
			m.h.StopTimer(&w.timer)
			m.serve(w)
		} else {
			m.le.parked = append(m.le.parked, w)
		}
	}
}

func (m *Member) expire(w *parkedFetch) {
	if i := slices.Index(m.le.parked, w); i >= 0 {
		m.le.parked = slices.Delete(m.le.parked, i, i+1)
		m.serve(w)
	}
}

// serve answers a fetch with what is there.
func (m *Member) serve(w *parkedFetch) {
	if m.log.End() <= w.offset {
		resp, _ := m.fetchResponse(w.req)
		w.c.Respond(resp)
		return
	}
	size := min(int(w.req.MaxBytes), int(w.req.Topics[0].Partitions[0].PartitionMaxBytes), maxFetchBytes)
	s, err := m.log.Locate(w.offset, size, m.log.End(), true)
	if err != nil {
		m.refuseFetch(w.c, w.req, kerr.OffsetOutOfRange.Code)
		return
	}
	term := m.term
	buf := make([]byte, s.Len)
	m.log.Read(s, buf, func(n int, err error) {
		if !m.running {
			return
		}
		if term != m.term {
			m.refuseFetch(w.c, w.req, kerr.NotLeaderForPartition.Code)
			return
		}
		if err != nil || n != len(buf) {
			m.refuseFetch(w.c, w.req, kerr.KafkaStorageError.Code)
			return
		}
		resp, p := m.fetchResponse(w.req)
		p.RecordBatches = buf
		w.c.Respond(resp)
	})
}

// fetchResponse is an answer without error and records, and its partition.
func (m *Member) fetchResponse(req *kmsg.FetchRequest) (*kmsg.FetchResponse, *kmsg.FetchResponseTopicPartition) {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark, p.LogStartOffset, p.RecordBatches = m.hw, m.log.Start(), []byte{}
	p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = m.Leader(), m.epoch
	t := kmsg.NewFetchResponseTopic()
	t.Topic, t.TopicID, t.Partitions = TopicName, TopicID, append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
	return resp, &resp.Topics[0].Partitions[0]
}

func (m *Member) refuseFetch(c Responder, req *kmsg.FetchRequest, code int16) {
	resp, p := m.fetchResponse(req)
	p.ErrorCode, p.HighWatermark = code, -1
	c.Respond(resp)
}
