package osdisk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"trial/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func (x *driver) one(op *engine.DiskOp) *engine.DiskOp {
	x.t.Helper()
	x.Do(op)
	return op
}

func (x *driver) ok(op *engine.DiskOp) *engine.DiskOp {
	x.t.Helper()
	if x.one(op); op.Err != nil {
		x.t.Fatalf("operation of kind %d on %q: %v", op.Kind, op.Path, op.Err)
	}
	return op
}

func (x *driver) create(path string) engine.FileID {
	x.t.Helper()
	return x.ok(&engine.DiskOp{Kind: engine.OpCreate, Path: path}).File
}

func TestPathsStayInTheVolume(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "vol")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(outer, "secret"), []byte("x"), 0o644),
		os.Symlink("../secret", filepath.Join(dir, "link")), os.Symlink("..", filepath.Join(dir, "up"))); err != nil {
		t.Fatal(err)
	}
	x := newDriver(t, dir)
	for _, path := range []string{"", "/", "..", "../secret", "a/../../secret", "a//b", "./a", "a/", "/etc/passwd", "link", "up/secret"} {
		for _, kind := range []engine.DiskOpKind{
			engine.OpOpen, engine.OpCreate, engine.OpStat, engine.OpList, engine.OpMkdir, engine.OpSyncDir,
		} {
			if op := x.one(&engine.DiskOp{Kind: kind, Path: path}); op.Err == nil {
				t.Errorf("operation of kind %d on %q succeeded", kind, path)
			}
		}
	}
	x.create("a")
	for _, path := range []string{"../stolen", "up/stolen", ""} {
		if op := x.one(&engine.DiskOp{Kind: engine.OpRename, Path: "a", NewPath: path}); op.Err == nil {
			t.Errorf("rename to %q succeeded", path)
		}
	}
	if op := x.one(&engine.DiskOp{Kind: engine.OpRemove, Path: "up/secret"}); op.Err == nil {
		t.Error("removed a file outside of the volume")
	}
	if got, err := os.ReadFile(filepath.Join(outer, "secret")); err != nil || string(got) != "x" {
		t.Errorf("the file outside of the volume: %q, %v", got, err)
	}
}

func TestOpenRefusesDirectoriesItCannotUse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(dir, "missing"), "a file": file, "not writable": "/proc/self",
	} {
		d, err := Open(Config{Dirs: []string{path}})
		if err == nil {
			d.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "volume 0") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q does not name volume and path", name, err)
		}
	}
	x := newDriver(t, dir)
	if _, err := Open(Config{Dirs: []string{dir}}); !errors.Is(err, errHeld) {
		t.Errorf("a second disk on one directory: error %v, want %v", err, errHeld)
	}
	x.d.Close()
	d, err := Open(Config{Dirs: []string{dir}})
	if err != nil {
		t.Fatalf("after the first disk was closed: %v", err)
	}
	d.Close()
}

func TestUnknownVolumeIsOffline(t *testing.T) {
	x := newDriver(t, t.TempDir())
	for _, v := range []engine.VolumeID{-1, 1} {
		if op := x.one(&engine.DiskOp{Kind: engine.OpStat, Volume: v, Path: "."}); !errors.Is(op.Err, engine.ErrOffline) {
			t.Errorf("volume %d: error %v", v, op.Err)
		}
	}
}

func TestOperationsBehindACloseFailInOrder(t *testing.T) {
	x := newDriver(t, t.TempDir())
	f := x.create("a")
	ops := []*engine.DiskOp{
		{Kind: engine.OpAppend, File: f, Data: []byte("a")},
		{Kind: engine.OpClose, File: f},
		{Kind: engine.OpAppend, File: f, Data: []byte("b")},
		{Kind: engine.OpSyncFile, File: f},
	}
	for i, op := range x.Do(ops...) {
		if op != ops[i] {
			t.Fatalf("completion %d is of kind %d", i, op.Kind)
		}
		if wantErr := i >= 2; errors.Is(op.Err, engine.ErrBadFile) != wantErr {
			t.Errorf("operation %d: error %v", i, op.Err)
		}
	}
}

// TestFailedAppendTakesNothing makes appends fail by pretending that the file is
// as long as no file can be.
func TestFailedAppendTakesNothing(t *testing.T) {
	x := newDriver(t, t.TempDir())
	f := x.create("a")
	x.d.handles[f].file.size.Store(1<<63 - 10)
	ops := []*engine.DiskOp{
		{Kind: engine.OpAppend, File: f, Data: []byte("first")},
		{Kind: engine.OpAppend, File: f, Data: []byte("second")},
	}
	for i, op := range x.Do(ops...) {
		if !errors.Is(op.Err, engine.ErrIO) || op.N != 0 {
			t.Errorf("append %d: N %d, error %v", i, op.N, op.Err)
		}
	}
	x.d.handles[f].file.size.Store(0)
	if op := x.ok(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("x")}); op.Pos != 0 || op.N != 1 {
		t.Errorf("append after the failure: %+v", op)
	}
}

func TestAppendsThatQueueUpAreWrittenInOrder(t *testing.T) {
	x := newDriver(t, t.TempDir())
	f := x.create("a")
	var want bytes.Buffer
	var ops []*engine.DiskOp
	for i := range 3000 {
		data := fmt.Appendf(nil, "%d,", i)
		want.Write(data)
		ops = append(ops, &engine.DiskOp{Kind: engine.OpAppend, File: f, Data: data})
	}
	pos := int64(0)
	for i, op := range x.Do(ops...) {
		if op != ops[i] || op.Err != nil || op.Pos != pos || op.N != len(op.Data) {
			t.Fatalf("append %d: pos %d N %d error %v, want pos %d", i, op.Pos, op.N, op.Err, pos)
		}
		pos += int64(op.N)
	}
	got, err := os.ReadFile(filepath.Join(x.dir, "a"))
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("the file has %d bytes, want %d; error %v", len(got), want.Len(), err)
	}
}

func TestPinOutlivesCloseAndRemove(t *testing.T) {
	x := newDriver(t, t.TempDir())
	f := x.create("a")
	x.ok(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("content")})
	pin := x.d.Pin(f)
	if !pin.Same(f) {
		t.Error("a pin does not know its own file")
	}
	x.ok(&engine.DiskOp{Kind: engine.OpClose, File: f})
	x.ok(&engine.DiskOp{Kind: engine.OpRemove, Path: "a"})
	if x.d.Pin(f) != nil {
		t.Error("pinned a closed handle")
	}
	b := make([]byte, 7)
	if _, err := pin.ReadAt(b, 0); err != nil || string(b) != "content" {
		t.Errorf("pinned file reads %q, %v", b, err)
	}
	pin.Unpin()
	if _, err := pin.ReadAt(b, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after the last reference was dropped: error %v", err)
	}
}

// TestKillDuringAppends checks what a kill promises: a prefix of the appends is
// in the file, at least those that completed, and nothing happens afterwards.
func TestKillDuringAppends(t *testing.T) {
	for range 20 {
		x := newDriver(t, t.TempDir())
		f := x.create("a")
		for i := range 400 {
			x.start(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: bytes.Repeat([]byte{byte(i)}, 1000)})
		}
		x.wait(1)
		x.d.Kill()
		x.mu.Lock()
		completed := len(x.done) + 1
		x.mu.Unlock()
		got, err := os.ReadFile(filepath.Join(x.dir, "a"))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range got {
			if b != byte(i/1000) {
				t.Fatalf("byte %d is of append %d", i, b)
			}
		}
		if len(got) < 1000*completed {
			t.Fatalf("%d appends completed, %d bytes are in the file", completed, len(got))
		}
		x.start(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("late")})
		if again, _ := os.ReadFile(filepath.Join(x.dir, "a")); len(again) != len(got) {
			t.Fatal("the file changed after the kill")
		}
	}
}

func TestCloseLetsSubmittedOperationsTakeEffect(t *testing.T) {
	x := newDriver(t, t.TempDir())
	f := x.create("a")
	for range 500 {
		x.start(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("0123456789")})
	}
	x.d.Close()
	if fi, err := os.Stat(filepath.Join(x.dir, "a")); err != nil || fi.Size() != 5000 {
		t.Errorf("stat after close: %v, %v", fi, err)
	}
}

// BenchmarkAppend measures appends of 16 KiB, eight under way at a time.
func BenchmarkAppend(b *testing.B) {
	x := newDriver(b, b.TempDir())
	op := &engine.DiskOp{Kind: engine.OpCreate, Path: "a"}
	x.Do(op)
	ops := make([]*engine.DiskOp, 8)
	for i := range ops {
		ops[i] = &engine.DiskOp{Kind: engine.OpAppend, File: op.File, Data: make([]byte, 16<<10)}
	}
	b.SetBytes(8 * 16 << 10)
	for i := 0; b.Loop(); i++ {
		x.Do(ops...)
		if i%1000 == 999 {
			x.Do(&engine.DiskOp{Kind: engine.OpTruncate, File: op.File})
		}
	}
}
