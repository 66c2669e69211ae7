package cluster

import (
	"slices"

	"trial/checks"
	"trial/engine"
	"trial/sim"
)

// faultLog is the world's own account of what was done to it: ground truth for
// the ledger and the judges.
type faultLog struct {
	w      *world
	emit   func(checks.FaultEvent)
	images map[checks.FileRef][]byte // content before a power failure, by volume and path
	order  []checks.FileRef
}

func (l *faultLog) event(kind checks.FaultKind, node, peer engine.NodeID, text string) checks.FaultEvent {
	return checks.FaultEvent{
		At: l.w.Now(), Seq: int64(len(l.w.history.Events)), Kind: kind, Node: int32(node), Peer: int32(peer), Text: text,
	}
}

var noteKinds = map[string]checks.FaultKind{
	"stop": checks.Stop, "pause": checks.Pause, "resume": checks.Resume, "cut": checks.Cut, "mend": checks.Mend,
	"slow": checks.Slow, "reset": checks.Reset, "disk": checks.DiskFail, "heal": checks.HealAll,
}

func (l *faultLog) note(node, peer engine.NodeID, what string) {
	l.emit(l.event(noteKinds[what], node, peer, what))
}

func (l *faultLog) kill(node engine.NodeID) { l.emit(l.event(checks.Kill, node, 0, "kill")) }

func (l *faultLog) restart(node engine.NodeID) { l.emit(l.event(checks.Restart, node, 0, "restart")) }

// before keeps what the node's disks hold, to tell what a power failure took.
func (l *faultLog) before(node engine.NodeID) {
	l.images, l.order = map[checks.FileRef][]byte{}, l.order[:0]
	for v := range l.w.Volumes(node) {
		vol := l.w.Volume(node, engine.VolumeID(v))
		for _, f := range vol.Snapshot() {
			if f.Dir {
				continue
			}
			ref := checks.FileRef{Volume: int32(v), Path: f.Path}
			if b, err := vol.ReadFile(f.Path); err == nil {
				l.images[ref] = b
				l.order = append(l.order, ref)
			}
		}
	}
}

// power tells what a power failure took.
func (l *faultLog) power(node engine.NodeID, losses []sim.DiskLoss) {
	e := l.event(checks.PowerFail, node, 0, "power failure")
	for _, d := range losses {
		vol := l.w.Volume(node, d.Volume)
		for _, f := range d.Files {
			l.w.Note("%s lost %s: gone %v, revived %v, size %d to %d, bytes %v", l.w.name(node), f.Path, f.Gone, f.Revived, f.Before, f.After, f.Ranges)
			loss := checks.FileLoss{Volume: int32(d.Volume), Path: f.Path, Gone: f.Gone}
			loss.Before = l.images[checks.FileRef{Volume: int32(d.Volume), Path: f.Path}]
			if !f.Gone {
				if after, err := vol.ReadFile(f.Path); err == nil {
					loss.After = after
				}
			}
			e.Lost = append(e.Lost, loss)
		}
	}
	l.emit(e)
}

// wipe tells what went with the volumes that a new pod does not have.
func (l *faultLog) wipe(node engine.NodeID, emptied []int) {
	e := l.event(checks.Wipe, node, 0, "volumes emptied")
	for _, ref := range l.order {
		if slices.Contains(emptied, int(ref.Volume)) {
			e.Lost = append(e.Lost, checks.FileLoss{Volume: ref.Volume, Path: ref.Path, Gone: true, Before: l.images[ref]})
		}
	}
	l.w.Note("%s came back in a new pod: volumes %v are empty, %d files are gone", l.w.name(node), emptied, len(e.Lost))
	l.emit(e)
}

// disks shows the simulated disks to the judges.
type disks struct{ w *world }

// Files lists the regular files of a node, sorted by volume and path.
func (d disks) Files(node int32) []checks.FileRef {
	var out []checks.FileRef
	id := engine.NodeID(node)
	for v := range d.w.Volumes(id) {
		for _, f := range d.w.Volume(id, engine.VolumeID(v)).Snapshot() {
			if !f.Dir {
				out = append(out, checks.FileRef{Volume: int32(v), Path: f.Path, Size: f.Size})
			}
		}
	}
	return out
}

// Read returns the content of a file.
func (d disks) Read(node int32, f checks.FileRef) []byte {
	b, err := d.w.Volume(engine.NodeID(node), engine.VolumeID(f.Volume)).ReadFile(f.Path)
	if err != nil {
		return nil
	}
	return b
}
