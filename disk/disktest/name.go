package disktest

import (
	"slices"
	"testing"

	"trial/engine"
)

func testCreateOpen(t *testing.T, d *disk) {
	d.fails(&engine.DiskOp{Kind: engine.OpOpen, Path: "a"}, engine.ErrNotExist)
	f := d.create("a")
	d.fails(&engine.DiskOp{Kind: engine.OpCreate, Path: "a"}, engine.ErrExist)
	d.append(f, "abc")
	if _, size := d.open("a"); size != 3 {
		t.Errorf("open tells size %d, want 3", size)
	}
	d.fails(&engine.DiskOp{Kind: engine.OpCreate, Path: "no/a"}, engine.ErrNotExist)
	d.fails(&engine.DiskOp{Kind: engine.OpOpen, Path: "no/a"}, engine.ErrNotExist)
	d.mkdir("dir")
	d.fails(&engine.DiskOp{Kind: engine.OpCreate, Path: "dir"}, engine.ErrExist)
	d.fails(&engine.DiskOp{Kind: engine.OpOpen, Path: "dir"}, nil)
	d.create("dir/a")
	d.fails(&engine.DiskOp{Kind: engine.OpOpen, Path: "dir/b"}, engine.ErrNotExist)
}

func testStat(t *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "abcd")
	d.mkdir("dir")
	if op := d.ok(&engine.DiskOp{Kind: engine.OpStat, Path: "a"}); op.Size != 4 || op.Dir {
		t.Errorf("stat of a file: size %d, dir %v", op.Size, op.Dir)
	}
	if op := d.ok(&engine.DiskOp{Kind: engine.OpStat, Path: "dir"}); !op.Dir {
		t.Error("stat of a directory says file")
	}
	if op := d.ok(&engine.DiskOp{Kind: engine.OpStat, Path: "."}); !op.Dir {
		t.Error("stat of the root says file")
	}
	d.fails(&engine.DiskOp{Kind: engine.OpStat, Path: "b"}, engine.ErrNotExist)
	d.fails(&engine.DiskOp{Kind: engine.OpStat, Path: "no/b"}, engine.ErrNotExist)
}

func testList(t *testing.T, d *disk) {
	if got := d.names("."); len(got) != 0 {
		t.Errorf("an empty volume lists %v", got)
	}
	d.mkdir("m")
	for _, name := range []string{"b", "a", "z", "a0", "B", "m/y", "m/x", "10", "9"} {
		d.append(d.create(name), name)
	}
	if got, want := d.names("."), []string{"10", "9", "B", "a", "a0", "b", "m/", "z"}; !slices.Equal(got, want) {
		t.Errorf("root lists %v, want %v", got, want)
	}
	if got, want := d.names("m"), []string{"x", "y"}; !slices.Equal(got, want) {
		t.Errorf("m lists %v, want %v", got, want)
	}
	for _, e := range d.ok(&engine.DiskOp{Kind: engine.OpList, Path: "m"}).Entries {
		if e.Size != 3 {
			t.Errorf("%s has size %d in the list, want 3", e.Name, e.Size)
		}
	}
	d.fails(&engine.DiskOp{Kind: engine.OpList, Path: "no"}, engine.ErrNotExist)
	d.fails(&engine.DiskOp{Kind: engine.OpList, Path: "a"}, nil)
}

func rename(from, to string) *engine.DiskOp {
	return &engine.DiskOp{Kind: engine.OpRename, Path: from, NewPath: to}
}

func testRename(t *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "new")
	d.append(d.create("b"), "old content")
	d.mkdir("dir")
	d.ok(rename("a", "b"))
	d.wantContent("b", "new")
	if got, want := d.names("."), []string{"b", "dir/"}; !slices.Equal(got, want) {
		t.Errorf("after the rename %v, want %v", got, want)
	}
	d.append(f, "er") // the handle follows the file
	d.ok(rename("b", "dir/c"))
	d.wantContent("dir/c", "newer")
	d.fails(rename("b", "x"), engine.ErrNotExist)
	d.fails(rename("dir/c", "no/c"), engine.ErrNotExist)
	d.ok(rename("dir/c", "dir/c"))
	d.wantContent("dir/c", "newer")
}

func testRenameDir(t *testing.T, d *disk) {
	d.mkdir("t-0")
	f := d.create("t-0/log")
	d.append(f, "abc")
	d.ok(rename("t-0", "t-0.x-delete"))
	d.wantContent("t-0.x-delete/log", "abc")
	d.append(f, "d")
	d.wantContent("t-0.x-delete/log", "abcd")
	d.fails(&engine.DiskOp{Kind: engine.OpStat, Path: "t-0"}, engine.ErrNotExist)
	d.mkdir("t-0")
	if got := d.names("t-0"); len(got) != 0 {
		t.Errorf("a new directory of the old name lists %v", got)
	}
}

func remove(path string) *engine.DiskOp { return &engine.DiskOp{Kind: engine.OpRemove, Path: path} }

func testRemove(t *testing.T, d *disk) {
	d.mkdir("dir")
	d.create("dir/a")
	d.fails(remove("dir"), nil)
	d.ok(remove("dir/a"))
	d.fails(remove("dir/a"), engine.ErrNotExist)
	d.ok(remove("dir"))
	d.fails(remove("dir"), engine.ErrNotExist)
	if got := d.names("."); len(got) != 0 {
		t.Errorf("everything removed, but %v is left", got)
	}
	f := d.create("a")
	d.append(f, "first")
	d.ok(&engine.DiskOp{Kind: engine.OpClose, File: f})
	d.ok(remove("a"))
	d.create("a")
	d.wantContent("a", "")
}

func testRemoveOpen(_ *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "abc")
	d.ok(remove("a"))
	d.wantRead(f, 0, 3, "abc")
	d.append(f, "d")
	d.wantRead(f, 0, 4, "abcd")
	d.append(d.create("a"), "other")
	d.wantRead(f, 0, 10, "abcd")
	d.wantContent("a", "other")
}

func testMkdir(_ *testing.T, d *disk) {
	d.mkdir("dir")
	d.create("dir/a")
	d.mkdir("dir")
	d.wantContent("dir/a", "")
	d.mkdir("dir/sub")
	d.fails(&engine.DiskOp{Kind: engine.OpMkdir, Path: "no/sub"}, engine.ErrNotExist)
	d.fails(&engine.DiskOp{Kind: engine.OpMkdir, Path: "dir/a"}, engine.ErrExist)
	d.syncDir(".")
	d.syncDir("dir/sub")
	d.fails(&engine.DiskOp{Kind: engine.OpSyncDir, Path: "no"}, engine.ErrNotExist)
}

func testFree(t *testing.T, d *disk) {
	if op := d.ok(&engine.DiskOp{Kind: engine.OpFree}); op.Size <= 0 {
		t.Errorf("free tells %d bytes", op.Size)
	}
}
