package control

import (
	"errors"
	"slices"

	"trial/engine/kafka/control/image"
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
	"trial/internal/record"
)

// applier folds the committed part of the log into the image: at most 1 MiB is
// read and applied per event.
type applier struct {
	n     *Node
	image *image.Image
	busy  bool
}

// maxApplyBytes bounds the work of one event.
const maxApplyBytes = 1 << 20

// limit is the end of what may be applied.
func (a *applier) limit() int64 {
	if mutant.Enabled && a.n.cfg.Mutant == mutant.CTL09 {
		a.n.h.Probe("mutant.reached")
		if a.n.log.End() > a.n.q.HW() {
			a.n.h.Probe("mutant.infected")
		}
		return a.n.log.End()
	}
	return a.n.q.HW()
}

// pump reads the next piece if there is one.
func (a *applier) pump() {
	limit := a.limit()
	if a.busy || a.n.stopped || a.image.Offset() >= limit {
		return
	}
	s, err := a.n.log.Locate(a.image.Offset(), maxApplyBytes, limit, true)
	if err != nil || s.Len == 0 {
		if err != nil && !mutant.Enabled {
			a.n.fatal(err)
		}
		return
	}
	a.busy = true
	buf := make([]byte, s.Len)
	a.n.log.Read(s, buf, func(k int, err error) {
		a.busy = false
		switch {
		case a.n.stopped || errors.Is(err, plog.ErrClosed) || errors.Is(err, plog.ErrOffline):
			return
		case errors.Is(err, plog.ErrTruncated): // somewhere behind; what we read is gone or still there
		case err != nil:
			a.n.fatal(err)
			return
		default:
			if err := a.fold(buf[:k]); err != nil {
				a.n.fatal(err)
				return
			}
		}
		a.n.c.check()
		a.n.c.release()
		a.pump()
	})
}

// fold applies whole batches and tells the listeners.
func (a *applier) fold(b []byte) error {
	old := a.image
	ed := old.Edit()
	if a.n.h.Observed() {
		ed.Observe = image.Observer{Partition: a.tellPartition, Broker: a.tellBroker}
	}
	end, epoch := old.Offset(), old.Epoch()
	for len(b) > 0 {
		batch, rest, err := record.Next(b)
		if err != nil {
			return err
		}
		if err := a.foldBatch(ed, batch, end); err != nil {
			return err
		}
		end, epoch = batch.NextOffset(), batch.LeaderEpoch()
		b = rest
	}
	im, delta := ed.Done(end, epoch)
	a.image = im
	if a.n.h.Observed() {
		a.n.h.Emit(view.MetadataApplied{Offset: im.Offset(), Hash: im.Hash()})
	}
	if a.withholds(&delta) {
		return nil
	}
	for _, f := range a.n.listeners {
		f(old, im, delta)
	}
	return nil
}

// withholds is the planted bug SYN-C3: a node that does not lead keeps an image that
// differs from the last one in its offset alone to itself.
func (a *applier) withholds(delta *image.Delta) bool {
	if !mutant.Enabled || a.n.cfg.Mutant != mutant.SynC3 || a.n.c.active || !delta.Empty() {
		return false
	}
	a.n.h.Probe("mutant.reached")
	a.n.h.Probe("mutant.infected")
	return true
}

func (a *applier) foldBatch(ed *image.Editor, batch record.Batch, from int64) error {
	if batch.Control() {
		return nil
	}
	return batch.Each(func(r record.Record) error {
		if r.Offset < from {
			return nil
		}
		rec, err := image.Decode(r.Value)
		if err != nil {
			return err
		}
		err = ed.Apply(rec, r.Offset)
		if mutant.Enabled && a.n.cfg.Mutant == mutant.CTL09 && errors.Is(err, image.ErrBadRecord) {
			return nil // the image is wrong already; going on shows it
		}
		return err
	})
}

func (a *applier) tellPartition(tp view.TP, offset int64, old, new *image.Partition) {
	f := view.PartitionRegistered{TP: tp, Offset: offset}
	if new == nil {
		f.Removed, f.Leader = true, image.NoLeader
		if old != nil {
			f.LeaderEpoch, f.PartitionEpoch = old.LeaderEpoch, old.PartitionEpoch
		}
		a.n.h.Emit(f)
		return
	}
	f.Leader, f.LeaderEpoch, f.PartitionEpoch = new.Leader, new.LeaderEpoch, new.PartitionEpoch
	f.Replicas, f.ISR, f.ELR = slices.Clone(new.Replicas), slices.Clone(new.ISR), slices.Clone(new.ELR)
	f.Recovering = new.RecoveryState == image.Recovering
	f.Unclean = old != nil && new.Leader != image.NoLeader && new.Leader != old.Leader &&
		!slices.Contains(old.ISR, new.Leader) && !slices.Contains(old.ELR, new.Leader)
	a.n.h.Emit(f)
}

func (a *applier) tellBroker(offset int64, old, new *image.Broker) {
	if new == nil {
		a.n.h.Emit(view.BrokerRegistered{Offset: offset, ID: old.ID, Epoch: old.Epoch, Incarnation: old.Incarnation, Removed: true})
		return
	}
	a.n.h.Emit(view.BrokerRegistered{Offset: offset, ID: new.ID, Epoch: new.Epoch, Incarnation: new.Incarnation,
		Fenced: new.Fenced, Stopping: new.InControlledShutdown, Clean: a.n.c.wasClean(new.ID, new.Epoch)})
}
