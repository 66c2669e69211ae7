package simtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"trial/clock"
	"trial/faults"
	"trial/sim/cluster"
)

// script is what the function did, and which of its faults shrinking leaves out.
type script struct {
	calls []string
	skip  []int // faults of the function, counted from 1
	count int   // faults of the function so far
	own   bool  // one of them is striking now
	story []entry
}

// entry is one line of the story of a failure: a fault that struck.
type entry struct {
	at   clock.Instant
	text string
	who  string // the nodes it struck, if the text does not name them
	own  int    // number of a fault of the function; 0 for one of the plan, -1 for the end of one
}

func (s *script) call(c *Cluster, format string, args ...any) {
	s.calls = append(s.calls, c.stage.Now().String()+" "+fmt.Sprintf(format, args...))
}

func (s *script) tell(at clock.Instant, own int, text string, nodes []string) {
	who := strings.Join(nodes, ", ")
	if n := len(s.story); n > 0 { // a fault of several nodes is told node by node
		if e := &s.story[n-1]; e.at == at && e.text == text && e.own == own {
			if e.who != "" {
				e.who += ", " + who
			}
			return
		}
	}
	if !strings.Contains(text, " of ") && !strings.Contains(text, faults.Controller) {
		who = ""
	}
	s.story = append(s.story, entry{at, text, who, own})
}

// struck hears of the faults of the plan and of Fault.
func (c *Cluster) struck(f cluster.Struck) {
	if f.Skipped == "" && !f.Ended {
		own := 0
		if c.script.own {
			own = c.script.count
		}
		c.script.tell(f.At, own, f.Fault.String(), f.Nodes)
	}
}

// Fault lets a fault strike now, which ends by itself: "kill leader of orders-0 for
// 3s", "cut n3 | rest for 5s", "pause controller for 2s", "hold heartbeat from n1
// for 4s". Targets are nodes (n1, or the name of a client) or roles. It is false if
// it found no target, or one that is down already. With an anchor, "after 3 acks of
// orders-0: kill leader of orders-0 for 2s", it strikes when that comes.
func (c *Cluster) Fault(line string) bool {
	return c.strike(line, func() error { return c.stage.Fault(line) })
}

// Kill ends the processes of a target; what their operating systems took stays.
// They are down until Start.
func (c *Cluster) Kill(target string) bool {
	return c.strikeNow("kill", target, c.stage.Kill)
}

// PowerFail cuts the power of a target: what was not synced may be lost or torn. It
// is down until Start.
func (c *Cluster) PowerFail(target string) bool {
	return c.strikeNow("power", target, c.stage.PowerFail)
}

// Stop asks the processes of a target for an orderly end. They are down until Start.
func (c *Cluster) Stop(target string) bool {
	return c.strikeNow("stop", target, c.stage.Stop)
}

// Pause freezes the processes of a target until Resume.
func (c *Cluster) Pause(target string) bool {
	return c.strikeNow("pause", target, c.stage.Pause)
}

// Cut lets nothing pass between two sides until Heal: c.Cut("n3", "rest").
func (c *Cluster) Cut(a, b string) bool {
	line := "cut " + a + " | " + b
	at, nodes := c.stage.Now(), slices.Concat(c.find(a), c.find(b))
	return c.strike(line, func() error {
		err := c.stage.Cut(a, b)
		if err == nil {
			c.script.tell(at, c.script.count, line, nodes)
		}
		return err
	})
}

// Start starts what is down, on its disks and addresses.
func (c *Cluster) Start(target string) bool { return c.undo("start "+target, target, c.stage.Start) }

// Resume ends a Pause.
func (c *Cluster) Resume(target string) bool {
	return c.undo("resume "+target, target, c.stage.Resume)
}

// Heal ends a Cut.
func (c *Cluster) Heal(a, b string) bool {
	return c.undo("heal "+a+" | "+b, a, func(string) error { return c.stage.Heal(a, b) })
}

// Calm ends every fault, drops the random ones that are still to come, starts what
// is down and waits until all replicas of all topics are in sync.
func (c *Cluster) Calm() {
	c.script.call(c, "Calm")
	c.judge(c.stage.Calm())
	c.script.tell(c.stage.Now(), -1, "calm", nil)
	c.await(c.cfg.Limit, []Condition{{what: "every partition led and in sync", holds: func(*Cluster) bool { return c.stage.Ready() }}})
}

func (c *Cluster) strikeNow(verb, target string, do func(string) error) bool {
	line := verb + " " + target
	at, nodes := c.stage.Now(), c.find(target)
	return c.strike(line, func() error {
		err := do(target)
		if err == nil {
			c.script.tell(at, c.script.count, line, nodes)
		}
		return err
	})
}

// strike does a fault of the function, unless shrinking leaves it out.
func (c *Cluster) strike(line string, do func() error) bool {
	c.script.call(c, "%s", line)
	c.script.count++
	if slices.Contains(c.script.skip, c.script.count) {
		return false
	}
	c.script.own = true
	err := do()
	c.script.own = false
	return c.took(err)
}

// undo ends what a fault of the function has begun.
func (c *Cluster) undo(line, target string, do func(string) error) bool {
	c.script.call(c, "%s", line)
	at, nodes := c.stage.Now(), c.find(target)
	err := do(target)
	if err == nil {
		c.script.tell(at, -1, line, nodes)
	}
	return c.took(err)
}

// took sorts out the reasons why a fault did not strike: a target that is not there
// now is nothing unusual among random faults, words that make no sense are a mistake.
func (c *Cluster) took(err error) bool {
	if err == nil {
		return true
	}
	var none *cluster.NoTargetError
	if errors.As(err, &none) {
		c.line("%v", err)
		return false
	}
	if e := c.stage.Err(); e != nil {
		c.judge(e)
	}
	c.fatal(c.where(), "%v", err)
	return false
}

func (c *Cluster) find(target string) []string {
	nodes, _ := c.stage.Resolve(target)
	return nodes
}
