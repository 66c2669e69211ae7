// Package liveness judges that a healed cluster makes progress: the V rules, with
// deadlines that are sums of configured timeouts.
//
// The runner shows the judge a View at intervals after healing and once at the
// end. A rule must hold from its deadline on; the phase may end early as soon as
// Settled says that every rule holds.
//
// # Invariants
//
//   - deadlines are exact numbers in virtual time, from the configuration alone
//   - a missed rule is reported with what stalled it: the rules before it that do
//     not hold either
//   - a rule is reported once
//
// Not here: what may legally be unavailable (ledger, case Q; the runner says so in
// the View).
package liveness

import (
	"fmt"
	"strings"

	"trial/checks"
	"trial/clock"
)

// View is what a runner shows of the world at one moment.
type View struct {
	At         clock.Instant
	Nodes      []Node
	Partitions []Partition
	Open       []Op
}

// Node is a broker, by its own account and by the active controller's.
type Node struct {
	ID              int32
	Up              bool
	Active          bool  // it believes to be the active controller
	Controller      int32 // whom it believes to be it; -1 unknown
	ControllerEpoch int32
	Registered      bool // in the committed metadata
	Unfenced        bool
	NoBroker        bool  // a controller only: nothing is to be registered
	MetadataOffset  int64 // applied
}

// Partition is one partition by the committed metadata and its replicas' accounts.
type Partition struct {
	Name         string
	Leader       int32 // -1 none
	LeaderEpoch  int32
	Replicas     []int32
	ISR, ELR     []int32
	HW, LEO      int64 // of the leader
	LegalOffline bool  // ledger case Q
	Idle         bool  // no producer writes to it now
	// LastProduce and LastFetch are when a produce and a fetch of a client last
	// succeeded after healing; 0 never. Probed says that clients try.
	LastProduce, LastFetch clock.Instant
	Probed                 bool
}

// Op is a client operation that has not completed.
type Op struct {
	ID      int64
	Client  int32
	What    string
	Invoked clock.Instant
}

// Deadlines are the instants from which the rules must hold.
type Deadlines struct{ V1, V2, V3, V4, V5, V8 clock.Instant }

// DeadlinesAfter sums the configured timeouts after the instant of healing.
func DeadlinesAfter(heal clock.Instant, t checks.Timeouts) Deadlines {
	t = t.WithDefaults()
	var d Deadlines
	base := heal.Add(clock.Duration(t.Elections)*t.ElectionMax + t.FetchTimeout)
	d.V1 = base.Add(t.Slack)
	base = base.Add(t.BrokerSession + t.Recovery)
	d.V2 = base.Add(t.Slack)
	base = base.Add(t.ElectionMax)
	d.V3 = base.Add(t.Slack)
	// Shrinking is checked every half lag time, so a replica may count as lagging
	// for one and a half of it.
	d.V4 = base.Add(t.ReplicaLag + t.ReplicaLag/2 + t.CatchUp + t.Slack)
	d.V5 = base.Add(t.Request + t.Slack)
	d.V8 = heal.Add(t.LongestClient + t.Slack)
	return d
}

// Judge holds what the rules remember between views.
type Judge struct {
	f         checks.Findings
	heal      clock.Instant
	t         checks.Timeouts
	due       Deadlines
	rules     []rule
	v8, v10   *checks.Rule
	epoch     int32 // of the controller when V1 was due
	leaders   map[string]leaderNote
	moved     map[string]moveNote // by partition
	stable    bool                // V1 has been due and the epoch noted
	lastHolds bool
}

type rule struct {
	counter  *checks.Rule
	due      clock.Instant
	holds    func(*View) string // "" or what stalls it
	reported bool
}

// moveNote is when a partition's high watermark last moved.
type moveNote struct {
	hw int64
	at clock.Instant
}

type leaderNote struct {
	epoch   int32
	changes int
	told    bool
}

// New returns a judge for the phase that begins with healing.
func New(heal clock.Instant, t checks.Timeouts) *Judge {
	j := &Judge{heal: heal, t: t.WithDefaults(), due: DeadlinesAfter(heal, t), leaders: map[string]leaderNote{}, moved: map[string]moveNote{}}
	add := func(name string, due clock.Instant, holds func(*View) string) {
		j.rules = append(j.rules, rule{counter: j.f.Rule(name), due: due, holds: holds})
	}
	add("V1", j.due.V1, oneController)
	add("V2", j.due.V2, allUnfenced)
	add("V3", j.due.V3, allLed)
	add("V4", j.due.V4, j.allInSync)
	add("V5", j.due.V5, j.progress)
	j.v8, j.v10 = j.f.Rule("V8"), j.f.Rule("V10")
	return j
}

// Findings returns what the judge has found so far.
func (j *Judge) Findings() *checks.Findings { return &j.f }

// Deadlines returns the instants from which the rules must hold.
func (j *Judge) Deadlines() Deadlines { return j.due }

// Settled reports whether every rule held in the latest view.
func (j *Judge) Settled() bool { return j.lastHolds }

// Observe judges one view.
func (j *Judge) Observe(v *View) {
	var stalled []string
	for i := range j.rules {
		r := &j.rules[i]
		why := r.holds(v)
		if why != "" {
			stalled = append(stalled, r.counter.Name+": "+why)
		}
		if why == "" || v.At >= r.due {
			r.counter.Evaluated++
		}
		if v.At < r.due {
			continue
		}
		if why != "" && !r.reported {
			r.reported = true
			r.counter.FailWith(-1, v.At, nil, stalled, "%s, %v after healing (allowed: %v)", why, v.At.Sub(j.heal), r.due.Sub(j.heal))
		}
	}
	j.operations(v)
	j.storms(v)
	j.lastHolds = len(stalled) == 0 && len(v.Open) == 0 && atRest(v)
}

// operations judges V8: every client operation completes within the longest
// client timeout.
func (j *Judge) operations(v *View) {
	j.v8.Evaluated++
	for _, o := range v.Open {
		since := max(o.Invoked, j.heal)
		if limit := since.Add(j.t.LongestClient + j.t.Slack); v.At > limit && j.v8.Failed < 8 {
			j.v8.Fail(-1, v.At, nil, "operation %d of client %d (%s), invoked at %v, is still open %v after healing",
				o.ID, o.Client, o.What, o.Invoked, v.At.Sub(j.heal))
		}
	}
}

// storms judges V10: once settled, controllers and leaders stay.
func (j *Judge) storms(v *View) {
	if v.At >= j.due.V1 {
		highest := int32(-1)
		for i := range v.Nodes {
			highest = max(highest, v.Nodes[i].ControllerEpoch)
		}
		j.v10.Evaluated++
		if j.stable && highest > j.epoch {
			j.v10.Fail(-1, v.At, nil, "the controller changed after healing: quorum epoch %d became %d, %v after healing", j.epoch, highest, v.At.Sub(j.heal))
		}
		j.epoch, j.stable = highest, true
	}
	if v.At < j.due.V4 {
		return
	}
	for i := range v.Partitions {
		p := &v.Partitions[i]
		n, known := j.leaders[p.Name]
		if known && p.LeaderEpoch > n.epoch {
			n.changes += int(p.LeaderEpoch - n.epoch)
		}
		j.v10.Evaluated++
		if n.changes > 1 && !n.told { // one planned move to the preferred leader is allowed
			n.told = true
			j.v10.Fail(-1, v.At, []string{p.Name}, "the leader of %s changed %d times in the settled cluster, up to leader epoch %d", p.Name, n.changes, p.LeaderEpoch)
		}
		n.epoch = p.LeaderEpoch
		j.leaders[p.Name] = n
	}
}

// oneController is V1.
func oneController(v *View) string {
	active := int32(-1)
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Up && n.Active {
			if active >= 0 {
				return fmt.Sprintf("n%d and n%d both act as controller", active, n.ID)
			}
			active = n.ID
		}
	}
	if active < 0 {
		return "no node is the active controller"
	}
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Up && n.Controller != active {
			return fmt.Sprintf("n%d takes n%d for the controller, which is n%d", n.ID, n.Controller, active)
		}
	}
	return ""
}

// allUnfenced is V2.
func allUnfenced(v *View) string {
	for i := range v.Nodes {
		switch n := &v.Nodes[i]; {
		case !n.Up:
			return fmt.Sprintf("n%d is not up", n.ID)
		case n.NoBroker:
		case !n.Registered:
			return fmt.Sprintf("n%d is not registered", n.ID)
		case !n.Unfenced:
			return fmt.Sprintf("n%d is fenced", n.ID)
		}
	}
	return ""
}

// allLed is V3, without the lag of metadata: the next commit moves it again.
func allLed(v *View) string {
	for i := range v.Partitions {
		if p := &v.Partitions[i]; p.Leader < 0 && !p.LegalOffline {
			return fmt.Sprintf("%s has no leader (leader epoch %d, ISR %v)", p.Name, p.LeaderEpoch, p.ISR)
		}
	}
	return ""
}

// allInSync is V4. A high watermark below the log end is wrong only if it stands
// still: what clients had under way may still be coming in.
func (j *Judge) allInSync(v *View) string {
	for i := range v.Partitions {
		p := &v.Partitions[i]
		last, known := j.moved[p.Name]
		if !known || last.hw != p.HW {
			last = moveNote{p.HW, v.At}
			j.moved[p.Name] = last
		}
		switch {
		case p.LegalOffline:
		case len(p.ISR) != len(p.Replicas):
			return fmt.Sprintf("the ISR of %s is %v of replicas %v", p.Name, p.ISR, p.Replicas)
		case len(p.ELR) > 0:
			return fmt.Sprintf("%s has eligible leader replicas %v left", p.Name, p.ELR)
		case p.Idle && p.HW != p.LEO && v.At.Sub(last.at) >= j.t.ReplicaLag:
			return fmt.Sprintf("the high watermark of %s stays at %d, log end %d", p.Name, p.HW, p.LEO)
		}
	}
	return ""
}

// atRest reports whether idle partitions have nothing left to commit.
func atRest(v *View) bool {
	for i := range v.Partitions {
		if p := &v.Partitions[i]; p.Idle && !p.LegalOffline && p.HW != p.LEO {
			return false
		}
	}
	return true
}

// progress is V5: clients that try can produce and fetch.
func (j *Judge) progress(v *View) string {
	var idle []string
	for i := range v.Partitions {
		p := &v.Partitions[i]
		if !p.Probed || p.LegalOffline {
			continue
		}
		if p.LastProduce <= j.heal {
			idle = append(idle, "no produce to "+p.Name+" has succeeded")
		}
		if p.LastFetch <= j.heal {
			idle = append(idle, "no fetch from "+p.Name+" has succeeded")
		}
	}
	return strings.Join(idle, ", ")
}
