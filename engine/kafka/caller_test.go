package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/internal/record"
	"trial/internal/wire"
)

// cluster is a world with brokers and one client node.
type cluster struct {
	*world
	brokers []*Broker
	client  *caller
	config  func(cfg *Config) // before each boot; may be nil
}

func newCluster(t testing.TB, n, volumes int, config func(cfg *Config)) *cluster {
	c := &cluster{world: newWorld(t), brokers: make([]*Broker, n), config: config}
	for i := range n {
		c.addNode(engine.NodeID(i+1), volumes, fmt.Sprintf("n%d:9092", i+1), fmt.Sprintf("n%d:9093", i+1))
		c.boot(i + 1)
	}
	c.client = &caller{w: c.world}
	c.addNode(101, 0).start(c.client)
	c.run(0)
	return c
}

// boot starts a broker, for the first time or again.
func (c *cluster) boot(id int) {
	cfg := Config{NodeID: int32(id), ClusterID: "AAAAAAAAAAAAAAAAAAAAAQ", Settings: map[string]string{}}
	for i := range c.brokers {
		cfg.Voters = append(cfg.Voters, Voter{int32(i + 1), fmt.Sprintf("n%d:9093", i+1)})
	}
	cfg.Listeners = Listeners{fmt.Sprintf("n%d:9092", id), fmt.Sprintf("n%d:9093", id)}
	if c.config != nil {
		c.config(&cfg)
	}
	b := New(cfg)
	c.brokers[id-1] = b
	c.nodes[engine.NodeID(id)].start(b)
}

func (c *cluster) broker(id int32) *Broker { return c.brokers[id-1] }
func (c *cluster) life(id int) *life       { return c.nodes[engine.NodeID(id)].life }

// up waits until all brokers serve.
func (c *cluster) up() {
	c.t.Helper()
	c.until("all brokers run", 20*clock.Second, func() bool {
		for _, b := range c.brokers {
			if b.lifecycle.state != Running {
				return false
			}
		}
		return true
	})
}

// driver moves the machine room in which a caller lives.
type driver interface {
	tb() testing.TB
	until(what string, limit clock.Duration, ok func() bool)
	do(f func()) // in an event of the caller
}

func (w *world) tb() testing.TB { return w.t }
func (w *world) do(f func())    { f() }

// caller is a client that speaks raw requests.
type caller struct {
	w driver
	h engine.Host
}

func (c *caller) Boot(h engine.Host)                                                 { c.h = h }
func (c *caller) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }
func (c *caller) Stop()                                                              {}

// rawConn is one connection of the caller; frames that arrive are kept.
type rawConn struct {
	c      *caller
	id     engine.ConnID
	frames [][]byte
	closed error
	corr   int32
}

func (c *caller) dial(addr string) *rawConn {
	r := &rawConn{c: c}
	c.w.do(func() { r.id = c.h.Dial(addr, r) })
	return r
}

func (r *rawConn) Opened(engine.ConnID) {}
func (r *rawConn) Frame(_ engine.ConnID, b *engine.Buf) {
	r.frames = append(r.frames, append([]byte(nil), b.B...))
	r.c.h.Release(b)
}
func (r *rawConn) Closed(_ engine.ConnID, err error) { r.closed = err }

func (r *rawConn) sendRaw(frame []byte) {
	r.c.w.do(func() {
		b := r.c.h.Buf(len(frame))
		b.B = append(b.B, frame...)
		r.c.h.Send(r.id, b)
	})
}

// send sends a request without waiting for its answer.
func (r *rawConn) send(req kmsg.Request) {
	r.corr++
	id := "test"
	r.sendRaw(wire.AppendRequest(nil, req, r.corr, &id))
}

// receive waits for the answer to a request that was sent.
func (r *rawConn) receive(req kmsg.Request, limit clock.Duration) kmsg.Response {
	r.c.w.tb().Helper()
	r.c.w.until(fmt.Sprintf("answer to %s v%d", kmsg.NameForKey(req.Key()), req.GetVersion()), limit, func() bool {
		return len(r.frames) > 0 || r.closed != nil
	})
	if len(r.frames) == 0 {
		r.c.w.tb().Fatalf("connection ended instead of an answer to %s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), r.closed)
	}
	frame := r.frames[0]
	r.frames = r.frames[1:]
	resp := req.ResponseKind()
	corr, err := wire.ParseResponse(frame, resp)
	if err != nil {
		r.c.w.tb().Fatalf("answer to %s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	if corr != r.corr {
		r.c.w.tb().Fatalf("answer %d to request %d", corr, r.corr)
	}
	return resp
}

// call sends a request at a version and waits for the answer.
func (r *rawConn) call(req kmsg.Request, version int16) kmsg.Response {
	r.c.w.tb().Helper()
	req.SetVersion(version)
	r.send(req)
	return r.receive(req, 40*clock.Second)
}

// createTopic creates a topic and waits until every broker that is up knows its
// leaders.
func (c *cluster) createTopic(name string, partitions int32, replicas int16, configs ...string) [16]byte {
	c.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replicas
	for i := 0; i < len(configs); i += 2 {
		cf := kmsg.NewCreateTopicsRequestTopicConfig()
		cf.Name, cf.Value = configs[i], &configs[i+1]
		t.Configs = append(t.Configs, cf)
	}
	req.Topics = append(req.Topics, t)
	resp := c.conn(1).call(req, 7).(*kmsg.CreateTopicsResponse)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		c.t.Fatalf("creation of topic %s: code %d", name, code)
	}
	c.until("topic is led", 10*clock.Second, func() bool {
		for i, b := range c.brokers {
			topic := b.image.Topic(name)
			if c.life(i + 1).dead {
				continue
			}
			if topic == nil {
				return false
			}
			for j, p := range topic.Partitions {
				if h := b.parts.get(topic.ID, int32(j)); slices.Contains(p.Replicas, b.cfg.NodeID) && (h == nil || h.phase != online) {
					return false
				}
			}
		}
		return true
	})
	return resp.Topics[0].TopicID
}

// conn opens a connection to the client listener of a broker.
func (c *cluster) conn(broker int) *rawConn { return c.client.dial(fmt.Sprintf("n%d:9092", broker)) }

// batch makes a batch of records with these values.
func batch(values ...string) []byte {
	return producerBatch(-1, -1, -1, values...)
}

func producerBatch(id int64, epoch int16, sequence int32, values ...string) []byte {
	var b record.Builder
	b.Reset(nil)
	for _, v := range values {
		b.Add(1_700_000_000_000, nil, []byte(v))
	}
	if id >= 0 {
		b.SetProducer(id, epoch, sequence)
	}
	return append([]byte(nil), b.Batch()...)
}

// produceReq makes a produce request for one partition.
func produceReq(topic string, id [16]byte, partition int32, acks int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 5000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// fetchReq makes a sessionless consumer fetch of one partition.
func fetchReq(topic string, id [16]byte, partition int32, offset int64, maxWaitMs, minBytes int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.ReplicaState.ID = -1, -1
	req.SessionEpoch, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = -1, maxWaitMs, minBytes, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	p.CurrentLeaderEpoch, p.LastFetchedEpoch = -1, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// values reads the record values of a record set.
func values(t testing.TB, data []byte) []string {
	t.Helper()
	var out []string
	for len(data) > 0 {
		b, rest, err := record.Next(data)
		if err != nil {
			t.Fatalf("record set: %v", err)
		}
		if err := b.Check(); err != nil {
			t.Fatalf("batch: %v", err)
		}
		if err := b.Each(func(r record.Record) error {
			out = append(out, string(r.Value))
			return nil
		}); err != nil {
			t.Fatalf("records: %v", err)
		}
		data = rest
	}
	return out
}
