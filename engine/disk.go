package engine

import "errors"

// VolumeID is the index of a volume (a disk, a log directory) of a node.
type VolumeID int32

// FileID is a handle on an open file within an incarnation. 0 is no file.
type FileID uint64

// DiskOpKind says what a DiskOp does.
type DiskOpKind uint8

// The operations. Paths are relative to their volume, with slashes, clean
// (path.Clean), "." for the volume's root; parents must exist.
const (
	// OpOpen opens the existing file Path for reading and writing: File, Size.
	OpOpen DiskOpKind = iota + 1
	// OpCreate creates Path, which must not exist, and opens it: File.
	OpCreate
	// OpClose gives up the handle File. It does not sync.
	OpClose
	// OpAppend writes Data at the end of File: Pos is where it went, N how much.
	// N < len(Data) with a nil Err is a short write: exactly N bytes were taken.
	OpAppend
	// OpWriteAt overwrites or extends File at Pos: N. A gap reads as zeros.
	OpWriteAt
	// OpReadAt reads up to len(Data) bytes of File from Pos: N. N is less than asked
	// only at the end of the file (0 and nil Err behind it) or as a short read.
	OpReadAt
	// OpTruncate cuts or extends (zeros) File to Size.
	OpTruncate
	// OpPreallocate reserves Size bytes for File without changing its length.
	OpPreallocate
	// OpStat tells the Size and Dir of Path.
	OpStat
	// OpList lists the directory Path, sorted by name: Entries.
	OpList
	// OpRename moves Path to NewPath in the same volume, replacing a file there.
	OpRename
	// OpRemove removes the file or the empty directory Path.
	OpRemove
	// OpMkdir creates the directory Path; an existing directory is no error.
	OpMkdir
	// OpSyncFile makes what was written to File before durable. After an error the
	// unsynced data may be lost and a second sync proves nothing: the volume must
	// be treated as offline.
	OpSyncFile
	// OpSyncDir makes the entries of the directory Path durable.
	OpSyncDir
	// OpFree tells the free bytes of the volume in Size.
	OpFree
)

// DiskOp is one operation on a disk. The program owns the struct, fills the
// request, hands it to Host.Disk and gets it back in Done, after which it may
// reuse it.
//
// Operations on one file take effect and complete in the order they were
// started, except OpReadAt, which reads at some moment between its start and
// its completion. Operations on names (open, create, stat, list, rename,
// remove, mkdir, syncDir) of one volume take effect and complete in order among
// themselves. Nothing orders the two groups: wait for the completion.
//
// Crashes: a kill keeps what had taken effect, and of the operations under way
// any prefix, the last append possibly in part. A power failure may moreover
// lose or tear (by sector of 512 bytes) whatever OpSyncFile had not made
// durable, truncations included, and any directory entry that OpSyncDir had not.
type DiskOp struct {
	Kind    DiskOpKind
	Volume  VolumeID
	File    FileID
	Path    string
	NewPath string
	Pos     int64
	Size    int64
	Data    []byte

	N       int
	Dir     bool
	Entries []DirEntry
	Err     error

	// Done is called when the operation has completed, with op itself.
	Done func(op *DiskOp)
	// Next is the host's while the operation is under way.
	Next *DiskOp
}

// DirEntry is one name in a directory.
type DirEntry struct {
	Name string
	Dir  bool
	Size int64 // of a file, in bytes
}

// What a disk operation may fail with. Hosts wrap nothing around them that
// errors.Is does not see through; ErrIO stands for everything that has no name
// of its own.
var (
	ErrNotExist = errors.New("no such file or directory")
	ErrExist    = errors.New("file exists")
	ErrNoSpace  = errors.New("no space left on volume")
	ErrIO       = errors.New("input/output error")
	ErrOffline  = errors.New("volume is offline")
	ErrBadFile  = errors.New("file handle is closed or invalid")
)

// What a connection may end with.
var (
	ErrRefused    = errors.New("connection refused")
	ErrReset      = errors.New("connection reset by peer")
	ErrClosed     = errors.New("connection closed by peer")
	ErrTimeout    = errors.New("connection timed out")
	ErrBadAddress = errors.New("no such address")
	ErrFrameSize  = errors.New("frame length is negative or over the limit")
)
