package sim

import (
	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
)

// SlowDisk multiplies the times of a volume; 1 is its own speed.
func (w *World) SlowDisk(id engine.NodeID, v engine.VolumeID, factor int64) {
	w.fault(id, "slow-disk", int64(v), factor)
	w.Volume(id, v).Slow(factor)
}

// DelayDisk makes every operation on a volume take that much longer, and every
// sync syncs longer besides; zeros end that.
func (w *World) DelayDisk(id engine.NodeID, v engine.VolumeID, all, syncs clock.Duration) {
	w.fault(id, "delay-disk", int64(v), int64(all), int64(syncs))
	w.Volume(id, v).Delay(all, syncs)
}

// FailNextAppend makes the next append or write on a volume fail.
func (w *World) FailNextAppend(id engine.NodeID, v engine.VolumeID) {
	w.FailDisk(id, v, simdisk.FailAppend, 0, 1)
}

// ShortAppend makes the next append or write on a volume take only a part.
func (w *World) ShortAppend(id engine.NodeID, v engine.VolumeID) {
	w.FailDisk(id, v, simdisk.ShortAppend, 0, 1)
}

// FailSync makes the next sync on a volume fail, or all of them until RepairDisk.
func (w *World) FailSync(id engine.NodeID, v engine.VolumeID, latched bool) {
	times := 1
	if latched {
		times = -1
	}
	w.FailDisk(id, v, simdisk.FailSync, 0, times)
}

// FailDisk makes operations of a kind fail: times of them after skipping some;
// negative times: all until RepairDisk.
func (w *World) FailDisk(id engine.NodeID, v engine.VolumeID, kind simdisk.FaultKind, skip, times int) {
	w.fault(id, "fail-disk", int64(v), int64(kind), int64(skip)<<32|int64(uint32(int32(times))))
	w.Volume(id, v).Fail(kind, skip, times)
}

// LimitDisk lets a volume take bytes more bytes; negative: no limit.
func (w *World) LimitDisk(id engine.NodeID, v engine.VolumeID, bytes int64) {
	w.fault(id, "limit-disk", int64(v), bytes)
	w.Volume(id, v).Limit(bytes)
}

// OfflineDisk makes every operation on a volume fail until RepairDisk.
func (w *World) OfflineDisk(id engine.NodeID, v engine.VolumeID) {
	w.fault(id, "offline-disk", int64(v))
	w.Volume(id, v).SetOffline(true)
}

// RepairDisk ends all faults of a volume.
func (w *World) RepairDisk(id engine.NodeID, v engine.VolumeID) {
	w.fault(id, "repair-disk", int64(v))
	w.Volume(id, v).Repair()
}

// Rot flips bits in a byte of a file; false if there is no such byte.
func (w *World) Rot(id engine.NodeID, v engine.VolumeID, path string, pos int64, mask byte) bool {
	w.fault(id, "rot", int64(v), pos, int64(mask))
	return w.Volume(id, v).Rot(path, pos, mask)
}

// WipeDisk replaces a volume of a node that does not run by an empty one; false
// if the node runs.
func (w *World) WipeDisk(id engine.NodeID, v engine.VolumeID) bool {
	if w.node(id).proc != nil {
		return false
	}
	w.fault(id, "wipe-disk", int64(v))
	w.Volume(id, v).Wipe()
	return true
}
