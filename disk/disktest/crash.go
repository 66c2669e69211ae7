package disktest

import (
	"slices"
	"strings"
	"testing"

	"trial/engine"
)

func (d *disk) crash(kind Crash) {
	d.t.Helper()
	if !d.Crash(kind) {
		d.t.Skip("this disk has no such crash")
	}
}

func testKill(t *testing.T, d *disk) {
	f := d.create("a")
	d.append(f, "appended, never synced; ")
	d.ok(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Pos: 0, Data: []byte("APP")})
	d.truncate(f, 20)
	d.crash(Kill)
	d.fails(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("x")}, engine.ErrBadFile)
	d.wantContent("a", "APPended, never sync")
	g, _ := d.open("a")
	if pos := d.append(g, "!"); pos != 20 {
		t.Errorf("append after the kill went to %d, want 20", pos)
	}
}

func testKillNames(t *testing.T, d *disk) {
	d.mkdir("dir")
	d.create("dir/a")
	d.create("dir/b")
	d.ok(rename("dir/a", "dir/c"))
	d.ok(remove("dir/b"))
	d.crash(Kill)
	if got, want := d.names("dir"), []string{"c"}; !slices.Equal(got, want) {
		t.Errorf("after the kill %v, want %v", got, want)
	}
}

func testPower(t *testing.T, d *disk) {
	d.mkdir("dir")
	d.syncDir(".")
	f := d.create("dir/a")
	d.syncDir("dir")
	synced := string(pattern(5000, 2))
	d.append(f, synced)
	d.sync(f)
	d.append(f, string(pattern(5000, 7)))
	d.crash(PowerFailure)
	got := d.content("dir/a")
	if len(got) < 5000 || len(got) > 10000 || got[:5000] != synced {
		t.Errorf("%d bytes left; the first 5000 were synced", len(got))
	}
	g, size := d.open("dir/a")
	if pos := d.append(g, "on"); pos != size {
		t.Errorf("append after the power failure went to %d, want %d", pos, size)
	}
}

func testPowerReplace(t *testing.T, d *disk) {
	old := d.create("a")
	d.append(old, "old")
	d.sync(old)
	d.syncDir(".")
	tmp := d.create("a.tmp")
	d.append(tmp, "new")
	d.sync(tmp)
	d.ok(rename("a.tmp", "a"))
	d.syncDir(".")
	d.crash(PowerFailure)
	d.wantContent("a", "new")
	if got, want := d.names("."), []string{"a"}; !slices.Equal(got, want) {
		t.Errorf("after the power failure %v, want %v", got, want)
	}
}

func testPowerTruncate(_ *testing.T, d *disk) {
	f := d.create("a")
	d.syncDir(".")
	d.append(f, strings.Repeat("x", 2000))
	d.sync(f)
	d.truncate(f, 700)
	d.sync(f)
	d.crash(PowerFailure)
	d.wantContent("a", strings.Repeat("x", 700))
}
