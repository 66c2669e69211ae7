//go:build mutants

package control

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine/kafka/control/image"
	"trial/internal/mutant"
)

// Each planted bug of the quorum must break its rule within a few storms, and the
// same storms must pass without it (TestTheQuorumSurvivesStorms).
func TestQuorumMutantsBreakTheirRules(t *testing.T) {
	for id, want := range map[string][]string{
		mutant.CTL01: {"synced holders", "below its high watermark", "committed batch"},
		mutant.CTL02: {"twice", "names two batches"},
		mutant.CTL04: {"votes for", "two leaders"},
		mutant.CTL09: {"applies metadata", "another image"},
	} {
		t.Run(id, func(t *testing.T) {
			for seed := range uint64(2000) {
				if hit := brokenBy(t, seed, id, want); hit != "" {
					t.Logf("seed %d: %s", seed, hit)
					return
				}
			}
			t.Errorf("no storm shows %s", id)
		})
	}
}

func brokenBy(t *testing.T, seed uint64, id string, want []string) (hit string) {
	defer func() {
		if v := recover(); v != nil {
			hit = "assertion" // must.Hold, after the fact was told
		}
	}()
	w := newWorld(t, seed, 3, 4, false, func(c *Config) { c.Mutant = id }).start()
	defer func() {
		for _, b := range w.rules.broken {
			for _, s := range want {
				if strings.Contains(b, s) {
					hit = b
				}
			}
		}
	}()
	if id == mutant.CTL04 {
		w.failAfterVotes()
	}
	storm(w, 60)
	w.calm()
	w.Run(10 * clock.Second)
	return hit
}

func TestWithoutCheckQuorumAnIsolatedLeaderLingers(t *testing.T) {
	w := newWorld(t, 3, 3, 3, false, func(c *Config) { c.Mutant = mutant.CTL05 }).start()
	first := w.awaitLeader(clock.Second)
	w.Isolate(w.nodes[first-1].ID())
	w.Run(30 * clock.Second)
	if !w.prog(first).node.Active() {
		t.Error("the mutant resigned")
	}
}

func TestControllerMutantsDecideWrongly(t *testing.T) {
	alter := func(id string, change func(*controller, *kmsg.AlterPartitionRequest)) int16 {
		w, ctl := office(t, func(c *Config) { c.Mutant = id })
		cluster(ctl, 4, 4)
		partition(ctl, image.Partition{Replicas: ints(1, 2, 4), ISR: ints(1), Leader: 1, PartitionEpoch: 9})
		req := alterReq(1, ctl.work.Broker(1).Epoch, 0, 9, 1, 2)
		change(ctl, req)
		return w.ask(ctl, req).(*kmsg.AlterPartitionResponse).Topics[0].Partitions[0].ErrorCode
	}
	stale := func(_ *controller, r *kmsg.AlterPartitionRequest) { r.Topics[0].Partitions[0].PartitionEpoch = 3 }
	fenced := func(_ *controller, r *kmsg.AlterPartitionRequest) {
		r.Topics[0].Partitions[0].NewEpochISR[1].BrokerID = 4
	}
	if code := alter(mutant.REP07, stale); code != 0 {
		t.Errorf("REP-07 refuses an old partition epoch with %d", code)
	}
	if code := alter(mutant.REP09, fenced); code != 0 {
		t.Errorf("REP-09 refuses a fenced member with %d", code)
	}
	if alter("", stale) == 0 || alter("", fenced) == 0 {
		t.Error("the honest controller accepts what the mutants accept")
	}
	_, ctl := office(t, func(c *Config) { c.Mutant = mutant.REP22 })
	cluster(ctl, 3)
	partition(ctl, image.Partition{Replicas: ints(1, 2, 3), ISR: ints(1), Leader: 1})
	d := ctl.decide()
	ctl.leaveAll(d, leaving{remove: 1, unclean: image.NoLeader})
	if p := d.image().Partition("t", 0); p.Leader != 2 {
		t.Errorf("REP-22 elects %d", p.Leader)
	}
}
