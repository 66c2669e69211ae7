package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trial/clock"
	"trial/engine"
	"trial/internal/golden"
)

// play is the world under a story: a stage, the clients that the story names, and
// the lines that it is told in.
type play struct {
	climate storyClimate
	s       *Stage
	lines   lines
	cast    cast
	admin   *Admin

	producers []*storyProducer
	consumers []*storyConsumer
	blocked   []oneWay
}

// storyClimate is what a story must not depend on, and the planted bug on which it must.
type storyClimate struct {
	seed    uint64
	net     Net
	disk    Disk
	buggify bool
	mutant  string
}

// settle is how long the world runs on behind each command: many times any latency,
// and less than any timeout that a story waits for.
const settle = 2 * clock.Second

// patience bounds what a story waits for.
const patience = 3 * clock.Minute

// warmUp is the topic of the plan: who is ready can say so before the story begins.
const warmUp = "warm-up"

// The commands; testdata/golden/README.md explains them.
var commands = map[string]func(p *play, args []string) error{
	"cluster": (*play).cluster, "topic": (*play).topic, "grow": (*play).grow, "delete": (*play).remove, "config": (*play).config,
	"producer": (*play).declare, "produce": (*play).produce, "consume": (*play).consume, "latest": (*play).latest, "earliest": (*play).earliest, "fetch": (*play).fetch,
	"kill": (*play).node, "power": (*play).node, "stop": (*play).node, "start": (*play).node, "pause": (*play).node, "resume": (*play).node,
	"cut": (*play).cut, "heal": (*play).heal, "hold": (*play).hold,
	"elect": (*play).elect, "run": (*play).runFor, "await": (*play).await,
}

// Do executes a command. The first one of a story opens its cluster.
func (p *play) Do(c golden.Cmd) error {
	f, known := commands[c.Name]
	switch {
	case !known:
		return golden.ErrUnknown
	case p.s == nil && c.Name != "cluster":
		return errors.New("the first command of a story is: cluster brokers=N")
	}
	args := c.Args
	switch c.Name { // those that share a function need their name
	case "kill", "power", "stop", "start", "pause", "resume":
		args = append([]string{c.Name}, args...)
	}
	if err := f(p, args); err != nil {
		return err
	}
	return p.s.RunFor(settle)
}

// Happened gives the lines of a block.
func (p *play) Happened() []string {
	for _, c := range p.producers {
		c.tell(&p.lines)
	}
	for _, c := range p.consumers {
		c.tell(&p.lines)
	}
	return p.lines.take()
}

// End lets all judges speak.
func (p *play) End() error {
	if p.s == nil {
		return errors.New("a story without a cluster")
	}
	for _, l := range p.blocked {
		l.mend(p.s)
	}
	p.blocked = nil
	if r := p.s.Finish(); r.Failed() {
		return errors.New(r.Sentence())
	}
	return nil
}

// cluster opens the stage: brokers=3 elr=off and broker configs by Kafka's names.
// The story calls the active controller by the highest number.
func (p *play) cluster(args []string) error {
	if p.s != nil {
		return errors.New("a story has one cluster")
	}
	c := &p.climate
	plan := Plan{
		Seed: c.seed, Scenario: Mixed, Mode: Unbounded, For: clock.Hour, Brokers: 3, Net: c.net, Disk: c.disk, Buggify: c.buggify, Mutant: c.mutant,
	}
	// What a broker knows of its high watermark after a restart must not depend on when
	// it was last written down.
	plan.Set("replica.high.watermark.checkpoint.interval.ms", "500")
	for _, a := range args {
		key, value, ok := strings.Cut(a, "=")
		switch {
		case !ok:
			return fmt.Errorf("%q is not of the form key=value", a)
		case key == "brokers":
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return err
			}
			plan.Brokers = int32(n)
		case key == "elr":
			plan.ELR = value == "on"
		default:
			plan.Set(key, value)
		}
	}
	plan.Topics = []Topic{{Name: warmUp, Partitions: 1, Replicas: plan.Brokers}}
	if err := plan.Validate(); err != nil {
		return err
	}
	p.s = Open(plan, RunOptions{})
	p.s.OnFact(func(_ clock.Instant, node string, f engine.Fact) { p.lines.fact(int32(p.s.run.id(node)), f) })
	if err := p.s.AwaitReady(patience); err != nil {
		return err
	}
	if err := p.raise(); err != nil {
		return err
	}
	var err error
	if p.admin, err = p.s.Admin("admin"); err != nil {
		return err
	}
	if err := p.asked(p.admin.DeleteTopic(warmUp)); err != nil {
		return err
	}
	p.s.run.clients.Topics = nil // else producers ask for it, which would create it again
	p.lines.take()
	return nil
}

// raise gives the brokers their parts.
func (p *play) raise() error {
	boss, ok := p.s.Controller()
	if !ok {
		return errors.New("no active controller")
	}
	for _, n := range append(slices.DeleteFunc(p.s.brokers(), func(n string) bool { return n == boss }), boss) {
		p.cast = append(p.cast, int32(p.s.run.id(n)))
	}
	p.lines.cast = p.cast
	return nil
}

// real translates the brokers that a story names into those of the run.
func (p *play) real(words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		if n, err := strconv.Atoi(strings.TrimPrefix(w, "n")); err == nil && strings.HasPrefix(w, "n") {
			if n < 1 || n > len(p.cast) {
				return nil, fmt.Errorf("there is no broker %s", w)
			}
			w = p.s.run.name(engine.NodeID(p.cast[n-1]))
		}
		out = append(out, w)
	}
	return out, nil
}

func (p *play) ids(words []string) ([]int32, error) {
	names, err := p.real(words)
	if err != nil {
		return nil, err
	}
	var out []int32
	for _, n := range names {
		if !slices.Contains(p.s.brokers(), n) {
			return nil, fmt.Errorf("%s is no broker", n)
		}
		out = append(out, int32(p.s.run.id(n)))
	}
	return out, nil
}

// runFor lets time pass.
func (p *play) runFor(args []string) error {
	if len(args) != 1 {
		return errors.New("run DURATION")
	}
	d, err := clock.Parse(args[0])
	if err != nil {
		return err
	}
	return p.s.RunFor(d)
}

// await waits for a state: isr t-0 n1 n2 · leader t-0 n2 (or none) · fenced n2 ·
// unfenced n2 · hw t-0 2 · done p1.
func (p *play) await(args []string) error {
	if len(args) < 2 {
		return errors.New("await isr t-0 n1 n2, leader t-0 n1 (or none), fenced n1, unfenced n1, hw t-0 2, or done p1")
	}
	what := "await " + strings.Join(args, " ")
	cond, err := p.condition(args[0], args[1], args[2:])
	if err != nil {
		return err
	}
	return p.s.Await(what, patience, cond)
}

func (p *play) condition(what, of string, names []string) (func() bool, error) {
	r := p.s.run
	topic, partition := splitPartition(of)
	switch what {
	case "isr", "leader":
		if what == "leader" && slices.Equal(names, []string{"none"}) {
			return func() bool {
				part := r.newestImage().Partition(topic, partition)
				return part != nil && part.Leader < 0
			}, nil
		}
		ids, err := p.ids(names)
		if err != nil {
			return nil, err
		}
		slices.Sort(ids)
		return func() bool {
			part := r.newestImage().Partition(topic, partition)
			if part == nil {
				return false
			}
			if what == "leader" {
				return slices.Equal(ids, []int32{part.Leader})
			}
			isr := slices.Clone(part.ISR)
			slices.Sort(isr)
			return slices.Equal(isr, ids)
		}, nil
	case "fenced", "unfenced":
		ids, err := p.ids([]string{of})
		if err != nil {
			return nil, err
		}
		if what == "unfenced" {
			return func() bool { return r.serves(r.newestImage(), ids[0]) }, nil
		}
		return func() bool { b := r.newestImage().Broker(ids[0]); return b != nil && b.Fenced }, nil
	case "hw":
		to, err := strconv.ParseInt(strings.Join(names, " "), 10, 64)
		return func() bool {
			leader, led := p.s.Leader(topic, partition)
			hw, _, online := p.s.Ends(leader, topic, partition)
			return led && online && hw >= to
		}, err
	case "done":
		for _, c := range p.producers {
			if c.p.Name() == of {
				return func() bool { return c.p.Open() == 0 }, nil
			}
		}
		return nil, fmt.Errorf("there is no producer %s", of)
	}
	return nil, fmt.Errorf("there is no such thing to wait for as %q", what)
}
