//go:build mutants

package kafka

import (
	"testing"

	"trial/clock"
	"trial/internal/mutant"
)

// A directory with the id of a deleted topic is no replica of its namesake, but with
// REP-29 it is.
func TestREP29TakesTheDirectoryOfADeletedTopic(t *testing.T) {
	for id, want := range map[string]int64{"": 0, mutant.REP29: 1} {
		c := newCluster(t, 1, 1, func(cfg *Config) { cfg.Mutant = id })
		c.up()
		topic := c.createTopic("t", 1, 1)
		c.conn(1).call(produceReq("t", topic, 0, -1, batch("old")), 9)
		c.nodes[1].kill()
		// As if the topic had been deleted and created anew meanwhile.
		c.disks[1][0].files["t-0/"+partitionMetaFile].data = encodePartitionMeta([16]byte{9: 9})
		c.boot(1)
		c.up()
		c.until("the log is open", 10*clock.Second, func() bool {
			l := c.broker(1).parts.list
			return len(l) == 1 && l[0].phase == online
		})
		if end := c.broker(1).parts.list[0].log.End(); end != want {
			t.Errorf("mutant %q: the log ends at %d, want %d", id, end, want)
		}
		if id != "" && (c.life(1).probes["mutant.reached"] == 0 || c.life(1).probes["mutant.infected"] == 0) {
			t.Errorf("probes %v", c.life(1).probes)
		}
	}
}
