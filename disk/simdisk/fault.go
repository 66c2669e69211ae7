package simdisk

import (
	"trial/clock"
	"trial/engine"
	"trial/internal/must"
)

// FaultKind is a way in which a volume fails.
type FaultKind uint8

// The faults. All but BadRead and ShortRead strike operations that write.
const (
	FailAppend  FaultKind = iota + 1 // an append or writeAt fails with ErrIO and takes nothing
	ShortAppend                      // an append or writeAt takes a part, without an error
	FailSync                         // a syncFile or syncDir fails with ErrIO
	BadRead                          // a read fails with ErrIO
	ShortRead                        // a read returns less than there is
	numFaults
)

// faultPlan is what will fail.
type faultPlan struct {
	draw    *engine.Stream
	armed   bool
	times   [numFaults]int // how many more times; negative: until Repair
	skipped [numFaults]int // operations to let pass first
}

// Fail makes the next times operations that the kind concerns fail, after
// skipping some; negative times: all of them until Repair.
func (v *Volume) Fail(kind FaultKind, skip, times int) {
	v.plan.draw = v.faults
	v.plan.armed = true
	v.plan.times[kind] = times
	v.plan.skipped[kind] = skip
}

// Repair ends all faults of the volume: nothing fails any more, it is online,
// as fast as its climate and has the room it had without a limit.
func (v *Volume) Repair() {
	v.plan = faultPlan{}
	v.offline = false
	v.slow, v.delay, v.delayed = 1, 0, 0
	if v.cfg.Bytes == 0 {
		v.room = -1
	}
}

// strikes reports whether the fault hits this time.
func (p *faultPlan) strikes(kind FaultKind) bool {
	switch {
	case !p.armed || p.times[kind] == 0:
		return false
	case p.skipped[kind] > 0:
		p.skipped[kind]--
		return false
	case p.times[kind] > 0:
		p.times[kind]--
	}
	return true
}

func (p *faultPlan) write(n int) (int, error) {
	if p.armed && n > 0 {
		if p.strikes(FailAppend) {
			return 0, engine.ErrIO
		}
		if p.strikes(ShortAppend) {
			return int(p.draw.N(int64(n))), nil
		}
	}
	return n, nil
}

func (p *faultPlan) read(n int) (int, error) {
	if p.armed && n > 0 {
		if p.strikes(BadRead) {
			return 0, engine.ErrIO
		}
		if p.strikes(ShortRead) {
			return int(p.draw.N(int64(n))), nil
		}
	}
	return n, nil
}

func (p *faultPlan) sync() error {
	if p.strikes(FailSync) {
		return engine.ErrIO
	}
	return nil
}

// SetOffline makes every operation fail with ErrOffline, or ends that.
func (v *Volume) SetOffline(offline bool) { v.offline = offline }

// Slow multiplies the time of every operation that begins from now on; 1 is the
// climate's own speed.
func (v *Volume) Slow(factor int64) { v.slow = max(1, factor) }

// Delay makes every operation that begins from now on take that much longer, and
// every sync syncs longer besides; zeros are the climate's own speed. Unlike a
// factor it bounds how long one operation can take, whatever the climate.
func (v *Volume) Delay(all, syncs clock.Duration) { v.delay, v.delayed = max(0, all), max(0, syncs) }

// Limit lets the volume take bytes more bytes; negative: no limit.
func (v *Volume) Limit(bytes int64) { v.room = max(-1, bytes) }

// Rot flips the bits of mask in the byte at pos of a file, durably. It reports
// whether there is such a byte.
func (v *Volume) Rot(path string, pos int64, mask byte) bool {
	f := v.lookup(path)
	if f == nil || f.dir || pos < 0 || pos >= f.data.size {
		return false
	}
	f.data.chunks[int(pos/chunkBytes)][int(pos%chunkBytes)] ^= mask
	return true
}

// Wipe replaces the disk by an empty one. No process may be using it.
func (v *Volume) Wipe() {
	must.Hold(len(v.handles) == 0, "simdisk: %v is wiped while files are open", v)
	v.root = newDir()
	v.root.links = 1
	v.inodes, v.nameChanges = nil, nil
	if v.room >= 0 {
		v.room = v.cfg.Bytes
	}
	v.Repair()
}
