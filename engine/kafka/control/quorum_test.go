package control

import (
	"fmt"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/quorum"
	"trial/engine/kafka/view"
)

func TestAFreshClusterHasAControllerWithin100ms(t *testing.T) {
	for _, voters := range []int{1, 3, 5} {
		w := newWorld(t, 1, voters, voters+1, false).start()
		l := w.awaitLeader(100 * clock.Millisecond)
		if l != 1 {
			t.Errorf("%d voters: node %d leads, want the lowest voter", voters, l)
		}
		w.Run(10 * clock.Second)
		if got, epoch := w.prog(voters + 1).node.Leader(); got != 1 || epoch != 1 {
			t.Errorf("the observer sees leader %d in epoch %d", got, epoch)
		}
		if at := w.prog(voters + 1).node.Image().Offset(); at < 10 {
			t.Errorf("the observer has applied %d records", at)
		}
		w.rules.check()
	}
}

func TestALostLeaderIsReplacedAndComesBackAsFollower(t *testing.T) {
	w := newWorld(t, 2, 3, 3, false).start()
	first := w.awaitLeader(clock.Second)
	w.nodes[first-1].PowerFail(true)
	w.Run(6 * clock.Second)
	second := w.awaitLeader(10 * clock.Second)
	if second == first {
		t.Fatal("a dead node leads")
	}
	w.nodes[first-1].Start()
	w.Run(10 * clock.Second)
	if r := w.prog(first).node.Role(); r != quorum.Follower {
		t.Errorf("the old leader comes back as %v", r)
	}
	if w.leader() != second {
		t.Error("a returning voter deposed a healthy leader")
	}
	w.rules.check()
}

func TestAnIsolatedLeaderResigns(t *testing.T) {
	w := newWorld(t, 3, 3, 3, false).start()
	first := w.awaitLeader(clock.Second)
	w.Isolate(w.nodes[first-1].ID())
	w.Run(4 * clock.Second)
	if r := w.prog(first).node.Role(); r == quorum.Leader {
		t.Error("the isolated leader still leads after 1.5 fetch timeouts")
	}
	w.Run(5 * clock.Second)
	second := w.awaitLeader(10 * clock.Second)
	epoch := w.prog(second).node.q.Epoch()
	w.Heal()
	w.Run(10 * clock.Second)
	if w.leader() != second || w.prog(second).node.q.Epoch() != epoch {
		t.Error("healing the cut changed the leader: pre-vote failed")
	}
	w.rules.check()
}

func TestAnOrderlyStopHandsOverQuickly(t *testing.T) {
	w := newWorld(t, 4, 3, 3, false).start()
	first := w.awaitLeader(clock.Second)
	w.Run(3 * clock.Second)
	w.nodes[first-1].Stop()
	if !w.Until(clock.Second, func() bool { return w.nodes[first-1].Exited }) {
		t.Fatal("the leader does not stop")
	}
	w.awaitLeader(500 * clock.Millisecond)
	w.rules.check()
}

// A leader dies as soon as it calls itself one, and comes back at once: the others
// still vote for it in that epoch if they are asked, and have not given up on it.
func TestALeadershipIsNotResumed(t *testing.T) {
	held := map[int32]engine.Incarnation{}
	w := newWorld(t, 8, 3, 3, false)
	kills := 0
	w.OnFact = func(n engine.NodeID, f engine.Fact) {
		w.rules.on(n, f)
		r, ok := f.(view.QuorumRole)
		if !ok || r.Role != quorum.Leader.String() {
			return
		}
		m := w.nodes[n-1]
		if was, found := held[r.Epoch]; found && was != m.inc {
			t.Errorf("incarnation %d of node %d leads epoch %d, which incarnation %d led", m.inc, n, r.Epoch, was)
		}
		held[r.Epoch] = m.inc
		if kills++; kills <= 20 {
			w.After(0, m.Kill)
			w.After(clock.Millisecond, m.Start)
		}
	}
	w.start()
	w.Run(60 * clock.Second)
	if len(held) < 20 {
		t.Errorf("only %d epochs were led: the test shows little", len(held))
	}
	w.rules.check()
}

// Leaders that resign make their followers stand at once, in the middle of a sync.
func TestACandidateClaimsOnlyWhatIsDurable(t *testing.T) {
	stops := 0
	for seed := range uint64(8) {
		w := newWorld(t, seed, 3, 3, true, func(c *Config) { c.MaxIdleInterval = 50 * clock.Millisecond }).start()
		w.awaitLeader(clock.Second)
		w.SyncMax = 300 * clock.Millisecond
		for range 60 {
			w.Run(clock.Duration(w.Rand().N(int64(clock.Second))))
			if l := w.leader(); l != 0 {
				w.nodes[l-1].Stop()
				stops++
				w.Until(3*clock.Second, func() bool { return w.nodes[l-1].Exited })
				w.nodes[l-1].Start()
			}
		}
		w.rules.check()
	}
	if stops < 100 {
		t.Errorf("only %d leaders resigned: the test shows little", stops)
	}
}

func TestASingleVoterLeadsAgainAtOnceAfterARestart(t *testing.T) {
	w := newWorld(t, 5, 1, 1, false).start()
	w.awaitLeader(100 * clock.Millisecond)
	w.Run(3 * clock.Second)
	offset := w.prog(1).node.Image().Offset()
	w.nodes[0].PowerFail(true)
	w.nodes[0].Start()
	w.awaitLeader(100 * clock.Millisecond)
	if got := w.prog(1).node.Image().Offset(); got <= offset || w.prog(1).node.q.Epoch() != 2 {
		t.Errorf("after the restart: offset %d in epoch %d, before it %d", got, w.prog(1).node.q.Epoch(), offset)
	}
	w.rules.check()
}

func TestTheStateFileIsKafkas(t *testing.T) {
	w := newWorld(t, 6, 3, 3, false).start()
	w.awaitLeader(clock.Second)
	w.Run(clock.Second)
	got, _ := w.nodes[1].File("__cluster_metadata-0/quorum-state")
	want := `{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":1,"appliedOffset":0,` +
		`"currentVoters":[{"voterId":1},{"voterId":2},{"voterId":3}],"data_version":0}`
	if string(got) != want {
		t.Errorf("quorum-state is\n%s, want\n%s", got, want)
	}
}

// storm drives a cluster through random crashes, power failures, pauses and cuts.
func storm(w *testWorld, steps int) {
	rng := w.Rand()
	down := func() int {
		n := 0
		for _, x := range w.nodes {
			if !x.Alive() {
				n++
			}
		}
		return n
	}
	for range steps {
		n := w.nodes[rng.Pick(len(w.nodes))]
		switch rng.Pick(8) {
		case 0:
			n.Kill()
		case 1:
			n.PowerFail(rng.Chance(1, 2))
		case 2, 3:
			n.Start()
		case 4:
			o := w.nodes[rng.Pick(len(w.nodes))]
			w.Cut(n.ID(), o.ID())
			if rng.Chance(1, 2) {
				w.Cut(o.ID(), n.ID())
			}
		case 5:
			w.Heal()
		case 6:
			n.Pause()
		case 7:
			n.Resume()
		}
		if down() == len(w.nodes) {
			n.Start()
		}
		w.Run(clock.Duration(rng.N(int64(1500 * clock.Millisecond))))
	}
}

func (w *testWorld) calm() {
	w.Heal()
	for _, n := range w.nodes {
		n.Resume()
		n.Start()
	}
}

func runStorm(t *testing.T, seed uint64, voters int, opts ...option) *testWorld {
	w := newWorld(t, seed, voters, voters+1, false, opts...).start()
	storm(w, 60)
	w.calm()
	return w
}

func TestTheQuorumSurvivesStorms(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	elections := 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := runStorm(t, seed, []int{3, 4, 5}[seed%3])
			// V1: ten of the longest election timeouts and a fetch timeout.
			w.Run(22 * clock.Second)
			l := w.awaitLeader(0)
			epoch := w.prog(l).node.q.Epoch()
			w.Run(15 * clock.Second)
			if w.leader() != l || w.prog(l).node.q.Epoch() != epoch {
				t.Errorf("the controller did not stay: %d in epoch %d, then %d", l, epoch, w.leader())
			}
			end := w.prog(l).node.Image().Offset()
			for i := range w.nodes {
				if got := w.prog(i + 1).node.Image().Offset(); got < end-2 {
					t.Errorf("node %d has applied %d of %d", i+1, got, end)
				}
			}
			w.rules.check()
			elections += len(w.rules.leaders)
		})
	}
	if elections < int(seeds)*2 {
		t.Errorf("only %d elections in %d storms: the test shows little", elections, seeds)
	}
}

// failAfterVotes cuts the power of some voters just after they have voted.
func (w *testWorld) failAfterVotes() {
	w.OnFact = func(n engine.NodeID, f engine.Fact) {
		w.rules.on(n, f)
		if v, ok := f.(view.VoteAnswered); ok && v.Granted && !v.PreVote && w.rng.Chance(1, 3) {
			w.After(clock.Millisecond, func() { w.tinyWorld.nodes[n-1].PowerFail(true) })
			w.After(2*clock.Millisecond, w.tinyWorld.nodes[n-1].Start)
		}
	}
}

func TestVotersRememberThroughPowerFailures(t *testing.T) {
	votes := 0
	for seed := range uint64(40) {
		w := newWorld(t, seed, 3, 4, false).start()
		w.failAfterVotes()
		storm(w, 60)
		w.rules.check()
		votes += w.rules.seen["vote"]
	}
	if votes < 500 {
		t.Errorf("only %d votes: the test shows little", votes)
	}
}

func TestAStormIsTheSameTwice(t *testing.T) {
	a, b := runStorm(t, 77, 3), runStorm(t, 77, 3)
	a.Run(5 * clock.Second)
	b.Run(5 * clock.Second)
	if a.Events != b.Events || fmt.Sprint(a.rules.seen) != fmt.Sprint(b.rules.seen) {
		t.Errorf("one seed, two runs: %d and %d events", a.Events, b.Events)
	}
}
