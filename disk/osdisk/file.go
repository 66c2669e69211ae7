package osdisk

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"trial/engine"
)

// file is one open file, however many handles name it.
type file struct {
	vol   *volume
	os    *os.File
	fd    uintptr
	key   fileKey
	keyed bool

	queue queue // guarded by Disk.mu
	refs  int   // handles, reads under way and pins; guarded by Disk.mu

	// size is where the next append goes. Only the worker that executes the queue
	// changes it.
	size atomic.Int64
	// cut tells that the length shrank since the last sync, which must then
	// include all metadata. Only for the worker that executes the queue.
	cut bool
}

// handle is what a FileID stands for.
type handle struct {
	id      engine.FileID
	file    *file
	closing bool // an OpClose was submitted
}

// register gives f a handle, and joins it with an open file of the same identity.
func (d *Disk) register(v *volume, f *os.File, fi os.FileInfo) (engine.FileID, int64) {
	key, keyed := keyOf(fi)
	d.mu.Lock()
	defer d.mu.Unlock()
	x := v.files[key]
	if !keyed || x == nil {
		x = &file{vol: v, os: f, fd: f.Fd(), key: key, keyed: keyed}
		x.queue.file = x
		d.open[x] = struct{}{}
		x.size.Store(fi.Size())
		if keyed {
			v.files[key] = x
		}
	} else {
		f.Close()
	}
	x.refs++
	d.lastID++
	d.handles[d.lastID] = &handle{id: d.lastID, file: x}
	return d.lastID, x.size.Load()
}

// unref drops one reference. With the last it returns the file for the caller to
// close once mu, which it holds, is free: closing a removed file frees its blocks.
func (f *file) unref() *os.File {
	f.refs--
	if f.refs > 0 {
		return nil
	}
	if f.keyed {
		delete(f.vol.files, f.key)
	}
	delete(f.vol.disk.open, f)
	return f.os
}

func closeFile(f *os.File) {
	if f != nil {
		f.Close()
	}
}

// readAt executes an OpReadAt.
func (f *file) readAt(op *engine.DiskOp) {
	if op.Pos < 0 {
		op.Err = errInvalid
		return
	}
	n, err := f.os.ReadAt(op.Data, op.Pos)
	op.N = n
	if err != nil && !errors.Is(err, io.EOF) {
		op.Err = failure(err)
	}
}

// Pin keeps an open file readable, by its descriptor, until Unpin, whatever
// happens to its handle and its name.
type Pin struct {
	disk *Disk
	file *file
}

// Pin pins the file of a handle; nil if there is none.
func (d *Disk) Pin(id engine.FileID) *Pin {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.handles[id]
	if h == nil || h.closing {
		return nil
	}
	h.file.refs++
	return &Pin{disk: d, file: h.file}
}

// FD is the descriptor. It is valid until Unpin; its file position is nobody's.
func (p *Pin) FD() uintptr { return p.file.fd }

// ReadAt reads as os.File.ReadAt does.
func (p *Pin) ReadAt(b []byte, pos int64) (int, error) { return p.file.os.ReadAt(b, pos) }

// Same reports whether the handle names the pinned file.
func (p *Pin) Same(id engine.FileID) bool {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	h := p.disk.handles[id]
	return h != nil && h.file == p.file
}

// Unpin ends the pin.
func (p *Pin) Unpin() {
	p.disk.mu.Lock()
	last := p.file.unref()
	p.disk.mu.Unlock()
	closeFile(last)
}
