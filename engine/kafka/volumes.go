package kafka

import (
	"errors"
	"slices"
	"strings"

	"trial/engine"
)

// volume is one log directory (JBOD).
type volume struct {
	id      engine.VolumeID
	dir     [16]byte // directory id of meta.properties
	offline bool     // latched: never again used in this incarnation
	clean   int64    // broker epoch in the clean-shutdown marker, -1 without one
	found   []foundDir

	checkpoint checkpoint
}

// foundDir is a partition directory that was there at boot.
type foundDir struct {
	name      string
	topic     string
	partition int32
	id        [16]byte // of partition.metadata
	whole     bool     // id could be read
	claimed   bool     // a partition of the image took it
}

// deletedSuffix marks directories whose removal had begun.
const deletedSuffix = "-delete"

// loadVolumes reads what the volumes hold, all of them at once, and goes on with
// b.onVolumes.
func (b *Broker) loadVolumes() {
	n := b.h.Volumes()
	b.volumes = make([]volume, n)
	left := n
	for i := range b.volumes {
		v := &b.volumes[i]
		v.id, v.clean = engine.VolumeID(i), -1
		b.loadVolume(v, func(err error) {
			if b.stopped {
				return
			}
			if err != nil {
				b.volumeOffline(v.id, err)
			}
			if left--; left == 0 && !b.stopped {
				b.onVolumes()
			}
		})
	}
	if n == 0 {
		b.halt(errors.New("the node has no volume: a broker needs at least one log directory"))
	}
}

func (b *Broker) loadVolume(v *volume, done func(error)) {
	b.claimVolume(v, func(err error) {
		if err != nil {
			done(err)
			return
		}
		b.takeCleanMarker(v, func(err error) {
			if err != nil {
				done(err)
				return
			}
			b.readCheckpoint(v, func(err error) {
				if err != nil {
					done(err)
					return
				}
				b.scanVolume(v, done)
			})
		})
	})
}

// claimVolume reads meta.properties, or writes it on a fresh volume. A volume of
// somebody else ends the node.
func (b *Broker) claimVolume(v *volume, done func(error)) {
	b.files.read(v.id, metaPropertiesFile, func(data []byte, err error) {
		switch {
		case errors.Is(err, engine.ErrNotExist):
			v.dir = b.h.Stream("directory").UUID()
			m := metaProperties{nodeID: b.cfg.NodeID, clusterID: b.cfg.ClusterID, directoryID: v.dir}
			b.files.replace(v.id, metaPropertiesFile, m.encode(), done)
		case err != nil:
			done(err)
		default:
			m, err := parseMetaProperties(data)
			if err == nil {
				err = m.belongsTo(b.cfg.NodeID, b.cfg.ClusterID)
			}
			if err != nil {
				b.halt(err)
				return
			}
			v.dir = m.directoryID
			done(nil)
		}
	})
}

// takeCleanMarker reads and removes the clean-shutdown marker, before any log is
// opened: from here on an end without Stop is unclean.
func (b *Broker) takeCleanMarker(v *volume, done func(error)) {
	b.files.read(v.id, cleanShutdownFile, func(data []byte, err error) {
		switch {
		case errors.Is(err, engine.ErrNotExist):
			done(nil)
		case err != nil:
			done(err)
		default:
			v.clean = parseCleanShutdown(data)
			b.files.remove(v.id, cleanShutdownFile, done)
		}
	})
}

// scanVolume finds the partition directories and what topic id each belongs to.
func (b *Broker) scanVolume(v *volume, done func(error)) {
	b.files.list(v.id, ".", func(entries []engine.DirEntry, err error) {
		if err != nil {
			done(err)
			return
		}
		for _, e := range entries {
			if !e.Dir {
				continue
			}
			if strings.HasSuffix(e.Name, deletedSuffix) {
				b.removeDir(v.id, e.Name)
				continue
			}
			topic, partition, ok := parsePartitionDir(e.Name)
			if ok && topic != metadataTopic {
				v.found = append(v.found, foundDir{name: e.Name, topic: topic, partition: partition})
			}
		}
		b.readPartitionMetas(v, 0, done)
	})
}

func (b *Broker) readPartitionMetas(v *volume, i int, done func(error)) {
	if i == len(v.found) {
		done(nil)
		return
	}
	f := &v.found[i]
	b.files.read(v.id, f.name+"/"+partitionMetaFile, func(data []byte, err error) {
		if err != nil && !errors.Is(err, engine.ErrNotExist) {
			done(err)
			return
		}
		f.id, f.whole = parsePartitionMeta(data)
		b.readPartitionMetas(v, i+1, done)
	})
}

// removeDir removes a directory that nobody uses any more, in the background.
func (b *Broker) removeDir(vol engine.VolumeID, dir string) {
	b.files.removeTree(vol, dir, func(err error) {
		if err != nil {
			b.volumeOffline(vol, err)
		}
	})
}

// previousEpoch is the broker epoch of the last incarnation if it ended in an
// orderly way on every volume, else -1 (KIP-966: the controller then counts the
// shutdown as unclean).
func (b *Broker) previousEpoch() int64 {
	epoch := b.volumes[0].clean
	for i := range b.volumes {
		if v := &b.volumes[i]; v.offline || v.clean != epoch {
			return -1
		}
	}
	return epoch
}

// volumeOffline latches a volume as failed. The metadata log lives on volume 0:
// without it, or without any volume, the node ends as Kafka halts.
func (b *Broker) volumeOffline(id engine.VolumeID, err error) {
	v := &b.volumes[id]
	if v.offline || b.stopped {
		return
	}
	v.offline = true
	b.h.Logf(engine.Error, "volume %d is offline: %v", id, err)
	b.emitVolumeOffline(id, err)
	if id == 0 || b.onlineVolumes() == 0 {
		b.halt(err)
		return
	}
	b.partitionsOffline(id)
	b.lifecycle.dirOffline(v.dir)
}

func (b *Broker) onlineVolumes() int {
	n := 0
	for i := range b.volumes {
		if !b.volumes[i].offline {
			n++
		}
	}
	return n
}

func sortUUIDs(ids [][16]byte) {
	slices.SortStableFunc(ids, func(a, b [16]byte) int { return slices.Compare(a[:], b[:]) })
}
