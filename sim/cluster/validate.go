package cluster

import (
	"fmt"
	"slices"
	"strings"

	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/faults"
	"trial/internal/mutant"
)

// Limits of a plan: a wrong digit must not become an endless run.
const (
	MaxFor     = 24 * clock.Hour
	MaxBrokers = 50
	MaxClients = 200
)

// Validate reports the first thing in the plan that cannot be, with what would be right.
func (p *Plan) Validate() error {
	switch {
	case p.For <= 0 || p.For > MaxFor:
		return fmt.Errorf("for %v: a run's fault phase lasts more than 0s and at most %v", p.For, MaxFor)
	case p.Brokers < 1 || p.Brokers > MaxBrokers:
		return fmt.Errorf("brokers %d: a cluster has 1 to %d", p.Brokers, MaxBrokers)
	case len(p.Topics) == 0:
		return fmt.Errorf("the plan has no topic; add a line such as: topic t partitions=3 replicas=3")
	case len(p.Clients) > MaxClients:
		return fmt.Errorf("%d clients; at most %d", len(p.Clients), MaxClients)
	case p.Mutant != "" && !mutant.Known(p.Mutant):
		return fmt.Errorf("unknown mutant %q; known are %s", p.Mutant, strings.Join(mutant.All(), ", "))
	case p.Mutant != "" && !mutant.Enabled:
		return fmt.Errorf("mutant %s: this binary carries no planted bugs; build it with: go build -tags mutants ./cmd/simrun", p.Mutant)
	}
	if err := p.validateNodes(); err != nil {
		return err
	}
	if err := p.validateTopics(); err != nil {
		return err
	}
	if err := p.validateClients(); err != nil {
		return err
	}
	if err := p.validateClimate(); err != nil {
		return err
	}
	if err := p.validateSettings(); err != nil {
		return err
	}
	if err := faults.CheckAnchors(p.Faults, p.BrokerNames(), p.ClientNames(), p.partitionNames()); err != nil {
		return err
	}
	return faults.Check(p.Faults, p.BrokerNames(), p.ClientNames())
}

func (p *Plan) validateTopics() error {
	var names []string
	for _, t := range p.Topics {
		switch {
		case slices.Contains(names, t.Name):
			return fmt.Errorf("topic %s is there twice", t.Name)
		case t.Partitions < 1 || t.Partitions > 10_000:
			return fmt.Errorf("topic %s: partitions=%d; 1 to 10000 are possible", t.Name, t.Partitions)
		case t.Replicas < 1 || int(t.Replicas) > len(p.hosts()):
			return fmt.Errorf("topic %s: replicas=%d; with %d brokers 1 to %d are possible", t.Name, t.Replicas, len(p.hosts()), len(p.hosts()))
		}
		if err := validTopicName(t.Name); err != nil {
			return err
		}
		names = append(names, t.Name)
	}
	return nil
}

// validTopicName is Kafka's rule (org.apache.kafka.common.internals.Topic).
func validTopicName(name string) error {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
	}
	if name == "" || name == "." || name == ".." || len(name) > 249 || strings.IndexFunc(name, func(r rune) bool { return !legal(r) }) >= 0 {
		return fmt.Errorf("topic %q: a name is 1 to 249 of the characters a-z A-Z 0-9 . _ -, and not . or .. alone", name)
	}
	if name == "__cluster_metadata" {
		return fmt.Errorf("topic %s is the cluster's own", name)
	}
	return nil
}

func (p *Plan) validateClients() error {
	names := append(p.BrokerNames(), setupName, dumpName)
	for _, c := range p.Clients {
		if slices.Contains(names, c.Name) {
			return fmt.Errorf("client %s: the name is taken", c.Name)
		}
		names = append(names, c.Name)
		if err := c.validate(p.Topics); err != nil {
			return fmt.Errorf("client %s: %w", c.Name, err)
		}
	}
	return nil
}

func (c *Client) validate(topics []Topic) error {
	for _, f := range c.Fields() {
		if *f.Value < 0 && f.Name != "acks" && f.Name != "linger.ms" {
			return fmt.Errorf("%s=%d must not be negative", f.Name, *f.Value)
		}
	}
	if c.Topics != len(topics) || c.Partitions != int(topics[0].Partitions) {
		return fmt.Errorf("topics=%d partitions=%d; the plan has %d topics, the first of %d partitions", c.Topics, c.Partitions, len(topics), topics[0].Partitions)
	}
	if c.Role != workload.Producer {
		return nil
	}
	switch {
	case !c.Codec.Known():
		return fmt.Errorf("codec %s is none of %s", c.Codec, strings.Join(client.CodecNames(), ", "))
	case c.Acks < -1 || c.Acks > 1:
		return fmt.Errorf("acks=%d is none of -1 (all), 0, 1", c.Acks)
	case c.Idempotent != 0 && c.Acks != -1:
		return fmt.Errorf("idempotent=1 needs acks=-1, as in Kafka")
	case c.Idempotent != 0 && c.MaxInFlight > 5:
		return fmt.Errorf("max.in.flight=%d: an idempotent producer has at most 5 requests in flight, as in Kafka", c.MaxInFlight)
	case c.Rate < 1 || c.Rate > 1_000_000 || c.RecordBytes > 1<<20:
		return fmt.Errorf("rate must be 1 to 1000000 and record.bytes at most 1 MiB")
	}
	return nil
}

func (p *Plan) validateClimate() error {
	n, d := &p.Net, &p.Disk
	switch {
	case n.Latency < 0 || n.Jitter < 0 || n.Tail < 0 || n.TailOneIn < 0 || n.BytesPerMs < 1 || n.TCPTimeout <= 0:
		return fmt.Errorf("net: spans must not be negative, bytes.per.ms and tcp.timeout be above zero")
	case d.Latency < 0 || d.Jitter < 0 || d.Sync < 0 || d.BytesPerMs < 1:
		return fmt.Errorf("disk: spans must not be negative and bytes.per.ms be above zero")
	}
	return nil
}
