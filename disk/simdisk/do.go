package simdisk

import "trial/engine"

// do gives an operation its effect and its result.
func (v *Volume) do(op *engine.DiskOp) {
	if v.offline {
		op.Err = engine.ErrOffline
		return
	}
	if onFile(op.Kind) {
		f := v.file(op.File)
		if f == nil {
			op.Err = engine.ErrBadFile
			return
		}
		v.doFile(op, f)
		return
	}
	v.doName(op)
}

func (v *Volume) doFile(op *engine.DiskOp, f *inode) {
	switch op.Kind {
	case engine.OpClose:
		v.handles[int(op.File-v.firstFile)] = nil
		f.open--
		v.reclaim(f)
	case engine.OpAppend:
		op.Pos = f.data.size
		v.write(op, f)
	case engine.OpWriteAt:
		if op.Pos < 0 {
			op.Err = engine.ErrIO
			return
		}
		v.write(op, f)
	case engine.OpReadAt:
		op.N, op.Err = v.read(f, op.Pos, op.Data)
	case engine.OpTruncate:
		v.truncate(op, f)
	case engine.OpPreallocate:
		if op.Size < 0 {
			op.Err = engine.ErrIO
		} else if v.grow(f, op.Size) < op.Size {
			op.Err = engine.ErrNoSpace
		}
	case engine.OpSyncFile:
		if op.Err = v.plan.sync(); op.Err != nil {
			f.giveUp()
			return
		}
		f.synced()
	}
}

// write appends or overwrites op.Data at op.Pos.
func (v *Volume) write(op *engine.DiskOp, f *inode) {
	n, err := v.plan.write(len(op.Data))
	if err != nil {
		op.Err = err
		return
	}
	if room := v.grow(f, op.Pos+int64(n)) - op.Pos; room < int64(n) {
		if room <= 0 {
			op.Err = engine.ErrNoSpace
			return
		}
		n = int(room) // a short write, as write(2) does before ENOSPC
	}
	v.put(f, op.Pos, op.Data[:n])
	op.N = n
}

func (v *Volume) put(f *inode, pos int64, b []byte) {
	if len(b) == 0 {
		return
	}
	f.wrote(pos, len(b))
	f.data.write(pos, b)
}

func (v *Volume) read(f *inode, pos int64, b []byte) (int, error) {
	if pos < 0 {
		return 0, engine.ErrIO
	}
	n, err := v.plan.read(len(b))
	if err != nil {
		return 0, err
	}
	return f.data.read(pos, b[:n]), nil
}

func (v *Volume) truncate(op *engine.DiskOp, f *inode) {
	switch {
	case op.Size < 0:
		op.Err = engine.ErrIO
		return
	case op.Size > f.data.size:
		if v.grow(f, op.Size) < op.Size {
			op.Err = engine.ErrNoSpace
			return
		}
	case op.Size < f.data.size:
		v.sink.BeforeTruncate(v, op.File, op.Size)
	}
	if op.Size != f.data.size {
		f.resized(op.Size)
		f.data.resize(op.Size)
	}
	if f.alloc > op.Size {
		v.charge(op.Size - f.alloc)
		f.alloc = op.Size
	}
}

func (v *Volume) doName(op *engine.DiskOp) {
	switch op.Kind {
	case engine.OpOpen:
		switch ino := v.lookup(op.Path); {
		case ino == nil:
			op.Err = engine.ErrNotExist
		case ino.dir:
			op.Err = engine.ErrIO
		default:
			op.File, op.Size = v.addHandle(ino), ino.data.size
		}
	case engine.OpCreate:
		ino := &inode{}
		if op.Err = v.makeNode(op.Path, ino); op.Err == nil {
			op.File, op.Size = v.addHandle(ino), 0
		}
	case engine.OpMkdir:
		if ino := v.lookup(op.Path); ino == nil || !ino.dir {
			op.Err = v.makeNode(op.Path, newDir())
		}
	case engine.OpStat:
		if ino := v.lookup(op.Path); ino == nil {
			op.Err = engine.ErrNotExist
		} else {
			op.Size, op.Dir = ino.data.size, ino.dir
		}
	case engine.OpList:
		v.list(op)
	case engine.OpRename:
		op.Err = v.rename(op.Path, op.NewPath)
	case engine.OpRemove:
		op.Err = v.remove(op.Path)
	case engine.OpSyncDir:
		if dir := v.lookup(op.Path); dir == nil || !dir.dir {
			op.Err = engine.ErrNotExist
		} else if op.Err = v.plan.sync(); op.Err == nil {
			v.syncDir(dir)
		}
	case engine.OpFree:
		if op.Size = v.room; v.room < 0 {
			op.Size = unlimited
		}
	default:
		op.Err = engine.ErrIO
	}
}

func (v *Volume) list(op *engine.DiskOp) {
	op.Entries = op.Entries[:0]
	dir := v.lookup(op.Path)
	switch {
	case dir == nil:
		op.Err = engine.ErrNotExist
	case !dir.dir:
		op.Err = engine.ErrIO
	default:
		for _, name := range dir.names() {
			ino := dir.entries[name]
			op.Entries = append(op.Entries, engine.DirEntry{Name: name, Dir: ino.dir, Size: ino.data.size})
		}
	}
}

// ReadRegion fills b with the bytes of an open file at pos, for a frame that is
// being transmitted. Anything less than all of them is an error.
func (v *Volume) ReadRegion(file engine.FileID, pos int64, b []byte) error {
	f := v.file(file)
	switch {
	case v.offline:
		return engine.ErrOffline
	case f == nil:
		return engine.ErrBadFile
	case pos < 0 || pos+int64(len(b)) > f.data.size:
		return engine.ErrIO
	}
	if n, err := v.plan.read(len(b)); err != nil || n < len(b) {
		return engine.ErrIO
	}
	f.data.read(pos, b)
	return nil
}
