package simdisk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"trial/clock"
	"trial/clock/virtual"
	"trial/disk/disktest"
	"trial/engine"
)

// bench is a volume with a timeline of its own.
type bench struct {
	tl   virtual.Timeline
	v    *Volume
	done []*engine.DiskOp
	cuts []int64
}

func newBench(seed uint64) *bench {
	b := &bench{}
	b.v = New(&b.tl, b, Config{Name: "test", Seed: seed, Climate: DefaultClimate()})
	return b
}

func (b *bench) DiskDone(op *engine.DiskOp) { b.done = append(b.done, op) }

func (b *bench) BeforeTruncate(_ *Volume, _ engine.FileID, size int64) { b.cuts = append(b.cuts, size) }

func (b *bench) start(ops ...*engine.DiskOp) {
	for _, op := range ops {
		b.v.Start(op, b.tl.Now())
	}
}

func (b *bench) Do(ops ...*engine.DiskOp) []*engine.DiskOp {
	b.done = nil
	b.start(ops...)
	for task := b.tl.Next(); task != nil; task = b.tl.Next() {
		task.Fire()
	}
	return b.done
}

func (b *bench) Crash(kind disktest.Crash) bool {
	if kind == disktest.Kill {
		b.v.Kill()
	} else {
		b.v.PowerFail()
	}
	return true
}

func (b *bench) Limit(bytes int64) { b.v.Limit(bytes) }

func (b *bench) create(t testing.TB, path string) engine.FileID {
	op := &engine.DiskOp{Kind: engine.OpCreate, Path: path}
	if b.Do(op); op.Err != nil {
		t.Fatal(op.Err)
	}
	return op.File
}

func appendOp(f engine.FileID, data []byte) *engine.DiskOp {
	return &engine.DiskOp{Kind: engine.OpAppend, File: f, Data: data}
}

func TestAcceptance(t *testing.T) {
	seed := uint64(0)
	disktest.Run(t, func(*testing.T) disktest.Disk { seed++; return newBench(seed) })
}

// fileOps plays drawn writes, truncations and syncs on a file and returns the
// image of the last sync and the image shown.
func fileOps(t *rapid.T, b *bench, f engine.FileID) (durable, shown []byte) {
	for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
		fill := byte(i + 1)
		switch rapid.IntRange(0, 5).Draw(t, "op") {
		case 0, 1:
			data := bytes.Repeat([]byte{fill}, rapid.IntRange(0, 3000).Draw(t, "n"))
			b.Do(appendOp(f, data))
			shown = append(shown, data...)
		case 2:
			pos, n := rapid.IntRange(0, 6000).Draw(t, "pos"), rapid.IntRange(1, 2000).Draw(t, "n")
			if pos+n > len(shown) {
				shown = append(shown, make([]byte, pos+n-len(shown))...)
			}
			data := bytes.Repeat([]byte{fill}, n)
			copy(shown[pos:], data)
			b.Do(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Pos: int64(pos), Data: data})
		case 3, 4:
			size := rapid.IntRange(0, 6000).Draw(t, "size")
			if size <= len(shown) {
				shown = shown[:size:size]
			} else {
				shown = append(shown, make([]byte, size-len(shown))...)
			}
			b.Do(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: int64(size)})
		case 5:
			b.Do(&engine.DiskOp{Kind: engine.OpSyncFile, File: f})
			durable = slices.Clone(shown)
		}
	}
	return durable, shown
}

func TestLosingEverythingYieldsTheLastSync(t *testing.T) {
	for _, c := range []struct {
		mood int64
		name string
	}{{0, "lost"}, {1, "kept"}} {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				b := newBench(1)
				f := b.create(t, "f")
				durable, shown := fileOps(rt, b, f)
				if got, err := b.v.ReadFile("f"); err != nil || !bytes.Equal(got, shown) {
					rt.Fatalf("shows %d bytes, want %d", len(got), len(shown))
				}
				ino := b.v.lookup("f")
				ino.loseUnsynced(loss{b.v.crashes, c.mood})
				want := [][]byte{durable, shown}[c.mood]
				if got, _ := b.v.ReadFile("f"); !bytes.Equal(got, want) {
					rt.Fatalf("after the failure %d bytes, want %d", len(got), len(want))
				}
			})
		})
	}
}

func TestPowerFailureReportsExactlyWhatItTook(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(rapid.Uint64().Draw(rt, "seed"))
		f := b.create(t, "f")
		b.Do(&engine.DiskOp{Kind: engine.OpSyncDir, Path: "."})
		_, shown := fileOps(rt, b, f)
		safe := b.v.Snapshot()[0].Synced
		losses := b.v.PowerFail()
		got, err := b.v.ReadFile("f")
		if err != nil {
			rt.Fatalf("the name was synced: %v", err)
		}
		lost := make([]bool, len(shown)+1)
		for _, l := range losses {
			for _, r := range l.Ranges {
				if r.From < safe {
					rt.Fatalf("lost [%d,%d), but everything below %d was synced", r.From, r.To, safe)
				}
				for i := r.From; i < r.To; i++ {
					lost[i] = true
				}
			}
			if l.Path != "f" || l.After != int64(len(got)) || l.Before != int64(len(shown)) {
				rt.Fatalf("loss %+v of a file that had %d bytes and has %d", l, len(shown), len(got))
			}
		}
		if len(losses) == 0 && len(got) != len(shown) {
			rt.Fatalf("%d bytes became %d and nothing was reported", len(shown), len(got))
		}
		for i, want := range shown {
			if !lost[i] && (i >= len(got) || got[i] != want) {
				rt.Fatalf("byte %d is gone and not reported", i)
			}
		}
	})
}

// tree prints all names with the first byte of the files.
func (b *bench) tree() string {
	var s string
	for _, i := range b.v.Snapshot() {
		data, _ := b.v.ReadFile(i.Path)
		s += fmt.Sprintf("%s %v %q; ", i.Path, i.Dir, data)
	}
	return s
}

func TestLosingAllNameChangesYieldsTheLastSync(t *testing.T) {
	paths := []string{"a", "b", "d", "d/a", "d/b", "e", "e/a"}
	for mood, name := range []string{"lost", "kept"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				b := newBench(1)
				path := func() string { return rapid.SampledFrom(paths).Draw(rt, "path") }
				durable := ""
				for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
					switch rapid.IntRange(0, 5).Draw(rt, "op") {
					case 0:
						op := &engine.DiskOp{Kind: engine.OpCreate, Path: path()}
						if b.Do(op); op.Err == nil {
							b.Do(appendOp(op.File, []byte{byte('A' + i)}), &engine.DiskOp{Kind: engine.OpSyncFile, File: op.File})
						}
					case 1:
						b.Do(&engine.DiskOp{Kind: engine.OpMkdir, Path: path()})
					case 2:
						b.Do(&engine.DiskOp{Kind: engine.OpRemove, Path: path()})
					case 3, 4:
						b.Do(&engine.DiskOp{Kind: engine.OpRename, Path: path(), NewPath: path()})
					case 5:
						for _, dir := range []string{".", "d", "e"} {
							b.Do(&engine.DiskOp{Kind: engine.OpSyncDir, Path: dir})
						}
						if len(b.v.nameChanges) == 0 { // else a removed directory holds some
							durable = b.tree()
						} else {
							rt.Skip()
						}
					}
				}
				want := []string{durable, b.tree()}[mood]
				b.v.Kill()
				b.v.loseNames(loss{b.v.crashes, int64(mood)})
				if got := b.tree(); got != want {
					rt.Fatalf("after the failure\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

func TestKillLeavesAPrefixOfTheAppendsUnderWay(t *testing.T) {
	seen := map[int]bool{}
	for seed := range uint64(200) {
		b := newBench(seed)
		f := b.create(t, "f")
		var want []byte
		for i := range 5 {
			data := bytes.Repeat([]byte{byte('a' + i)}, 100)
			want = append(want, data...)
			b.start(appendOp(f, data))
		}
		b.done = nil
		b.v.Kill()
		got, err := b.v.ReadFile("f")
		if err != nil || !bytes.HasPrefix(want, got) || len(b.done) != 0 {
			t.Fatalf("seed %d: left %q, %d completions, %v", seed, got, len(b.done), err)
		}
		if b.tl.Next() != nil {
			t.Fatalf("seed %d: the dead process has a task left", seed)
		}
		seen[len(got)] = true
	}
	if !seen[0] || !seen[500] || len(seen) < 40 {
		t.Errorf("200 kills left only %d different lengths", len(seen))
	}
}

func TestTornWritesKeepWholeSectors(t *testing.T) {
	torn := 0
	for seed := range uint64(300) {
		b := newBench(seed)
		f := b.create(t, "f")
		b.Do(&engine.DiskOp{Kind: engine.OpSyncDir, Path: "."})
		b.Do(appendOp(f, bytes.Repeat([]byte{1}, 8*sectorBytes)), &engine.DiskOp{Kind: engine.OpSyncFile, File: f})
		b.Do(&engine.DiskOp{Kind: engine.OpWriteAt, File: f, Data: bytes.Repeat([]byte{2}, 8*sectorBytes)})
		b.v.PowerFail()
		got, _ := b.v.ReadFile("f")
		if len(got) != 8*sectorBytes {
			t.Fatalf("seed %d: length %d", seed, len(got))
		}
		values := map[byte]int{}
		for at := 0; at < len(got); at += sectorBytes {
			if bytes.Count(got[at:at+sectorBytes], got[at:at+1]) != sectorBytes {
				t.Fatalf("seed %d: the sector at %d is mixed", seed, at)
			}
			values[got[at]]++
		}
		if values[1]+values[2] != 8 {
			t.Fatalf("seed %d: sectors %v", seed, values)
		}
		if values[1] > 0 && values[2] > 0 {
			torn++
		}
	}
	if torn < 10 {
		t.Errorf("300 power failures tore %d writes", torn)
	}
}

func TestFaultsStrikeAsOftenAsAsked(t *testing.T) {
	b := newBench(1)
	f := b.create(t, "f")
	try := func(op *engine.DiskOp) error { b.Do(op); return op.Err }
	sync := func() error { return try(&engine.DiskOp{Kind: engine.OpSyncFile, File: f}) }
	b.v.Fail(FailAppend, 1, 1)
	for i, want := range []error{nil, engine.ErrIO, nil} {
		if err := try(appendOp(f, []byte("abc"))); !errors.Is(err, want) {
			t.Errorf("append %d: %v, want %v", i, err, want)
		}
	}
	b.v.Fail(FailSync, 0, -1)
	if e1, e2 := sync(), sync(); e1 != engine.ErrIO || e2 != engine.ErrIO {
		t.Errorf("latched sync failure: %v, %v", e1, e2)
	}
	b.v.Repair()
	if err := sync(); err != nil {
		t.Errorf("after repair: %v", err)
	}
	if s := b.v.Snapshot()[0].Synced; s != 0 {
		t.Errorf("a sync after a failed one is said to have saved %d bytes", s)
	}
	b.v.Fail(ShortAppend, 0, 1)
	op := appendOp(f, make([]byte, 100))
	if b.Do(op); op.Err != nil || op.N >= 100 {
		t.Errorf("short append took %d bytes, %v", op.N, op.Err)
	}
	b.v.Fail(ShortRead, 0, 1)
	read := &engine.DiskOp{Kind: engine.OpReadAt, File: f, Data: make([]byte, 5)}
	if b.Do(read); read.Err != nil || read.N >= 5 {
		t.Errorf("short read gave %d bytes, %v", read.N, read.Err)
	}
	b.v.SetOffline(true)
	if err := try(&engine.DiskOp{Kind: engine.OpStat, Path: "f"}); err != engine.ErrOffline {
		t.Errorf("offline: %v", err)
	}
}

func TestTruncationIsAnnouncedBeforeItHappens(t *testing.T) {
	b := newBench(1)
	f := b.create(t, "f")
	b.Do(appendOp(f, make([]byte, 100)),
		&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: 200},
		&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: 70})
	if !slices.Equal(b.cuts, []int64{70}) {
		t.Errorf("announced %v, want the one that cuts", b.cuts)
	}
}

func TestFileIdsOfVolumesDiffer(t *testing.T) {
	var tl virtual.Timeline
	b := &bench{}
	v := New(&tl, b, Config{Index: 3, Name: "x"})
	ino := &inode{}
	if id := v.addHandle(ino); VolumeOf(id) != 3 || v.file(id) != ino {
		t.Errorf("file %d is said to be on volume %d", id, VolumeOf(id))
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{100, 16 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := newBench(1)
			f := d.create(b, "f")
			op := appendOp(f, make([]byte, n))
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.v.Start(op, d.tl.Now())
				d.tl.Next().Fire()
				d.done = d.done[:0]
				if i%4096 == 4095 {
					d.Do(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: 0}, &engine.DiskOp{Kind: engine.OpSyncFile, File: f})
				}
			}
		})
	}
}

func TestDelayAddsToEachOperation(t *testing.T) {
	const slow = 300 * clock.Millisecond
	b := newBench(1)
	f := b.create(t, "f")
	took := func(op *engine.DiskOp) clock.Duration {
		from := b.tl.Now()
		b.Do(op)
		return b.tl.Now().Sub(from)
	}
	sync := func() clock.Duration { return took(&engine.DiskOp{Kind: engine.OpSyncFile, File: f}) }
	within := func(what string, d, lo clock.Duration) {
		t.Helper()
		if d < lo || d > lo+25*clock.Millisecond { // the climate's own slowest sync
			t.Errorf("%s took %v, want %v and its own time", what, d, lo)
		}
	}
	b.v.Delay(slow, 0)
	within("append on a slow disk", took(appendOp(f, []byte("a"))), slow)
	within("sync on a slow disk", sync(), slow)
	b.v.Delay(0, slow)
	within("append beside slow syncs", took(appendOp(f, []byte("b"))), 0)
	within("slow sync", sync(), slow)
	b.v.Repair()
	within("sync after the repair", sync(), 0)
}
