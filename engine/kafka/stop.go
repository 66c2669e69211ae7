package kafka

import (
	"trial/clock"
	"trial/engine"
)

// Stop ends the broker in an orderly way: the controller moves our leaderships
// away, logs are synced and closed, the clean-shutdown marker is written
// (BrokerServer.shutdown).
func (b *Broker) Stop() {
	if b.stopping || b.stopped {
		return
	}
	b.stopping = true
	b.h.Logf(engine.Info, "broker %d is stopping", b.cfg.NodeID)
	if b.lifecycle.stop() {
		return // onMayStop follows
	}
	if b.node == nil { // still reading the volumes: nothing is open
		b.stopped = true
		b.h.Exit(nil)
		return
	}
	b.onMayStop("the broker never served")
}

// onMayStop goes on when nobody needs us any more, or waiting has no sense.
func (b *Broker) onMayStop(why string) {
	if b.lifecycle.state == ShuttingDown {
		return
	}
	b.h.Logf(engine.Info, "controlled shutdown: %s", why)
	b.lifecycle.end()
	b.heartbeats.Close()
	b.isrChanges.Close()
	b.forwards.Close()
	for len(b.follows) > 0 {
		f := b.follows[0]
		f.fetcher.Close()
		f.link.close()
		b.follows = b.follows[1:]
	}
	b.h.StopTimer(&b.isrTimer)
	b.h.StopTimer(&b.checkpointTimer)
	b.closeLogs()
}

// closeLogs syncs and closes what is open, all at once, and goes on when the
// last has ended. A log that cannot be closed makes its volume unclean.
func (b *Broker) closeLogs() {
	left := 1
	clean := make([]bool, len(b.volumes))
	done := func() {
		if left--; left == 0 && !b.stopped {
			b.closeVolumes(clean)
		}
	}
	for i := range b.volumes {
		clean[i] = !b.volumes[i].offline
		if b.cfg.ControllerOnly { // no partitions, no high watermarks
			continue
		}
		left++
		b.writeCheckpoint(&b.volumes[i], done)
	}
	for _, p := range b.parts.list {
		if p.phase != online {
			// Still being recovered: the marker would vouch for it.
			clean[p.vol] = false
			continue
		}
		p.part.Close()
		left++
		vol := p.vol
		p.log.Close(func(err error) {
			if err != nil {
				clean[vol] = false
			}
			done()
		})
	}
	done()
}

// closeVolumes writes the clean-shutdown markers behind the closed logs, then
// leaves the quorum.
func (b *Broker) closeVolumes(clean []bool) {
	left := 1
	done := func(error) {
		if left--; left == 0 && !b.stopped {
			b.leaveQuorum()
		}
	}
	epoch := b.markerEpoch()
	for i := range b.volumes {
		if clean[i] && !b.volumes[i].offline && epoch >= 0 {
			left++
			b.files.replace(b.volumes[i].id, cleanShutdownFile, encodeCleanShutdown(epoch), done)
		}
	}
	done(nil)
}

// markerEpoch is the broker epoch that the clean-shutdown marker may vouch for,
// -1 for none. Logs that this incarnation never opened are as clean as it found
// them.
func (b *Broker) markerEpoch() int64 {
	switch l := &b.lifecycle; {
	case !b.caughtUp && l.previous < 0:
		return -1
	case l.epoch < 0:
		return l.previous
	default:
		return l.epoch
	}
}

// leaveQuorum ends the quorum member and the incarnation. The others must not
// keep us: they can elect without our resignation.
func (b *Broker) leaveQuorum() {
	exit := func() {
		if !b.stopped {
			b.stopped = true
			b.h.Logf(engine.Info, "broker %d has stopped", b.cfg.NodeID)
			b.h.Exit(nil)
		}
	}
	b.stopTimer.Fire = exit
	b.h.SetTimer(&b.stopTimer, b.h.Now().Add(leaveLimit))
	b.node.Stop(exit)
}

const leaveLimit = 5 * clock.Second
