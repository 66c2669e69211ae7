package client

import (
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicID is Kafka's 128-bit topic id; zero means that the broker gave none.
type TopicID = [16]byte

// topicMeta is what is known of one topic name.
type topicMeta struct {
	name    string
	id      TopicID
	err     int16
	known   bool // the last answer listed it without error
	parts   []partMeta
	retired []TopicID // ids the name had before; an old broker may still tell them
}

// partMeta is what is known of one partition. leader -1: none. epoch -1: the
// broker told none (Metadata before version 7).
type partMeta struct {
	leader int32
	epoch  int32
	err    int16
}

// Topic is a view of a topic's metadata.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions int32
}

// Want adds a topic to those that the metadata is kept for.
func (c *Cluster) Want(topic string) {
	if i, found := c.findTopic(topic); !found {
		c.topics = append(c.topics, nil)
		copy(c.topics[i+1:], c.topics[i:])
		c.topics[i] = &topicMeta{name: topic, err: codeUnknownTopic}
		c.meta.request()
	}
}

// Forget drops a topic from those that the metadata is kept for.
func (c *Cluster) Forget(topic string) {
	if i, found := c.findTopic(topic); found {
		c.topics = append(c.topics[:i], c.topics[i+1:]...)
	}
}

func (c *Cluster) findTopic(name string) (int, bool) {
	i := sort.Search(len(c.topics), func(i int) bool { return c.topics[i].name >= name })
	return i, i < len(c.topics) && c.topics[i].name == name
}

func (c *Cluster) topic(name string) *topicMeta {
	if i, found := c.findTopic(name); found {
		return c.topics[i]
	}
	return nil
}

// Topic tells what is known of a topic that was asked for with Want.
func (c *Cluster) Topic(name string) (Topic, bool) {
	t := c.topic(name)
	if t == nil || !t.known {
		return Topic{}, false
	}
	return Topic{Name: t.name, ID: t.id, Partitions: int32(len(t.parts))}, true
}

// Leader tells the leader of a partition and its leader epoch.
func (c *Cluster) Leader(topic string, partition int32) (node, epoch int32, ok bool) {
	t := c.topic(topic)
	if t == nil || !t.known || partition < 0 || int(partition) >= len(t.parts) {
		return -1, -1, false
	}
	p := t.parts[partition]
	return p.leader, p.epoch, p.leader >= 0 && c.broker(p.leader) != nil
}

// ClusterID is the id that the cluster gave, "" before the first answer.
func (c *Cluster) ClusterID() string { return c.clusterID }

// RequestUpdate asks for fresh metadata as soon as the back-off allows.
func (c *Cluster) RequestUpdate() { c.meta.request() }

// apply takes a metadata answer and reports whether it taught anything.
func (c *Cluster) apply(resp *kmsg.MetadataResponse) (news bool) {
	if len(resp.Brokers) > 0 {
		news = c.applyBrokers(resp.Brokers)
	}
	if resp.ClusterID != nil {
		c.clusterID = *resp.ClusterID
	}
	c.controller = resp.ControllerID
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		if rt.Topic == nil {
			continue
		}
		if t := c.topic(*rt.Topic); t != nil && t.apply(rt) {
			news = true
		}
	}
	return news
}

func (c *Cluster) applyBrokers(list []kmsg.MetadataResponseBroker) (news bool) {
	for _, n := range c.brokers {
		n.gone = true
	}
	for i := range list {
		b := &list[i]
		rack := ""
		if b.Rack != nil {
			rack = *b.Rack
		}
		if c.addBroker(b.NodeID, address(b.Host, b.Port), rack) {
			news = true
		}
	}
	return news
}

func (c *Cluster) addBroker(id int32, addr, rack string) (news bool) {
	i := sort.Search(len(c.brokers), func(i int) bool { return c.brokers[i].id >= id })
	if i < len(c.brokers) && c.brokers[i].id == id {
		n := c.brokers[i]
		news = n.addr != addr
		if news { // a new address owes nothing to the old one's failures
			n.failures, n.retryAt = 0, 0
		}
		n.addr, n.rack, n.gone = addr, rack, false
		return news
	}
	n := c.newNode(id, addr)
	n.rack = rack
	c.brokers = append(c.brokers, nil)
	copy(c.brokers[i+1:], c.brokers[i:])
	c.brokers[i] = n
	return true
}

// apply takes what an answer says about the topic. A topic that was created
// anew has another id and starts with epochs of its own (KAFKA-12257); within
// one id a leader epoch that goes back is an old answer.
func (t *topicMeta) apply(rt *kmsg.MetadataResponseTopic) (news bool) {
	if rt.ErrorCode != codeNone && rt.ErrorCode != codeLeaderNotAvailable {
		news = t.known || t.err != rt.ErrorCode
		t.err, t.known = rt.ErrorCode, false
		return news
	}
	for _, old := range t.retired {
		if old == rt.TopicID && rt.TopicID != (TopicID{}) {
			return false
		}
	}
	if t.id != rt.TopicID && t.id != (TopicID{}) && rt.TopicID != (TopicID{}) {
		t.retired = append(t.retired, t.id)
		t.parts, news = t.parts[:0], true
	}
	if rt.TopicID != (TopicID{}) {
		t.id = rt.TopicID
	}
	news = news || !t.known || t.err != rt.ErrorCode
	t.known, t.err = true, rt.ErrorCode
	for i := range rt.Partitions {
		if t.applyPartition(&rt.Partitions[i]) {
			news = true
		}
	}
	return news
}

// maxPartitions bounds the table of a topic whatever an answer claims.
const maxPartitions = 1 << 20

func (t *topicMeta) applyPartition(rp *kmsg.MetadataResponseTopicPartition) (news bool) {
	if rp.Partition < 0 || rp.Partition >= maxPartitions {
		return false
	}
	for int(rp.Partition) >= len(t.parts) {
		t.parts = append(t.parts, partMeta{leader: -1, epoch: -1})
	}
	p := &t.parts[rp.Partition]
	if rp.LeaderEpoch >= 0 && rp.LeaderEpoch < p.epoch {
		return false
	}
	next := partMeta{leader: rp.Leader, epoch: rp.LeaderEpoch, err: rp.ErrorCode}
	if next.epoch < 0 {
		next.epoch = p.epoch
	}
	news = next != *p
	*p = next
	return news
}

// hint takes a CurrentLeader of a produce or fetch answer (KIP-951).
func (c *Cluster) hint(t *topicMeta, partition, leader, epoch int32) bool {
	if t == nil || partition < 0 || int(partition) >= len(t.parts) || leader < 0 || epoch < 0 {
		return false
	}
	p := &t.parts[partition]
	if epoch <= p.epoch || c.broker(leader) == nil {
		return false
	}
	p.leader, p.epoch, p.err = leader, epoch, codeNone
	return true
}
