package osdisk

import (
	"sync"
	"testing"

	"trial/disk/disktest"
	"trial/engine"
)

// driver runs operations on a Disk and waits for them.
type driver struct {
	t   testing.TB
	dir string
	d   *Disk

	mu   sync.Mutex
	cond *sync.Cond
	done []*engine.DiskOp
}

func newDriver(t testing.TB, dir string) *driver {
	x := &driver{t: t, dir: dir}
	x.cond = sync.NewCond(&x.mu)
	x.open()
	t.Cleanup(func() { x.d.Close() })
	return x
}

func (x *driver) open() {
	x.t.Helper()
	d, err := Open(Config{Dirs: []string{x.dir}, Complete: x.complete})
	if err != nil {
		x.t.Fatal(err)
	}
	x.d = d
}

func (x *driver) complete(first *engine.DiskOp) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for op := first; op != nil; op = op.Next {
		x.done = append(x.done, op)
	}
	x.cond.Broadcast()
}

func (x *driver) start(ops ...*engine.DiskOp) {
	var l list
	for _, op := range ops {
		l.push(op)
	}
	x.d.Submit(l.first)
}

func (x *driver) wait(n int) []*engine.DiskOp {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.done) < n {
		x.cond.Wait()
	}
	done := x.done
	x.done = nil
	return done
}

func (x *driver) Do(ops ...*engine.DiskOp) []*engine.DiskOp {
	x.start(ops...)
	return x.wait(len(ops))
}

func (x *driver) Crash(kind disktest.Crash) bool {
	if kind != disktest.Kill {
		return false
	}
	x.d.Kill()
	x.open()
	return true
}

func TestPassesTheSuiteOfDisks(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disktest.Disk { return newDriver(t, t.TempDir()) })
}
