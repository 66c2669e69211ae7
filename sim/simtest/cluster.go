package simtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"trial/clock"
	"trial/sim/cluster"
)

// Cluster is the cluster of one run, as the test's function sees it. The function
// drives it from one goroutine; time is virtual and passes only in RunFor, Await
// and the calls that say that they wait.
//
// It has the methods of testing.T that assertion libraries need, so that
// require.Equal(c, want, got) works and its failures are shrunk and replayed.
type Cluster struct {
	cfg    Config
	stage  *cluster.Stage
	rng    *rand.Rand
	admin  *cluster.Admin
	script script
	fails  []failure
	lines  []string // of Logf
	where  func() string
	exit   exit
}

// exit is how the function ended.
type exit struct {
	returned bool
	stopped  bool // by Fatalf, or because the run has ended
	panicked any
	at       string // where
}

// Seed is the seed of the run.
func (c *Cluster) Seed() uint64 { return c.stage.Plan().Seed }

// Rand draws from the seed: for choices of the test's own.
func (c *Cluster) Rand() *rand.Rand { return c.rng }

// Now is how much virtual time has passed since the start of the world.
func (c *Cluster) Now() time.Duration { return time.Duration(c.stage.Now()) }

// RunFor lets so much time pass.
func (c *Cluster) RunFor(d time.Duration) {
	c.script.call(c, "RunFor %v", d)
	c.judge(c.stage.RunFor(clock.Duration(d)))
}

// Leader names the broker that leads a partition; "" while none does.
func (c *Cluster) Leader(topic string, partition int) string {
	n, _ := c.stage.Leader(topic, int32(partition))
	return n
}

// ISR names the in-sync replicas of a partition, as committed by the controller.
func (c *Cluster) ISR(topic string, partition int) []string {
	return c.stage.ISR(topic, int32(partition))
}

// Controller names the active controller; "" while there is none.
func (c *Cluster) Controller() string {
	n, _ := c.stage.Controller()
	return n
}

// Partitions is how many partitions a topic has; 0 if it is not there.
func (c *Cluster) Partitions(topic string) int { return int(c.stage.Partitions(topic)) }

// HighWatermark is up to where the records of a partition are committed, as its
// leader has it; -1 while there is none.
func (c *Cluster) HighWatermark(topic string, partition int) int64 {
	if n := c.Leader(topic, partition); n != "" {
		if hw, _, ok := c.stage.Ends(n, topic, int32(partition)); ok {
			return hw
		}
	}
	return -1
}

// Stage is what lies below, for what this package has no word for. What is done
// there is not part of the story that a failure tells.
func (c *Cluster) Stage() *cluster.Stage { return c.stage }

// CreateTopic creates a topic and waits until that is done.
func (c *Cluster) CreateTopic(t Topic) error {
	c.script.call(c, "CreateTopic %s", t.Name)
	return c.ask(func(a *cluster.Admin) *cluster.Asked { return a.CreateTopic(t.topic(c.cfg.Brokers)) })
}

// DeleteTopic deletes a topic and waits until that is done.
func (c *Cluster) DeleteTopic(name string) error {
	c.script.call(c, "DeleteTopic %s", name)
	return c.ask(func(a *cluster.Admin) *cluster.Asked { return a.DeleteTopic(name) })
}

// CreatePartitions widens a topic to so many partitions and waits until that is done.
func (c *Cluster) CreatePartitions(topic string, count int) error {
	c.script.call(c, "CreatePartitions %s %d", topic, count)
	return c.ask(func(a *cluster.Admin) *cluster.Asked { return a.CreatePartitions(topic, int32(count)) })
}

// SetTopicConfig sets a config of a topic and waits until that is done; "" takes it
// back to its default.
func (c *Cluster) SetTopicConfig(topic, key, value string) error {
	c.script.call(c, "SetTopicConfig %s %s=%s", topic, key, value)
	return c.ask(func(a *cluster.Admin) *cluster.Asked { return a.SetTopicConfig(topic, key, value) })
}

// adminName is the node of the admin calls.
const adminName = "admin"

func (c *Cluster) ask(what func(*cluster.Admin) *cluster.Asked) error {
	if c.admin == nil {
		a, err := c.stage.Admin(adminName)
		c.must(err)
		c.admin = a
	}
	asked := what(c.admin)
	c.must(c.stage.Await(asked.What, clock.Duration(c.cfg.Limit), asked.Done))
	if !asked.OK() {
		return fmt.Errorf("%s: %w", asked.What, asked.Err)
	}
	return nil
}
