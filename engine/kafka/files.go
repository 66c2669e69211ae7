package kafka

import (
	"errors"
	"fmt"
	"path"

	"trial/engine"
	"trial/internal/mutant"
)

// files are the small files a broker keeps beside its logs: read whole, written
// whole, and replaced atomically. Each call runs its operations one after the
// other and ends in one call of done, in a later event.
type files struct {
	h engine.Host
	// unsynced is LOG-02 (KAFKA-15312): a file gets its name before its bytes are forced.
	unsynced bool
}

// maxSmallFile bounds what is read whole; a longer file is not one of ours.
const maxSmallFile = 4 << 20

var errTooLong = errors.New("file is too long to be one of the broker's")

// do starts one operation.
func (f files) do(op engine.DiskOp, done func(*engine.DiskOp)) {
	o := &op
	o.Done = done
	f.h.Disk(o)
}

// read reads a whole file.
func (f files) read(vol engine.VolumeID, name string, done func(data []byte, err error)) {
	f.do(engine.DiskOp{Kind: engine.OpOpen, Volume: vol, Path: name}, func(op *engine.DiskOp) {
		if op.Err != nil {
			done(nil, op.Err)
			return
		}
		file, size := op.File, op.Size
		finish := func(data []byte, err error) {
			f.do(engine.DiskOp{Kind: engine.OpClose, Volume: vol, File: file}, func(op *engine.DiskOp) {
				if err == nil {
					err = op.Err
				}
				done(data, err)
			})
		}
		if size > maxSmallFile {
			finish(nil, errTooLong)
			return
		}
		f.readFrom(vol, file, make([]byte, size), 0, finish)
	})
}

// readFrom fills data from pos on, across short reads.
func (f files) readFrom(vol engine.VolumeID, file engine.FileID, data []byte, pos int, done func([]byte, error)) {
	if pos == len(data) {
		done(data, nil)
		return
	}
	f.do(engine.DiskOp{Kind: engine.OpReadAt, Volume: vol, File: file, Pos: int64(pos), Data: data[pos:]}, func(op *engine.DiskOp) {
		switch {
		case op.Err != nil:
			done(nil, op.Err)
		case op.N == 0: // the file is shorter than it was
			done(data[:pos], nil)
		default:
			f.readFrom(vol, file, data, pos+op.N, done)
		}
	})
}

// replace writes a file so that a crash leaves the old content or the new, never
// a part: into NAME.tmp, synced, renamed over, the directory synced.
func (f files) replace(vol engine.VolumeID, name string, data []byte, done func(error)) {
	tmp := name + ".tmp"
	f.do(engine.DiskOp{Kind: engine.OpRemove, Volume: vol, Path: tmp}, func(op *engine.DiskOp) {
		if op.Err != nil && !errors.Is(op.Err, engine.ErrNotExist) {
			done(op.Err)
			return
		}
		f.do(engine.DiskOp{Kind: engine.OpCreate, Volume: vol, Path: tmp}, func(op *engine.DiskOp) {
			if op.Err != nil {
				done(op.Err)
				return
			}
			f.fill(vol, op.File, data, func(err error) {
				if err != nil {
					done(err)
					return
				}
				f.rename(vol, tmp, name, done)
			})
		})
	})
}

// fill appends data to a fresh file, syncs and closes it.
func (f files) fill(vol engine.VolumeID, file engine.FileID, data []byte, done func(error)) {
	if len(data) > 0 {
		f.do(engine.DiskOp{Kind: engine.OpAppend, Volume: vol, File: file, Data: data}, func(op *engine.DiskOp) {
			switch {
			case op.Err != nil:
				f.closeAfter(vol, file, op.Err, done)
			case op.N <= 0:
				f.closeAfter(vol, file, fmt.Errorf("append took nothing: %w", engine.ErrIO), done)
			default:
				f.fill(vol, file, data[op.N:], done)
			}
		})
		return
	}
	if mutant.Enabled && f.unsynced {
		f.h.Probe("mutant.reached")
		f.h.Probe("mutant.infected")
		f.closeAfter(vol, file, nil, done)
		return
	}
	f.do(engine.DiskOp{Kind: engine.OpSyncFile, Volume: vol, File: file}, func(op *engine.DiskOp) {
		f.closeAfter(vol, file, op.Err, done)
	})
}

func (f files) closeAfter(vol engine.VolumeID, file engine.FileID, err error, done func(error)) {
	f.do(engine.DiskOp{Kind: engine.OpClose, Volume: vol, File: file}, func(op *engine.DiskOp) {
		if err == nil {
			err = op.Err
		}
		done(err)
	})
}

// rename moves a name durably.
func (f files) rename(vol engine.VolumeID, from, to string, done func(error)) {
	f.do(engine.DiskOp{Kind: engine.OpRename, Volume: vol, Path: from, NewPath: to}, func(op *engine.DiskOp) {
		if op.Err != nil {
			done(op.Err)
			return
		}
		f.syncDir(vol, path.Dir(to), done)
	})
}

func (f files) syncDir(vol engine.VolumeID, dir string, done func(error)) {
	f.do(engine.DiskOp{Kind: engine.OpSyncDir, Volume: vol, Path: dir}, func(op *engine.DiskOp) { done(op.Err) })
}

// mkdir makes a directory durably.
func (f files) mkdir(vol engine.VolumeID, dir string, done func(error)) {
	f.do(engine.DiskOp{Kind: engine.OpMkdir, Volume: vol, Path: dir}, func(op *engine.DiskOp) {
		if op.Err != nil {
			done(op.Err)
			return
		}
		f.syncDir(vol, path.Dir(dir), done)
	})
}

// remove removes a file durably; a missing one is no error.
func (f files) remove(vol engine.VolumeID, name string, done func(error)) {
	f.do(engine.DiskOp{Kind: engine.OpRemove, Volume: vol, Path: name}, func(op *engine.DiskOp) {
		switch {
		case errors.Is(op.Err, engine.ErrNotExist):
			done(nil)
		case op.Err != nil:
			done(op.Err)
		default:
			f.syncDir(vol, path.Dir(name), done)
		}
	})
}

// removeTree removes a directory and what is in it.
func (f files) removeTree(vol engine.VolumeID, dir string, done func(error)) {
	f.list(vol, dir, func(entries []engine.DirEntry, err error) {
		if errors.Is(err, engine.ErrNotExist) {
			done(nil)
			return
		}
		if err != nil {
			done(err)
			return
		}
		f.removeEntries(vol, dir, entries, done)
	})
}

func (f files) removeEntries(vol engine.VolumeID, dir string, entries []engine.DirEntry, done func(error)) {
	if len(entries) == 0 {
		f.remove(vol, dir, done)
		return
	}
	next := func(err error) {
		if err != nil {
			done(err)
			return
		}
		f.removeEntries(vol, dir, entries[1:], done)
	}
	name := path.Join(dir, entries[0].Name)
	if entries[0].Dir {
		f.removeTree(vol, name, next)
		return
	}
	f.do(engine.DiskOp{Kind: engine.OpRemove, Volume: vol, Path: name}, func(op *engine.DiskOp) {
		if errors.Is(op.Err, engine.ErrNotExist) {
			op.Err = nil
		}
		next(op.Err)
	})
}

func (f files) list(vol engine.VolumeID, dir string, done func([]engine.DirEntry, error)) {
	f.do(engine.DiskOp{Kind: engine.OpList, Volume: vol, Path: dir}, func(op *engine.DiskOp) { done(op.Entries, op.Err) })
}
