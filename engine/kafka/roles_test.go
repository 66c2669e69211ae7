package kafka

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
)

// Controllers that are no brokers: process.roles=controller beside process.roles=broker.
func TestRolesApart(t *testing.T) {
	c := newCluster(t, 4, 1, func(cfg *Config) {
		cfg.Voters = cfg.Voters[3:4]
		cfg.ControllerOnly = cfg.NodeID == 4
		cfg.Rack = map[int32]string{1: "a", 2: "b", 3: "a"}[cfg.NodeID]
	})
	c.until("the brokers run", 20*clock.Second, func() bool {
		return c.broker(1).State() == Running && c.broker(2).State() == Running && c.broker(3).State() == Running
	})
	id := c.createTopic("t", 4, 2)
	c.produceAll(id, "x")
	ctl := c.broker(4)
	if ctl.State() != NotRunning || ctl.View().QuorumRole != "leader" || len(ctl.parts.list) != 0 || ctl.listening {
		t.Errorf("the controller is %v, %s in the quorum, hosts %d partitions, serves clients: %v", ctl.State(), ctl.View().QuorumRole, len(ctl.parts.list), ctl.listening)
	}
	if ctl.Image().Broker(4) != nil {
		t.Error("a controller without the role broker has registered")
	}
	resp := c.conn(1).call(kmsg.NewPtrMetadataRequest(), 12).(*kmsg.MetadataResponse)
	racks := ""
	for _, b := range resp.Brokers {
		racks += *b.Rack
	}
	if racks != "aba" {
		t.Errorf("clients are told the racks %q of the brokers, want aba", racks)
	}
	for _, p := range c.broker(1).Image().Topic("t").Partitions { // StripedReplicaPlacer: two replicas, two racks
		two := 0
		for _, r := range p.Replicas {
			if r == 2 {
				two++
			}
		}
		if two != 1 {
			t.Errorf("the replicas %v are not in both racks", p.Replicas)
		}
	}
	l := c.life(4)
	l.event(0, ctl.Stop)
	c.until("the controller stops", 10*clock.Second, func() bool { return l.exited })
	if l.exit != nil {
		t.Error(l.exit)
	}
}

func TestAControllerOnlyNodeMustBeAVoter(t *testing.T) {
	cfg := Config{NodeID: 2, ClusterID: "c", ControllerOnly: true, Listeners: Listeners{Controller: "n2:1"}, Voters: []Voter{{1, "n1:1"}}}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "must be among the voters") {
		t.Error(err)
	}
	cfg.NodeID = 1
	if err := cfg.Validate(); err != nil {
		t.Errorf("it needs no client listener: %v", err)
	}
}
