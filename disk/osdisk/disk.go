package osdisk

import (
	"errors"
	"fmt"
	"sync"

	"trial/engine"
)

// Config describes the volumes of one node.
type Config struct {
	// Dirs holds one existing directory per volume.
	Dirs []string
	// Workers bounds the goroutines per volume; 8 if zero. They are started when
	// there is work for them and stay until the disk is closed.
	Workers int
	// Complete is called with a list, linked by Next, of operations that have
	// completed. It is called from workers and from Submit, never with a lock held,
	// and must not call the disk.
	Complete func(first *engine.DiskOp)
}

const defaultWorkers = 8

// Disk is the set of volumes of a node. It is safe for concurrent use.
type Disk struct {
	complete func(first *engine.DiskOp)
	maxWork  int

	mu       sync.Mutex
	vols     []*volume
	handles  map[engine.FileID]*handle
	open     map[*file]struct{}
	lastID   engine.FileID
	draining bool // no new operations; workers end when nothing is queued
	killed   bool // workers end after the system call they are in
	workers  sync.WaitGroup
}

// Open takes the directories. It fails if one does not exist, cannot be
// written, or is held by another process (or another Disk of this one).
func Open(cfg Config) (*Disk, error) {
	d := &Disk{complete: cfg.Complete, maxWork: cfg.Workers, handles: make(map[engine.FileID]*handle),
		open: make(map[*file]struct{})}
	if d.maxWork <= 0 {
		d.maxWork = defaultWorkers
	}
	for i, dir := range cfg.Dirs {
		v, err := openVolume(d, dir)
		if err != nil {
			d.release()
			return nil, fmt.Errorf("volume %d: %w", i, err)
		}
		d.vols = append(d.vols, v)
	}
	return d, nil
}

// Volumes is the number of volumes.
func (d *Disk) Volumes() int { return len(d.vols) }

// Submit starts the operations of a list linked by Next, in its order.
func (d *Disk) Submit(first *engine.DiskOp) {
	var bad list
	d.mu.Lock()
	if d.draining || d.killed {
		d.mu.Unlock()
		return
	}
	for op := first; op != nil; {
		next := op.Next
		op.Next = nil
		op.N, op.Entries, op.Err = 0, nil, nil
		if err := d.route(op); err != nil {
			op.Err = err
			bad.push(op)
		}
		op = next
	}
	for _, v := range d.vols {
		v.wake()
	}
	d.mu.Unlock()
	if bad.first != nil {
		d.complete(bad.first)
	}
}

// route puts op into the queue where it belongs. Called with mu held.
func (d *Disk) route(op *engine.DiskOp) error {
	switch op.Kind {
	case engine.OpOpen, engine.OpCreate, engine.OpStat, engine.OpList, engine.OpRename,
		engine.OpRemove, engine.OpMkdir, engine.OpSyncDir, engine.OpFree:
		if op.Volume < 0 || int(op.Volume) >= len(d.vols) {
			return fmt.Errorf("%w (there is no volume %d)", engine.ErrOffline, op.Volume)
		}
		v := d.vols[op.Volume]
		v.push(&v.names, task{op: op})
		return nil
	}
	h := d.handles[op.File]
	if h == nil {
		return engine.ErrBadFile
	}
	if op.Kind == engine.OpReadAt {
		if h.closing {
			return engine.ErrBadFile
		}
		h.file.refs++
		h.file.vol.run.push(item{read: op, file: h.file})
		return nil
	}
	// Behind a close the operation still goes through the queue, so that it
	// completes in order; it fails there.
	t := task{op: op, handle: h, bad: h.closing}
	if op.Kind == engine.OpClose {
		h.closing = true
	}
	h.file.vol.push(&h.file.queue, t)
	return nil
}

// Close lets what was submitted take effect, ends the workers and closes the
// files without syncing them.
func (d *Disk) Close() { d.end(false) }

// Kill ends the workers after the system calls they are in and closes the files
// without syncing them. No completion is reported after Kill has returned, and
// nothing writes to the volumes any more.
func (d *Disk) Kill() { d.end(true) }

func (d *Disk) end(kill bool) {
	d.mu.Lock()
	d.draining = true
	d.killed = d.killed || kill
	for _, v := range d.vols {
		v.cond.Broadcast()
	}
	d.mu.Unlock()
	d.workers.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, h := range d.handles {
		delete(d.handles, id)
		closeFile(h.file.unref())
	}
	for f := range d.open { // pinned by somebody who never let go
		f.os.Close()
	}
	d.release()
}

// release gives the directories back.
func (d *Disk) release() {
	for _, v := range d.vols {
		v.close()
	}
}

// list collects completed operations, linked by Next, in order.
type list struct{ first, last *engine.DiskOp }

func (l *list) push(op *engine.DiskOp) {
	op.Next = nil
	if l.last == nil {
		l.first = op
	} else {
		l.last.Next = op
	}
	l.last = op
}

var errHeld = errors.New("another process uses this directory")
