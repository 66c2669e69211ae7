package strimzi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/sim/cluster"
)

// ask runs one question with a few seeds.
func ask(t *testing.T, c *Cluster, key string, seeds uint64) Answer {
	t.Helper()
	for _, q := range c.Questions(3) {
		if q.Key != key {
			continue
		}
		var runs []cluster.Result
		for seed := uint64(1); seed <= seeds; seed++ {
			p, err := c.Plan(q, seed, 3)
			if err != nil {
				t.Fatal(err)
			}
			again, err := cluster.ParsePlan(p.String())
			if err != nil || again.String() != p.String() {
				t.Fatalf("the plan does not read back: %v\n%s", err, p)
			}
			runs = append(runs, cluster.Run(again, cluster.RunOptions{}))
		}
		return c.Judge(q, runs)
	}
	t.Fatalf("no question %s", key)
	return Answer{}
}

// The same faults on the same cluster, but for its volumes.
func TestEphemeralAndPersistentAreToldApart(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a dozen clusters")
	}
	for _, c := range []struct {
		question, topic      string
		persistent, emptied  Word
		whyBlocked, whyEmpty string
	}{
		{"all-pods-restart", "orders", Blocks, Loses, "nobody was there", "the ephemeral volumes of n1, n2, n3, n4, n5 and n6 were empty after their pods were replaced, among them those of a majority of the controllers"},
		{"pod-restart-leader", "audit", Blocks, Loses, "has one replica: while its node is away it has no leader", "were empty after their pods were replaced, and no other replica had the records (one replica only: audit)"},
		{"rolling-update", "orders", Survives, Survives, "", "came back with empty ephemeral volumes and were filled again from the others"},
		{"zone-loss-b", "orders", Survives, Survives, "", "came back with empty ephemeral volumes and were filled again from the others"},
	} {
		for _, v := range []struct {
			file string
			want Word
			why  string
		}{{"shop-persistent.yaml", c.persistent, c.whyBlocked}, {"shop-ephemeral.yaml", c.emptied, c.whyEmpty}} {
			shop := load(t, v.file, "topics.yaml")
			for _, topic := range shop.Topics {
				if topic.Name == c.topic {
					shop.Topics = []cluster.Topic{topic}
				}
			}
			a := ask(t, shop, c.question, 2)
			if a.Word != v.want || !strings.Contains(a.Reason, v.why) || (a.Word == Loses) != (a.Lost > 0) {
				t.Errorf("%s of %s, %s: %s (%s), lost %d of %d; want %s (%s)", v.file, c.topic, c.question, a.Word, a.Reason, a.Lost, a.Acked, v.want, v.why)
			}
			if v.want == Blocks && a.Write.Length() < shop.Failover() {
				t.Errorf("%s, %s: it blocks, but the longest wait is %v", v.file, c.question, a.Write.Length())
			}
		}
	}
}

// A container that dies keeps an ephemeral volume; a pod that is replaced does not.
func TestAKilledProcessKeepsItsEphemeralVolumes(t *testing.T) {
	shop := load(t, "shop-ephemeral.yaml")
	q := Question{Key: "kill", happens: func(*draw) string { return "kill n1, n2, n3, n4, n5, n6" }, All: true}
	p, err := shop.Plan(q, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if r := cluster.Run(p, cluster.RunOptions{}); r.Failed() || r.Lost > 0 || r.Emptied != nil {
		t.Errorf("%s; lost %d, emptied %v", r.Sentence(), r.Lost, r.Emptied)
	}
}

// Where brokers know their zones, replicas are spread over them; where they do not,
// some zone takes two of three.
func TestRacksDecideWhatAZoneLossBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs six clusters")
	}
	six := load(t, "six.yaml")
	six.Topics = []cluster.Topic{{Name: "orders", Partitions: 12, Replicas: 3}}
	six.Set("min.insync.replicas", "2")
	worst := map[bool]Word{}
	for _, known := range []bool{true, false} {
		six.Rack = known
		worst[known] = Survives
		for _, zone := range []string{"a", "b", "c"} {
			a := ask(t, six, "zone-loss-"+zone, 1)
			if a.Word != Survives {
				worst[known] = a.Word
				if !strings.Contains(a.Reason, "without spec.kafka.rack brokers do not know their zones") {
					t.Errorf("zone %s: %s: %s", zone, a.Word, a.Reason)
				}
			}
		}
	}
	if d := cmp.Diff(map[bool]Word{true: Survives, false: Blocks}, worst); d != "" {
		t.Errorf("by spec.kafka.rack (-want +got):\n%s", d)
	}
}

func TestTopicsWithManyPartitionsAreShortened(t *testing.T) {
	c := load(t, "shop-persistent.yaml")
	c.Topics = []cluster.Topic{{Name: "big", Partitions: 500, Replicas: 3}, {Name: "small", Partitions: 2, Replicas: 3}}
	if got, want := c.Shortened(), "big (30 of 500)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
