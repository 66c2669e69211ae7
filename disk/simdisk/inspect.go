package simdisk

import "trial/engine"

// Info is one file or directory of a volume.
type Info struct {
	Path string
	Dir  bool
	Size int64
	// Synced is the position below which a power failure can take nothing, as far
	// as the file itself goes.
	Synced int64
}

// Snapshot lists everything on the volume, depth first, sorted by name.
func (v *Volume) Snapshot() []Info {
	var all []Info
	v.walk(v.root, "", func(path string, ino *inode) {
		all = append(all, Info{path, ino.dir, ino.data.size, ino.firstUnsynced()})
	})
	return all
}

// ReadFile returns the bytes of a file as the operating system shows them now.
func (v *Volume) ReadFile(path string) ([]byte, error) {
	f := v.lookup(path)
	switch {
	case f == nil:
		return nil, engine.ErrNotExist
	case f.dir:
		return nil, engine.ErrIO
	}
	return f.data.bytes(0, f.data.size), nil
}
