package bubble_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"trial/sim/bubble"
	"trial/sim/cluster"
)

// storm is what happens to the cluster while a client works; it returns when the
// weather is fine again.
type storm func(t *testing.T, c *bubble.Cluster, rng *rand.Rand)

// seeds are those of a storm test; SIM_RUNS widens.
func seeds() []uint64 {
	n := 4
	if testing.Short() {
		n = 1
	}
	if runs, err := strconv.Atoi(os.Getenv("SIM_RUNS")); err == nil && runs > 0 {
		n = runs
	}
	var out []uint64
	for seed := range n {
		out = append(out, uint64(seed+1))
	}
	return out
}

// testStorm has an idempotent producer send records while a consumer reads, in a
// storm, and holds the client to what Kafka promises: every record is there, once.
func testStorm(t *testing.T, weather storm) {
	for _, seed := range seeds() {
		t.Run(cluster.SeedString(seed), func(t *testing.T) {
			var hashes [2]uint64
			for i := range hashes {
				wall := time.Now()
				w := &work{sent: map[uint64]at{}}
				res := bubble.Run(t, bubble.Config{Plan: quick(t, seed)}, func(t *testing.T, c *bubble.Cluster) {
					w.run(t, c, func() { weather(t, c, rand.New(rand.NewPCG(seed, 1))) })
				})
				hashes[i] = res.Hash
				spent := time.Since(wall)
				t.Logf("%d records in %v of virtual time, %d leader changes, %d faults; %v of wall clock, %.2f s a virtual minute; %d events, %+v",
					len(w.sent), w.took.Round(time.Millisecond), res.Elections, res.Faults, spent.Round(time.Millisecond), spent.Seconds()/w.took.Minutes(), res.Events, res.Stats)
				if res.Elections == 0 {
					t.Error("no partition changed its leader: the storm was none")
				}
			}
			t.Logf("two runs, the same hash: %v (not promised, see docs/CLIENTS.md)", hashes[0] == hashes[1])
		})
	}
}

// at is where a record was acknowledged.
type at struct {
	partition int32
	offset    int64
}

// work is one producer and one consumer.
type work struct {
	sent map[uint64]at // by number
	took time.Duration
}

const pace = 50 * time.Millisecond // between two records

func (w *work) run(t *testing.T, c *bubble.Cluster, weather func()) {
	p := newClient(t, c, kgo.DefaultProduceTopic("t"), kgo.RequiredAcks(kgo.AllISRAcks()))
	defer p.Close()
	k := newClient(t, c, kgo.ConsumeTopics("t"))
	defer k.Close()

	begun := c.Now()
	over := make(chan struct{})
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		w.produce(t, c, p, over)
	}()
	seen := make(chan map[uint64]at)
	go func() { seen <- w.consume(t, c, k, produced) }()

	weather()
	close(over)
	got := <-seen
	w.took = c.Now() - begun
	for n, place := range w.sent {
		if got[n] != place {
			t.Errorf("record %d was acknowledged at %v and read at %v", n, place, got[n])
		}
	}
	if len(got) != len(w.sent) {
		t.Errorf("%d records read, %d acknowledged", len(got), len(w.sent))
	}
}

// produce sends numbered records until the storm is over and waits for all answers.
func (w *work) produce(t *testing.T, c *bubble.Cluster, p *kgo.Client, over chan struct{}) {
	for n := uint64(0); ; n++ {
		select {
		case <-over:
			if err := p.Flush(c.Context()); err != nil {
				t.Error(err)
			}
			return
		case <-time.After(pace):
		}
		r := &kgo.Record{Value: binary.BigEndian.AppendUint64(nil, n)}
		p.Produce(c.Context(), r, func(r *kgo.Record, err error) { // one callback at a time
			if err != nil {
				t.Errorf("record %d: %v", n, err)
				return
			}
			w.sent[n] = at{r.Partition, r.Offset}
		})
	}
}

// consume reads until it has every record that was acknowledged.
func (w *work) consume(t *testing.T, c *bubble.Cluster, k *kgo.Client, produced chan struct{}) map[uint64]at {
	got := map[uint64]at{}
	last := map[int32]int64{}
	for {
		select {
		case <-produced:
			if len(got) >= len(w.sent) {
				return got
			}
		default:
		}
		ctx, cancel := context.WithTimeout(c.Context(), time.Second)
		fs := k.PollFetches(ctx)
		cancel()
		for _, e := range fs.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) {
				continue
			}
			if c.Context().Err() != nil {
				t.Error(e.Err)
				return got
			}
			t.Logf("%v: poll: %v", c.Now(), e.Err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			n := binary.BigEndian.Uint64(r.Value)
			if first, twice := got[n]; twice {
				t.Errorf("record %d is there twice: at %v and at %d@%d", n, first, r.Partition, r.Offset)
			}
			got[n] = at{r.Partition, r.Offset}
			if prev, ok := last[r.Partition]; ok && r.Offset <= prev {
				t.Errorf("partition %d: offset %d was read after %d", r.Partition, r.Offset, prev)
			}
			last[r.Partition] = r.Offset
		})
	}
}

func TestNothingIsLostOrDoubledWhileBrokersAreKilled(t *testing.T) {
	testStorm(t, func(t *testing.T, c *bubble.Cluster, rng *rand.Rand) {
		kills := 0
		for c.Now() < 3*time.Minute {
			who := []string{"leader of t-0", "follower of t-1", "controller", "leader of t-2"}[rng.IntN(4)]
			node, err := c.Kill(who)
			if err != nil {
				time.Sleep(time.Second) // nobody has the role yet
				continue
			}
			kills++
			time.Sleep(time.Duration(rng.Int64N(int64(6 * time.Second))))
			if err := c.Start(node); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Second))))
		}
		t.Logf("%d brokers killed", kills)
	})
}

func TestNothingIsLostOrDoubledWhileLinksAreCutAndBrokersPaused(t *testing.T) {
	testStorm(t, func(t *testing.T, c *bubble.Cluster, rng *rand.Rand) {
		struck := 0
		for c.Now() < 2*time.Minute {
			fault := []string{
				"cut app | leader of t-0 for 8s", "cut app | n1 for 15s", "cut leader of t-1 | rest for 12s",
				"pause leader of t-2 for 14s", "pause n2 for 5s", "reset app | n3", "cut app > n2 for 9s",
			}[rng.IntN(7)]
			if err := c.Strike(fault); err == nil {
				struck++
			} else if !strings.Contains(err.Error(), "nobody") && !strings.Contains(err.Error(), "paused already") {
				t.Error(err)
			}
			time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Second))))
		}
		if err := c.Heal(); err != nil {
			t.Error(err)
		}
		t.Logf("%d faults", struck)
	})
}
