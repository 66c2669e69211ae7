package simdisk

import (
	"strconv"

	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
)

// Sink is the machine that a volume belongs to.
type Sink interface {
	// DiskDone tells that an operation has completed.
	DiskDone(op *engine.DiskOp)
	// BeforeTruncate tells that a file is about to be cut to size. Regions of it
	// above size must not be sent any more.
	BeforeTruncate(v *Volume, file engine.FileID, size int64)
}

// Cost is the distribution of the time that one kind of operation takes:
// Base + PerKiB·size, plus up to Jitter, plus up to Slow in Rare of 1,000 cases.
type Cost struct {
	Base, PerKiB, Jitter clock.Duration
	Rare                 int64
	Slow                 clock.Duration
}

// Climate is how fast a volume is.
type Climate struct {
	Write Cost // append, writeAt, truncate, preallocate, close: the page cache takes it
	Read  Cost
	Sync  Cost // the size is what is not yet synced
	Name  Cost // operations on names
}

// DefaultClimate is an ordinary solid-state disk behind a page cache.
func DefaultClimate() Climate {
	const us = clock.Microsecond
	return Climate{
		Write: Cost{Base: 6 * us, PerKiB: 100, Jitter: 4 * us},
		Read:  Cost{Base: 6 * us, PerKiB: 100, Jitter: 6 * us, Rare: 5, Slow: 500 * us},
		Sync:  Cost{Base: 400 * us, PerKiB: 500, Jitter: 600 * us, Rare: 10, Slow: 20 * clock.Millisecond},
		Name:  Cost{Base: 15 * us, Jitter: 15 * us, Rare: 5, Slow: 500 * us},
	}
}

// Config describes a volume.
type Config struct {
	Index   engine.VolumeID // position among the volumes of its node
	Name    string          // names its streams; unique within a run
	Seed    uint64
	Climate Climate
	Bytes   int64 // capacity; 0 for no limit
}

// Volume is one disk of a node. It outlives the processes of the node.
type Volume struct {
	cfg  Config
	tl   *virtual.Timeline
	sink Sink

	delays, crashes, faults *engine.Stream

	root        *inode
	inodes      []*inode // every file and directory that may still matter
	nameChanges []nameChange
	names       queue

	handles   []*inode // by FileID of this incarnation; nil when closed
	firstFile engine.FileID
	life      uint64 // crashes and stops so far
	freeReads *readTask

	room    int64          // bytes left; negative: no limit
	slow    int64          // all costs are multiplied by it
	delay   clock.Duration // added to every operation
	delayed clock.Duration // added to every sync besides
	offline bool
	plan    faultPlan
}

// unlimited is what OpFree tells of a volume without a limit.
const unlimited = 1 << 40

// New returns an empty volume.
func New(tl *virtual.Timeline, sink Sink, cfg Config) *Volume {
	stream := func(what string) *engine.Stream { return engine.NewStream(cfg.Seed, "disk."+cfg.Name+"."+what) }
	v := &Volume{
		cfg: cfg, tl: tl, sink: sink, root: newDir(), slow: 1, room: -1,
		delays: stream("delay"), crashes: stream("crash"), faults: stream("fault"),
		firstFile: engine.FileID(uint64(cfg.Index)<<40 + 1),
	}
	if cfg.Bytes > 0 {
		v.room = cfg.Bytes
	}
	v.root.links = 1
	v.names.v = v
	return v
}

// VolumeOf tells on which volume a file is. File ids are unique within a node.
func VolumeOf(file engine.FileID) engine.VolumeID { return engine.VolumeID(file >> 40) }

// file returns the open file behind a handle, or nil.
func (v *Volume) file(id engine.FileID) *inode {
	if id < v.firstFile || id-v.firstFile >= engine.FileID(len(v.handles)) {
		return nil
	}
	return v.handles[int(id-v.firstFile)]
}

// SameFile reports whether two open handles are of one file.
func (v *Volume) SameFile(a, b engine.FileID) bool {
	f := v.file(a)
	return f != nil && f == v.file(b)
}

func (v *Volume) addHandle(ino *inode) engine.FileID {
	ino.open++
	ino.queue.v = v
	v.handles = append(v.handles, ino)
	return v.firstFile + engine.FileID(len(v.handles)-1)
}

// charge takes bytes from the room; negative gives back.
func (v *Volume) charge(bytes int64) {
	if v.room >= 0 {
		v.room = max(0, v.room-bytes)
	}
}

// grow reserves space so that ino may be end bytes long; it returns how long it
// may be.
func (v *Volume) grow(ino *inode, end int64) int64 {
	if end <= ino.alloc {
		return end
	}
	if v.room >= 0 {
		end = min(end, ino.alloc+v.room)
	}
	v.charge(end - ino.alloc)
	ino.alloc = end
	return end
}

// forget drops inodes that nothing can bring back.
func (v *Volume) forget() {
	if len(v.nameChanges) > 0 || len(v.inodes) < 64 {
		return
	}
	kept := v.inodes[:0]
	for _, ino := range v.inodes {
		if ino.links > 0 || ino.open > 0 {
			kept = append(kept, ino)
		}
	}
	clear(v.inodes[len(kept):])
	v.inodes = kept
}

// draw is the time that an operation on n bytes takes.
func (v *Volume) draw(c *Cost, n int64) clock.Duration {
	d := c.Base + c.PerKiB*clock.Duration(n)/1024
	if c.Jitter > 0 {
		d += clock.Duration(v.delays.N(int64(c.Jitter)))
	}
	if c.Rare > 0 && v.delays.Chance(c.Rare, 1000) {
		d += clock.Duration(v.delays.N(int64(c.Slow) + 1))
	}
	if c == &v.cfg.Climate.Sync {
		return d*clock.Duration(v.slow) + v.delay + v.delayed
	}
	return d*clock.Duration(v.slow) + v.delay
}

// String names the volume in traces.
func (v *Volume) String() string { return v.cfg.Name + "/" + strconv.Itoa(int(v.cfg.Index)) }
