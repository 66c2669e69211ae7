package plog

import (
	"trial/engine/kafka/view"
)

// epochCache maps leader epochs to their start offsets, strictly increasing in
// both (LeaderEpochFileCache).
type epochCache struct{ entries []view.EpochStart }

func (c *epochCache) last() (view.EpochStart, bool) {
	if len(c.entries) == 0 {
		return view.EpochStart{Epoch: -1, Start: -1}, false
	}
	return c.entries[len(c.entries)-1], true
}

// assign notes the start of an epoch and drops the entries that it contradicts:
// later epochs, and epochs without data that start at or behind it. It reports
// whether anything changed.
func (c *epochCache) assign(epoch int32, start int64) bool {
	if epoch < 0 || start < 0 {
		return false
	}
	if e, ok := c.last(); ok && e.Epoch == epoch && start >= e.Start {
		return false
	}
	n := len(c.entries)
	for n > 0 && (c.entries[n-1].Epoch >= epoch || c.entries[n-1].Start >= start) {
		n--
	}
	c.entries = append(c.entries[:n], view.EpochStart{Epoch: epoch, Start: start})
	return true
}

// truncateFromEnd drops the epochs that start at or behind an offset.
func (c *epochCache) truncateFromEnd(offset int64) bool {
	n := len(c.entries)
	for n > 0 && c.entries[n-1].Start >= offset {
		n--
	}
	changed := n < len(c.entries)
	c.entries = c.entries[:n]
	return changed
}

func (c *epochCache) endOffsetFor(epoch int32, logEnd int64) (int32, int64) {
	last, ok := c.last()
	if !ok || epoch < 0 || epoch > last.Epoch {
		return -1, -1
	}
	if epoch == last.Epoch {
		return epoch, max(logEnd, last.Start) // its first append may be under way
	}
	lo, hi := 0, len(c.entries)-1 // the first entry above epoch
	for lo < hi {
		if mid := (lo + hi) / 2; c.entries[mid].Epoch > epoch {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return epoch, c.entries[0].Start
	}
	return c.entries[lo-1].Epoch, c.entries[lo].Start
}
