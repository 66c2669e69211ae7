package simtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trial/clock"
	"trial/sim/cluster"
)

// Condition is something to wait for.
type Condition struct {
	what  string
	holds func(c *Cluster) bool
	state func(c *Cluster) string // how far it is; may be nil
}

// That is a condition of one's own; what says it in words, as in "the cart is empty".
func That(what string, holds func() bool) Condition {
	return Condition{what: what, holds: func(*Cluster) bool { return holds() }}
}

// LeaderElected waits until a partition has a leader.
func LeaderElected(topic string, partition int) Condition {
	return Condition{
		what:  fmt.Sprintf("a leader of %s-%d", topic, partition),
		holds: func(c *Cluster) bool { return c.Leader(topic, partition) != "" },
	}
}

// LeaderIsNot waits until somebody else leads a partition.
func LeaderIsNot(node, topic string, partition int) Condition {
	return Condition{
		what:  fmt.Sprintf("a leader of %s-%d other than %s", topic, partition, node),
		holds: func(c *Cluster) bool { n := c.Leader(topic, partition); return n != "" && n != node },
	}
}

// ISRFull waits until all replicas of all partitions of the topics are in sync;
// without a topic, of all topics of the config.
func ISRFull(topics ...string) Condition {
	short := func(c *Cluster) string {
		names := topics
		if len(names) == 0 {
			for _, t := range c.cfg.Topics {
				names = append(names, t.Name)
			}
		}
		for _, t := range names {
			if c.Partitions(t) == 0 {
				return t + " is not there"
			}
			for p := range c.Partitions(t) {
				if isr, all := c.ISR(t, p), c.stage.Replicas(t, int32(p)); len(isr) != len(all) {
					return fmt.Sprintf("%s-%d has %v of %v", t, p, isr, all)
				}
			}
		}
		return ""
	}
	return Condition{
		what:  strings.TrimSpace("all replicas in sync " + strings.Join(topics, ", ")),
		holds: func(c *Cluster) bool { return short(c) == "" },
		state: short,
	}
}

// Up waits until the processes of the nodes run.
func Up(nodes ...string) Condition {
	return Condition{
		what: strings.Join(nodes, ", ") + " up",
		holds: func(c *Cluster) bool {
			return !slices.ContainsFunc(nodes, func(n string) bool { return !c.stage.Up(n) })
		},
	}
}

// Await lets time pass until every condition holds at one moment. They are looked
// at after every step of the world. If Config.Limit passes first the test has
// failed, with what was missing.
func (c *Cluster) Await(conds ...Condition) { c.await(time.Duration(c.cfg.Limit), conds) }

// AwaitWithin is Await with a limit of its own.
func (c *Cluster) AwaitWithin(limit time.Duration, conds ...Condition) { c.await(limit, conds) }

func (c *Cluster) await(limit time.Duration, conds []Condition) {
	var words []string
	for _, x := range conds {
		words = append(words, x.what)
	}
	c.script.call(c, "Await %s", strings.Join(words, ", "))
	err := c.stage.Await("", clock.Duration(limit), func() bool {
		for i := range conds {
			if !conds[i].holds(c) {
				return false
			}
		}
		return true
	})
	var late *cluster.LimitError
	if !errors.As(err, &late) {
		c.judge(err)
		return
	}
	var missing []string
	for _, x := range conds {
		if x.holds(c) {
			continue
		}
		m := x.what
		if x.state != nil {
			m += " (" + x.state(c) + ")"
		}
		missing = append(missing, m)
	}
	c.fatal(c.where(), "waited %v in vain for: %s", limit, strings.Join(missing, "; "))
}
