package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"trial/checks"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
)

// Stage is a run that its caller drives: the world, the judges, the trace hash and
// the verdict of Run, but what happens between the start and the end comes from
// outside, in virtual time: how long to run, faults, clients and what they do. The
// plan's clients work and its faults strike as in Run. One goroutine drives it;
// the same calls give the same hash.
type Stage struct {
	run      *run
	inj      *faults.Injector // of the faults by hand
	onFault  []func(Struck)
	late     []func(clock.Instant, string, engine.Fact)
	later    []checks.Topic
	cuts     [][2]string
	looked   clock.Instant
	err      error
	finished bool
	result   Result
}

var errFinished = errors.New("the stage has finished")

// Open starts a run that the caller drives: brokers, topics and clients of the
// plan. No time has passed when it returns. It panics on a plan that Validate
// refuses.
func Open(p Plan, o RunOptions) *Stage {
	s := &Stage{}
	o.spare, o.later = spareNodes, s.laterTopic
	own := o.OnFact
	o.OnFact = func(at clock.Instant, node engine.NodeID, inc engine.Incarnation, f engine.Fact) {
		if own != nil {
			own(at, node, inc, f)
		}
		for _, on := range s.late {
			on(at, s.run.name(node), f)
		}
	}
	o.onFault = s.struck
	s.run = newRun(p, o)
	s.run.start()
	s.inj = s.injector()
	return s
}

// OnFact has f hear every fact of the brokers from now on, after the judges.
func (s *Stage) OnFact(f func(at clock.Instant, node string, fact engine.Fact)) {
	s.late = append(s.late, f)
}

// Plan is the plan of the run.
func (s *Stage) Plan() Plan { return s.run.plan.Clone() }

// Now is the present instant of virtual time.
func (s *Stage) Now() clock.Instant { return s.run.Now() }

// Err is why the run has ended before Finish; nil while it goes on.
func (s *Stage) Err() error { return s.err }

// RunFor lets so much time pass. The error says that a judge has spoken or that
// the world has ended.
func (s *Stage) RunFor(d clock.Duration) error {
	if s.ended() {
		return s.err
	}
	if !s.run.until(s.run.Now().Add(max(d, 0))) {
		s.err = s.why()
	}
	return s.err
}

// Await runs until cond holds, which is looked at after every step of the world,
// or until the limit has passed: then the error says what was waited for.
func (s *Stage) Await(what string, limit clock.Duration, cond func() bool) error {
	if s.ended() {
		return s.err
	}
	until := s.run.Now().Add(max(limit, 0))
	for !cond() {
		at, any := s.run.NextAt()
		if !any || at > until {
			if err := s.RunFor(until.Sub(s.run.Now())); err != nil {
				return err
			}
			if cond() {
				return nil
			}
			return &LimitError{What: what, Limit: limit, At: s.run.Now()}
		}
		s.run.Step()
		if !s.look() {
			return s.err
		}
	}
	return nil
}

// LimitError says that something waited for did not happen in time.
type LimitError struct {
	What  string
	Limit clock.Duration
	At    clock.Instant
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: still not so %v later, at %v", e.What, e.Limit, e.At)
}

// look sees whether the run goes on.
func (s *Stage) look() bool {
	r := s.run
	if r.Violation() != nil || r.panel.Broken() || r.over() {
		s.err = s.why()
		return false
	}
	if r.disturbed > 0 && r.Now() >= s.looked.Add(slice) {
		s.looked = r.Now()
		r.panel.ObserveIsolated(r.Now(), r.isolation.view())
	}
	return true
}

func (s *Stage) ended() bool {
	if s.err == nil && s.finished {
		s.err = errFinished
	}
	return s.err != nil
}

// why is the verdict that ended the run, before all judges have spoken.
func (s *Stage) why() error {
	if v := s.run.Violation(); v != nil {
		return v
	}
	for _, v := range s.run.panel.Spoken() {
		return &sim.Violation{Rule: v.Rule, At: v.At, Reason: v.Reason}
	}
	return errors.New("the run was stopped at its limit of events")
}

// At has f called at an instant, between the events of the world. It may call what
// is no wait: sends and faults.
func (s *Stage) At(at clock.Instant, f func()) { s.run.At(max(at, s.Now()), f) }

// NoTargetError says that a fault by hand struck nobody, although its words make
// sense: nobody plays the role now, or the node is down already.
type NoTargetError struct{ Fault, Why string }

func (e *NoTargetError) Error() string {
	return fmt.Sprintf("fault %q did not strike: %s", e.Fault, e.Why)
}

// Resolve names the nodes that a target means now: "n1", "leader of t-0",
// "controller", "follower of t-1", "n1, n2", "clients".
func (s *Stage) Resolve(target string) ([]string, error) { return s.inj.Find(target, nil) }

// Fault lets one fault strike now, in the words of a schedule: "kill leader of t-0
// for 2s", "cut n3 | n1, n2 for 5s". It ends by itself. The error says why it did
// not strike. With an anchor, "after 3 acks of t-0: kill n1 for 2s", it strikes
// when that comes.
func (s *Stage) Fault(line string) error {
	if s.ended() {
		return s.err
	}
	text := line
	if !strings.Contains(line, ":") {
		text = "0s " + line
	}
	f, err := faults.ParseFault(text)
	if err != nil {
		return fmt.Errorf("fault %q: %w", line, errors.Unwrap(err))
	}
	if f.Anchored() {
		return s.anchored(f)
	}
	f.At = s.Now()
	if err := faults.Check(faults.Schedule{f}, s.brokers(), s.clients()); err != nil {
		return err
	}
	for _, t := range slices.Concat(f.Left, f.Right) {
		s.weigh(f.Action, t.String())
	}
	if why := s.inj.Strike(f); why != "" {
		return &NoTargetError{line, why}
	}
	return nil
}

// anchored has a fault wait for its anchor. Whether the budget would allow it
// cannot be said before.
func (s *Stage) anchored(f faults.Fault) error {
	one := faults.Schedule{f}
	if err := faults.CheckAnchors(one, s.brokers(), s.clients(), s.run.plan.partitionNames()); err != nil {
		return err
	}
	if err := faults.Check(one, s.brokers(), s.clients()); err != nil {
		return err
	}
	s.run.beyond = true
	s.inj.Add(f)
	return nil
}

// Kill ends the processes of a target at once; what the operating system took
// stays. They are down until Start, or until the stage finishes.
func (s *Stage) Kill(who string) error {
	return s.each("kill", who, func(t target, n string) { s.weigh(faults.Kill, n); t.Kill(n) })
}

// PowerFail cuts the power of a target: what was not synced may be lost or torn.
func (s *Stage) PowerFail(who string) error {
	return s.each("power", who, func(t target, n string) { s.weigh(faults.Power, n); t.PowerFail(n) })
}

// Stop asks the processes of a target for an orderly end.
func (s *Stage) Stop(who string) error {
	return s.each("stop", who, func(t target, n string) { s.weigh(faults.Stop, n); t.Stop(n) })
}

// Pause freezes the processes of a target; they are alive and do nothing.
func (s *Stage) Pause(who string) error {
	return s.each("pause", who, func(t target, n string) { s.weigh(faults.Pause, n); t.SetPaused(n, true) })
}

// Resume ends a pause.
func (s *Stage) Resume(who string) error {
	return s.each("resume", who, func(t target, n string) {
		if t.Paused(n) {
			t.SetPaused(n, false)
		}
	})
}

// Start starts nodes again that are down, on their disks and addresses.
func (s *Stage) Start(who string) error {
	return s.each("start", who, func(t target, n string) { t.Start(n) })
}

// Cut lets nothing pass between two sides until Heal.
func (s *Stage) Cut(a, b string) error {
	return s.pairs(a, b, func(x, y string) {
		if p := [2]string{x, y}; !slices.Contains(s.cuts, p) {
			s.cuts = append(s.cuts, p)
			s.run.byHand++
			s.weigh(faults.Cut, x)
			s.run.Note("by hand: cut %s > %s", x, y)
			s.targets().Cut(x, y, true)
		}
	})
}

// Heal ends a Cut.
func (s *Stage) Heal(a, b string) error {
	return s.pairs(a, b, func(x, y string) {
		if i := slices.Index(s.cuts, [2]string{x, y}); i >= 0 {
			s.cuts = slices.Delete(s.cuts, i, i+1)
			s.run.Note("by hand: heal %s > %s", x, y)
			s.targets().Cut(x, y, false)
		}
	})
}

func noTarget(what string, err error) error {
	if errors.Is(err, faults.ErrNobody) {
		return &NoTargetError{what, faults.ErrNobody.Error()}
	}
	return err
}

func (s *Stage) pairs(a, b string, f func(x, y string)) error {
	if s.ended() {
		return s.err
	}
	left, err := s.inj.Find(a, nil)
	if err != nil {
		return noTarget(a, err)
	}
	right, err := s.inj.Find(b, left)
	if err != nil {
		return noTarget(b, err)
	}
	if a == faults.Rest {
		if left, err = s.inj.Find(a, right); err != nil {
			return err
		}
	}
	for _, x := range left {
		for _, y := range right {
			if x != y {
				f(x, y)
				f(y, x)
			}
		}
	}
	return nil
}

func (s *Stage) targets() target { return target{s.run.world, s.run.log} }

func (s *Stage) each(what, of string, f func(t target, node string)) error {
	if s.ended() {
		return s.err
	}
	nodes, err := s.Resolve(of)
	if err != nil {
		return noTarget(what+" "+of, err)
	}
	t := s.targets()
	for _, n := range nodes {
		if up := t.Up(n); up == (what == "start") {
			state := map[bool]string{true: "runs already", false: "is down already"}[up]
			return &NoTargetError{what + " " + of, n + " " + state}
		}
		if what != "start" && what != "resume" {
			s.run.byHand++
		}
		s.run.Note("by hand: %s %s", what, n)
		f(t, n)
	}
	return nil
}

// weigh notes whether a fault by hand is one that the budget would not allow: what
// it costs is then no broken promise of the mode.
func (s *Stage) weigh(a faults.Action, target string) {
	nodes, err := s.Resolve(target)
	if err != nil {
		return
	}
	for _, n := range nodes {
		if ok, _ := (budget{s.run.world}).Allow(a, n); !ok {
			s.run.beyond = true
		}
	}
}

// Finish ends the run as Run does: it heals, waits until the cluster has settled,
// stops the producers, reads everything and lets all judges speak. Called again it
// returns the same.
func (s *Stage) Finish() Result {
	if s.finished {
		return s.result
	}
	if s.err == nil {
		s.mend()
		s.run.conclude()
	}
	s.run.byHand += s.inj.Injected()
	s.finished = true
	s.result = s.run.result()
	return s.result
}

// Calm ends every fault, those by hand too, drops the faults of the plan that are
// still to come, and starts what is down. Faults by hand may follow.
func (s *Stage) Calm() error {
	if s.ended() {
		return s.err
	}
	s.mend()
	s.run.heal()
	s.run.byHand += s.inj.Injected()
	s.inj = s.injector()
	return nil
}

// mend ends the faults by hand.
func (s *Stage) mend() {
	for len(s.cuts) > 0 {
		c := s.cuts[len(s.cuts)-1]
		s.cuts = s.cuts[:len(s.cuts)-1]
		s.targets().Cut(c[0], c[1], false)
	}
	s.inj.Heal()
}

func (s *Stage) injector() *faults.Injector {
	return faults.Apply(s.targets(), nil, nil, s.run.onFault)
}

// Struck is a fault that struck, was skipped or ended.
type Struck struct {
	At      clock.Instant
	Fault   faults.Fault
	Nodes   []string
	Skipped string // why it was
	Ended   bool
}

// OnFault has f hear of the faults of the plan and of Fault from now on.
func (s *Stage) OnFault(f func(Struck)) { s.onFault = append(s.onFault, f) }

func (s *Stage) struck(f faults.Fault, nodes []string, skipped string, ended bool) {
	for _, on := range s.onFault {
		on(Struck{s.Now(), f, nodes, skipped, ended})
	}
}

func (s *Stage) brokers() []string { return s.targets().Brokers() }
func (s *Stage) clients() []string { return s.targets().Clients() }

// known reports whether a node has that name.
func (s *Stage) known(name string) bool {
	return name == setupName || name == dumpName || slices.Contains(s.brokers(), name) || slices.Contains(s.clients(), name)
}

func validNodeName(name string) bool {
	switch name {
	case "", faults.Leader, faults.Follower, faults.Controller, faults.Rest, faults.Everyone, "of", "for", "by", "from":
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}

// dumped are the topics that are read at the end: those that exist.
func (w *world) dumped() []workload.Topic {
	var out []workload.Topic
	for _, t := range w.newestImage().Topics() {
		out = append(out, workload.Topic{Name: t.Name, Partitions: len(t.Partitions)})
	}
	return out
}
