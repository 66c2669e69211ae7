// Package shop has tests as a user writes them. They are wrong, each in its way,
// and simtest has to say so; its own test copies them into a module of their own.
package shop

import (
	"fmt"
	"testing"
	"time"

	"trial/sim/simtest"
)

// Orders are sent with acks=1, and the test wants every order that was acknowledged
// to be read. acks=1 does not promise that: a leader that dies takes with it what
// it alone had.
func TestOrders(t *testing.T) {
	cfg := simtest.Config{
		Topics: []simtest.Topic{{Name: "orders", Partitions: 3}},
		Faults: simtest.Unbounded, FaultsFor: 15 * time.Second,
	}
	simtest.Run(t, cfg, func(c *simtest.Cluster) {
		shop, audit := c.Producer("shop", simtest.Acks("1")), c.Consumer("audit", "orders")
		shop.SendEvery(20*time.Millisecond, 500, "orders", func(i int) (key, value string) { return "", fmt.Sprint("order ", i) })
		c.RunFor(5 * time.Second)
		c.Fault("power leader of orders-0 for 2s")
		c.Await(shop.Settled())
		c.Calm()
		c.Await(audit.HasAllOf(shop))
	})
}

// The cluster has a bug of Kafka 0.8 planted in it: the controller elects a replica
// that is not in sync. The judges find it; the test itself wants nothing.
func TestPlantedBug(t *testing.T) {
	cfg := simtest.Config{
		Topics: []simtest.Topic{{Name: "orders", Partitions: 3, Set: map[string]string{"min.insync.replicas": "2"}}},
		Faults: simtest.Unbounded, ShrinkRuns: 60, Mutant: "REP-22",
	}
	simtest.Run(t, cfg, func(c *simtest.Cluster) {
		shop := c.Producer("shop")
		shop.SendEvery(20*time.Millisecond, 1000, "orders", func(i int) (key, value string) { return "", fmt.Sprint("order ", i) })
		c.RunFor(30 * time.Second)
		c.Calm()
	})
}

// The order in which Go walks over a map differs from run to run.
func TestMapOrder(t *testing.T) {
	simtest.Run(t, simtest.Config{Topics: []simtest.Topic{{Name: "orders"}}, Seeds: 1}, func(c *simtest.Cluster) {
		shop := c.Producer("shop")
		carts := map[string]string{}
		for i := range 50 {
			carts[fmt.Sprint("customer ", i)] = "a book"
		}
		for who, what := range carts {
			shop.Send("orders", who, what)
		}
		c.Await(shop.Settled())
	})
}

// Nothing is wrong here.
func TestFine(t *testing.T) {
	simtest.Run(t, simtest.Config{Topics: []simtest.Topic{{Name: "orders"}}, Seeds: 2}, func(c *simtest.Cluster) error {
		shop := c.Producer("shop")
		shop.Send("orders", "", "a book")
		c.Await(shop.Acked(1))
		return nil
	})
}
