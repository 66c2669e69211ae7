package simtest

import (
	"fmt"
	"hash/crc32"
	"time"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/sim/cluster"
)

// Producer sends records. It begins with the defaults of Kafka's producer: acks=all,
// idempotent, retrying for two minutes.
type Producer struct {
	c    *Cluster
	p    *cluster.Producer
	sent []*Sent
	due  int // by SendEvery, still to come
}

// Sent is one record that a producer was told to send.
type Sent struct {
	Topic, Key, Value string
	s                 *cluster.Sent
}

// Producer starts a producer on a node of its own, which faults can name. change,
// if given, edits its configuration; see Acks.
func (c *Cluster) Producer(name string, change ...func(*client.ProducerConfig)) *Producer {
	c.script.call(c, "Producer %s", name)
	p, err := c.stage.Producer(name, change...)
	c.must(err)
	return &Producer{c: c, p: p}
}

// Acks is a change for Producer: "all", "1" or "0". The last two are not idempotent.
func Acks(acks string) func(*client.ProducerConfig) {
	return func(cfg *client.ProducerConfig) {
		switch acks {
		case "all":
			cfg.Acks = client.AcksAll
		case "1":
			cfg.Acks, cfg.EnableIdempotence = client.AcksLeader, false
		case "0":
			cfg.Acks, cfg.EnableIdempotence = client.AcksNone, false
		default:
			cfg.Acks = 2 // none: Validate says what is right
		}
	}
}

// Send hands a record over and returns at once; what becomes of it shows in the
// result as time passes. The key chooses the partition; without one ("") the
// partitions take turns.
func (p *Producer) Send(topic, key, value string) *Sent {
	return p.SendTo(topic, -1, key, value)
}

// SendTo is Send to a partition of one's choice.
func (p *Producer) SendTo(topic string, partition int, key, value string) *Sent {
	p.c.script.call(p.c, "%s sends to %s %d: key %q, value of %d bytes, sum %08x", p.p.Name(), topic, partition, key, len(value), crc32.ChecksumIEEE([]byte(value)))
	return p.send(topic, partition, key, value)
}

func (p *Producer) send(topic string, partition int, key, value string) *Sent {
	var k []byte
	if key != "" {
		k = []byte(key)
	}
	m := &Sent{Topic: topic, Key: key, Value: value, s: p.p.Send(topic, int32(partition), k, []byte(value))}
	p.sent = append(p.sent, m)
	return m
}

// SendEvery sends n records, one every so often, while the function goes on: the
// first at once. record makes the i-th, counted from 0.
func (p *Producer) SendEvery(every time.Duration, n int, topic string, record func(i int) (key, value string)) {
	at := p.c.stage.Now()
	sum := crc32.NewIEEE()
	p.due += n
	for i := range n {
		key, value := record(i)
		_, _ = fmt.Fprintf(sum, "%q %q ", key, value)
		p.c.stage.At(at.Add(clock.Duration(every)*clock.Duration(i)), func() {
			p.due--
			p.send(topic, -1, key, value)
		})
	}
	p.c.script.call(p.c, "%s sends %d records to %s, one every %v, sum %08x", p.p.Name(), n, topic, every, sum.Sum32())
}

// Sent lists what was sent so far, in order.
func (p *Producer) Sent() []*Sent { return p.sent }

// AckedRecords lists what was acknowledged so far, in the order of sending.
func (p *Producer) AckedRecords() []*Sent {
	var out []*Sent
	for _, s := range p.sent {
		if s.Acked() {
			out = append(out, s)
		}
	}
	return out
}

// Acked waits until n records are acknowledged.
func (p *Producer) Acked(n int) Condition {
	return Condition{
		what:  fmt.Sprintf("%d records of %s acknowledged", n, p.p.Name()),
		holds: func(*Cluster) bool { return p.p.Acked() >= n },
		state: func(*Cluster) string { return fmt.Sprintf("%d of %d sent", p.p.Acked(), len(p.sent)) },
	}
}

// Settled waits until everything was sent and has an outcome.
func (p *Producer) Settled() Condition {
	return Condition{
		what:  "an outcome for every record of " + p.p.Name(),
		holds: func(*Cluster) bool { return p.due == 0 && p.p.Open() == 0 },
		state: func(*Cluster) string { return fmt.Sprintf("%d open, %d not sent yet", p.p.Open(), p.due) },
	}
}

// Done reports whether the outcome is known, or known to stay unknown.
func (s *Sent) Done() bool { return s.s.Done() }

// Acked reports whether the record was acknowledged.
func (s *Sent) Acked() bool { return s.s.OK() }

// Refused reports whether the record was certainly not written.
func (s *Sent) Refused() bool { return s.s.Outcome == history.Fail }

// Unknown reports whether nobody knows if the record was written: no answer came.
func (s *Sent) Unknown() bool { return s.s.Outcome == history.Info }

// Err is why the record was not acknowledged; nil if it was or may still be.
func (s *Sent) Err() error { return s.s.Err }

// Partition is where the record went; -1 until it is chosen.
func (s *Sent) Partition() int { return int(s.s.Partition) }

// Offset is that of an acknowledged record; -1 if it is not known.
func (s *Sent) Offset() int64 { return s.s.Offset }

// Record is one record that a consumer was given.
type Record struct {
	Topic      string
	Partition  int
	Offset     int64
	Key, Value string
	At         time.Duration // virtual time
}

// Consumer reads partitions. Killed and started again it begins anew.
type Consumer struct {
	c *Cluster
	k *cluster.Consumer
}

// Consumer starts a consumer on a node of its own, which faults can name. It reads
// all partitions of the topics from their start.
func (c *Cluster) Consumer(name string, topics ...string) *Consumer {
	c.script.call(c, "Consumer %s of %v", name, topics)
	k, err := c.stage.Consumer(name)
	c.must(err)
	for _, t := range topics {
		n := c.Partitions(t)
		if n == 0 {
			c.fatal(c.where(), "consumer %s: there is no topic %s", name, t)
		}
		for p := range n {
			k.Assign(t, int32(p), cluster.FromStart)
		}
	}
	return &Consumer{c: c, k: k}
}

// Seek has the consumer go on at an offset of a partition, which it need not have
// read before.
func (k *Consumer) Seek(topic string, partition int, offset int64) {
	k.c.script.call(k.c, "%s seeks %s-%d@%d", k.k.Name(), topic, partition, offset)
	k.k.Assign(topic, int32(partition), offset)
}

// Records lists what the consumer was given so far, in the order in which it came:
// within a partition that of the offsets.
func (k *Consumer) Records() []Record {
	var out []Record
	for _, r := range k.k.Records() {
		out = append(out, Record{
			Topic: r.Topic, Partition: int(r.Partition), Offset: r.Offset, Key: string(r.Key), Value: string(r.Value), At: time.Duration(r.At),
		})
	}
	return out
}

// Delivered waits until the consumer was given n records.
func (k *Consumer) Delivered(n int) Condition {
	return Condition{
		what:  fmt.Sprintf("%d records delivered to %s", n, k.k.Name()),
		holds: func(*Cluster) bool { return len(k.k.Records()) >= n },
		state: func(*Cluster) string { return fmt.Sprintf("%d are", len(k.k.Records())) },
	}
}

// HasAllOf waits until the consumer was given every record that a producer had
// acknowledged.
func (k *Consumer) HasAllOf(p *Producer) Condition {
	type place struct {
		topic, value string
		partition    int
	}
	seen, next := map[place]bool{}, 0
	missing := func() (n int) {
		rs := k.k.Records()
		if next > len(rs) { // a new life
			clear(seen)
			next = 0
		}
		for ; next < len(rs); next++ {
			seen[place{rs[next].Topic, string(rs[next].Value), int(rs[next].Partition)}] = true
		}
		for _, s := range p.sent {
			if s.Acked() && !seen[place{s.Topic, s.Value, s.Partition()}] {
				n++
			}
		}
		return n
	}
	return Condition{
		what:  fmt.Sprintf("all acknowledged records of %s delivered to %s", p.p.Name(), k.k.Name()),
		holds: func(*Cluster) bool { return len(k.k.Records()) >= p.p.Acked() && missing() == 0 },
		state: func(*Cluster) string { return fmt.Sprintf("%d are missing", missing()) },
	}
}
