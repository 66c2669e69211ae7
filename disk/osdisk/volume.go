package osdisk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"trial/engine"
)

// volume is one directory. Guarded by Disk.mu, but for root and dir, which do
// not change.
type volume struct {
	disk *Disk
	dir  string
	root *os.Root
	lock *os.File

	names   queue
	run     ring
	cond    *sync.Cond
	idle    int
	working int
	files   map[fileKey]*file // open files by identity
}

func openVolume(d *Disk, dir string) (*volume, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open directory %s: %w", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("cannot lock directory %s: %w", dir, err)
	}
	v := &volume{disk: d, dir: dir, root: root, lock: lock, files: make(map[fileKey]*file)}
	v.cond = sync.NewCond(&d.mu)
	if err := v.probe(); err != nil {
		v.close()
		return nil, fmt.Errorf("directory %s is not writable: %w", dir, err)
	}
	return v, nil
}

// probe proves that files can be created, which permission bits alone do not
// tell (read-only mounts, foreign owners).
func (v *volume) probe() error {
	const name = ".write-probe"
	f, err := v.root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), v.root.Remove(name))
}

func (v *volume) close() {
	v.root.Close()
	if v.lock != nil {
		v.lock.Close()
	}
}

// name executes an operation on names.
func (v *volume) name(op *engine.DiskOp) error {
	if op.Kind == engine.OpFree {
		free, err := freeBytes(v.dir)
		op.Size = free
		return failure(err)
	}
	if !fs.ValidPath(op.Path) {
		return badPath(op.Path)
	}
	switch op.Kind {
	case engine.OpOpen:
		return v.open(op, os.O_RDWR)
	case engine.OpCreate:
		return v.open(op, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	case engine.OpStat:
		fi, err := v.root.Stat(op.Path)
		if err != nil {
			return failure(err)
		}
		op.Dir, op.Size = fi.IsDir(), sizeOf(fi)
	case engine.OpList:
		return v.list(op)
	case engine.OpRename:
		if !fs.ValidPath(op.NewPath) {
			return badPath(op.NewPath)
		}
		return failure(v.root.Rename(op.Path, op.NewPath))
	case engine.OpRemove:
		return failure(v.root.Remove(op.Path))
	case engine.OpMkdir:
		return v.mkdir(op.Path)
	case engine.OpSyncDir:
		return v.syncDir(op.Path)
	}
	return nil
}

func (v *volume) open(op *engine.DiskOp, flag int) error {
	f, err := v.root.OpenFile(op.Path, flag, 0o644)
	if err != nil {
		return failure(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", op.Path)
	}
	if err != nil {
		f.Close()
		return failure(err)
	}
	op.File, op.Size = v.disk.register(v, f, fi)
	return nil
}

func (v *volume) list(op *engine.DiskOp) error {
	dir, err := v.root.Open(op.Path)
	if err != nil {
		return failure(err)
	}
	defer dir.Close()
	infos, err := dir.Readdir(-1)
	if err != nil {
		return failure(err)
	}
	op.Entries = make([]engine.DirEntry, 0, len(infos))
	for _, fi := range infos {
		op.Entries = append(op.Entries, engine.DirEntry{Name: fi.Name(), Dir: fi.IsDir(), Size: sizeOf(fi)})
	}
	slices.SortFunc(op.Entries, func(a, b engine.DirEntry) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

func (v *volume) mkdir(path string) error {
	err := v.root.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if fi, statErr := v.root.Stat(path); statErr == nil && fi.IsDir() {
			return nil
		}
	}
	return failure(err)
}

func (v *volume) syncDir(path string) error {
	dir, err := v.root.Open(path)
	if err != nil {
		return failure(err)
	}
	defer dir.Close()
	if fi, err := dir.Stat(); err != nil || !fi.IsDir() {
		return failure(cmp.Or(err, fmt.Errorf("%s is not a directory", path)))
	}
	return failure(dir.Sync())
}

// sizeOf is the length of a file; that of a directory means nothing.
func sizeOf(fi fs.FileInfo) int64 {
	if fi.IsDir() {
		return 0
	}
	return fi.Size()
}
