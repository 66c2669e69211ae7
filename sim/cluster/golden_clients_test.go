package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"trial/checks/history"
	"trial/client"
	"trial/clock"
)

// storyProducer is a producer and how much of it has been told.
type storyProducer struct {
	p    *Producer
	told []bool
}

// storyConsumer is the same of a consumer.
type storyConsumer struct {
	c    *Consumer
	told int
}

// produce hands over records: produce p1 t-0 acks=all a b. When a producer is
// first named, config=value words are its configs. Without a partition the key
// chooses it: produce p1 t key:value.
func (p *play) produce(args []string) error {
	if len(args) < 3 {
		return errors.New("produce p1 t-0 [acks=all ...] VALUE ...")
	}
	var configs, values []string
	for _, a := range args[2:] {
		if strings.Contains(a, "=") {
			configs = append(configs, a)
		} else {
			values = append(values, a)
		}
	}
	c, err := p.producer(args[0], configs)
	if err != nil {
		return err
	}
	topic, partition := splitPartition(args[1])
	for _, v := range values {
		var key []byte
		if k, value, keyed := strings.Cut(v, ":"); keyed {
			key, v = []byte(k), value
		}
		c.p.Send(topic, partition, key, []byte(v))
		c.told = append(c.told, false)
	}
	return nil
}

// declare starts a producer before it has anything to send: producer p1 acks=all.
func (p *play) declare(args []string) error {
	if len(args) == 0 {
		return errors.New("producer p1 [acks=all ...]")
	}
	_, err := p.producer(args[0], args[1:])
	return err
}

func (p *play) producer(name string, configs []string) (*storyProducer, error) {
	for _, c := range p.producers {
		if c.p.Name() == name {
			if len(configs) > 0 {
				return nil, fmt.Errorf("%s has its configs already", name)
			}
			return c, nil
		}
	}
	for _, a := range configs {
		if err := configure(&client.ProducerConfig{}, a); err != nil {
			return nil, err
		}
	}
	made, err := p.s.Producer(name, func(cfg *client.ProducerConfig) {
		cfg.AllowAutoTopicCreation = true // as the Java producer
		for _, a := range configs {
			_ = configure(cfg, a) // tried above
		}
		// As in Kafka: idempotence is on unless another config forbids it.
		cfg.EnableIdempotence = cfg.Acks == client.AcksAll && cfg.Retries > 0
		cfg.DeliveryTimeout = max(cfg.DeliveryTimeout, cfg.Linger+cfg.RequestTimeout)
	})
	if err != nil {
		return nil, err
	}
	c := &storyProducer{p: made}
	p.producers = append(p.producers, c)
	return c, nil
}

func configure(cfg *client.ProducerConfig, a string) error {
	key, value, _ := strings.Cut(a, "=")
	if key == "acks" {
		acks, ok := map[string]client.Acks{"0": client.AcksNone, "1": client.AcksLeader, "all": client.AcksAll}[value]
		if !ok {
			return fmt.Errorf("acks=%s is none of 0, 1, all", value)
		}
		cfg.Acks = acks
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return err
	}
	switch key {
	case "retries":
		cfg.Retries = int32(n)
	case "request.timeout.ms":
		cfg.RequestTimeout = clock.Ms(n)
	case "delivery.timeout.ms":
		cfg.DeliveryTimeout = clock.Ms(n)
	default:
		return fmt.Errorf("no story needs the producer config %s yet", key)
	}
	return nil
}

// tell says what became of records, in the order in which they were sent.
func (c *storyProducer) tell(l *lines) {
	for i, m := range c.p.Sent() {
		if c.told[i] || !m.Done() {
			continue
		}
		c.told[i] = true
		what, text := "ack", fmt.Sprintf("%s@%d", m.Value, m.Offset)
		if m.Offset < 0 {
			text = string(m.Value)
		}
		if m.Outcome != history.OK {
			what, text = "unknown", string(m.Value)
			if m.Outcome == history.Fail {
				what = "refused"
			}
			text += " " + said(client.Code(m.Err))
		}
		l.word(storyLine{rank: rankClient, who: c.p.Name(), part: m.Topic + "-" + itoa32(m.Partition), what: what, text: text})
	}
}

// consume has a consumer read a partition from its start: consume c1 t-0.
func (p *play) consume(args []string) error {
	if len(args) != 2 {
		return errors.New("consume c1 t-0")
	}
	c, err := p.consumer(args[0])
	if err != nil {
		return err
	}
	topic, partition := splitPartition(args[1])
	c.Assign(topic, partition, FromStart)
	return nil
}

func (p *play) consumer(name string) (*Consumer, error) {
	for _, c := range p.consumers {
		if c.c.Name() == name {
			return c.c, nil
		}
	}
	c, err := p.s.Consumer(name)
	if err != nil {
		return nil, err
	}
	p.consumers = append(p.consumers, &storyConsumer{c: c})
	return c, nil
}

func (c *storyConsumer) tell(l *lines) {
	records := c.c.Records()
	for _, r := range records[c.told:] {
		l.word(storyLine{
			rank: rankClient, who: c.c.Name(), part: r.Topic + "-" + itoa32(r.Partition), what: "read", text: fmt.Sprintf("%s@%d", r.Value, r.Offset),
		})
	}
	c.told = len(records)
}

// word lengthens the line before by a word, if it says the same of the same.
func (l *lines) word(s storyLine) {
	if n := len(l.list); n > 0 && s.what != "refused" && s.what != "unknown" {
		if p := &l.list[n-1]; p.who == s.who && p.part == s.part && p.what == s.what {
			p.text += " " + s.text
			return
		}
	}
	l.add(s)
}
