package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trial/engine"
)

// checkpoint is the file replication-offset-checkpoint of a volume: the high
// watermarks of its partitions by directory name (OffsetCheckpointFile). It only
// saves a restarted replica from beginning at its log start. What it says of a log
// must never come true by records that were appended later, so nothing is appended
// to a log that lost records below its checkpoint until the file says less. (Kafka
// leaves that to the next regular write, and may show uncommitted records after a
// second crash within those five seconds.)
type checkpoint struct {
	written map[string]int64 // what the file holds
	busy    bool
	again   []func() // to be told when the write after the one under way has ended
}

func (c *checkpoint) get(dir string) int64 {
	if hw, ok := c.written[dir]; ok {
		return hw
	}
	return -1
}

func encodeCheckpoint(hws map[string]int64) []byte {
	out := fmt.Appendf(nil, "0\n%d\n", len(hws))
	for _, dir := range slices.Sorted(maps.Keys(hws)) {
		i := strings.LastIndexByte(dir, '-')
		out = fmt.Appendf(out, "%s %s %d\n", dir[:i], dir[i+1:], hws[dir])
	}
	return out
}

// parseCheckpoint reads a checkpoint; a file that is not whole gives nothing.
func parseCheckpoint(data []byte) map[string]int64 {
	hws := map[string]int64{}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) < 2 || lines[0] != "0" || lines[1] != strconv.Itoa(len(lines)-2) {
		return hws
	}
	for _, line := range lines[2:] {
		words := strings.Fields(line)
		if len(words) != 3 {
			return map[string]int64{}
		}
		hw, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil || hw < 0 {
			return map[string]int64{}
		}
		hws[words[0]+"-"+words[1]] = hw
	}
	return hws
}

func (b *Broker) readCheckpoint(v *volume, done func(error)) {
	b.files.read(v.id, checkpointFile, func(data []byte, err error) {
		if err != nil && !errors.Is(err, engine.ErrNotExist) {
			done(err)
			return
		}
		v.checkpoint.written = parseCheckpoint(data)
		done(nil)
	})
}

// checkpointAll writes the high watermarks of all volumes on which one moved.
func (b *Broker) checkpointAll() {
	for i := range b.volumes {
		b.writeCheckpoint(&b.volumes[i], nil)
	}
}

// writeCheckpoint writes the high watermarks of a volume if they differ from
// what the file holds; done follows, perhaps in this call.
func (b *Broker) writeCheckpoint(v *volume, done func()) {
	c := &v.checkpoint
	if c.busy {
		c.again = append(c.again, done)
		return
	}
	hws := map[string]int64{}
	for _, p := range b.parts.list {
		switch {
		case p.vol != v.id || v.offline:
		case p.phase == online:
			hws[p.dir] = p.part.HW()
		case !p.fresh: // still opening: keep what we know
			if hw, ok := c.written[p.dir]; ok {
				if p.short {
					hw = min(hw, p.log.End())
				}
				hws[p.dir] = hw
			}
		}
	}
	if v.offline || maps.Equal(hws, c.written) {
		if done != nil {
			done()
		}
		return
	}
	c.busy = true
	b.files.replace(v.id, checkpointFile, encodeCheckpoint(hws), func(err error) {
		c.busy = false
		if err != nil {
			b.volumeOffline(v.id, err)
		} else {
			c.written = hws
		}
		if done != nil {
			done()
		}
		again := c.again
		c.again = nil
		for _, f := range again {
			b.writeCheckpoint(v, f)
		}
	})
}

// capCheckpoint follows recovery: it makes sure that the file claims no more of
// the log than is left of it, before anything is appended. done follows, perhaps
// in this call.
func (b *Broker) capCheckpoint(p *hosted, done func()) {
	v := &b.volumes[p.vol]
	if b.stopped || v.offline || p.fresh || p.phase != opening || v.checkpoint.get(p.dir) <= p.log.End() {
		done()
		return
	}
	b.h.Probe("broker.checkpoint.capped")
	p.short = true
	b.writeCheckpoint(v, done)
}

// lowerCheckpoint is capCheckpoint for a log that was truncated. It reports false
// if there is nothing to do; else done follows in a later event.
func (b *Broker) lowerCheckpoint(p *hosted, hw int64, done func()) bool {
	v := &b.volumes[p.vol]
	if v.offline || p.phase != online || !v.checkpoint.busy && v.checkpoint.get(p.dir) <= hw {
		return false
	}
	b.h.Probe("broker.checkpoint.lowered")
	b.writeCheckpoint(v, done)
	return true
}

// forgetHW takes a removed directory out of the checkpoint before its name can
// be used again: the old high watermark must not vouch for another topic's log.
func (b *Broker) forgetHW(vol engine.VolumeID, dir string, done func()) {
	v := &b.volumes[vol]
	if _, ok := v.checkpoint.written[dir]; !ok && !v.checkpoint.busy {
		done()
		return
	}
	delete(v.checkpoint.written, dir)
	v.checkpoint.written[""] = -1 // differs from every content: the write happens
	b.writeCheckpoint(v, done)
}
