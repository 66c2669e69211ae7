package replica

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
)

// world is a timeline and the nodes on it: just enough of a host for logs and
// partitions, with disks that obey the order of engine.DiskOp.
type world struct {
	t     testing.TB
	now   clock.Instant
	seq   uint64
	queue []event
	rnd   *engine.Stream
}

type event struct {
	at  clock.Instant
	seq uint64
	do  func()
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{t: t, rnd: engine.NewStream(seed, "world")}
}

func (w *world) after(d clock.Duration, do func()) {
	w.seq++
	e := event{w.now.Add(d), w.seq, do}
	i := sort.Search(len(w.queue), func(i int) bool { return w.queue[i].at > e.at })
	w.queue = slices.Insert(w.queue, i, e)
}

func (w *world) step() bool {
	if len(w.queue) == 0 {
		return false
	}
	e := w.queue[0]
	w.queue = w.queue[1:]
	w.now = max(w.now, e.at)
	e.do()
	return true
}

// run runs for a span of time.
func (w *world) run(d clock.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for n := 0; len(w.queue) > 0 && w.queue[0].at <= end; n++ {
		if n > 1_000_000 {
			w.t.Fatal("stuck: more than a million events in one run")
		}
		w.step()
	}
	w.now = end
}

// until runs until something holds, at most a minute.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	end := w.now.Add(clock.Minute)
	for !ok() {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.t.Fatalf("never: %s", what)
		}
		w.step()
	}
}

// host is one node's engine.Host, as far as this package and plog need it.
type host struct {
	engine.Host // what is not below must not be called
	w           *world
	id          int32
	life        int // incarnation: events of earlier ones are dropped
	disk        *disk
	facts       []engine.Fact
	sink        func(engine.Fact)
	probes      map[string]int
	sites       map[string]func() bool
	diskDelay   func() clock.Duration
	lastDisk    clock.Instant
	failAppends bool
	unobserved  bool
}

type file struct{ data []byte }

type disk struct {
	files   map[string]*file
	dirs    map[string]bool
	handles map[engine.FileID]*file
	next    engine.FileID
}

func newHost(w *world, id int32) *host {
	return &host{
		w: w, id: id, life: 1, probes: map[string]int{}, sites: map[string]func() bool{},
		disk:      &disk{files: map[string]*file{}, dirs: map[string]bool{".": true}, handles: map[engine.FileID]*file{}},
		diskDelay: func() clock.Duration { return 10 * clock.Microsecond },
	}
}

func (h *host) later(d clock.Duration, do func()) {
	life := h.life
	h.w.after(d, func() {
		if h.life == life {
			do()
		}
	})
}

func (h *host) Node() engine.NodeID               { return engine.NodeID(h.id) }
func (h *host) Incarnation() engine.Incarnation   { return engine.Incarnation(h.life) }
func (h *host) Now() clock.Instant                { return h.w.now }
func (h *host) WallMs() int64                     { return 1_700_000_000_000 + h.w.now.Ms() }
func (h *host) Stream(name string) *engine.Stream { return h.w.rnd }
func (h *host) Observed() bool                    { return !h.unobserved }
func (h *host) Probe(name string)                 { h.probes[name]++ }
func (h *host) Site(name string) *engine.Site     { return &engine.Site{Choose: h.sites[name]} }
func (h *host) Volumes() int                      { return 1 }
func (h *host) Buf(n int) *engine.Buf             { return &engine.Buf{B: make([]byte, 0, n)} }
func (h *host) Release(*engine.Buf)               {}

func (h *host) Logf(engine.Level, string, ...any) {}

func (h *host) Emit(f engine.Fact) {
	h.facts = append(h.facts, f)
	if h.sink != nil {
		h.sink(f)
	}
}

func (h *host) SetTimer(t *engine.Timer, at clock.Instant) {
	t.Host.Seq++
	t.Host.Index, t.Host.At = 1, at
	seq := t.Host.Seq
	h.later(max(0, at.Sub(h.w.now)), func() {
		if t.Host.Index != 0 && t.Host.Seq == seq {
			t.Host.Index = 0
			t.Fire()
		}
	})
}

func (h *host) StopTimer(t *engine.Timer) { t.Host.Index = 0; t.Host.Seq++ }

func (h *host) Offload(j *engine.Job) {
	j.Run()
	h.later(clock.Microsecond, j.Done)
}

// Disk completes operations in the order of their start, which is stricter than
// the contract and legal.
func (h *host) Disk(op *engine.DiskOp) {
	at := max(h.lastDisk, h.w.now.Add(h.diskDelay()))
	h.lastDisk = at
	h.later(at.Sub(h.w.now), func() {
		h.disk.do(op, h.failAppends)
		op.Done(op)
	})
}

func (h *host) probed(t testing.TB, name string) {
	t.Helper()
	if h.probes[name] == 0 {
		t.Errorf("probe %q was not reached", name)
	}
}

func (d *disk) do(op *engine.DiskOp, failAppends bool) {
	op.Err, op.N = nil, 0
	switch op.Kind {
	case engine.OpOpen, engine.OpCreate, engine.OpStat, engine.OpList, engine.OpRename, engine.OpRemove, engine.OpMkdir:
		d.names(op)
		return
	case engine.OpSyncDir, engine.OpFree, engine.OpPreallocate, engine.OpSyncFile:
		return
	}
	f := d.handles[op.File]
	if f == nil {
		op.Err = engine.ErrBadFile
		return
	}
	switch op.Kind {
	case engine.OpClose:
		delete(d.handles, op.File)
	case engine.OpAppend:
		if failAppends {
			op.Err = engine.ErrIO
			return
		}
		op.Pos, op.N = int64(len(f.data)), len(op.Data)
		f.data = append(f.data, op.Data...)
	case engine.OpWriteAt:
		for int64(len(f.data)) < op.Pos+int64(len(op.Data)) {
			f.data = append(f.data, 0)
		}
		op.N = copy(f.data[op.Pos:], op.Data)
	case engine.OpReadAt:
		if op.Pos < int64(len(f.data)) {
			op.N = copy(op.Data, f.data[op.Pos:])
		}
	case engine.OpTruncate:
		for int64(len(f.data)) < op.Size {
			f.data = append(f.data, 0)
		}
		f.data = f.data[:op.Size]
	default:
		op.Err = fmt.Errorf("fake disk: unknown operation %d", op.Kind)
	}
}

func (d *disk) names(op *engine.DiskOp) {
	f, isFile := d.files[op.Path]
	isDir := d.dirs[op.Path]
	open := func(f *file) {
		d.next++
		d.handles[d.next] = f
		op.File, op.Size = d.next, int64(len(f.data))
	}
	switch op.Kind {
	case engine.OpOpen:
		if !isFile {
			op.Err = engine.ErrNotExist
			return
		}
		open(f)
	case engine.OpCreate:
		if isFile || isDir {
			op.Err = engine.ErrExist
			return
		}
		f = &file{}
		d.files[op.Path] = f
		open(f)
	case engine.OpMkdir:
		d.dirs[op.Path] = true
	case engine.OpRemove:
		delete(d.files, op.Path)
		delete(d.dirs, op.Path)
	case engine.OpStat:
		if op.Dir = isDir; isFile {
			op.Size = int64(len(f.data))
		} else if !isDir {
			op.Err = engine.ErrNotExist
		}
	case engine.OpRename:
		d.rename(op.Path, op.NewPath)
	case engine.OpList:
		op.Entries = nil
		if !isDir {
			op.Err = engine.ErrNotExist
			return
		}
		for name, f := range d.files {
			if path.Dir(name) == op.Path {
				op.Entries = append(op.Entries, engine.DirEntry{Name: path.Base(name), Size: int64(len(f.data))})
			}
		}
		for name := range d.dirs {
			if name != "." && path.Dir(name) == op.Path {
				op.Entries = append(op.Entries, engine.DirEntry{Name: path.Base(name), Dir: true})
			}
		}
		slices.SortFunc(op.Entries, func(a, b engine.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	}
}

func (d *disk) rename(from, to string) {
	if f, ok := d.files[from]; ok {
		delete(d.files, from)
		d.files[to] = f
		return
	}
	for name, f := range d.files {
		if rest, ok := strings.CutPrefix(name, from+"/"); ok {
			delete(d.files, name)
			d.files[to+"/"+rest] = f
		}
	}
	delete(d.dirs, from)
	d.dirs[to] = true
}
