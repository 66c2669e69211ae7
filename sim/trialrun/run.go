package trialrun

import (
	"fmt"
	"io"
	"slices"

	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
)

// RunOptions change what is shown of a run, never the run.
type RunOptions struct {
	Trace io.Writer // one line per event, fact and log line
	// OnLog sees what programs log for operators.
	OnLog func(at clock.Instant, node engine.NodeID, level engine.Level, line string)
}

// Limits of a run, in virtual time and events: a hang must be a result.
const (
	slice        = 100 * clock.Millisecond // between looks at the judges
	eventsPerSec = 2_000_000               // of virtual time, at most
)

// An operation that a disk fault has struck may end only after healing, and its
// process with it. Whoever heals a cluster starts that one again, too.
const (
	lateFailures = 5 * clock.Second
	restartAfter = 100 * clock.Millisecond
)

// run is one run under way.
type run struct {
	sys      *System
	plan     *Plan
	cast     *Cast
	world    *sim.World
	target   *target
	inj      *faults.Injector
	found    Findings // of the judges
	own      Findings // of the runner
	late     map[engine.NodeID]bool
	lateTill clock.Instant
	whole    bool
}

// Run executes a plan to its verdict. It panics on a plan that Validate refuses
// and on a cast that does not fit the plan.
func (s *System) Run(p Plan, o RunOptions) Result {
	r := s.newRun(p, o)
	r.whole = r.until(clock.Instant(p.For)) && r.heal() && r.progress() && r.drain() && r.rest()
	return r.result()
}

// newRun builds a world and starts everybody in it.
func (s *System) newRun(p Plan, o RunOptions) *run {
	if err := s.Validate(&p); err != nil {
		panic("trialrun: " + err.Error())
	}
	p = p.Clone()
	r := &run{sys: s, plan: &p, cast: s.New(&p), late: map[engine.NodeID]bool{}}
	if len(r.cast.Servers) != p.Servers || len(r.cast.Clients) != p.Clients {
		panic(fmt.Sprintf("trialrun: the cast of system %s has %d servers and %d clients; the plan says %d and %d",
			s.Name, len(r.cast.Servers), len(r.cast.Clients), p.Servers, p.Clients))
	}
	opt := sim.Options{
		Seed: p.Seed, Net: p.Net.Links(), Disk: p.Disk.Costs(), Limits: p.Net.Limits(), Poison: true,
		Trace: o.Trace, OnLog: o.OnLog, OnFact: r.onFact, OnExit: r.onExit,
	}
	if p.Buggify {
		opt.Buggify = sim.Buggify{Active: 25, Rarest: 100}
	}
	for i, id := range r.everybody() {
		n := slices.Concat(r.cast.Servers, r.cast.Clients)[i]
		opt.Nodes = append(opt.Nodes, sim.NodeSpec{
			ID: id, Factory: n.New, Listeners: n.Listeners, Volumes: n.Volumes, VolumeBytes: n.VolumeBytes,
			MaxFrame: n.MaxFrame,
		})
	}
	r.world = sim.New(opt)
	r.found.now, r.own.now = r.world.Now, r.world.Now
	r.target = newTarget(r)
	for _, id := range r.everybody() {
		r.target.Start(Name(id))
	}
	var b faults.Budget
	if s.Allow != nil {
		b = allowed{r.target}
	}
	r.inj = faults.Apply(r.target, p.Faults, b, r.note)
	return r
}

// everybody lists the node ids, servers first.
func (r *run) everybody() []engine.NodeID {
	var ids []engine.NodeID
	for i := range r.plan.Servers {
		ids = append(ids, ServerID(i))
	}
	for i := range r.plan.Clients {
		ids = append(ids, ClientID(i))
	}
	return ids
}

func (r *run) onFact(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact) {
	for _, j := range r.cast.Judges {
		j.OnFact(Fact{at, node, inc, f}, &r.found)
	}
}

func (r *run) onFault(e FaultEvent) {
	e.At = r.world.Now()
	for _, j := range r.cast.Judges {
		j.OnFault(e, &r.found)
	}
}

func (r *run) onExit(node engine.NodeID, _ engine.Incarnation, err error) {
	r.onFault(FaultEvent{Action: Exit, Node: node, Err: err})
	if err == nil || r.late[node] || r.world.Now() >= r.lateTill {
		return
	}
	r.late[node] = true // once
	r.world.At(r.world.Now().Add(restartAfter), func() { r.target.Start(Name(node)) })
}

// note shows the schedule in the trace.
func (r *run) note(f faults.Fault, nodes []string, skipped string, ended bool) {
	switch {
	case skipped != "":
		r.world.Note("fault skipped: %v on %v: %s", f, nodes, skipped)
	case ended:
		r.world.Note("fault ends: %v on %v", f, nodes)
	default:
		r.world.Note("fault: %v on %v", f, nodes)
	}
}

// until runs the world to an instant, in slices, so that it ends soon after a
// judge has spoken. It is false if the run is over.
func (r *run) until(at clock.Instant) bool {
	for r.world.Now() < at {
		if !r.world.RunUntil(min(at, r.world.Now().Add(slice))) || len(r.found.violations) > 0 || len(r.own.violations) > 0 {
			return false
		}
		if limit := uint64(eventsPerSec) * uint64(1+r.world.Now().Ms()/1000); r.world.Events() > limit {
			r.world.Fail(sim.Violation{Rule: "LIMIT", Reason: fmt.Sprintf("%d events by %v", r.world.Events(), r.world.Now())})
			return false
		}
	}
	return true
}

// heal ends every fault.
func (r *run) heal() bool {
	r.lateTill = r.world.Now().Add(lateFailures)
	r.inj.Heal()
	r.world.HealAll()
	for _, id := range r.everybody() {
		r.target.volumes(id, func(v engine.VolumeID) { r.world.RepairDisk(id, v) })
	}
	r.onFault(FaultEvent{Action: Heal})
	return true
}

// await runs on until nothing is missing. It is false if the run is over, which
// it is when the deadline passes.
func (r *run) await(rule string, missing func(w *sim.World) string) bool {
	if missing == nil {
		return true
	}
	for deadline := r.world.Now().Add(r.plan.Liveness); ; {
		what := missing(r.world)
		late := what != "" && r.world.Now() >= deadline
		r.own.Hold(rule, !late, "%v after healing, or after the clients had ended, still: %s", r.plan.Liveness, what)
		if what == "" || late {
			return !late
		}
		if !r.until(min(deadline, r.world.Now().Add(slice))) {
			return false
		}
	}
}

func (r *run) progress() bool { return r.await(RuleLiveness, r.cast.Progress) }

// drain asks the clients to end, and waits until they have.
func (r *run) drain() bool {
	var left []engine.NodeID
	for i := range r.plan.Clients {
		r.late[ClientID(i)] = true
		if id := ClientID(i); r.world.Stop(id) {
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		return true
	}
	return r.await(RuleLiveness, func(w *sim.World) string {
		for _, id := range left {
			if w.Running(id) {
				return Name(id) + " was asked to stop and has not called Host.Exit"
			}
		}
		return ""
	})
}

func (r *run) rest() bool { return r.await(RuleRest, r.cast.Rest) }
