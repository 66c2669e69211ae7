package kafka

import (
	"path"
	"slices"
	"strings"

	"trial/clock"
	"trial/engine"
)

// memDisk is a volume that forgets nothing.
type memDisk struct {
	files map[string]*memFile
	dirs  map[string]bool
}

type memFile struct{ data []byte }

func (l *life) Disk(op *engine.DiskOp) {
	l.event(50*clock.Microsecond, func() {
		op.N, op.Err = 0, nil
		if l.failDisk != nil {
			op.Err = l.failDisk(op)
		}
		if op.Err == nil {
			op.Err = l.w.disks[l.id][op.Volume].do(l, op)
		}
		op.Done(op)
	})
}

func (d *memDisk) do(l *life, op *engine.DiskOp) error {
	switch op.Kind {
	case engine.OpAppend, engine.OpWriteAt, engine.OpReadAt, engine.OpTruncate, engine.OpSyncFile, engine.OpPreallocate, engine.OpClose:
		f := l.files[op.File]
		if f == nil {
			return engine.ErrBadFile
		}
		f.do(l, op)
		return nil
	}
	return d.names(l, op)
}

func (f *memFile) do(l *life, op *engine.DiskOp) {
	switch op.Kind {
	case engine.OpAppend:
		op.Pos, op.N = int64(len(f.data)), len(op.Data)
		f.data = append(f.data, op.Data...)
	case engine.OpWriteAt:
		if need := op.Pos + int64(len(op.Data)); need > int64(len(f.data)) {
			f.data = append(f.data, make([]byte, need-int64(len(f.data)))...)
		}
		op.N = copy(f.data[op.Pos:], op.Data)
	case engine.OpReadAt:
		if op.Pos < int64(len(f.data)) {
			op.N = copy(op.Data, f.data[op.Pos:])
		}
	case engine.OpTruncate:
		for int64(len(f.data)) < op.Size {
			f.data = append(f.data, 0)
		}
		f.data = f.data[:op.Size]
	case engine.OpClose:
		delete(l.files, op.File)
	}
}

func (d *memDisk) names(l *life, op *engine.DiskOp) error {
	open := func(f *memFile) {
		l.nextFile++
		l.files[l.nextFile] = f
		op.File, op.Size = l.nextFile, int64(len(f.data))
	}
	f, isDir := d.files[op.Path], d.dirs[op.Path]
	switch op.Kind {
	case engine.OpOpen:
		if f == nil {
			return engine.ErrNotExist
		}
		open(f)
	case engine.OpCreate:
		if f != nil {
			return engine.ErrExist
		}
		if !d.dirs[path.Dir(op.Path)] {
			return engine.ErrNotExist
		}
		d.files[op.Path] = &memFile{}
		open(d.files[op.Path])
	case engine.OpStat:
		if f == nil && !isDir {
			return engine.ErrNotExist
		}
		op.Dir = isDir
		if f != nil {
			op.Size = int64(len(f.data))
		}
	case engine.OpList:
		if !isDir {
			return engine.ErrNotExist
		}
		op.Entries = d.list(op.Path)
	case engine.OpRename:
		return d.rename(op.Path, op.NewPath)
	case engine.OpRemove:
		if f == nil && !isDir {
			return engine.ErrNotExist
		}
		if isDir && len(d.list(op.Path)) > 0 {
			return engine.ErrIO
		}
		delete(d.files, op.Path)
		delete(d.dirs, op.Path)
	case engine.OpMkdir:
		d.dirs[op.Path] = true
	case engine.OpFree:
		op.Size = 1 << 40
	}
	return nil
}

func (d *memDisk) list(dir string) []engine.DirEntry {
	var entries []engine.DirEntry
	for name, f := range d.files {
		if path.Dir(name) == dir {
			entries = append(entries, engine.DirEntry{Name: path.Base(name), Size: int64(len(f.data))})
		}
	}
	for name := range d.dirs {
		if name != "." && path.Dir(name) == dir {
			entries = append(entries, engine.DirEntry{Name: path.Base(name), Dir: true})
		}
	}
	slices.SortFunc(entries, func(a, b engine.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

func (d *memDisk) rename(from, to string) error {
	if f := d.files[from]; f != nil {
		delete(d.files, from)
		d.files[to] = f
		return nil
	}
	if !d.dirs[from] {
		return engine.ErrNotExist
	}
	files, dirs := map[string]*memFile{}, map[string]bool{}
	move := func(name string) string {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			return to + rest
		}
		return name
	}
	for name, f := range d.files {
		files[move(name)] = f
	}
	for name := range d.dirs {
		dirs[move(name)] = true
	}
	d.files, d.dirs = files, dirs
	return nil
}
