package simdisk

import "trial/engine"

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// pageBytes bounds the merging of adjacent appends into one change.
const pageBytes = 4096

// change is one unsynced write or truncation of a file.
type change struct {
	truncate bool
	dropped  bool  // a failed sync gave it up: no later sync makes it durable
	pos, end int64 // written range; of a truncation end is the new size
	oldSize  int64
	undo     []byte // what was overwritten from pos on, or cut off behind end
}

// wrote notes an unsynced write of n bytes at pos; call it before the content
// changes.
func (f *inode) wrote(pos int64, n int) {
	end := pos + int64(n)
	if pos == f.data.size { // an append
		if k := len(f.changes) - 1; k >= 0 {
			last := &f.changes[k]
			if !last.truncate && !last.dropped && last.end == pos && end-last.pos <= pageBytes {
				last.end = end
				return
			}
		}
		f.changes = append(f.changes, change{pos: pos, end: end, oldSize: pos})
		return
	}
	c := change{pos: pos, end: end, oldSize: f.data.size}
	if pos < f.data.size {
		c.undo = f.data.bytes(pos, min(end, f.data.size))
	}
	f.changes = append(f.changes, c)
}

// resized notes an unsynced truncation; call it before the content changes.
func (f *inode) resized(size int64) {
	c := change{truncate: true, end: size, oldSize: f.data.size}
	if size < f.data.size {
		c.undo = f.data.bytes(size, f.data.size)
	}
	f.changes = append(f.changes, c)
}

// synced forgets what has become durable.
func (f *inode) synced() {
	kept := f.changes[:0]
	for i, c := range f.changes {
		if later := f.changes[i+1:]; c.dropped && !c.rewritten(later) && !c.cutOff(later) {
			kept = append(kept, c)
		}
	}
	clear(f.changes[len(kept):])
	f.changes = kept
}

// rewritten reports whether one of the later changes that reach the disk covers
// all of c: writing a page again makes it dirty again.
func (c *change) rewritten(later []change) bool {
	for i := range later {
		if l := &later[i]; !c.truncate && !l.truncate && !l.dropped && l.pos <= c.pos && c.end <= l.end {
			return true
		}
	}
	return false
}

// cutOff takes from a write what a later truncation has cut off for good, and
// reports whether that was all of it: a page behind the end is gone, dirty or not.
func (c *change) cutOff(later []change) bool {
	for i := range later {
		if l := &later[i]; !c.truncate && l.truncate && !l.dropped && l.end < c.end {
			c.end = max(c.pos, l.end)
			c.undo = c.undo[:min(int64(len(c.undo)), c.end-c.pos)]
		}
	}
	return !c.truncate && c.end == c.pos
}

// giveUp marks everything unsynced as never to become durable: the pages were
// marked clean although they did not reach the disk.
func (f *inode) giveUp() {
	for i := range f.changes {
		f.changes[i].dropped = true
	}
}

// firstUnsynced is the position below which nothing has changed since the last
// sync.
func (f *inode) firstUnsynced() int64 {
	first := f.data.size
	for _, c := range f.changes {
		if c.truncate {
			first = min(first, c.end, c.oldSize)
		} else {
			first = min(first, c.pos, c.oldSize)
		}
	}
	return first
}

// back undoes c, which is the latest change that has not been undone.
func (f *inode) back(c *change) {
	d := &f.data
	if c.truncate {
		d.resize(c.oldSize)
		if c.end < c.oldSize {
			d.write(c.end, c.undo)
		}
		return
	}
	if c.end >= d.size && c.end > c.oldSize {
		d.resize(max(c.oldSize, c.pos))
	} else if zero := max(c.pos, min(c.oldSize, c.end)); zero < c.end {
		// Something behind it is durable: an older sync failed and a newer one did not.
		d.write(zero, make([]byte, c.end-zero))
	}
	if len(c.undo) > 0 {
		d.write(c.pos, c.undo)
	}
	if d.size > c.oldSize && c.end >= d.size {
		d.resize(c.oldSize)
	}
}

// loss decides what a power failure keeps. One draw per crash sets its mood, so
// that crashes which take everything or nothing are not rare.
type loss struct {
	draw *engine.Stream
	mood int64
}

func newLoss(draw *engine.Stream) loss { return loss{draw, draw.N(6)} }

// fate of one change: 0 kept, 1 lost, 2 torn.
func (l loss) fate() int {
	switch l.mood {
	case 0:
		return 1
	case 1:
		return 0
	case 2: // most of it reached the disk
		return [8]int{0, 0, 0, 0, 0, 0, 1, 2}[l.draw.N(8)]
	default:
		return [4]int{0, 0, 1, 2}[l.draw.N(4)]
	}
}

// loseUnsynced turns the content of f into what a power failure leaves.
func (f *inode) loseUnsynced(l loss) {
	full := f.data.size
	redo := make([][]byte, len(f.changes))
	truncated := false
	for i := len(f.changes) - 1; i >= 0; i-- {
		c := &f.changes[i]
		if c.truncate {
			truncated = true
		} else {
			redo[i] = f.data.bytes(c.pos, c.end)
		}
		f.back(c)
	}
	durable := f.data.size
	for i := range f.changes {
		c := &f.changes[i]
		switch fate := l.fate(); {
		case fate == 0 && c.truncate:
			f.data.resize(c.end)
		case fate == 0:
			f.data.write(c.pos, redo[i])
		case fate == 2 && !c.truncate:
			f.tear(c.pos, redo[i], l.draw)
		}
	}
	if !truncated && durable < full && l.mood > 1 {
		// The length is metadata of its own: it may run ahead of the data, which then
		// reads as zeros, or stay behind it.
		switch l.draw.N(4) {
		case 0:
			f.data.resize(full)
		case 1:
			f.data.resize(l.draw.Between(durable, full))
		}
	}
	f.changes = nil
}

// tear writes each sector of b or leaves it.
func (f *inode) tear(pos int64, b []byte, draw *engine.Stream) {
	for len(b) > 0 {
		n := min(len(b), sectorBytes-int(pos%sectorBytes))
		if draw.Chance(1, 2) {
			f.data.write(pos, b[:n])
		}
		b = b[n:]
		pos += int64(n)
	}
}
