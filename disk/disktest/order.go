package disktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trial/engine"
)

// wantInOrder checks that ops completed without error in the order given.
func wantInOrder(t *testing.T, done, ops []*engine.DiskOp) {
	t.Helper()
	if !slices.Equal(done, ops) {
		t.Errorf("%d operations did not complete in the order in which they were started", len(ops))
	}
	for i, op := range ops {
		if op.Err != nil {
			t.Errorf("operation %d of kind %d: %v", i, op.Kind, op.Err)
		}
	}
}

func testFileOrder(t *testing.T, d *disk) {
	f := d.create("a")
	var ops []*engine.DiskOp
	var want strings.Builder
	for i := range 100 {
		data := fmt.Sprintf("<%d>", i)
		want.WriteString(data)
		ops = append(ops, &engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte(data)})
		if i%10 == 0 {
			ops = append(ops, &engine.DiskOp{Kind: engine.OpSyncFile, File: f})
		}
	}
	wantInOrder(t, d.Do(ops...), ops)
	d.wantContent("a", want.String())

	ops = []*engine.DiskOp{
		{Kind: engine.OpTruncate, File: f, Size: 3},
		{Kind: engine.OpAppend, File: f, Data: []byte("B")},
		{Kind: engine.OpSyncFile, File: f},
		{Kind: engine.OpWriteAt, File: f, Pos: 1, Data: []byte("x")},
		{Kind: engine.OpAppend, File: f, Data: []byte("C")},
		{Kind: engine.OpTruncate, File: f, Size: 6},
		{Kind: engine.OpAppend, File: f, Data: []byte("D")},
		{Kind: engine.OpClose, File: f},
	}
	wantInOrder(t, d.Do(ops...), ops)
	for i, pos := range map[int]int64{1: 3, 4: 4, 6: 6} {
		if ops[i].Pos != pos {
			t.Errorf("append %d of the sequence went to %d, want %d", i, ops[i].Pos, pos)
		}
	}
	d.wantContent("a", "<x>BC\x00D")
}

func testNameOrder(t *testing.T, d *disk) {
	ops := []*engine.DiskOp{
		{Kind: engine.OpMkdir, Path: "dir"},
		{Kind: engine.OpCreate, Path: "dir/a"},
		{Kind: engine.OpStat, Path: "dir/a"},
		rename("dir/a", "dir/b"),
		{Kind: engine.OpCreate, Path: "dir/a"},
		{Kind: engine.OpOpen, Path: "dir/b"},
		{Kind: engine.OpList, Path: "dir"},
		remove("dir/a"),
		remove("dir/b"),
		remove("dir"),
		{Kind: engine.OpSyncDir, Path: "."},
		{Kind: engine.OpList, Path: "."},
	}
	wantInOrder(t, d.Do(ops...), ops)
	if n := len(ops[6].Entries); n != 2 {
		t.Errorf("the list in the middle has %d entries, want 2", n)
	}
	if n := len(ops[11].Entries); n != 0 {
		t.Errorf("the list at the end has %d entries, want 0", n)
	}
}

func testManyFiles(t *testing.T, d *disk) {
	var creates, appends []*engine.DiskOp
	for i := range 50 {
		creates = append(creates, &engine.DiskOp{Kind: engine.OpCreate, Path: fmt.Sprintf("f%02d", i)})
	}
	wantInOrder(t, d.Do(creates...), creates)
	for round := range 4 {
		for _, c := range creates {
			appends = append(appends, &engine.DiskOp{
				Kind: engine.OpAppend, File: c.File, Data: fmt.Appendf(nil, "%s/%d ", c.Path, round),
			})
		}
	}
	done := d.Do(appends...)
	if len(done) != len(appends) {
		t.Fatalf("%d of %d appends completed", len(done), len(appends))
	}
	last := map[engine.FileID]int64{} // the order within each file
	for _, op := range done {
		if prev, seen := last[op.File]; op.Err != nil || seen && op.Pos <= prev {
			t.Fatalf("append at %d completed after the one at %d, error %v", op.Pos, prev, op.Err)
		}
		last[op.File] = op.Pos
	}
	for i := range 50 {
		p := fmt.Sprintf("f%02d", i)
		d.wantContent(p, fmt.Sprintf("%s/0 %s/1 %s/2 %s/3 ", p, p, p, p))
	}
}

func testFull(t *testing.T, d *disk) {
	limiter, ok := d.Disk.(Limiter)
	if !ok {
		t.Skip("this disk cannot be made full")
	}
	f := d.create("a")
	d.append(f, "before")
	limiter.Limit(10)
	var took int64
	op := &engine.DiskOp{Kind: engine.OpAppend, File: f, Data: pattern(100, 3)}
	for range 20 { // short writes may come first, but the end is near
		if d.one(op); op.Err != nil {
			break
		}
		took += int64(op.N)
	}
	if !errors.Is(op.Err, engine.ErrNoSpace) || took > 10 {
		t.Errorf("appending to a full volume: took %d bytes and then failed with %v", took, op.Err)
	}
	d.wantRead(f, 0, 6, "before")
	limiter.Limit(-1)
	d.truncate(f, 6)
	d.append(f, " and after")
	d.wantContent("a", "before and after")
}
