package cluster

import (
	"fmt"
	"io"
	"strings"

	"trial/checks"
	"trial/checks/converge"
	"trial/checks/linear"
	"trial/checks/panel"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
)

// RunOptions change what is shown of a run and which judges watch it, never the run.
type RunOptions struct {
	// BlackBox leaves out the judges that look into brokers and disks (W and C
	// rules): a run goes on where one of them would have ended it.
	BlackBox bool
	Trace    io.Writer // one line per event and fact
	Until    int64     // stop after so many events; 0 runs to the end
	// OnFact sees every fact, after the judges.
	OnFact  func(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact)
	spare   int                               // nodes for the clients of a Stage
	later   func(string) (checks.Topic, bool) // topics that they create
	onFault func(f faults.Fault, nodes []string, skipped string, ended bool)

	guests  []Guest // of a Live run
	epochMs int64   // the wall clock at the start of a Live run

	// OnLog sees what programs log for operators.
	OnLog func(at clock.Instant, node engine.NodeID, level engine.Level, line string)
}

// Limits of a run, in virtual time and events: a hang must be a result.
const (
	slice        = 100 * clock.Millisecond // between looks at the judges
	observeEvery = 200 * clock.Millisecond
	dumpLimit    = 5 * clock.Minute
	eventsPerSec = 2_000_000 // of virtual time, at most
)

// run is one run under way.
type run struct {
	*world
	o     RunOptions
	panel *panel.Panel
	log   *faultLog
	tally tally
	watch watch
	inj   *faults.Injector
	phase string
	stale []checks.LateRequest

	missed []string // anchored faults that were skipped

	byHand int  // faults that a Stage's caller set off by name
	beyond bool // some of them the budget would not have allowed

	late []clock.Instant // by broker index, after healing: until when it is started again if it fails
}

// Run executes a plan to its verdict. It panics on a plan that Validate refuses.
func Run(p Plan, o RunOptions) Result {
	r := newRun(p, o)
	r.execute()
	return r.result()
}

func newRun(p Plan, o RunOptions) *run {
	if err := p.Validate(); err != nil {
		panic("cluster: " + err.Error())
	}
	cfg := p.checkConfig()
	cfg.FirstAlone = cfg.FirstAlone && len(o.guests) == 0 // clients of others need not wait
	cfg.Later = o.later
	r := &run{o: o, panel: panel.New(cfg), phase: "safety phase"}
	r.world = newWorld(&p, o, hooks{r.onFact, r.onExit, r.onLate})
	r.watch = newWatch(r.world)
	r.log = &faultLog{w: r.world, emit: func(e checks.FaultEvent) { r.panel.OnFault(&e, disks{r.world}) }}
	return r
}

func (r *run) onFact(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact) {
	if !r.o.BlackBox {
		r.panel.OnFact(at, node, inc, f)
	}
	r.tally.fact(f)
	r.happen.fact(node, f)
	if r.o.OnFact != nil {
		r.o.OnFact(at, node, inc, f)
	}
}

// onExit: a process that ended by itself with an error is as dead as a killed one.
func (r *run) onExit(node engine.NodeID, _ engine.Incarnation, err error) {
	r.happen.tell(faults.Event{What: faults.End, Of: r.name(node)})
	if err == nil {
		return
	}
	r.log.kill(node)
	if i := int(node) - 1; i < len(r.late) && r.Now() < r.late[i] {
		r.late[i] = 0 // once
		r.At(r.Now().Add(restartAfter), func() { target{r.world, r.log}.Start(r.name(node)) })
	}
}

// An operation that a disk fault has struck may end only after healing, and its
// process with it. Whoever heals a cluster starts that one again, too.
const (
	lateFailures = 5 * clock.Second
	restartAfter = 100 * clock.Millisecond
)

func (r *run) execute() {
	r.start()
	if r.until(clock.Instant(r.plan.For)) {
		r.conclude()
	}
}

// start starts every node and schedules the faults.
func (r *run) start() {
	for _, n := range r.plan.BrokerNames() {
		r.World.Start(r.id(n))
	}
	r.World.Start(setupID)
	for _, n := range r.plan.ClientNames() {
		r.World.Start(r.id(n))
	}
	var b faults.Budget
	if r.plan.Mode == Budget {
		b = budget{r.world}
	}
	r.inj = faults.Apply(target{r.world, r.log}, r.plan.Faults, b, r.onFault)
}

// conclude ends the fault phase and sees the run to its end.
func (r *run) conclude() {
	_ = r.settle() && r.drain() && r.dump() && r.observeUntilSettled(true)
}

// onFault shows the schedule in the trace.
func (r *run) onFault(f faults.Fault, nodes []string, skipped string, ended bool) {
	if r.o.onFault != nil {
		r.o.onFault(f, nodes, skipped, ended)
	}
	switch {
	case skipped != "":
		r.Note("fault skipped: %s%v on %v: %s", anchorOf(f), f, nodes, skipped)
		if f.Anchored() {
			r.missed = append(r.missed, anchorOf(f)+f.String()+": "+skipped)
		}
	case ended:
		r.Note("fault ends: %v on %v", f, nodes)
	default:
		r.happen.struck(f, nodes)
		r.Note("fault: %s%v on %v", anchorOf(f), f, nodes)
	}
}

// anchorOf is what a line of the trace says of a fault's anchor.
func anchorOf(f faults.Fault) string {
	if !f.Anchored() {
		return ""
	}
	f.At = 0 // that of the strike by now, which begins the line
	return f.When() + " "
}

// until runs the world to an instant, in slices, so that it ends soon after a
// judge has spoken. It is false if the run is over.
func (r *run) until(at clock.Instant) bool {
	for r.Now() < at {
		next := min(at, r.Now().Add(slice))
		if !r.RunUntil(next) || r.panel.Broken() || r.over() {
			return false
		}
		if r.disturbed > 0 {
			r.panel.ObserveIsolated(r.Now(), r.isolation.view())
		}
	}
	return true
}

func (r *run) over() bool {
	if r.o.Until > 0 && int64(r.Events()) >= r.o.Until {
		return true
	}
	if limit := uint64(eventsPerSec) * uint64(1+r.Now().Ms()/1000); r.Events() > limit {
		r.Fail(sim.Violation{Rule: "LIMIT", Reason: fmt.Sprintf("%d events by %v", r.Events(), r.Now())})
		return true
	}
	return false
}

// settle heals and runs on under load until every liveness rule holds.
func (r *run) settle() bool {
	r.phase = "liveness phase"
	r.heal()
	for range r.plan.Brokers {
		r.late = append(r.late, r.Now().Add(lateFailures))
	}
	if !r.awaitRest() {
		return false
	}
	if r.forgotten() {
		return false
	}
	r.log.note(0, 0, "heal")
	return r.observeUntilSettled(false)
}

// heal ends every fault.
func (r *run) heal() {
	r.inj.Heal()
	r.HealAll()
	for k := int32(1); k <= r.plan.Brokers; k++ {
		for v := range r.Volumes(engine.NodeID(k)) {
			r.RepairDisk(engine.NodeID(k), engine.VolumeID(v))
		}
	}
}

// stopsTake bounds how long healing waits for orderly stops. It is a few session
// timeouts: a broker that stops waits until somebody can take over from it.
const stopsTake = 30 * clock.Second

// awaitRest waits for what the faults have begun and healing cannot call back:
// brokers that were asked to stop, until they are started again, and frames that
// a hold delays.
func (r *run) awaitRest() bool {
	held := min(r.heldUntil, r.Now().Add(r.longestHold))
	for limit := r.Now().Add(stopsTake); r.Now() < limit && (r.stopsUnderWay() || r.Now() < held); {
		if !r.until(r.Now().Add(slice)) {
			return false
		}
	}
	return true
}

// drain stops the producers and waits until everything has come to rest.
func (r *run) drain() bool {
	r.phase = "convergence phase"
	for i, c := range r.plan.Clients {
		if c.Role != workload.Consumer {
			r.World.Stop(firstClientID + engine.NodeID(i))
		}
	}
	for _, h := range r.hands {
		if h.role != workload.Consumer {
			r.World.Stop(h.id)
		}
	}
	return r.observeUntilSettled(true)
}

// observeUntilSettled shows the judges the world until all liveness rules hold.
// They speak up when a deadline passes; past the last one nothing is waited for.
func (r *run) observeUntilSettled(idle bool) bool {
	d, _ := r.panel.Deadlines()
	last := max(d.V4, d.V5, d.V8, r.Now()).Add(30 * clock.Second)
	for r.Now() < last {
		if !r.until(r.Now().Add(observeEvery)) {
			return false
		}
		r.panel.Observe(r.watch.view(idle))
		if r.panel.Settled() && (!idle || r.converged()) && (!idle || !r.plan.Linger || r.Now() > max(d.V4, d.V5)) {
			return true
		}
	}
	return true
}

// converged reports whether every broker has applied the metadata that any has,
// but for what the quorum has just written.
func (r *run) converged() bool {
	images := r.images()
	for _, im := range images {
		if im.Offset+2 < images[0].Offset || images[0].Offset+2 < im.Offset {
			return false
		}
	}
	return true
}

// dump reads every partition from start to end.
func (r *run) dump() bool {
	r.phase = "final dump"
	if len(r.guests) > 0 && len(r.plan.Clients) == 0 {
		return true // the records are the guests', and name nothing that the judges know
	}
	if len(r.hands) > 0 { // they may have created, widened and deleted topics
		r.clients.Topics = r.dumped()
	}
	r.World.Start(dumpID)
	limit := r.Now().Add(dumpLimit)
	for r.Now() < limit {
		if !r.until(r.Now().Add(slice)) {
			return false
		}
		if p, ok := r.Program(dumpID).(workload.Program); ok && p.Finished() {
			r.World.Stop(dumpID)
			return r.until(r.Now().Add(slice))
		}
	}
	return true
}

func (r *run) images() []converge.Image {
	var out []converge.Image
	for k := int32(1); k <= r.plan.Brokers; k++ {
		if b := r.broker(k); b != nil {
			out = append(out, converge.Image{Node: k, Offset: b.Image().Offset(), Hash: b.Image().Hash()})
		}
	}
	return out
}

// result seals the hash and lets the judges of histories and disks speak.
func (r *run) result() Result {
	res := Result{
		Plan: *r.plan, Hash: r.Hash(), Events: int64(r.Events()), Virtual: clock.Duration(r.Now()),
		Faults: int64(r.inj.Injected()), Skipped: int64(r.inj.Skipped()), Missed: r.missed,
		Elections: r.tally.elections, ISRChanges: r.tally.isrChanges,
	}
	for _, p := range r.Probes() {
		res.Probes = append(res.Probes, Probe{p.Name, int64(p.Times)})
	}
	res.Faults += int64(r.byHand)
	v := r.Violation()
	whole := v == nil && !r.panel.Broken() && r.o.Until == 0
	report := r.panel.End(panel.End{
		At: r.Now(), History: r.history, Disk: disks{r.world}, Late: r.stale, Images: r.images(), Quiescent: whole && r.panel.Settled() && !r.o.BlackBox,
		Search: linear.Options{Every: 4}, NoSearch: !whole,
	})
	res.Violations, res.Evaluations = report.Violations, report.Evaluations
	res.Delivered = report.Stats.Delivered
	res.countAcks(r.history)
	for i, made := range r.made {
		if made {
			res.Emptied = append(res.Emptied, "n"+itoa32(int32(i+1)))
		}
	}
	res.Outages = outages(r.history, firstFault(r.plan.Faults), r.Now(), report.Ledger.Name)
	res.account(report)
	if !r.beyond {
		res.keepBudget(r.Now())
	}
	switch {
	case v != nil && (v.Rule == "STUCK" || v.Rule == "LIMIT"):
		res.Verdict, res.Note = Stuck, v.Reason
	case v != nil:
		res.Verdict = Failed
		res.Violations = append([]checks.Violation{{
			Rule: v.Rule, Seq: -1, At: v.At, Reason: r.name(v.Node) + ": " + v.Reason, Objects: []string{r.name(v.Node)},
			Events: stackLines(v.Stack),
		}}, res.Violations...)
	case len(res.Violations) > 0:
		res.Verdict = Failed
	case report.Search != nil && report.Search.Exhausted > 0:
		res.Verdict, res.Note = Exhausted, "the search for a linearization ran out of its step budget"
	case whole && res.Acked == 0 && res.Delivered == 0:
		res.Verdict, res.Note = Empty, "no record was acknowledged or delivered"
	default:
		res.Verdict = Pass
	}
	return res
}

// stackLines takes a panic's stack apart, without the machine's paths of the
// runtime above it.
func stackLines(stack string) []string {
	if stack == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	return lines[:min(len(lines), 40)]
}
