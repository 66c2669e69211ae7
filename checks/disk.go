package checks

// Disk reads the simulated disks of all nodes. The judges use it at a fault and
// after the end of a run, never while they decide anything in between.
type Disk interface {
	// Files lists the regular files of a node, sorted by volume and path.
	Files(node int32) []FileRef
	// Read returns the current content of a file, as a reader would get it now.
	// The judge does not change the slice.
	Read(node int32, f FileRef) []byte
}

// FileRef names a file of a node.
type FileRef struct {
	Volume int32
	Path   string
	Size   int64
}
