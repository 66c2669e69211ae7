package bytes

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"trial/checks"
)

// MetadataDir is the directory of the metadata log.
const MetadataDir = "__cluster_metadata-0"

// SplitPath takes "t-0/00000000000000000000.log" apart. ok is false for anything
// that is not a segment file directly inside a directory.
func SplitPath(path string) (dir string, base int64, ok bool) {
	slash := strings.LastIndexByte(path, '/')
	if slash <= 0 || !strings.HasSuffix(path, ".log") {
		return "", 0, false
	}
	base, err := strconv.ParseInt(path[slash+1:len(path)-len(".log")], 10, 64)
	return path[:slash], base, err == nil && base >= 0
}

// SplitDir takes "t-0" apart into topic and partition. Directories on their way
// to deletion ("t-0.<uuid>-delete") and strangers are not ok.
func SplitDir(dir string) (topic string, partition int32, ok bool) {
	dash := strings.LastIndexByte(dir, '-')
	if dash <= 0 || strings.Contains(dir, "/") {
		return "", 0, false
	}
	n, err := strconv.ParseInt(dir[dash+1:], 10, 32)
	return dir[:dash], int32(n), err == nil && n >= 0
}

// Segments returns the segments of one log directory of a node, sorted by base
// offset, from whichever volume holds it.
func Segments(d checks.Disk, node int32, dir string) []Segment {
	var list []Segment
	for _, f := range d.Files(node) {
		if at, base, ok := SplitPath(f.Path); ok && at == dir {
			list = append(list, Segment{base, f.Path, d.Read(node, f)})
		}
	}
	slices.SortStableFunc(list, func(a, b Segment) int { return cmp.Compare(a.Base, b.Base) })
	return list
}

// Dirs returns the names of the log directories of a node, sorted. A directory
// without a segment file does not show.
func Dirs(d checks.Disk, node int32) []string {
	var dirs []string
	for _, f := range d.Files(node) {
		if dir, _, ok := SplitPath(f.Path); ok {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
