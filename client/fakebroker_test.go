package client_test

import (
	"fmt"
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/record"
	"trial/internal/wire"
)

// cluster is a model of Kafka brokers as a client sees them: one log per
// partition, kept in memory, with the sequence rules of idempotent producers.
type cluster struct {
	w       *world
	brokers []*broker
	topics  []*topic
	pids    int64
	// fault is asked about every request but ApiVersions and Metadata.
	fault func(b *broker, req kmsg.Request) fault
	// versions caps what the brokers offer.
	versions map[int16]int16
	apiMax   int16 // highest ApiVersions version, -1: any
	seen     []string
	ids      int
	window   int // batches remembered per producer
	aborted  []kmsg.FetchResponseTopicPartitionAbortedTransaction
}

type fault int

const (
	none       fault = iota
	dropBefore       // the connection ends, the request has no effect
	dropAfter        // the request has its effect, then the connection ends
	hang             // the request has its effect, no answer ever comes
	refuse           // an error without effect
	lie              // an error after the effect
)

type broker struct {
	c    *cluster
	id   int32
	addr string
	down bool
}

type topic struct {
	name  string
	id    [16]byte
	parts []*partition
}

type partition struct {
	leader    int32
	epoch     int32
	start     int64
	batches   []record.Batch
	producers map[int64]*producerState
	epochs    []epochStart
}

type epochStart struct {
	epoch int32
	start int64
}

type producerState struct {
	epoch   int16
	batches []seqRange
}

type seqRange struct {
	first, last int32
	base        int64
}

func newCluster(w *world, n int) *cluster {
	c := &cluster{w: w, apiMax: -1, versions: map[int16]int16{}, pids: 1000, window: 5}
	for i := 1; i <= n; i++ {
		c.brokers = append(c.brokers, &broker{c: c, id: int32(i), addr: fmt.Sprintf("n%d:9092", i)})
	}
	return c
}

func (c *cluster) at(addr string) *broker {
	for _, b := range c.brokers {
		if b.addr == addr {
			return b
		}
	}
	return nil
}

func (c *cluster) bootstrap() (list []string) {
	for _, b := range c.brokers {
		list = append(list, b.addr)
	}
	return list
}

func (c *cluster) create(name string, n int) *topic {
	c.ids++
	t := &topic{name: name, id: [16]byte{15: byte(c.ids), 0: 7}}
	for i := 0; i < n; i++ {
		p := &partition{leader: c.brokers[i%len(c.brokers)].id, producers: map[int64]*producerState{}}
		p.epochs = []epochStart{{0, 0}}
		t.parts = append(t.parts, p)
	}
	c.topics = append(c.topics, t)
	return t
}

func (c *cluster) remove(name string) {
	for i, t := range c.topics {
		if t.name == name {
			c.topics = append(c.topics[:i], c.topics[i+1:]...)
			return
		}
	}
}

func (c *cluster) topic(name string, id [16]byte) *topic {
	for _, t := range c.topics {
		if t.name == name && name != "" || t.id == id {
			return t
		}
	}
	return nil
}

func (p *partition) end() int64 {
	if n := len(p.batches); n > 0 {
		return p.batches[n-1].NextOffset()
	}
	return p.start
}

// elect moves the leader and starts a leader epoch.
func (p *partition) elect(id int32) {
	p.leader = id
	p.epoch++
	p.epochs = append(p.epochs, epochStart{p.epoch, p.end()})
}

// truncate drops everything from the batch that holds offset to on, then elects.
func (p *partition) truncate(to int64, leader int32) {
	for len(p.batches) > 0 && p.batches[len(p.batches)-1].LastOffset() >= to {
		p.batches = p.batches[:len(p.batches)-1]
	}
	p.producers = map[int64]*producerState{}
	for _, b := range p.batches {
		p.note(b)
	}
	for len(p.epochs) > 0 && p.epochs[len(p.epochs)-1].start >= p.end() {
		p.epochs = p.epochs[:len(p.epochs)-1]
	}
	p.elect(leader)
}

func (p *partition) note(b record.Batch) {
	if b.ProducerID() < 0 {
		return
	}
	s := p.producers[b.ProducerID()]
	if s == nil || s.epoch != b.ProducerEpoch() {
		s = &producerState{epoch: b.ProducerEpoch()}
		p.producers[b.ProducerID()] = s
	}
	s.batches = append(s.batches, seqRange{b.BaseSequence(), b.LastSequence(), b.BaseOffset()})
}

// append is what a leader does with a produced batch (ProducerAppendInfo).
func (p *partition) append(data []byte, window int) (code int16, base int64) {
	b := record.Batch(append([]byte(nil), data...))
	if b.Check() != nil || b.BaseOffset() != 0 {
		return 2, -1
	}
	if id := b.ProducerID(); id >= 0 {
		s := p.producers[id]
		switch {
		case s == nil: // any sequence is taken from an unknown producer
		case b.ProducerEpoch() < s.epoch:
			return 47, -1
		case b.ProducerEpoch() > s.epoch:
			if b.BaseSequence() != 0 {
				return 45, -1
			}
		default:
			n := len(s.batches)
			for i := max(0, n-window); i < n; i++ {
				if s.batches[i].first == b.BaseSequence() && s.batches[i].last == b.LastSequence() {
					return 0, s.batches[i].base
				}
			}
			if record.AddSequence(s.batches[n-1].last, 1) != b.BaseSequence() {
				return 45, -1
			}
		}
	}
	b.SetBaseOffset(p.end())
	b.SetLeaderEpoch(p.epoch)
	p.batches = append(p.batches, b)
	p.note(b)
	return 0, b.BaseOffset()
}

// handle answers one request of a connection.
func (b *broker) handle(p *pipe, frame []byte) {
	hdr, body, err := wire.ParseRequest(frame)
	if hdr.Key == int16(kmsg.ApiVersions) {
		b.apiVersions(p, hdr)
		return
	}
	if err != nil {
		b.c.w.t.Fatalf("bad request: %v", err)
	}
	req, err := wire.DecodeRequest(hdr, body)
	if err != nil {
		b.c.w.t.Fatalf("bad request body, key %d version %d: %v", hdr.Key, hdr.Version, err)
	}
	b.c.seen = append(b.c.seen, fmt.Sprintf("%sv%d", kmsg.NameForKey(hdr.Key), hdr.Version))
	f := none
	if hdr.Key != int16(kmsg.Metadata) && b.c.fault != nil {
		f = b.c.fault(b, req)
	}
	if f == dropBefore || b.down {
		p.close(0, engine.ErrReset)
		return
	}
	b.serve(p, hdr, req, f, b.c.w.now)
}

func (b *broker) serve(p *pipe, hdr wire.Header, req kmsg.Request, f fault, since clock.Instant) {
	if fr, ok := req.(*kmsg.FetchRequest); ok && f == none && b.empty(fr) && b.c.w.now.Sub(since) < clock.Ms(int64(fr.MaxWaitMillis)) {
		b.c.w.after(10*clock.Millisecond, func() { b.serve(p, hdr, req, f, since) })
		return
	}
	resp := b.respond(req, f)
	if pr, ok := req.(*kmsg.ProduceRequest); ok && pr.Acks == 0 {
		p.answer(0, nil)
		return
	}
	switch f {
	case dropAfter:
		p.close(0, engine.ErrReset)
	case hang:
	default:
		resp.SetVersion(hdr.Version)
		p.answer(clock.Duration(b.c.w.rng.Between(0, int64(clock.Millisecond))), wire.AppendResponse(nil, hdr.CorrelationID, resp))
	}
}

func (b *broker) apiVersions(p *pipe, hdr wire.Header) {
	resp := kmsg.NewPtrApiVersionsResponse()
	for key := int16(0); key < 80; key++ {
		req := kmsg.RequestForKey(key)
		if req == nil {
			continue
		}
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = key, req.MaxVersion()
		if v, ok := b.c.versions[key]; ok {
			k.MaxVersion = v
		}
		if key == int16(kmsg.ApiVersions) && b.c.apiMax >= 0 {
			k.MaxVersion = b.c.apiMax
		}
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	resp.SetVersion(hdr.Version)
	b.c.seen = append(b.c.seen, fmt.Sprintf("ApiVersionsv%d", hdr.Version))
	if b.c.apiMax >= 0 && hdr.Version > b.c.apiMax {
		resp.SetVersion(0)
		resp.ErrorCode = 35
	}
	p.answer(0, wire.AppendResponse(nil, hdr.CorrelationID, resp))
}

func (b *broker) respond(req kmsg.Request, f fault) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.MetadataRequest:
		return b.metadata(req)
	case *kmsg.InitProducerIDRequest:
		resp := kmsg.NewPtrInitProducerIDResponse()
		if f == refuse || f == lie {
			resp.ErrorCode = 15
			return resp
		}
		b.c.pids++
		resp.ProducerID, resp.ProducerEpoch = b.c.pids, 0
		return resp
	case *kmsg.ProduceRequest:
		return b.produce(req, f)
	case *kmsg.FetchRequest:
		return b.fetch(req, f)
	case *kmsg.ListOffsetsRequest:
		return b.listOffsets(req, f)
	case *kmsg.OffsetForLeaderEpochRequest:
		return b.leaderEpochs(req)
	}
	return b.admin(req, f)
}

func (b *broker) metadata(req *kmsg.MetadataRequest) kmsg.Response {
	resp := kmsg.NewPtrMetadataResponse()
	id := "model"
	resp.ClusterID = &id
	for _, o := range b.c.brokers {
		if o.down {
			continue
		}
		rb := kmsg.NewMetadataResponseBroker()
		rb.NodeID, rb.Host, rb.Port = o.id, o.addr[:len(o.addr)-5], 9092
		resp.Brokers = append(resp.Brokers, rb)
	}
	for _, rt := range req.Topics {
		out := kmsg.NewMetadataResponseTopic()
		out.Topic = rt.Topic
		if t := b.c.topic(*rt.Topic, [16]byte{}); t == nil {
			out.ErrorCode = 3
		} else {
			out.TopicID = t.id
			for i, p := range t.parts {
				op := kmsg.NewMetadataResponseTopicPartition()
				op.Partition, op.Leader, op.LeaderEpoch = int32(i), p.leader, p.epoch
				out.Partitions = append(out.Partitions, op)
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// find is the partition if this broker leads it, else an error code.
func (b *broker) find(name string, id [16]byte, i, epoch int32) (*partition, int16) {
	t := b.c.topic(name, id)
	if t == nil {
		if name == "" {
			return nil, 100
		}
		return nil, 3
	}
	if int(i) >= len(t.parts) {
		return nil, 3
	}
	p := t.parts[i]
	switch {
	case epoch >= 0 && epoch < p.epoch:
		return p, 74
	case epoch > p.epoch:
		return p, 75
	case p.leader != b.id:
		return p, 6
	}
	return p, 0
}

func (b *broker) produce(req *kmsg.ProduceRequest, f fault) kmsg.Response {
	resp := kmsg.NewPtrProduceResponse()
	for _, rt := range req.Topics {
		out := kmsg.NewProduceResponseTopic()
		out.Topic, out.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			op := kmsg.NewProduceResponseTopicPartition()
			op.Partition, op.BaseOffset, op.LogAppendTime, op.LogStartOffset = rp.Partition, -1, -1, 0
			p, code := b.find(rt.Topic, rt.TopicID, rp.Partition, -1)
			switch {
			case code != 0:
				op.ErrorCode = code
				if p != nil && b.c.w.rng.Chance(1, 2) {
					op.CurrentLeader.LeaderID, op.CurrentLeader.LeaderEpoch = p.leader, p.epoch
				}
			case f == refuse:
				op.ErrorCode = []int16{19, 2}[b.c.w.rng.Pick(2)]
			default:
				op.ErrorCode, op.BaseOffset = p.append(rp.Records, b.c.window)
				if f == lie && op.ErrorCode == 0 {
					op.ErrorCode, op.BaseOffset = []int16{20, 7, 6, 56}[b.c.w.rng.Pick(4)], -1
				}
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *broker) empty(req *kmsg.FetchRequest) bool {
	for _, rt := range req.Topics {
		for _, rp := range rt.Partitions {
			if p, code := b.find(rt.Topic, rt.TopicID, rp.Partition, rp.CurrentLeaderEpoch); code != 0 || rp.FetchOffset != p.end() {
				return false
			}
		}
	}
	return true
}

func (b *broker) fetch(req *kmsg.FetchRequest, f fault) kmsg.Response {
	resp := kmsg.NewPtrFetchResponse()
	for _, rt := range req.Topics {
		out := kmsg.NewFetchResponseTopic()
		out.Topic, out.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			out.Partitions = append(out.Partitions, b.fetchOne(rt, rp, f))
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *broker) fetchOne(rt kmsg.FetchRequestTopic, rp kmsg.FetchRequestTopicPartition, f fault) kmsg.FetchResponseTopicPartition {
	op := kmsg.NewFetchResponseTopicPartition()
	op.Partition, op.RecordBatches = rp.Partition, []byte{}
	p, code := b.find(rt.Topic, rt.TopicID, rp.Partition, rp.CurrentLeaderEpoch)
	if p != nil && code == 0 && (rp.FetchOffset < p.start || rp.FetchOffset > p.end()) {
		code = 1
	}
	if f == refuse && code == 0 {
		code = 56
	}
	if op.ErrorCode = code; code != 0 {
		return op
	}
	op.HighWatermark, op.LastStableOffset, op.LogStartOffset = p.end(), p.end(), p.start
	op.AbortedTransactions = b.c.aborted
	size := 0
	for _, batch := range p.batches {
		if batch.LastOffset() < rp.FetchOffset {
			continue
		}
		if size += len(batch); size > int(rp.PartitionMaxBytes) && len(op.RecordBatches) > 0 {
			op.RecordBatches = append(op.RecordBatches, batch[:len(batch)/2]...) // a part of the last batch
			break
		}
		op.RecordBatches = append(op.RecordBatches, batch...)
	}
	if f == lie && len(op.RecordBatches) > 0 { // damaged on the way
		op.RecordBatches[len(op.RecordBatches)-1] ^= 0x55
	}
	return op
}

func (b *broker) listOffsets(req *kmsg.ListOffsetsRequest, f fault) kmsg.Response {
	resp := kmsg.NewPtrListOffsetsResponse()
	for _, rt := range req.Topics {
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			op := kmsg.NewListOffsetsResponseTopicPartition()
			op.Partition, op.Offset, op.Timestamp = rp.Partition, -1, -1
			p, code := b.find(rt.Topic, [16]byte{}, rp.Partition, rp.CurrentLeaderEpoch)
			if f == refuse && code == 0 {
				code = 78
			}
			if op.ErrorCode = code; code == 0 {
				op.Offset, op.LeaderEpoch = p.end(), p.epoch
				if rp.Timestamp == -2 {
					op.Offset = p.start
				}
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (b *broker) leaderEpochs(req *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for _, rt := range req.Topics {
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			op := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			op.Partition, op.LeaderEpoch, op.EndOffset = rp.Partition, -1, -1
			p, code := b.find(rt.Topic, [16]byte{}, rp.Partition, rp.CurrentLeaderEpoch)
			if op.ErrorCode = code; code == 0 {
				for i, e := range p.epochs {
					if e.epoch > rp.LeaderEpoch {
						break
					}
					op.LeaderEpoch, op.EndOffset = e.epoch, p.end()
					if i+1 < len(p.epochs) {
						op.EndOffset = p.epochs[i+1].start
					}
				}
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// elections moves leaders now and then, to live brokers.
func (c *cluster) elections(every clock.Duration, until clock.Instant) {
	if c.w.now >= until {
		return
	}
	c.w.after(clock.Duration(c.w.rng.Between(1, int64(2*every))), func() {
		if len(c.topics) > 0 {
			t := c.topics[c.w.rng.Pick(len(c.topics))]
			p := t.parts[c.w.rng.Pick(len(t.parts))]
			p.elect(c.brokers[c.w.rng.Pick(len(c.brokers))].id)
		}
		c.elections(every, until)
	})
}

// values lists the values of a partition's records with their offsets.
func (p *partition) values() (out []string, offsets []int64) {
	for _, b := range p.batches {
		err := b.Each(func(r record.Record) error {
			out, offsets = append(out, string(r.Value)), append(offsets, r.Offset)
			return nil
		})
		if err != nil {
			panic(err)
		}
	}
	if !sort.SliceIsSorted(offsets, func(i, j int) bool { return offsets[i] < offsets[j] }) {
		panic("offsets out of order")
	}
	return out, offsets
}
