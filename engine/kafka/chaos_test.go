package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/configs"
)

// TestKillsAndCutsLoseNothingThatWasAcknowledged runs a cluster through random
// kills, orderly stops and cuts of one node at a time while records are produced
// with acks=all, heals it, and reads everything back.
func TestKillsAndCutsLoseNothingThatWasAcknowledged(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { chaos(t, uint64(seed)) })
	}
}

func chaos(t *testing.T, seed uint64) {
	rnd := engine.NewStream(seed, "chaos")
	c, id := three(t, func(cfg *Config) {
		cfg.Settings["replica.lag.time.max.ms"] = "3000"
		cfg.Settings[configs.InternalSegmentBytes] = "600"
	})
	var acked []string
	down := -1 // index of the broker in trouble
	next := 0
	for range 40 {
		switch what := rnd.N(8); {
		case what == 0 && down < 0:
			down = rnd.Pick(3)
			c.nodes[engine.NodeID(down+1)].kill()
		case what == 1 && down < 0:
			down = rnd.Pick(3)
			l, b := c.life(down+1), c.brokers[down]
			l.event(0, b.Stop)
			c.until("stopped", 60*clock.Second, func() bool { return l.exited })
		case what == 2 && down < 0:
			down = rnd.Pick(3)
			for n := range 3 {
				if n != down {
					c.cutPair(engine.NodeID(n+1), engine.NodeID(down+1))
				}
			}
		case what < 6 && down >= 0:
			c.heal(down)
			down = -1
		}
		for range rnd.N(4) {
			v := fmt.Sprintf("r%d", next)
			next++
			if c.tryProduce(id, v, rnd.Pick(3)+1) {
				acked = append(acked, v)
			}
		}
		c.run(clock.Ms(rnd.N(4000)))
	}
	if down >= 0 {
		c.heal(down)
	}
	c.until("all in sync", 120*clock.Second, func() bool {
		for _, b := range c.brokers {
			p := b.image.Partition("t", 0)
			if b.lifecycle.state != Running || p == nil || len(p.ISR) != 3 || p.Leader < 1 {
				return false
			}
			h := b.parts.get(id, 0)
			lead := c.broker(p.Leader).parts.get(id, 0)
			if h == nil || h.phase != online || lead == nil || lead.phase != online || h.part.HW() != lead.log.End() || h.log.End() != lead.log.End() {
				return false
			}
		}
		return true
	})
	got := c.readAll(id)
	for _, v := range acked {
		if !slices.Contains(got, v) {
			t.Errorf("%s was acknowledged and is gone", v)
		}
	}
	if len(acked) < 10 {
		t.Errorf("only %d records were acknowledged", len(acked))
	}
	for _, b := range c.brokers[1:] {
		if a, o := c.brokers[0].parts.get(id, 0).log.Batches(), b.parts.get(id, 0).log.Batches(); !slices.Equal(a, o) {
			t.Errorf("replicas differ:\n%v\n%v", a, o)
		}
	}
}

func (c *cluster) heal(i int) {
	clear(c.cut)
	if c.life(i + 1).dead {
		c.boot(i + 1)
	}
}

// tryProduce sends one record to a broker and reports whether it was acknowledged.
func (c *cluster) tryProduce(id [16]byte, value string, broker int) bool {
	if l := c.leader(); l > 0 {
		broker = int(l)
	}
	conn := c.conn(broker)
	req := produceReq("t", id, 0, -1, batch(value))
	req.Version = 13
	conn.send(req)
	c.run(2 * clock.Second)
	if len(conn.frames) == 0 {
		return false
	}
	return conn.receive(req, 0).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0
}

// readAll reads the whole of t-0 from its leader.
func (c *cluster) readAll(id [16]byte) []string {
	c.t.Helper()
	var out []string
	conn := c.conn(int(c.leader()))
	for {
		resp := conn.call(fetchReq("t", id, 0, int64(len(out)), 0, 1), 17).(*kmsg.FetchResponse)
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != 0 {
			c.t.Fatalf("fetch from %d: code %d", len(out), p.ErrorCode)
		}
		got := values(c.t, p.RecordBatches)
		if len(got) == 0 {
			return out
		}
		out = append(out, got...)
	}
}
