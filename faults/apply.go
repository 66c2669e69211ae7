package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"trial/clock"
)

// World is what a schedule is applied to. Nodes are named as in the text: n1 for
// brokers, c1 for clients. Every method takes effect at once.
type World interface {
	// At schedules f on the timeline, between events.
	At(at clock.Instant, f func())

	Brokers() []string
	Clients() []string
	// Resolve finds who plays a role at this moment: Leader or Follower of a
	// partition, or Controller.
	Resolve(role, of string) (node string, ok bool)
	// Up reports whether the node's process runs (a paused one does).
	Up(node string) bool
	// Life counts the node's incarnations.
	Life(node string) uint64
	// Paused reports whether the node is frozen.
	Paused(node string) bool

	Start(node string)
	Kill(node string)
	PowerFail(node string)
	Stop(node string)
	SetPaused(node string, paused bool)

	// Cut stops packets from one node to another, Clog makes them wait, Slow delays
	// them further; each call with on=false takes one earlier call back, so that
	// overlapping faults nest.
	Cut(from, to string, on bool)
	Clog(from, to string, on bool)
	Slow(from, to string, by clock.Duration, on bool)
	ResetConns(a, b string)

	SlowDisk(node string, by clock.Duration, syncOnly, on bool)
	// FailNext makes the next append or sync of a node fail; "" takes back what has
	// not struck yet.
	FailNext(node string, what Action)
	// Flip damages the records of one frame from one node to another, if one with
	// records is sent until the instant.
	Flip(from, to string, until clock.Instant)
	// Hold makes frames of a class sent by the node wait until the instant.
	// It is false when the world knows no such class.
	Hold(node, class string, until clock.Instant) bool
}

// Budget decides whether a fault may be injected now. A nil Budget allows all.
type Budget interface {
	// Allow reports whether the promised guarantees must survive this action on the
	// node at this moment; why says what would break.
	Allow(a Action, node string) (ok bool, why string)
}

// Log gets one line for each fault when it strikes, is skipped or ends. The
// instant of an anchored fault that strikes is that at which it does.
type Log func(f Fault, nodes []string, skipped string, ended bool)

// Injector applies a schedule to a world.
type Injector struct {
	world    World
	budget   Budget
	log      Log
	injected int
	skipped  int
	stopped  bool
	ends     []func()
	waits    []*wait // of anchored faults
}

// Apply schedules every fault of s on the world's timeline. Call Heal to end the
// fault phase early or late: it undoes whatever still lasts.
func Apply(w World, s Schedule, b Budget, log Log) *Injector {
	if log == nil {
		log = func(Fault, []string, string, bool) {}
	}
	in := &Injector{world: w, budget: b, log: log}
	for _, f := range s.Sorted() {
		if f.Anchored() {
			in.await(f)
			continue
		}
		w.At(f.At, func() { in.strike(f) })
	}
	return in
}

// Add has one more fault with an anchor wait for it.
func (in *Injector) Add(f Fault) {
	if !in.stopped {
		in.await(f)
	}
}

// Strike applies a fault at this moment, whatever the budget says. It reports why
// the fault did not take effect; "" if it did.
func (in *Injector) Strike(f Fault) (why string) {
	budget, log, before := in.budget, in.log, in.injected
	in.budget = nil
	in.log = func(f Fault, nodes []string, skipped string, ended bool) {
		if skipped != "" {
			why = skipped
		}
		log(f, nodes, skipped, ended)
	}
	in.strike(f)
	in.budget, in.log = budget, log
	if in.injected > before {
		return ""
	}
	if in.stopped {
		return "the faults have been healed"
	}
	return why
}

// Find names the nodes that a side of a fault means at this moment, as "n1, n2" or
// "leader of t-0"; other is the other side, for "rest".
func (in *Injector) Find(side string, other []string) ([]string, error) {
	p := parser{words: words(side)}
	ts, err := p.targets()
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("%q has no meaning there", p.words[0])
	}
	if err == nil {
		var unknown *UnknownNodeError
		if errors.As(Check(Schedule{{Left: ts}}, in.world.Brokers(), in.world.Clients()), &unknown) {
			err = fmt.Errorf("no node is called %s; this cluster has %s", unknown.Node, strings.Join(unknown.Nodes, ", "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", side, err)
	}
	nodes, ok := in.group(ts, other)
	if !ok {
		return nil, fmt.Errorf("target %q: %w", side, ErrNobody)
	}
	return nodes, nil
}

// Injected counts the faults that took effect, Skipped those that did not.
func (in *Injector) Injected() int { return in.injected }

// Skipped counts the faults that the budget refused, that found no target or whose
// anchor never came.
func (in *Injector) Skipped() int { return in.skipped }

// Heal ends every fault: what lasts is undone, every node is started and
// resumed, and faults still to come are dropped. Those whose anchor never came
// are skipped.
func (in *Injector) Heal() {
	in.stopped = true
	for _, a := range in.waits {
		a.giveUp()
	}
	for _, end := range in.ends {
		if end != nil {
			end()
		}
	}
	in.ends = nil
	for _, n := range slices.Concat(in.world.Brokers(), in.world.Clients()) {
		if in.world.Paused(n) {
			in.world.SetPaused(n, false)
		}
		if !in.world.Up(n) {
			in.world.Start(n)
		}
	}
}

func (in *Injector) skip(f Fault, nodes []string, why string) {
	in.skipped++
	in.log(f, nodes, why, false)
}

func (in *Injector) strike(f Fault) {
	if in.stopped {
		return
	}
	left, right, ok := in.resolve(f)
	if !ok {
		in.skip(f, nil, ErrNobody.Error())
		return
	}
	if sh, _ := shapeOf(f.Action); sh.sides == 2 {
		in.strikeLinks(f, left, right)
		return
	}
	if f.Action == Roll {
		if in.roll(f, left) {
			in.injected++
		}
		return
	}
	struck := false
	for _, n := range left {
		struck = in.strikeNode(f, n) || struck
	}
	if struck {
		in.injected++
	}
}

// strikeNode applies a one-sided fault to one node and schedules its end.
func (in *Injector) strikeNode(f Fault, n string) bool {
	w := in.world
	if !w.Up(n) {
		in.skip(f, []string{n}, "its process is down already")
		return false
	}
	if f.Action == Pause && w.Paused(n) {
		in.skip(f, []string{n}, "it is paused already")
		return false
	}
	if in.budget != nil {
		if ok, why := in.budget.Allow(f.Action, n); !ok {
			in.skip(f, []string{n}, "over budget: "+why)
			return false
		}
	}
	restart := func() {
		if !w.Up(n) {
			w.Start(n)
		}
	}
	in.log(f, []string{n}, "", false)
	switch f.Action {
	case Kill:
		w.Kill(n)
		in.until(f, []string{n}, restart)
	case Power:
		w.PowerFail(n)
		in.until(f, []string{n}, restart)
	case Lose:
		in.lose(n)
		in.until(f, []string{n}, restart)
	case Replace:
		in.ends = append(in.ends, in.replace(n, f.At, f.For, nil).heal)
	case Stop:
		life := w.Life(n)
		w.Stop(n)
		in.until(f, []string{n}, func() { in.afterStop(n, life, f.At.Add(f.For), restart) })
	case Pause:
		w.SetPaused(n, true)
		in.until(f, []string{n}, func() {
			if w.Paused(n) {
				w.SetPaused(n, false)
			}
		})
	case SlowDisk, SlowSync:
		w.SlowDisk(n, f.By, f.Action == SlowSync, true)
		in.until(f, []string{n}, func() { w.SlowDisk(n, f.By, f.Action == SlowSync, false) })
	case FailAppend, ShortAppend, FailSync:
		w.FailNext(n, f.Action)
		in.until(f, []string{n}, func() { w.FailNext(n, ""); restart() })
	case Hold:
		if !w.Hold(n, f.Class, f.At.Add(f.For)) {
			in.skip(f, []string{n}, "this world knows no requests of class "+f.Class)
			return false
		}
	}
	return true
}

// stopPoll is how often an orderly stop that takes longer than its fault is
// looked at again.
const stopPoll = 100 * clock.Millisecond

// afterStop starts a node again once the life that was asked to stop has ended.
func (in *Injector) afterStop(n string, life uint64, at clock.Instant, restart func()) {
	if in.world.Up(n) && in.world.Life(n) == life {
		at = at.Add(stopPoll)
		in.world.At(at, func() { in.afterStop(n, life, at, restart) })
		return
	}
	restart()
}

// strikeLinks applies a two-sided fault to every pair and schedules its end.
func (in *Injector) strikeLinks(f Fault, left, right []string) {
	var pairs [][2]string
	for _, a := range left {
		for _, b := range right {
			if a == b {
				continue
			}
			pairs = append(pairs, [2]string{a, b})
			if !f.OneWay {
				pairs = append(pairs, [2]string{b, a})
			}
		}
	}
	if len(pairs) == 0 {
		in.skip(f, left, "the two sides are the same node")
		return
	}
	if in.budget != nil {
		for _, n := range slices.Concat(left, right) {
			if ok, why := in.budget.Allow(f.Action, n); !ok {
				in.skip(f, []string{n}, "over budget: "+why)
				return
			}
		}
	}
	in.injected++
	in.log(f, slices.Concat(left, right), "", false)
	set := func(on bool) {
		for _, p := range pairs {
			switch f.Action {
			case Cut:
				in.world.Cut(p[0], p[1], on)
			case Clog:
				in.world.Clog(p[0], p[1], on)
			case Slow:
				in.world.Slow(p[0], p[1], f.By, on)
			case Reset:
				in.world.ResetConns(p[0], p[1])
			case Flip:
				in.world.Flip(p[0], p[1], f.At.Add(f.For))
			}
		}
	}
	set(true)
	if f.Action != Reset && f.Action != Flip {
		in.until(f, slices.Concat(left, right), func() { set(false) })
	}
}

// until schedules the end of a fault that took effect; Heal may run it earlier.
func (in *Injector) until(f Fault, nodes []string, end func()) {
	slot := len(in.ends)
	in.ends = append(in.ends, end)
	in.world.At(f.At.Add(f.For), func() {
		if in.stopped || in.ends[slot] == nil {
			return
		}
		in.ends[slot] = nil
		in.log(f, nodes, "", true)
		end()
	})
}

func (in *Injector) resolve(f Fault) (left, right []string, ok bool) {
	if left, ok = in.group(f.Left, nil); !ok {
		return nil, nil, false
	}
	if f.Right == nil {
		return left, nil, true
	}
	if right, ok = in.group(f.Right, left); !ok {
		return nil, nil, false
	}
	if len(f.Left) == 1 && f.Left[0].Node == Rest { // "rest | n1": named sides first
		left, ok = in.group(f.Left, right)
	}
	return left, right, ok
}

func (in *Injector) group(ts []Target, other []string) ([]string, bool) {
	var out []string
	add := func(n string) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for _, t := range ts {
		switch t.Node {
		case Leader, Follower, Controller:
			n, ok := in.world.Resolve(t.Node, t.Of)
			if !ok {
				return nil, false
			}
			add(n)
		case Rest:
			for _, n := range in.world.Brokers() {
				if !slices.Contains(other, n) {
					add(n)
				}
			}
		case Everyone:
			for _, n := range in.world.Clients() {
				add(n)
			}
		case Zone:
			if pods, ok := in.world.(Pods); ok {
				for _, n := range pods.Zone(t.Of) {
					add(n)
				}
			}
		default:
			add(t.Node)
		}
	}
	return out, len(out) > 0
}

// Check reports the first fault that names a node the world does not have.
func Check(s Schedule, brokers, clients []string) error {
	for _, f := range s {
		for _, t := range slices.Concat(f.Left, f.Right) {
			switch t.Node {
			case Leader, Follower, Controller, Rest, Everyone, Zone:
				continue
			}
			if !slices.Contains(brokers, t.Node) && !slices.Contains(clients, t.Node) {
				return &UnknownNodeError{Fault: f, Node: t.Node, Nodes: slices.Concat(brokers, clients)}
			}
		}
	}
	return nil
}
