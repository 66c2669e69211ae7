package disktest

import (
	"strings"
	"testing"

	"trial/engine"
)

var suite = []struct {
	name string
	run  func(t *testing.T, d *disk)
}{
	{"AppendsGoToTheEnd", testAppend},
	{"WriteAtOverwritesAndExtends", testWriteAt},
	{"ReadsEndAtTheEndOfTheFile", testReadAt},
	{"TruncateCutsAndExtends", testTruncate},
	{"AppendAfterTruncateContinuesThere", testAppendAfterTruncate},
	{"PreallocateKeepsTheLength", testPreallocate},
	{"LargeOperations", testLarge},
	{"TwoHandlesOneFile", testTwoHandles},
	{"ClosedAndInvalidHandles", testBadHandles},
	{"NegativeArgumentsFail", testNegative},
	{"OperationsAreReusable", testReuse},

	{"CreateAndOpen", testCreateOpen},
	{"Stat", testStat},
	{"ListIsSorted", testList},
	{"RenameMovesAndReplaces", testRename},
	{"RenameOfDirectories", testRenameDir},
	{"RemoveFilesAndEmptyDirectories", testRemove},
	{"RemovedFileLivesWhileOpen", testRemoveOpen},
	{"MkdirTwiceIsNoError", testMkdir},
	{"FreeIsPositive", testFree},

	{"OneFileInOrder", testFileOrder},
	{"NamesInOrder", testNameOrder},
	{"ManyFilesAtOnce", testManyFiles},
	{"FullVolumeRecovers", testFull},
	{"KillKeepsWhatCompleted", testKill},
	{"KillKeepsNames", testKillNames},
	{"PowerFailureKeepsWhatWasSynced", testPower},
	{"PowerFailureKeepsSyncedReplacement", testPowerReplace},
	{"PowerFailureKeepsSyncedTruncation", testPowerTruncate},
}

func testAppend(t *testing.T, d *disk) {
	f := d.create("a")
	for i, c := range []struct {
		data string
		pos  int64
	}{{"one", 0}, {"", 3}, {"two!", 3}, {"x", 7}} {
		if pos := d.append(f, c.data); pos != c.pos {
			t.Errorf("append %d went to %d, want %d", i, pos, c.pos)
		}
	}
	d.wantRead(f, 0, 8, "onetwo!x")
	d.wantContent("a", "onetwo!x")
}

func testWriteAt(t *testing.T, d *disk) {
	f := d.create("a")
	write := func(pos int64, data string) {
		t.Helper()
		op := d.ok(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Pos: pos, Data: []byte(data)})
		if op.N != len(data) {
			t.Errorf("write of %d bytes took %d", len(data), op.N)
		}
	}
	write(0, "hello")
	write(1, "EL")
	d.wantContent("a", "hELlo")
	write(4, "OW")
	d.wantContent("a", "hELlOW")
	write(9, "end")
	d.wantContent("a", "hELlOW\x00\x00\x00end")
	if pos := d.append(f, "!"); pos != 12 {
		t.Errorf("append behind a write went to %d, want 12", pos)
	}
}

func testReadAt(t *testing.T, d *disk) {
	f := d.create("a")
	d.wantRead(f, 0, 10, "")
	d.append(f, "0123456789")
	d.wantRead(f, 0, 10, "0123456789")
	d.wantRead(f, 3, 4, "3456")
	d.wantRead(f, 8, 4, "89")
	d.wantRead(f, 10, 4, "")
	d.wantRead(f, 1000, 4, "")
	d.wantRead(f, 2, 0, "")
}

func testTruncate(t *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "0123456789")
	d.truncate(f, 4)
	d.wantContent("a", "0123")
	d.truncate(f, 7)
	d.wantContent("a", "0123\x00\x00\x00")
	d.truncate(f, 7)
	d.truncate(f, 0)
	d.wantContent("a", "")
	d.truncate(f, 100_000)
	d.wantContent("a", strings.Repeat("\x00", 100_000))
}

func testAppendAfterTruncate(t *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "0123456789")
	d.truncate(f, 4)
	if pos := d.append(f, "ab"); pos != 4 {
		t.Errorf("append after truncate went to %d, want 4", pos)
	}
	d.wantContent("a", "0123ab")
	d.truncate(f, 8)
	if pos := d.append(f, "cd"); pos != 8 {
		t.Errorf("append after extension went to %d, want 8", pos)
	}
	d.wantContent("a", "0123ab\x00\x00cd")
}

func testPreallocate(_ *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "abc")
	d.ok(&engine.DiskOp{Kind: engine.OpPreallocate, File: f, Size: 1 << 20})
	d.wantContent("a", "abc")
	d.append(f, "def")
	d.wantContent("a", "abcdef")
}

func testLarge(t *testing.T, d *disk) {
	f := d.create("a")
	want := pattern(3<<20+123, 1)
	for at := 0; at < len(want); {
		op := d.ok(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: append([]byte(nil), want[at:]...)})
		if op.Pos != int64(at) || op.N <= 0 {
			t.Fatalf("append at %d went to %d and took %d", at, op.Pos, op.N)
		}
		at += op.N
	}
	sameBytes(t, "whole file", []byte(d.content("a")), want)
	for _, r := range [][2]int{{1<<20 - 7, 14}, {1, 2 << 20}, {2<<20 + 5, 1 << 20}} {
		sameBytes(t, "region", []byte(d.read(f, int64(r[0]), r[1])), want[r[0]:r[0]+r[1]])
	}
	copy(want[1<<20-3:], pattern(70_000, 9))
	d.ok(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Pos: 1<<20 - 3, Data: pattern(70_000, 9)})
	d.truncate(f, 2<<20)
	sameBytes(t, "after overwriting and truncating", []byte(d.content("a")), want[:2<<20])
}

func testTwoHandles(t *testing.T, d *disk) {
	f := d.create("a")
	g, _ := d.open("a")
	if f == g || f == 0 || g == 0 {
		t.Fatalf("handles %d and %d, want two that differ", f, g)
	}
	d.append(f, "one")
	d.wantRead(g, 0, 10, "one")
	if pos := d.append(g, "two"); pos != 3 {
		t.Errorf("append by the second handle went to %d, want 3", pos)
	}
	d.ok(&engine.DiskOp{Kind: engine.OpClose, File: f})
	d.wantRead(g, 0, 10, "onetwo")
}

func testBadHandles(_ *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "abc")
	d.ok(&engine.DiskOp{Kind: engine.OpClose, File: f})
	for _, bad := range []engine.FileID{0, f, 1 << 40} {
		for _, kind := range []engine.DiskOpKind{
			engine.OpClose, engine.OpAppend, engine.OpWriteAt, engine.OpReadAt, engine.OpTruncate,
			engine.OpPreallocate, engine.OpSyncFile,
		} {
			d.fails(&engine.DiskOp{Kind: kind, File: bad, Data: []byte("x")}, engine.ErrBadFile)
		}
	}
	d.wantContent("a", "abc")
}

func testNegative(_ *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "abc")
	d.fails(&engine.DiskOp{Kind: engine.OpReadAt, File: f, Pos: -1, Data: make([]byte, 2)}, nil)
	d.fails(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Pos: -1, Data: []byte("x")}, nil)
	d.fails(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: -1}, nil)
	d.wantContent("a", "abc")
}

func testReuse(t *testing.T, d *disk) {
	f := d.create("a")
	op := &engine.DiskOp{Kind: engine.OpReadAt, File: f, Data: make([]byte, 4)}
	d.ok(op)
	if op.N != 0 {
		t.Errorf("read %d bytes of an empty file", op.N)
	}
	op.Kind, op.Data = engine.OpAppend, []byte("data")
	d.ok(op)
	op.Kind, op.Pos, op.Data = engine.OpReadAt, 1, make([]byte, 2)
	if d.ok(op); op.N != 2 || string(op.Data) != "at" {
		t.Errorf("read %q, want %q", op.Data[:op.N], "at")
	}
	op.Kind, op.File = engine.OpReadAt, 1<<40
	d.fails(op, engine.ErrBadFile)
	op.File = f
	if d.ok(op); op.N != 2 {
		t.Errorf("after a failure the same operation reads %d bytes, want 2", op.N)
	}
}
