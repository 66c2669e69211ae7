package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
)

// fetchTopicIDs is the first version of Fetch that names topics by id.
const fetchTopicIDs = 13

// fetchCall is one Fetch request on its way.
type fetchCall struct {
	k    *Consumer
	node int32
	asks []ask
}

// ask is what a partition was asked for.
type ask struct {
	a    *assignment
	gen  int64
	info Fetch
}

// fetchFrom asks a broker for everything it leads that has nothing buffered.
func (k *Consumer) fetchFrom(n *node) {
	if n.gone || k.closed {
		return
	}
	for _, f := range k.fetches {
		if f.node == n.id {
			return
		}
	}
	f := &fetchCall{k: k, node: n.id}
	k.turn++
	for i := range k.parts {
		a := k.parts[(k.turn+i)%len(k.parts)]
		leader, epoch, ok := k.c.Leader(a.topic, a.partition)
		if !ok || leader != n.id || a.state != fetchable || a.chunk != nil || a.fetching || a.paused || k.h.Now().Before(a.retryAt) {
			continue
		}
		if len(f.asks) == 0 && !k.c.Ready(n.id) {
			return
		}
		f.asks = append(f.asks, ask{a: a, gen: a.gen, info: Fetch{
			Topic: a.topic, TopicID: a.id, Partition: a.partition, Offset: a.offset, LeaderEpoch: epoch,
		}})
	}
	if len(f.asks) > 0 {
		k.sendFetch(f)
	}
}

func (k *Consumer) sendFetch(f *fetchCall) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = consumerReplicaID
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(k.cfg.FetchMaxWait.Ms()), k.cfg.FetchMinBytes, k.cfg.FetchMaxBytes
	req.SessionID, req.SessionEpoch = 0, -1 // no fetch session (KIP-227)
	if k.cfg.ReadCommitted {
		req.IsolationLevel = 1
	}
	max := int16(-1)
	for i := range f.asks {
		s := &f.asks[i]
		s.a.fetching = true
		if s.info.TopicID == (TopicID{}) {
			max = fetchTopicIDs - 1
		}
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.CurrentLeaderEpoch = s.info.Partition, s.info.Offset, s.info.LeaderEpoch
		rp.LastFetchedEpoch, rp.LogStartOffset, rp.PartitionMaxBytes = -1, -1, k.cfg.MaxPartitionFetchBytes
		rt := fetchTopic(req, &s.info)
		rt.Partitions = append(rt.Partitions, rp)
		if k.cfg.OnFetch != nil {
			k.cfg.OnFetch(&s.info)
		}
	}
	k.fetches = append(k.fetches, f)
	k.c.submit(f.node, &call{req: req, done: f.onReply, timeout: k.cfg.RequestTimeout, max: max})
}

func fetchTopic(req *kmsg.FetchRequest, f *Fetch) *kmsg.FetchRequestTopic {
	for i := range req.Topics {
		if req.Topics[i].Topic == f.Topic {
			return &req.Topics[i]
		}
	}
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = f.Topic, f.TopicID
	req.Topics = append(req.Topics, rt)
	return &req.Topics[len(req.Topics)-1]
}

// onReply hands the answer to one Fetch request to its partitions.
func (f *fetchCall) onReply(r *Reply) {
	k := f.k
	for i, o := range k.fetches {
		if o == f {
			k.fetches = append(k.fetches[:i], k.fetches[i+1:]...)
			break
		}
	}
	resp, _ := r.Resp.(*kmsg.FetchResponse)
	fr := &frame{refs: 1}
	if resp != nil {
		fr.buf = r.Take()
		for i := range resp.Brokers {
			b := &resp.Brokers[i]
			k.c.addBroker(b.NodeID, address(b.Host, b.Port), "")
		}
	}
	for i := range f.asks {
		if !k.closed {
			k.onAnswer(&f.asks[i], r, resp, fr)
		}
	}
	k.unref(fr)
	if !k.closed {
		k.deliver()
	}
}

func findFetched(resp *kmsg.FetchResponse, s *ask) *kmsg.FetchResponseTopicPartition {
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		if resp.Version >= fetchTopicIDs && rt.TopicID != s.info.TopicID || resp.Version < fetchTopicIDs && rt.Topic != s.info.Topic {
			continue
		}
		for j := range rt.Partitions {
			if rt.Partitions[j].Partition == s.info.Partition {
				return &rt.Partitions[j]
			}
		}
	}
	return nil
}

// onAnswer takes one partition's part of a fetch.
func (k *Consumer) onAnswer(s *ask, r *Reply, resp *kmsg.FetchResponse, fr *frame) {
	a := s.a
	a.fetching = false
	s.info.Done = true
	var p *kmsg.FetchResponseTopicPartition
	switch {
	case resp == nil:
		s.info.Err, s.info.Code = r.Err, codeOf(r.Err)
	case resp.ErrorCode != codeNone:
		s.info.Code = resp.ErrorCode
	default:
		if p = findFetched(resp, s); p == nil {
			s.info.Code = codeNetworkException
		} else {
			s.info.Code, s.info.HighWatermark, s.info.LogStart = p.ErrorCode, p.HighWatermark, p.LogStartOffset
		}
	}
	if s.info.Err == nil && s.info.Code != codeNone {
		s.info.Err = kafkaError(s.info.Code)
	}
	// An answer is of use only for the position it was asked for (KAFKA-9840).
	s.info.Stale = a.gen != s.gen || a.state != fetchable || a.offset != s.info.Offset
	if k.cfg.OnFetch != nil {
		k.cfg.OnFetch(&s.info)
	}
	switch {
	case k.closed:
	case s.info.Stale:
		k.h.Probe("client.fetch.stale")
	case s.info.Code != codeNone:
		k.onFetchError(a, s, p)
	case len(p.RecordBatches) > 0:
		a.fails = 0
		a.chunk = newChunk(a, p, fr, k.cfg.ReadCommitted)
	default:
		a.fails = 0
	}
}

// onFetchError does what FetchCollector.handleInitializeErrors does.
func (k *Consumer) onFetchError(a *assignment, s *ask, p *kmsg.FetchResponseTopicPartition) {
	if s.info.Code == codeOffsetOutOfRange {
		k.h.Probe("client.fetch.out-of-range")
		k.lostPosition(a, history.WhyReset, ErrNoOffset)
		return
	}
	hinted := p != nil && k.c.hint(k.c.topic(a.topic), a.partition, p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch)
	if hinted {
		return // the new leader is known: no reason to wait
	}
	k.backOff(a)
	k.c.meta.request()
	if !retriable(s.info.Code) || s.info.Code == codeCorruptMessage {
		k.report(a, s.info.Err)
	}
}
