package kafka

import (
	"encoding/hex"
	"fmt"
	"slices"

	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/replica"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
)

// hosted is a partition of which this broker is a replica, from the moment the
// committed image says so.
type hosted struct {
	tp    view.TP
	dir   string
	vol   engine.VolumeID
	phase phase
	fresh bool             // the directory was made by this incarnation
	short bool             // recovery left less than the checkpointed high watermark
	reg   *image.Partition // the newest registration
	log   *plog.Log        // from the moment the directory is ours
	part  *replica.Partition

	following   *follow // the fetcher that has the partition, nil for none
	followEpoch int32   // the leader epoch in which it was added
}

type phase uint8

const (
	opening  phase = iota // directory and log are being made or recovered
	online                // part answers
	failed                // the volume is offline: KAFKA_STORAGE_ERROR
	deleting              // not a replica any more; the directory is being removed
)

func (p phase) String() string {
	return [...]string{"opening", "online", "failed", "deleting"}[p]
}

type partKey struct {
	id        image.UUID
	partition int32
}

// hostedSet are the partitions of this broker in the order in which they came,
// with an index by topic id.
type hostedSet struct {
	list  []*hosted
	byKey map[partKey]*hosted
	busy  map[string]*dirQueue // directories that are being removed
}

// dirQueue is what waits for a directory's removal.
type dirQueue struct{ waiting []func() }

func newHostedSet() hostedSet {
	return hostedSet{byKey: map[partKey]*hosted{}, busy: map[string]*dirQueue{}}
}

func (s *hostedSet) get(id image.UUID, partition int32) *hosted {
	return s.byKey[partKey{id, partition}]
}

func (s *hostedSet) add(p *hosted) {
	s.list = append(s.list, p)
	s.byKey[partKey{p.tp.ID, p.tp.Partition}] = p
}

func (s *hostedSet) remove(p *hosted) {
	delete(s.byKey, partKey{p.tp.ID, p.tp.Partition})
	if i := slices.Index(s.list, p); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// host starts to be a replica of a partition: takes the directory that is there
// if it belongs to the topic id, else makes a fresh one, and opens the log.
func (b *Broker) host(tp view.TP, reg *image.Partition) {
	p := &hosted{tp: tp, dir: partitionDir(tp.Topic, tp.Partition), reg: reg}
	b.parts.add(p)
	b.opening++
	existing := b.claimFound(p)
	if !existing {
		p.fresh, p.vol = true, b.chooseVolume(reg)
	}
	if q := b.parts.busy[p.dir]; q != nil {
		// A directory of an earlier topic of this name is on its way out.
		q.waiting = append(q.waiting, func() { b.openHosted(p, existing) })
		return
	}
	b.openHosted(p, existing)
}

// claimFound looks for the directory of a partition among those found at boot. A
// directory of that name with another topic id, or without a readable one, goes:
// its id file is made durable before the log takes its first record, so such a
// directory holds nothing of ours.
func (b *Broker) claimFound(p *hosted) bool {
	claimed := false
	for i := range b.volumes {
		v := &b.volumes[i]
		for j := range v.found {
			f := &v.found[j]
			if f.claimed || f.name != p.dir {
				continue
			}
			f.claimed = true
			if f.whole && b.belongs(f, p) && !claimed {
				p.vol, claimed = v.id, true
				continue
			}
			b.discardDir(v.id, f.name)
		}
	}
	return claimed
}

// belongs reports whether a directory that was there at boot is that of a partition.
// With the planted bug REP-29 (KAFKA-14616, KAFKA-16157) the name is enough.
func (b *Broker) belongs(f *foundDir, p *hosted) bool {
	if mutant.Enabled && b.cfg.Mutant == mutant.REP29 {
		b.h.Probe("mutant.reached")
		if f.id != p.tp.ID {
			b.h.Probe("mutant.infected")
		}
		return true
	}
	return f.id == p.tp.ID
}

// chooseVolume takes the directory that the registration assigns to us, else
// the online volume with the fewest partitions (LogManager.nextLogDirs).
func (b *Broker) chooseVolume(reg *image.Partition) engine.VolumeID {
	for i, id := range reg.Replicas {
		if id != b.cfg.NodeID || i >= len(reg.Directories) {
			continue
		}
		for j := range b.volumes {
			if v := &b.volumes[j]; !v.offline && v.dir == reg.Directories[i] {
				return v.id
			}
		}
	}
	count := make([]int, len(b.volumes))
	for _, p := range b.parts.list {
		count[p.vol]++
	}
	best := engine.VolumeID(-1)
	for i := range b.volumes {
		if !b.volumes[i].offline && (best < 0 || count[i] < count[best]) {
			best = engine.VolumeID(i)
		}
	}
	return max(best, 0)
}

// discardDir moves a directory out of the way and removes it; what needs its
// name waits in busy.
func (b *Broker) discardDir(vol engine.VolumeID, dir string) {
	b.blockDir(dir)
	b.h.Logf(engine.Warn, "removing directory %s: it is of no topic we hold", dir)
	gone := dir + "." + uuidHex(b.h.Stream("directory").UUID()) + deletedSuffix
	b.files.rename(vol, dir, gone, func(err error) {
		if err != nil {
			b.volumeOffline(vol, err)
			return
		}
		b.forgetHW(vol, dir, func() { b.unblockDir(dir) })
		b.removeDir(vol, gone)
	})
}

func (b *Broker) blockDir(dir string) {
	if b.parts.busy[dir] == nil {
		b.parts.busy[dir] = &dirQueue{}
	}
}

func (b *Broker) unblockDir(dir string) {
	q := b.parts.busy[dir]
	delete(b.parts.busy, dir)
	if q != nil {
		for _, f := range q.waiting {
			f()
		}
	}
}

// uuidHex is for names of directories, where base64 could begin with a dash.
func uuidHex(id [16]byte) string { return hex.EncodeToString(id[:]) }

// maxOpening bounds the logs that are recovered at the same time: each reads with
// a buffer of its own.
const maxOpening = 32

// openHosted makes the directory with its topic id, unless it exists, and opens
// the log in it, when its turn has come.
func (b *Broker) openHosted(p *hosted, existing bool) {
	if b.openingNow >= maxOpening {
		b.openQueue = append(b.openQueue, func() { b.openHosted(p, existing) })
		return
	}
	b.openingNow++
	b.makeHosted(p, existing)
}

func (b *Broker) makeHosted(p *hosted, existing bool) {
	if p.phase != opening {
		b.onOpened(p)
		return
	}
	if b.volumes[p.vol].offline {
		p.phase = failed
		b.onOpened(p)
		return
	}
	if existing {
		b.openLog(p)
		return
	}
	b.files.mkdir(p.vol, p.dir, func(err error) {
		if err != nil {
			b.volumeOffline(p.vol, err)
			b.onOpened(p)
			return
		}
		b.files.replace(p.vol, p.dir+"/"+partitionMetaFile, encodePartitionMeta(p.tp.ID), func(err error) {
			if err != nil {
				b.volumeOffline(p.vol, err)
				b.onOpened(p)
				return
			}
			b.openLog(p)
		})
	})
}

func (b *Broker) openLog(p *hosted) {
	p.log = plog.New(b.h, p.vol, p.dir, b.topicConfig(p.tp.Topic).log)
	p.log.OnOffline(func(err error) {
		b.volumeOffline(p.vol, fmt.Errorf("%s: %w", p.dir, err))
	})
	if b.h.Observed() {
		p.log.OnSynced(func(end int64) { b.h.Emit(view.LogSynced{TP: p.tp, End: end}) })
		b.h.Emit(view.LogOpening{TP: p.tp})
	}
	p.log.Open(func(err error) {
		if err != nil {
			b.volumeOffline(p.vol, fmt.Errorf("opening %s: %w", p.dir, err))
		}
		b.capCheckpoint(p, func() { b.onOpened(p) })
	})
}

// onOpened ends the opening of a partition, well or badly.
func (b *Broker) onOpened(p *hosted) {
	b.opening--
	b.openingNow--
	if b.stopped {
		return
	}
	switch {
	case p.phase == deleting:
		b.deleteHosted(p)
	case p.phase == opening && b.volumes[p.vol].offline:
		p.phase = failed
		b.assignments.check(p)
	case p.phase == opening:
		p.phase = online
		p.part = replica.New(b.env(), p.tp, b.cfg.NodeID, p.log, b.cfg.Mutant)
		v := &b.volumes[p.vol]
		hw := int64(-1)
		if !p.fresh {
			hw = v.checkpoint.get(p.dir)
		}
		p.part.Opened(v.clean >= 0, hw)
		b.applyRegistration(p)
	}
	if b.opening == 0 {
		b.logRoles()
	}
	b.maybeReady()
	if len(b.openQueue) > 0 && b.openingNow < maxOpening {
		next := b.openQueue[0]
		b.openQueue = b.openQueue[1:]
		next()
	}
}

// unhost stops to be a replica of a partition and removes its directory.
func (b *Broker) unhost(p *hosted) {
	wasOpening := p.phase == opening
	b.unfollow(p)
	if p.part != nil {
		p.part.Close()
	}
	b.parts.remove(p)
	offline := p.phase == failed
	p.phase = deleting
	if !wasOpening && !offline {
		b.deleteHosted(p)
	} else if wasOpening {
		b.blockDir(p.dir)
	}
}

func (b *Broker) deleteHosted(p *hosted) {
	if p.log == nil { // never got as far as a log
		b.unblockDir(p.dir)
		return
	}
	b.blockDir(p.dir)
	p.log.Delete(func(err error) {
		if err != nil {
			b.volumeOffline(p.vol, fmt.Errorf("deleting %s: %w", p.dir, err))
			return
		}
		b.forgetHW(p.vol, p.dir, func() { b.unblockDir(p.dir) })
	})
}

// partitionsOffline fails every partition on a volume.
func (b *Broker) partitionsOffline(vol engine.VolumeID) {
	for _, p := range b.parts.list {
		if p.vol != vol || p.phase == failed {
			continue
		}
		b.unfollow(p)
		if p.log != nil {
			p.log.Fail(plog.ErrOffline)
		}
		if p.phase == online {
			p.phase = failed
			p.part.MarkOffline()
			b.assignments.check(p)
		}
	}
}
