package disktest

import (
	"bytes"
	"errors"
	"testing"

	"trial/engine"
)

// disk wraps the disk under test with checks that fail the test.
type disk struct {
	t *testing.T
	Disk
}

// one runs a single operation and checks that it came back.
func (d *disk) one(op *engine.DiskOp) *engine.DiskOp {
	d.t.Helper()
	done := d.Do(op)
	if len(done) != 1 || done[0] != op {
		d.t.Fatalf("operation of kind %d: %d completions, want itself once", op.Kind, len(done))
	}
	return op
}

// ok runs a single operation that must succeed.
func (d *disk) ok(op *engine.DiskOp) *engine.DiskOp {
	d.t.Helper()
	if d.one(op); op.Err != nil {
		d.t.Fatalf("operation of kind %d on %q: %v", op.Kind, op.Path, op.Err)
	}
	return op
}

// fails runs a single operation that must fail with want, or with anything if
// want is nil.
func (d *disk) fails(op *engine.DiskOp, want error) {
	d.t.Helper()
	if d.one(op); op.Err == nil || want != nil && !errors.Is(op.Err, want) {
		d.t.Errorf("operation of kind %d on %q: error %v, want %v", op.Kind, op.Path, op.Err, want)
	}
}

func (d *disk) create(path string) engine.FileID {
	d.t.Helper()
	return d.ok(&engine.DiskOp{Kind: engine.OpCreate, Path: path}).File
}

func (d *disk) open(path string) (engine.FileID, int64) {
	d.t.Helper()
	op := d.ok(&engine.DiskOp{Kind: engine.OpOpen, Path: path})
	return op.File, op.Size
}

func (d *disk) mkdir(path string) {
	d.t.Helper()
	d.ok(&engine.DiskOp{Kind: engine.OpMkdir, Path: path})
}

// append appends everything in one operation and returns where it went.
func (d *disk) append(f engine.FileID, data string) int64 {
	d.t.Helper()
	op := d.ok(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte(data)})
	if op.N != len(data) {
		d.t.Fatalf("append of %d bytes took %d", len(data), op.N)
	}
	return op.Pos
}

func (d *disk) sync(f engine.FileID) {
	d.t.Helper()
	d.ok(&engine.DiskOp{Kind: engine.OpSyncFile, File: f})
}

func (d *disk) syncDir(path string) {
	d.t.Helper()
	d.ok(&engine.DiskOp{Kind: engine.OpSyncDir, Path: path})
}

func (d *disk) truncate(f engine.FileID, size int64) {
	d.t.Helper()
	d.ok(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: size})
}

// read reads up to n bytes from pos and checks the count against the bytes.
func (d *disk) read(f engine.FileID, pos int64, n int) string {
	d.t.Helper()
	op := d.ok(&engine.DiskOp{Kind: engine.OpReadAt, File: f, Pos: pos, Data: make([]byte, n)})
	if op.N < 0 || op.N > n {
		d.t.Fatalf("read of %d bytes got %d", n, op.N)
	}
	return string(op.Data[:op.N])
}

// content reads a whole file by path.
func (d *disk) content(path string) string {
	d.t.Helper()
	f, size := d.open(path)
	got := d.read(f, 0, int(size)+1)
	d.ok(&engine.DiskOp{Kind: engine.OpClose, File: f})
	return got
}

func (d *disk) wantRead(f engine.FileID, pos int64, n int, want string) {
	d.t.Helper()
	if got := d.read(f, pos, n); got != want {
		d.t.Errorf("read [%d,%d): %q, want %q", pos, pos+int64(n), shorten(got), shorten(want))
	}
}

func (d *disk) wantContent(path, want string) {
	d.t.Helper()
	if got := d.content(path); got != want {
		d.t.Errorf("%s holds %q, want %q", path, shorten(got), shorten(want))
	}
}

// names lists a directory; directories get a slash behind their name.
func (d *disk) names(path string) []string {
	d.t.Helper()
	out := []string{}
	for _, e := range d.ok(&engine.DiskOp{Kind: engine.OpList, Path: path}).Entries {
		if e.Dir {
			e.Name += "/"
		}
		out = append(out, e.Name)
	}
	return out
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:30] + "…" + s[len(s)-30:]
	}
	return s
}

// pattern returns n bytes that differ from place to place.
func pattern(n int, salt byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*17 ^ salt
	}
	return b
}

func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d bytes, want %d; the first difference is at %d", what, len(got), len(want), at)
}
