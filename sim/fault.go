package sim

import (
	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
)

// DiskLoss is what a power failure took from one volume.
type DiskLoss struct {
	At     clock.Instant
	Node   engine.NodeID
	Volume engine.VolumeID
	Files  []simdisk.Loss
}

// Losses lists what all power failures so far have taken.
func (w *World) Losses() []DiskLoss { return w.losses }

// Start begins the next incarnation of a node; false if one is running.
func (w *World) Start(id engine.NodeID) bool {
	n := w.node(id)
	if n.proc != nil {
		return false
	}
	w.fault(id, "start")
	n.inc++
	n.exit.ended, n.exit.err = false, nil
	n.busy = w.tl.Now()
	n.proc = &proc{
		n: n, w: w, inc: n.inc, program: n.spec.Factory(),
		streams: map[string]*engine.Stream{}, sites: map[string]*engine.Site{},
	}
	n.machine.Boot()
	n.post(work{kind: workBoot})
	return true
}

// Kill ends the process of a node at once, as SIGKILL does; false if none runs.
func (w *World) Kill(id engine.NodeID) bool {
	n := w.node(id)
	if n.proc == nil {
		return false
	}
	w.fault(id, "kill")
	n.machine.Kill()
	for _, v := range n.volumes {
		v.Kill()
	}
	n.end()
	return true
}

// PowerFail cuts the power of a node: what was not synced may be lost or torn,
// and nobody is told. It works on a node without a process too. The power is
// back at the next Start.
func (w *World) PowerFail(id engine.NodeID) {
	n := w.node(id)
	w.fault(id, "power-fail")
	n.machine.PowerOff()
	for i, v := range n.volumes {
		if files := v.PowerFail(); len(files) > 0 {
			w.losses = append(w.losses, DiskLoss{w.tl.Now(), id, engine.VolumeID(i), files})
			for _, f := range files {
				w.line("n%d lost v%d %+v", id, i, f)
			}
		}
	}
	if n.proc != nil {
		n.end()
	}
}

// Stop asks the program of a node to end in an orderly way; false if none runs.
func (w *World) Stop(id engine.NodeID) bool {
	n := w.node(id)
	if n.proc == nil {
		return false
	}
	w.fault(id, "stop")
	n.post(work{kind: workStop})
	return true
}

// Restart kills a node if it runs and starts it again.
func (w *World) Restart(id engine.NodeID) {
	w.Kill(id)
	w.Start(id)
}

// Pause freezes the process of a node: it gets no event, its timers are late, its
// peers hear nothing. Its operating system goes on. False if it does not run.
func (w *World) Pause(id engine.NodeID) bool {
	n := w.node(id)
	if n.proc == nil || n.paused {
		return false
	}
	w.fault(id, "pause")
	n.paused = true
	return true
}

// Resume ends a pause.
func (w *World) Resume(id engine.NodeID) bool {
	n := w.node(id)
	if !n.paused {
		return false
	}
	w.fault(id, "resume")
	n.paused = false
	n.rouse()
	return true
}

// SlowNode multiplies the service times of a node; 1 is its own speed.
func (w *World) SlowNode(id engine.NodeID, factor int64) {
	w.fault(id, "slow-node", factor)
	w.node(id).slow = max(1, factor)
}

// Ended reports whether the latest incarnation ended by Host.Exit, and how.
func (w *World) Ended(id engine.NodeID) (bool, error) {
	n := w.node(id)
	return n.exit.ended, n.exit.err
}

// SkewClock sets how far the wall clock of a node is ahead.
func (w *World) SkewClock(id engine.NodeID, ahead clock.Duration) {
	w.fault(id, "skew", int64(ahead))
	w.node(id).wall = ahead
}

// Drift makes the monotonic clock of a node run fast by so many millionths from
// now on; negative for slow. Timers that are armed already keep their instant.
func (w *World) Drift(id engine.NodeID, ppm int64) {
	w.fault(id, "drift", ppm)
	d := &w.node(id).drift
	now := w.tl.Now()
	*d = drift{ppm: max(-500_000, min(ppm, 500_000)), global: now, local: d.toLocal(now)}
}
