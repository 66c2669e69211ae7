package faults

import (
	"slices"

	"trial/clock"
)

// Pods is what a World has besides if its nodes are pods on machines: processes
// that an operator deletes and makes again, with volumes of which some end with
// their pod.
type Pods interface {
	// NewPod makes the pod of a node anew while its process does not run: volumes
	// that end with a pod are empty from now on.
	NewPod(node string)
	// Zone names the nodes whose machines stand in a zone.
	Zone(name string) []string
	// Ready reports whether a node that was made anew has come back: an operator
	// goes on to the next one only then.
	Ready(node string) bool
	// Spare reports whether an operator may take a node down now. queue are those
	// that are still to come, the node among them.
	Spare(node string, queue []string) bool
}

// Grace is how long a pod may take to end in an orderly way before it is killed
// (terminationGracePeriodSeconds of Kubernetes and Strimzi).
const Grace = 30 * clock.Second

// rollPoll is how often a rolling update looks whether it can go on.
const rollPoll = 250 * clock.Millisecond

// pod is the replacement of one node: stop, new pod, start.
type pod struct {
	in    *Injector
	node  string
	life  uint64
	began clock.Instant
	back  clock.Instant // not before
	made  bool          // the new pod is there
	done  func(at clock.Instant)
}

// replace deletes the pod of a node and makes it again after a span. done, if not
// nil, is told when it starts.
func (in *Injector) replace(node string, at clock.Instant, away clock.Duration, done func(clock.Instant)) *pod {
	p := &pod{in: in, node: node, life: in.world.Life(node), began: at, back: at.Add(away), done: done}
	in.world.Stop(node)
	p.watch(at)
	return p
}

// watch looks, again and again, whether the old pod has ended and the new one is due.
func (p *pod) watch(at clock.Instant) {
	if p.made {
		return
	}
	w := p.in.world
	if w.Up(p.node) && w.Life(p.node) == p.life && at.Sub(p.began) >= Grace {
		w.Kill(p.node)
	}
	if gone := !w.Up(p.node); gone && (at >= p.back || p.in.stopped) {
		p.start(at)
		return
	}
	if w.Life(p.node) != p.life {
		return // somebody else has started it
	}
	next := at.Add(stopPoll)
	w.At(next, func() { p.watch(next) })
}

// start makes the new pod and starts the node in it.
func (p *pod) start(at clock.Instant) {
	p.made = true
	if pods, ok := p.in.world.(Pods); ok {
		pods.NewPod(p.node)
	}
	p.in.world.Start(p.node)
	if p.done != nil {
		p.done(at)
	}
}

// heal ends the replacement early: what is down comes back now, in its new pod.
func (p *pod) heal() {
	if !p.made && !p.in.world.Up(p.node) {
		p.start(p.began)
	}
}

// lose takes the machine away under a node; its pod is made again on another one.
func (in *Injector) lose(node string) {
	in.world.PowerFail(node)
	if pods, ok := in.world.(Pods); ok {
		pods.NewPod(node)
	}
}

// roll is a rolling update under way: one node after the other is replaced, each
// when the cluster can spare it and its predecessor is ready (Strimzi's KafkaRoller).
type roll struct {
	in     *Injector
	pods   Pods
	f      Fault
	queue  []string
	last   string // the node that was replaced latest
	tries  int    // looks at a queue in which nobody could be spared
	active *pod
}

// rollGivesUp bounds the time in which no node could be spared, in looks.
const rollGivesUp = 10 * 60 * 4

func (in *Injector) roll(f Fault, nodes []string) bool {
	pods, ok := in.world.(Pods)
	if !ok {
		in.skip(f, nodes, "the nodes of this world are no pods")
		return false
	}
	in.log(f, nodes, "", false)
	r := &roll{in: in, pods: pods, f: f, queue: slices.Clone(nodes)}
	in.ends = append(in.ends, r.heal)
	r.next(f.At)
	return true
}

// next replaces the first node of the queue that can be spared, or looks again.
func (r *roll) next(at clock.Instant) {
	if r.in.stopped {
		return
	}
	if len(r.queue) == 0 {
		if r.last == "" || r.pods.Ready(r.last) {
			r.in.log(r.f, nil, "", true)
			return
		}
	} else if r.last == "" || r.pods.Ready(r.last) {
		for i, n := range r.queue {
			if !r.in.world.Up(n) || !r.pods.Spare(n, r.queue) || !r.allowed(n) {
				continue
			}
			r.queue, r.last, r.tries = slices.Delete(r.queue, i, i+1), n, 0
			r.active = r.in.replace(n, at, r.f.For, func(back clock.Instant) { r.again(back) })
			return
		}
	}
	if r.tries++; r.tries > rollGivesUp {
		r.in.skip(r.f, r.queue, "the operator gave up: none of them could be spared for ten minutes")
		return
	}
	r.again(at)
}

func (r *roll) allowed(n string) bool {
	if r.in.budget == nil {
		return true
	}
	ok, _ := r.in.budget.Allow(Replace, n)
	return ok
}

func (r *roll) again(at clock.Instant) {
	at = at.Add(rollPoll)
	r.in.world.At(at, func() { r.next(at) })
}

func (r *roll) heal() {
	if r.active != nil {
		r.active.heal()
	}
}
