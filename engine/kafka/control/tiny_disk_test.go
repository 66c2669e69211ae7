package control

import (
	"path"
	"slices"
	"sort"
	"strings"

	"trial/clock"
	"trial/engine"
)

// file is one file: what the operating system has, and what is durable.
type file struct {
	data, durable []byte
}

// disk is a volume: names in the operating system and durable names.
type disk struct {
	names, durable map[string]*file
	dirs, durDirs  map[string]bool
	open           map[engine.FileID]*file
	lastID         engine.FileID
	busy           map[engine.FileID]clock.Instant // one file's operations end in order; 0 are the names
	broken         bool                            // every operation fails
}

func newDisk() *disk {
	return &disk{names: map[string]*file{}, durable: map[string]*file{}, dirs: map[string]bool{".": true},
		durDirs: map[string]bool{".": true}, open: map[engine.FileID]*file{}, busy: map[engine.FileID]clock.Instant{}}
}

// reopen forgets the handles of the last incarnation.
func (d *disk) reopen() {
	d.open, d.busy = map[engine.FileID]*file{}, map[engine.FileID]clock.Instant{}
}

func (d *disk) powerFail(lose bool, rng *engine.Stream) {
	names := map[string]*file{}
	for _, p := range sortedKeys(d.durable) {
		f := d.durable[p]
		kept := slices.Clone(f.durable)
		if !lose && len(f.data) > len(f.durable) && slices.Equal(f.data[:len(f.durable)], f.durable) {
			kept = slices.Clone(f.data[:len(f.durable)+rng.Pick(len(f.data)-len(f.durable)+1)])
		}
		names[p] = &file{data: kept, durable: slices.Clone(kept)}
	}
	d.names, d.durable = names, map[string]*file{}
	for p, f := range names {
		d.durable[p] = f
	}
	d.dirs = map[string]bool{}
	for p := range d.durDirs {
		d.dirs[p] = true
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// do carries out an operation.
func (d *disk) do(op *engine.DiskOp) {
	op.N, op.Err, op.Entries = 0, nil, nil
	if d.broken {
		op.Err = engine.ErrIO
		return
	}
	switch op.Kind {
	case engine.OpOpen, engine.OpCreate, engine.OpStat, engine.OpList, engine.OpRename, engine.OpRemove, engine.OpMkdir, engine.OpSyncDir:
		d.doName(op)
		return
	case engine.OpFree:
		op.Size = 1 << 40
		return
	}
	f := d.open[op.File]
	if f == nil {
		op.Err = engine.ErrBadFile
		return
	}
	switch op.Kind {
	case engine.OpClose:
		delete(d.open, op.File)
	case engine.OpAppend:
		op.Pos = int64(len(f.data))
		f.data, op.N = append(f.data, op.Data...), len(op.Data)
	case engine.OpWriteAt:
		if need := int(op.Pos) + len(op.Data); need > len(f.data) {
			f.data = append(f.data, make([]byte, need-len(f.data))...)
		}
		op.N = copy(f.data[op.Pos:], op.Data)
	case engine.OpReadAt:
		if op.Pos < int64(len(f.data)) {
			op.N = copy(op.Data, f.data[op.Pos:])
		}
	case engine.OpTruncate:
		if int(op.Size) <= len(f.data) {
			f.data = f.data[:op.Size:op.Size]
		} else {
			f.data = append(f.data, make([]byte, int(op.Size)-len(f.data))...)
		}
	case engine.OpPreallocate:
	case engine.OpSyncFile:
		f.durable = slices.Clone(f.data)
	}
}

func (d *disk) doName(op *engine.DiskOp) {
	f := d.names[op.Path]
	switch op.Kind {
	case engine.OpOpen, engine.OpCreate:
		switch {
		case op.Kind == engine.OpOpen && f == nil:
			op.Err = engine.ErrNotExist
			return
		case op.Kind == engine.OpCreate && (f != nil || d.dirs[op.Path]):
			op.Err = engine.ErrExist
			return
		case op.Kind == engine.OpCreate && !d.dirs[path.Dir(op.Path)]:
			op.Err = engine.ErrNotExist
			return
		case f == nil:
			f = &file{}
			d.names[op.Path] = f
		}
		d.lastID++
		d.open[d.lastID] = f
		op.File, op.Size = d.lastID, int64(len(f.data))
	case engine.OpStat:
		switch {
		case d.dirs[op.Path]:
			op.Dir = true
		case f != nil:
			op.Size = int64(len(f.data))
		default:
			op.Err = engine.ErrNotExist
		}
	case engine.OpList:
		op.Entries, op.Err = d.list(op.Path)
	case engine.OpMkdir:
		d.dirs[op.Path] = true
	case engine.OpRemove:
		d.remove(op)
	case engine.OpRename:
		d.rename(op)
	case engine.OpSyncDir:
		d.syncDir(op.Path)
	}
}

func (d *disk) list(dir string) ([]engine.DirEntry, error) {
	if !d.dirs[dir] {
		return nil, engine.ErrNotExist
	}
	var out []engine.DirEntry
	for _, p := range sortedKeys(d.names) {
		if path.Dir(p) == dir {
			out = append(out, engine.DirEntry{Name: path.Base(p), Size: int64(len(d.names[p].data))})
		}
	}
	for _, p := range sortedKeys(d.dirs) {
		if p != "." && path.Dir(p) == dir {
			out = append(out, engine.DirEntry{Name: path.Base(p), Dir: true})
		}
	}
	slices.SortFunc(out, func(a, b engine.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (d *disk) remove(op *engine.DiskOp) {
	switch {
	case d.names[op.Path] != nil:
		delete(d.names, op.Path)
	case d.dirs[op.Path]:
		delete(d.dirs, op.Path)
	default:
		op.Err = engine.ErrNotExist
	}
}

func (d *disk) rename(op *engine.DiskOp) {
	if f := d.names[op.Path]; f != nil {
		delete(d.names, op.Path)
		d.names[op.NewPath] = f
		return
	}
	if !d.dirs[op.Path] {
		op.Err = engine.ErrNotExist
		return
	}
	delete(d.dirs, op.Path)
	d.dirs[op.NewPath] = true
	for _, p := range sortedKeys(d.names) {
		if strings.HasPrefix(p, op.Path+"/") {
			d.names[op.NewPath+p[len(op.Path):]] = d.names[p]
			delete(d.names, p)
		}
	}
}

// syncDir makes the entries of a directory durable. A file that was never synced
// is durable as an empty one.
func (d *disk) syncDir(dir string) {
	for _, p := range sortedKeys(d.durable) {
		if path.Dir(p) == dir && d.names[p] == nil {
			delete(d.durable, p)
		}
	}
	for _, p := range sortedKeys(d.names) {
		if path.Dir(p) == dir {
			d.durable[p] = d.names[p]
		}
	}
	for _, p := range sortedKeys(d.dirs) {
		if path.Dir(p) == dir {
			d.durDirs[p] = true
		}
	}
}

// Clone returns the content of a file on the node's disk, for tests.
func (n *machine) File(name string) ([]byte, bool) {
	f := n.disk.names[name]
	if f == nil {
		return nil, false
	}
	return slices.Clone(f.data), true
}
