package plog

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"trial/clock"
	"trial/engine"
)

// fakeHost is a machine with one disk whose operations complete when the test
// says so. Effects happen at completion.
type fakeHost struct {
	engine.Host // everything that a log must not use
	disk        *fakeDisk
	now         clock.Instant
	wallMs      int64
	timers      []*engine.Timer
	pending     []*engine.DiskOp
	handles     map[engine.FileID]*inode
	lastHandle  engine.FileID
	rand        *engine.Stream
	pool        engine.Pool
	probes      map[string]int
	dead        bool

	// fault may change an operation before it takes effect; true: it is done.
	fault func(op *engine.DiskOp) bool
	ops   int
}

// inode is a file: its content and what of it is durable.
type inode struct {
	data, durable []byte
}

// fakeDisk is what outlives a crash.
type fakeDisk struct {
	names, durable map[string]*inode // by path; a nil inode is a directory
}

func newDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*inode{".": nil}, durable: map[string]*inode{".": nil}}
}

func (d *fakeDisk) clone() *fakeDisk {
	c := newDisk()
	copied := map[*inode]*inode{nil: nil}
	for _, m := range []struct{ from, to map[string]*inode }{{d.names, c.names}, {d.durable, c.durable}} {
		for name, i := range m.from {
			if i != nil && copied[i] == nil {
				copied[i] = &inode{data: slices.Clone(i.data), durable: slices.Clone(i.durable)}
			}
			m.to[name] = copied[i]
		}
	}
	return c
}

func newHost(d *fakeDisk, seed uint64) *fakeHost {
	return &fakeHost{
		disk: d, wallMs: 1_700_000_000_000, handles: map[engine.FileID]*inode{}, rand: engine.NewStream(seed, "fake"),
		pool: engine.Pool{Poison: true}, probes: map[string]int{},
	}
}

func (h *fakeHost) Now() clock.Instant                { return h.now }
func (h *fakeHost) WallMs() int64                     { return h.wallMs }
func (h *fakeHost) Stream(name string) *engine.Stream { return h.rand }
func (h *fakeHost) Buf(n int) *engine.Buf             { return h.pool.Get(n) }
func (h *fakeHost) Release(b *engine.Buf)             { h.pool.Put(b) }
func (h *fakeHost) Probe(name string)                 { h.probes[name]++ }
func (h *fakeHost) Logf(engine.Level, string, ...any) {}
func (h *fakeHost) Disk(op *engine.DiskOp)            { op.N, op.Err = 0, nil; h.pending = append(h.pending, op) }
func (h *fakeHost) SetTimer(t *engine.Timer, at clock.Instant) {
	h.StopTimer(t)
	t.Host.At, t.Host.Index = at, 1
	h.timers = append(h.timers, t)
}

func (h *fakeHost) Offload(j *engine.Job) {
	j.Run()
	h.SetTimer(&engine.Timer{Fire: j.Done}, h.now)
}

func (h *fakeHost) StopTimer(t *engine.Timer) {
	t.Host.Index = 0
	h.timers = slices.DeleteFunc(h.timers, func(o *engine.Timer) bool { return o == t })
}

// step delivers one event, drawn among those that the contract allows next;
// false if there is none but timers of later.
func (h *fakeHost) step() bool {
	var due []int
	for i, t := range h.timers {
		if t.Host.At <= h.now {
			due = append(due, i)
		}
	}
	var ready []int
	seen := map[engine.FileID]bool{}
	for i, op := range h.pending {
		if op.Kind == engine.OpReadAt {
			ready = append(ready, i)
			continue
		}
		if f := fileOf(op); !seen[f] {
			ready = append(ready, i)
			seen[f] = true
		}
	}
	n := len(due) + len(ready)
	if n == 0 {
		return false
	}
	pick := h.rand.Pick(n)
	if pick < len(due) {
		t := h.timers[due[pick]]
		h.StopTimer(t)
		t.Fire()
		return true
	}
	at := ready[pick-len(due)]
	op := h.pending[at]
	h.pending = slices.Delete(h.pending, at, at+1)
	h.ops++
	if h.fault == nil || !h.fault(op) {
		h.take(op)
	}
	op.Done(op)
	return true
}

// fileOf is the file an operation is ordered by; 0 for names.
func fileOf(op *engine.DiskOp) engine.FileID {
	switch op.Kind {
	case engine.OpAppend, engine.OpWriteAt, engine.OpTruncate, engine.OpSyncFile, engine.OpClose, engine.OpReadAt:
		return op.File
	}
	return 0
}

func (h *fakeHost) settle() {
	for n := 0; h.step(); n++ {
		if n > 1_000_000 {
			panic("the log does not come to rest")
		}
	}
}

// take lets an operation take effect.
func (h *fakeHost) take(op *engine.DiskOp) {
	d := h.disk
	if f := fileOf(op); f != 0 {
		h.takeFile(op, h.handles[f])
		return
	}
	i, exists := d.names[op.Path]
	switch op.Kind {
	case engine.OpCreate:
		if exists {
			op.Err = engine.ErrExist
			return
		}
		if _, ok := d.names[path.Dir(op.Path)]; !ok {
			op.Err = engine.ErrNotExist
			return
		}
		i = &inode{}
		d.names[op.Path] = i
		h.lastHandle++
		h.handles[h.lastHandle], op.File = i, h.lastHandle
	case engine.OpMkdir:
		if !exists {
			d.names[op.Path] = nil
		}
	case engine.OpSyncDir:
		h.syncDir(op.Path)
	case engine.OpOpen, engine.OpStat, engine.OpRename, engine.OpRemove, engine.OpList:
		if !exists {
			op.Err = fmt.Errorf("fake %s: %w", op.Path, engine.ErrNotExist)
			return
		}
		h.takeName(op, i)
	default:
		panic(fmt.Sprintf("kind %d", op.Kind))
	}
}

func (h *fakeHost) takeName(op *engine.DiskOp, i *inode) {
	d := h.disk
	switch op.Kind {
	case engine.OpOpen:
		h.lastHandle++
		h.handles[h.lastHandle], op.File, op.Size = i, h.lastHandle, int64(len(i.data))
	case engine.OpStat:
		op.Dir = i == nil
	case engine.OpRemove:
		for name := range d.names {
			if i == nil && strings.HasPrefix(name, op.Path+"/") {
				op.Err = engine.ErrIO // not empty
				return
			}
		}
		delete(d.names, op.Path)
	case engine.OpRename:
		for _, m := range []map[string]*inode{d.names, d.durable} { // files move with a directory
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if rest, ok := strings.CutPrefix(name, op.Path+"/"); ok {
					m[op.NewPath+"/"+rest] = m[name]
					delete(m, name)
				}
			}
		}
		d.names[op.NewPath] = i
		delete(d.names, op.Path)
	case engine.OpList:
		op.Entries = nil
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			if path.Dir(name) == op.Path && name != "." {
				op.Entries = append(op.Entries, engine.DirEntry{Name: path.Base(name), Dir: d.names[name] == nil})
			}
		}
	}
}

func (h *fakeHost) syncDir(dir string) {
	d := h.disk
	for name := range d.durable {
		if _, ok := d.names[name]; !ok && path.Dir(name) == dir && name != "." {
			delete(d.durable, name)
		}
	}
	for name, i := range d.names {
		if path.Dir(name) == dir {
			d.durable[name] = i
		}
	}
}

func (h *fakeHost) takeFile(op *engine.DiskOp, i *inode) {
	if i == nil {
		op.Err = engine.ErrBadFile
		return
	}
	switch op.Kind {
	case engine.OpAppend:
		op.Pos, op.N = int64(len(i.data)), len(op.Data)
		i.data = append(i.data, op.Data...)
	case engine.OpReadAt:
		if op.Pos < int64(len(i.data)) {
			op.N = copy(op.Data, i.data[op.Pos:])
		}
	case engine.OpTruncate:
		if op.Size > int64(len(i.data)) {
			panic("a log never extends a file")
		}
		i.data = slices.Clone(i.data[:op.Size])
	case engine.OpSyncFile:
		i.durable = slices.Clone(i.data)
	case engine.OpClose:
		delete(h.handles, op.File)
	}
}

// crash ends the incarnation. A kill keeps what took effect and a prefix of
// what was under way; with power the unsynced is lost, kept or torn.
func (h *fakeHost) crash(power bool) *fakeDisk {
	for len(h.pending) > 0 && !h.rand.Chance(1, 3) {
		op := h.pending[0]
		h.pending = h.pending[1:]
		if op.Kind == engine.OpAppend && h.rand.Chance(1, 2) {
			cut := *op
			cut.Data = op.Data[:h.rand.N(int64(len(op.Data)+1))]
			h.take(&cut)
			break
		}
		cut := *op // the completion is not delivered
		h.take(&cut)
	}
	h.pending, h.timers, h.dead = nil, nil, true
	if power {
		h.powerFailure()
	}
	return h.disk
}

func (h *fakeHost) powerFailure() {
	d := h.disk
	all := maps.Clone(d.durable)
	maps.Copy(all, d.names)
	done := map[*inode]bool{}
	names := map[string]*inode{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, was := d.durable[name]
		now, is := d.names[name]
		for _, i := range []*inode{old, now} {
			if i != nil && !done[i] {
				done[i] = true
				h.tear(i)
			}
		}
		if was == is && old == now || !h.rand.Chance(1, 2) {
			if is {
				names[name] = now
			}
		} else if was {
			names[name] = old
		}
	}
	for name := range names { // nothing without its directory
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := names[dir]; !ok {
				delete(names, name)
			}
		}
	}
	d.names, d.durable = names, maps.Clone(names)
}

// tear decides what of the unsynced state of a file is left.
func (h *fakeHost) tear(i *inode) {
	same := 0
	for same < min(len(i.data), len(i.durable)) && i.data[same] == i.durable[same] {
		same++
	}
	switch {
	case len(i.data) < len(i.durable) && same == len(i.data): // an unsynced truncation
		if h.rand.Chance(1, 2) {
			i.data = slices.Clone(i.durable)
		}
	case len(i.data) > same:
		i.data = i.data[:int64(same)+h.rand.N(int64(len(i.data)-same+1))]
		const sector = 512
		for at := same; at < len(i.data); at += sector - at%sector {
			if h.rand.Chance(1, 4) {
				clear(i.data[at:min(at+sector-at%sector, len(i.data))])
			}
		}
	}
	i.durable = slices.Clone(i.data)
}
