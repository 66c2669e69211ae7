//go:build mutants

package control

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/image"
	"trial/internal/mutant"
)

func mutated(id string) option { return func(c *Config) { c.Mutant = id } }

// Each of these changes what a cluster does, which the honest one does not do.
func TestSynthesizedMutantsChangeWhatAClusterDoes(t *testing.T) {
	for id, shows := range map[string]func(w *testWorld) bool{
		mutant.CTL10: func(w *testWorld) bool { // a new process gets the epoch of the old one
			old := w.image().Broker(2)
			w.nodes[1].PowerFail(true)
			w.Run(12 * clock.Second)
			w.nodes[1].Start()
			w.Run(5 * clock.Second)
			b := w.image().Broker(2)
			return b.Incarnation != old.Incarnation && b.Epoch == old.Epoch
		},
		mutant.SynV2: func(w *testWorld) bool { // a broker that was cut off stays fenced
			w.Isolate(w.nodes[3].ID())
			w.Run(15 * clock.Second)
			w.Heal()
			w.Run(15 * clock.Second)
			return !w.image().Broker(4).Active()
		},
		mutant.SynV3: func(w *testWorld) bool { // what has no leader keeps none
			only := w.create("t", 1, 1).Partitions[0].Leader
			w.nodes[only-1].PowerFail(true)
			w.Run(15 * clock.Second)
			w.nodes[only-1].Start()
			w.Run(15 * clock.Second)
			return w.image().Broker(only).Active() && w.image().Partition("t", 0).Leader == image.NoLeader
		},
		mutant.SynV10: func(w *testWorld) bool { // nobody leads the quorum for long
			_, epoch := w.prog(1).node.Leader()
			w.Run(30 * clock.Second)
			_, now := w.prog(1).node.Leader()
			return now > epoch+2
		},
		mutant.SynC3: func(w *testWorld) bool { // standbys fall behind in what listeners see
			var seen [4]int64
			for i := range w.nodes {
				w.prog(i + 1).node.OnImage(func(_, im *image.Image, _ image.Delta) { seen[i] = im.Offset() })
			}
			w.Run(10 * clock.Second)
			return slices.Max(seen[:]) > slices.Min(seen[:])+8
		},
	} {
		t.Run(id, func(t *testing.T) {
			run := func(id string) (*testWorld, bool) {
				w := newWorld(t, 3, 3, 4, true, mutated(id)).start()
				w.ready(5 * clock.Second)
				return w, shows(w)
			}
			if _, bad := run(""); bad {
				t.Fatal("the honest cluster does it, too")
			}
			w, bad := run(id)
			if !bad || w.Probes["mutant.reached"] == 0 || w.Probes["mutant.infected"] == 0 {
				t.Errorf("shown %v, probes %v", bad, w.Probes)
			}
		})
	}
}

// With CTL-03 some storm shows a commit of nothing of the leader's own epoch.
func TestCTL03CommitsWhatEarlierEpochsLeft(t *testing.T) {
	for seed := range uint64(200) {
		if hit := brokenBy(t, seed, mutant.CTL03, []string{"before its epoch's start"}); hit != "" {
			t.Logf("seed %d: %s", seed, hit)
			return
		}
	}
	t.Error("no storm shows it")
}

// After an unclean shutdown a broker is in no ELR any more, but with REP-23 it is.
func TestREP23KeepsWhoEndedUncleanlyEligible(t *testing.T) {
	for id, want := range map[string][]int32{"": {}, mutant.REP23: {2}} {
		w, ctl := office(t, mutated(id))
		cluster(ctl, 3, 2)
		partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(1), ELR: ints(2), Leader: 1})
		ctl.sess.drop(2)
		req := registerReq(2, [16]byte{9: 9}, -1)
		req.LogDirs = [][16]byte{{0: 9, 15: 2}}
		if resp := w.ask(ctl, req).(*kmsg.BrokerRegistrationResponse); resp.ErrorCode != 0 {
			t.Fatalf("code %d", resp.ErrorCode)
		}
		if p := ctl.work.Partition("t", 0); !slices.Equal(p.ELR, want) {
			t.Errorf("mutant %q: eligible are %v, want %v", id, p.ELR, want)
		}
		if id != "" && (w.Probes["mutant.reached"] == 0 || w.Probes["mutant.infected"] == 0) {
			t.Errorf("probes %v", w.Probes)
		}
	}
}
