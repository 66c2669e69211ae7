package gen

import (
	"strconv"

	"pgregory.net/rapid"

	"trial/client/workload"
	"trial/clock"
	"trial/sim/cluster"
)

// Options fix what a caller does not want drawn.
type Options struct {
	Mode   cluster.Mode   // drawn if empty, the budget first
	For    clock.Duration // the fault phase; 10 s
	Faults int            // at most so many; 10
	// Acked makes every producer ask for acks=all.
	Acked bool
}

// Plan draws a plan: the whole of what a run depends on.
func Plan(o Options) *rapid.Generator[cluster.Plan] {
	if o.For == 0 {
		o.For = 10 * clock.Second
	}
	if o.Faults == 0 {
		o.Faults = 10
	}
	return rapid.Custom(func(t *rapid.T) cluster.Plan {
		p := cluster.Plan{
			Scenario: cluster.Mixed, Mode: o.Mode, For: o.For,
			Seed:    rapid.Uint64().Draw(t, "seed"),
			Brokers: rapid.Int32Range(1, 4).Draw(t, "brokers"),
			Buggify: rapid.Bool().Draw(t, "buggify"),
			ELR:     rapid.Bool().Draw(t, "elr"),
			Net:     net().Draw(t, "net"),
			Disk:    disk().Draw(t, "disk"),
		}
		if p.Mode == "" {
			p.Mode = rapid.SampledFrom([]cluster.Mode{cluster.Budget, cluster.Unbounded}).Draw(t, "mode")
		}
		settings(t, &p)
		topics(t, &p)
		clients(t, &p, o.Acked)
		s := ScopeOf(&p)
		s.Most = o.Faults
		p.Faults = Schedule(s).Draw(t, "schedule")
		return p
	})
}

func us(t *rapid.T, name string, lo, hi int64) clock.Duration {
	return clock.Duration(rapid.Int64Range(lo, hi).Draw(t, name)) * clock.Microsecond
}

func net() *rapid.Generator[cluster.Net] {
	return rapid.Custom(func(t *rapid.T) cluster.Net {
		return cluster.Net{
			Latency: us(t, "latency", 50, 2000), Jitter: us(t, "jitter", 0, 3000), Tail: us(t, "tail", 5000, 200_000),
			TailOneIn:  rapid.SampledFrom([]int64{0, 4000, 1000, 100}).Draw(t, "tail one in"),
			BytesPerMs: 100_000, TCPTimeout: clock.Ms(rapid.Int64Range(4000, 30_000).Draw(t, "tcp timeout")),
		}
	})
}

func disk() *rapid.Generator[cluster.Disk] {
	return rapid.Custom(func(t *rapid.T) cluster.Disk {
		return cluster.Disk{
			Latency: us(t, "latency", 5, 100), Jitter: us(t, "jitter", 0, 300), Sync: us(t, "sync", 200, 20_000), BytesPerMs: 200_000,
		}
	})
}

// settings draws Kafka's timeouts: the default first, or something shorter.
func settings(t *rapid.T, p *cluster.Plan) {
	set := func(key string, def, lo, hi int64) {
		n := def
		if rapid.Bool().Draw(t, key+" is not the default") {
			n = rapid.Int64Range(lo, hi).Draw(t, key)
		}
		p.Set(key, strconv.FormatInt(n, 10))
	}
	set("replica.lag.time.max.ms", 6000, 1500, 10_000)
	set("broker.session.timeout.ms", 9000, 2000, 9000)
	set("broker.heartbeat.interval.ms", 500, 200, 600)
	set("controller.quorum.election.timeout.ms", 1000, 200, 1500)
	set("controller.quorum.fetch.timeout.ms", 2000, 1000, 3000)
	set("internal.segment.bytes", 1<<20, 4096, 65_536)
	if p.Mode == cluster.Unbounded && rapid.Bool().Draw(t, "unclean elections") {
		p.Set("unclean.leader.election.enable", "true")
	}
}

func topics(t *rapid.T, p *cluster.Plan) {
	rf := min(3, p.Brokers)
	for i := range rapid.IntRange(1, 2).Draw(t, "topics") {
		minISR := min(2, rf)
		if p.Mode == cluster.Unbounded {
			minISR = rapid.Int32Range(1, rf).Draw(t, "min.insync.replicas")
		}
		p.Topics = append(p.Topics, cluster.Topic{
			Name: workload.TopicName(i), Partitions: rapid.Int32Range(1, 4).Draw(t, "partitions"), Replicas: rf,
			Configs: []cluster.Setting{{Key: "min.insync.replicas", Value: strconv.Itoa(int(minISR))}},
		})
	}
}

func clients(t *rapid.T, p *cluster.Plan, acked bool) {
	add := func(role workload.Role) *cluster.Client {
		c := cluster.Client{Name: "c" + strconv.Itoa(len(p.Clients)+1), Config: workload.Default(role)}
		c.Topics, c.Partitions = len(p.Topics), int(p.Topics[0].Partitions)
		c.RequestMs, c.RetryMs = rapid.IntRange(1000, 15_000).Draw(t, "request.ms"), 100
		p.Clients = append(p.Clients, c)
		return &p.Clients[len(p.Clients)-1]
	}
	for range rapid.IntRange(1, 3).Draw(t, "producers") {
		c := add(workload.Producer)
		c.Rate, c.RecordBytes = rapid.IntRange(10, 60).Draw(t, "rate"), rapid.IntRange(40, 400).Draw(t, "record.bytes")
		c.MaxInFlight, c.LingerMs = rapid.IntRange(1, 5).Draw(t, "max.in.flight"), rapid.IntRange(0, 40).Draw(t, "linger.ms")
		c.DeliveryMs = c.RequestMs + c.LingerMs + rapid.IntRange(0, 40_000).Draw(t, "delivery.ms")
		c.Spread, c.Keys = rapid.IntRange(workload.SpreadUniform, workload.SpreadKeys).Draw(t, "spread"), rapid.IntRange(1, 20).Draw(t, "keys")
		if acked {
			continue
		}
		switch rapid.SampledFrom([]string{"all", "all, not idempotent", "1", "0"}).Draw(t, "acks") {
		case "all, not idempotent":
			c.Idempotent = 0
		case "1":
			c.Acks, c.Idempotent = 1, 0
		case "0":
			c.Acks, c.Idempotent = 0, 0
		}
	}
	for range rapid.IntRange(1, 2).Draw(t, "consumers") {
		c := add(workload.Consumer)
		c.FetchWaitMs, c.PartitionBytes = rapid.IntRange(50, 500).Draw(t, "fetch.wait.ms"), rapid.IntRange(500, 1<<20).Draw(t, "partition.bytes")
	}
	add(workload.Lister).EveryMs = rapid.IntRange(100, 1000).Draw(t, "every.ms")
}
