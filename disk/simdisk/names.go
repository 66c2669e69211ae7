package simdisk

import (
	"slices"
	"strings"

	"trial/engine"
)

// inode is a file or a directory, apart from its name.
type inode struct {
	dir     bool
	entries map[string]*inode // of a directory; never ranged over without sorting
	links   int               // names, 1 for a directory that has one
	open    int               // handles

	data    content
	alloc   int64 // bytes charged to the volume: the size or what was preallocated
	changes []change
	queue   queue
}

func newDir() *inode { return &inode{dir: true, entries: map[string]*inode{}} }

// names returns the sorted names of a directory.
func (d *inode) names() []string {
	names := make([]string, 0, len(d.entries))
	for name := range d.entries { // unordered: sorted below, names differ
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nameChange is one unsynced change of names: ino appeared at (to, toName),
// disappeared from (from, fromName), or both; replaced is what it displaced.
type nameChange struct {
	ino              *inode
	from, to         *inode
	fromName, toName string
	replaced         *inode
}

// touches reports whether a sync of dir makes the change durable. Of a rename
// between two directories either will do: a journal commits it whole.
func (c *nameChange) touches(dir *inode) bool { return c.from == dir || c.to == dir }

// apply does the change to the tree if what it needs is there.
func (c *nameChange) apply() bool {
	if c.from != nil {
		if c.from.entries[c.fromName] != c.ino {
			return false
		}
		if c.to == nil && len(c.ino.entries) > 0 {
			return false
		}
	}
	if c.to != nil && c.to.entries[c.toName] != c.replaced {
		if old := c.to.entries[c.toName]; old != nil && (old.dir || c.ino.dir) {
			return false
		}
	}
	if c.from != nil {
		delete(c.from.entries, c.fromName)
	}
	if c.to != nil {
		c.to.entries[c.toName] = c.ino
	}
	return true
}

// back undoes the change, which is the latest one that has not been undone.
func (c *nameChange) back() {
	if c.to != nil {
		delete(c.to.entries, c.toName)
		if c.replaced != nil {
			c.to.entries[c.toName] = c.replaced
		}
	}
	if c.from != nil {
		c.from.entries[c.fromName] = c.ino
	}
}

// lookup finds a path; nil if it or a directory on the way is not there.
func (v *Volume) lookup(path string) *inode {
	if path == "." {
		return v.root
	}
	at := v.root
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		if at == nil || !at.dir || name == "" || name == "." || name == ".." {
			return nil
		}
		at = at.entries[name]
	}
	return at
}

// parent finds the directory of a path and the name in it.
func (v *Volume) parent(path string) (*inode, string) {
	dir, name := ".", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	if name == "" || name == "." || name == ".." {
		return nil, ""
	}
	if d := v.lookup(dir); d != nil && d.dir {
		return d, name
	}
	return nil, ""
}

// change applies and notes an unsynced change of names.
func (v *Volume) change(c nameChange) {
	c.apply()
	v.nameChanges = append(v.nameChanges, c)
}

func (v *Volume) makeNode(path string, ino *inode) error {
	dir, name := v.parent(path)
	if dir == nil {
		return engine.ErrNotExist
	}
	if dir.entries[name] != nil {
		return engine.ErrExist
	}
	ino.links = 1
	v.inodes = append(v.inodes, ino)
	v.change(nameChange{ino: ino, to: dir, toName: name})
	return nil
}

func (v *Volume) rename(from, to string) error {
	fromDir, fromName := v.parent(from)
	toDir, toName := v.parent(to)
	if fromDir == nil || toDir == nil || fromDir.entries[fromName] == nil {
		return engine.ErrNotExist
	}
	ino, old := fromDir.entries[fromName], toDir.entries[toName]
	switch {
	case ino == old:
		return nil
	case old != nil && old.dir && (!ino.dir || len(old.entries) > 0), old != nil && ino.dir && !old.dir:
		return engine.ErrExist
	case ino.dir && contains(ino, toDir):
		return engine.ErrIO
	}
	v.change(nameChange{ino: ino, from: fromDir, fromName: fromName, to: toDir, toName: toName, replaced: old})
	if old != nil {
		v.unlink(old)
	}
	return nil
}

// contains reports whether dir is at or below top.
func contains(top, dir *inode) bool {
	if top == dir {
		return true
	}
	for _, name := range top.names() {
		if sub := top.entries[name]; sub.dir && contains(sub, dir) {
			return true
		}
	}
	return false
}

func (v *Volume) remove(path string) error {
	dir, name := v.parent(path)
	if dir == nil || dir.entries[name] == nil {
		return engine.ErrNotExist
	}
	ino := dir.entries[name]
	if len(ino.entries) > 0 {
		return engine.ErrExist
	}
	v.change(nameChange{ino: ino, from: dir, fromName: name})
	v.unlink(ino)
	return nil
}

// unlink gives the space of a file back once it has neither name nor handle.
// Its content stays: a power failure may bring the name back.
func (v *Volume) unlink(ino *inode) {
	ino.links--
	v.reclaim(ino)
}

func (v *Volume) reclaim(ino *inode) {
	if ino.links == 0 && ino.open == 0 {
		v.charge(-ino.alloc)
		ino.alloc = 0
	}
}

func (v *Volume) syncDir(dir *inode) {
	v.nameChanges = slices.DeleteFunc(v.nameChanges, func(c nameChange) bool { return c.touches(dir) })
	v.forget()
}
