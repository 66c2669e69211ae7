package simdisk

import "trial/engine"

// Range is the bytes [From, To) of a file.
type Range struct{ From, To int64 }

// Loss is what a power failure did to one file: ground truth for judges.
type Loss struct {
	Path    string // before the failure; after it if Revived
	Gone    bool   // no file has this name any more, or another one
	Revived bool   // the name was removed or moved, and is back
	// Before and After are the sizes. Ranges are the bytes below Before that are
	// missing or different, sector by sector.
	Before, After int64
	Ranges        []Range
}

// Kill ends the process that uses the volume: handles and the operations under
// way are gone. Of those operations any prefix per file takes effect, the append
// behind it possibly in part.
func (v *Volume) Kill() {
	v.settle(&v.names)
	for _, f := range v.handles {
		if f != nil {
			v.settle(&f.queue)
		}
	}
	v.close()
}

// Stop ends the process after it has exited by itself. Operations under way are
// treated as by Kill.
func (v *Volume) Stop() { v.Kill() }

// settle lets a prefix of a queue happen and drops the rest.
func (v *Volume) settle(q *queue) {
	n := 0
	for op := q.head; op != nil; op = op.Next {
		n++
	}
	if n == 0 {
		return
	}
	op := q.head
	for range v.crashes.N(int64(n) + 1) {
		next := op.Next // do may give the operation back to nobody: its process is dead
		v.do(op)
		op = next
	}
	if op != nil && op.Kind == engine.OpAppend && len(op.Data) > 0 && !v.offline && v.crashes.Chance(1, 2) {
		if f := v.file(op.File); f != nil {
			part := v.crashes.N(int64(len(op.Data)))
			part = min(part, v.grow(f, f.data.size+part)-f.data.size)
			v.put(f, f.data.size, op.Data[:part])
		}
	}
	q.drop()
}

// close forgets all handles.
func (v *Volume) close() {
	for _, f := range v.handles {
		if f != nil {
			f.open--
			v.reclaim(f)
		}
	}
	v.firstFile += engine.FileID(len(v.handles))
	clear(v.handles)
	v.handles = v.handles[:0]
	v.life++
	v.forget()
}

// PowerFail ends the process as Kill does and then loses or tears what was not
// synced. It returns what became of the files, sorted by path.
func (v *Volume) PowerFail() []Loss {
	v.Kill()
	before := v.census()
	l := newLoss(v.crashes)
	for _, f := range v.inodes {
		if len(f.changes) > 0 {
			f.loseUnsynced(l)
		}
	}
	v.loseNames(l)
	return v.compare(before)
}

// loseNames turns the tree into what a power failure leaves.
func (v *Volume) loseNames(l loss) {
	for i := len(v.nameChanges) - 1; i >= 0; i-- {
		v.nameChanges[i].back()
	}
	for i := range v.nameChanges {
		if l.fate() == 0 {
			v.nameChanges[i].apply()
		}
	}
	v.nameChanges = nil
	v.recount()
}

// recount rebuilds the list of inodes, their links and the room from the tree.
func (v *Volume) recount() {
	var used int64
	for _, ino := range v.inodes {
		used += ino.alloc
		ino.links = 0
	}
	v.inodes = v.inodes[:0]
	v.walk(v.root, "", func(_ string, ino *inode) {
		ino.links = 1
		ino.alloc = ino.data.size
		used -= ino.alloc
		v.inodes = append(v.inodes, ino)
	})
	v.charge(-used)
}

// walk visits everything below dir in the order of the paths' names.
func (v *Volume) walk(dir *inode, prefix string, visit func(path string, ino *inode)) {
	for _, name := range dir.names() {
		ino := dir.entries[name]
		visit(prefix+name, ino)
		if ino.dir {
			v.walk(ino, prefix+name+"/", visit)
		}
	}
}

// witness is what a file was before a power failure.
type witness struct {
	path string
	ino  *inode
	size int64
	from int64 // everything below was durable
	tail []byte
}

func (v *Volume) census() []witness {
	var all []witness
	v.walk(v.root, "", func(path string, ino *inode) {
		if !ino.dir {
			from := min(ino.firstUnsynced(), ino.data.size)
			all = append(all, witness{path, ino, ino.data.size, from, ino.data.bytes(from, ino.data.size)})
		}
	})
	return all
}

func (v *Volume) compare(before []witness) []Loss {
	var losses []Loss
	for _, w := range before {
		l := Loss{Path: w.path, Before: w.size}
		if v.lookup(w.path) != w.ino {
			l.Gone = true
			l.Ranges = []Range{{0, w.size}}
			losses = append(losses, l)
			continue
		}
		l.After = w.ino.data.size
		l.Ranges = w.missing()
		if l.After != l.Before || l.Ranges != nil {
			losses = append(losses, l)
		}
	}
	known := map[*inode]string{}
	for _, w := range before {
		known[w.ino] = w.path
	}
	v.walk(v.root, "", func(path string, ino *inode) {
		if old, was := known[ino]; !ino.dir && (!was || old != path) {
			losses = append(losses, Loss{Path: path, Revived: true, After: ino.data.size})
		}
	})
	return losses
}

// missing lists what the file no longer has, in whole sectors.
func (w *witness) missing() []Range {
	var out []Range
	sector := make([]byte, sectorBytes)
	for pos := w.from; pos < w.size; {
		end := min(w.size, pos-pos%sectorBytes+sectorBytes)
		want := w.tail[int(pos-w.from):int(end-w.from)]
		got := sector[:w.ino.data.read(pos, sector[:len(want)])]
		if string(got) != string(want) {
			if n := len(out); n > 0 && out[n-1].To == pos {
				out[n-1].To = end
			} else {
				out = append(out, Range{pos, end})
			}
		}
		pos = end
	}
	return out
}
