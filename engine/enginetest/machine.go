package enginetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"trial/clock"
	"trial/engine"
)

// single starts one node with a listener and a volume.
func single(t *testing.T, start startFunc, s *script) *world {
	t.Helper()
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return s }, Listeners: 1, Volumes: 1},
	}})}
	w.Start(1)
	return w
}

func testTimers(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	var fired []int
	delays := []int64{40, 10, 30, 20, 0, -5}
	timers := make([]engine.Timer, len(delays))
	w.Do(1, func() {
		base := s.h.Now()
		for i, ms := range delays {
			at := base.Add(clock.Duration(ms) * clock.Millisecond)
			timers[i].Fire = func() {
				if now := s.h.Now(); now.Before(at) {
					t.Errorf("timer %d of %v fired at %v", i, at, now)
				}
				if timers[i].Armed() {
					t.Errorf("timer %d is armed while it fires", i)
				}
				fired = append(fired, i)
			}
			if timers[i].Armed() {
				t.Errorf("timer %d is armed before it was set", i)
			}
			s.h.SetTimer(&timers[i], at)
			if !timers[i].Armed() || len(fired) != 0 {
				t.Errorf("timer %d: armed %v, fired inline %v", i, timers[i].Armed(), fired)
			}
		}
	})
	w.await(1, "all timers", func() bool { return len(fired) == len(delays) })
	w.Do(1, func() {
		late := slices.DeleteFunc(slices.Clone(fired), func(i int) bool { return delays[i] <= 0 })
		if !slices.Equal(late, []int{1, 3, 2, 0}) {
			t.Errorf("timers fired in the order %v", fired)
		}
	})
}

func testTimerMoves(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	var fired []string
	var moved, stopped, again, last engine.Timer
	w.Do(1, func() {
		now := s.h.Now()
		in := func(ms int64) clock.Instant { return now.Add(clock.Ms(ms)) }
		moved.Fire = func() { fired = append(fired, "moved") }
		stopped.Fire = func() { fired = append(fired, "stopped") }
		rounds := 0
		again.Fire = func() {
			fired = append(fired, "again")
			if rounds++; rounds < 3 {
				s.h.SetTimer(&again, s.h.Now().Add(clock.Millisecond))
			}
		}
		last.Fire = func() { fired = append(fired, "last") }
		s.h.SetTimer(&moved, in(5))
		s.h.SetTimer(&moved, in(120))
		s.h.SetTimer(&stopped, in(10))
		s.h.StopTimer(&stopped)
		s.h.StopTimer(&stopped)
		if stopped.Armed() {
			t.Error("a stopped timer is armed")
		}
		s.h.SetTimer(&again, in(10_000))
		s.h.SetTimer(&again, in(10))
		s.h.SetTimer(&last, in(240))
	})
	w.await(1, "the last timer", func() bool { return slices.Contains(fired, "last") })
	w.Do(1, func() {
		if want := []string{"again", "again", "again", "moved", "last"}; !slices.Equal(fired, want) {
			t.Errorf("fired %v, want %v", fired, want)
		}
	})
}

func testNow(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	var before clock.Instant
	w.Do(1, func() {
		before = s.h.Now()
		x := uint64(1)
		for range 1_000_000 { // long enough for a real clock to move
			x = x*6364136223846793005 + 1
		}
		if after := s.h.Now(); after != before || x == 0 {
			t.Errorf("Now moved from %v to %v within an event", before, after)
		}
		if ms := s.h.WallMs(); ms < 1_000_000_000_000 {
			t.Errorf("the wall clock says %d ms since 1970", ms)
		}
	})
	var timer engine.Timer
	fired := false
	timer.Fire = func() { fired = true }
	w.Do(1, func() { s.h.SetTimer(&timer, before.Add(20*clock.Millisecond)) })
	w.await(1, "a timer", func() bool { return fired })
	if after := get(w, 1, func() clock.Instant { return s.h.Now() }); after.Sub(before) < 20*clock.Millisecond {
		t.Errorf("a timer of 20 ms fired and the clock moved from %v to %v", before, after)
	}
}

func testStreams(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	w.Do(1, func() {
		a, b := s.h.Stream("a"), s.h.Stream("b")
		if s.h.Stream("a") != a || a == b {
			t.Error("a name does not stand for one stream")
		}
		if a.Uint64() == b.Uint64() {
			t.Error("two names share their draws")
		}
	})
}

func testOffload(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	const n = 20
	sums := make([]int, n)
	done := 0
	w.Do(1, func() {
		for i := range n {
			data := bytes.Repeat([]byte{byte(i)}, 1000)
			job := &engine.Job{Bytes: 1000}
			job.Run = func() {
				for _, x := range data {
					sums[i] += int(x)
				}
			}
			job.Done = func() {
				if sums[i] != 1000*i {
					t.Errorf("job %d was told done before it ran", i)
				}
				done++
			}
			s.h.Offload(job)
		}
		if done != 0 {
			t.Error("Offload called Done before it returned")
		}
	})
	w.await(1, "all jobs", func() bool { return done == n })
}

func testPoison(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	w.Do(1, func() {
		b := s.h.Buf(100)
		if len(b.B) != 0 || cap(b.B) < 100 {
			t.Errorf("a fresh buffer has length %d and room for %d", len(b.B), cap(b.B))
		}
		b.B = append(b.B, bytes.Repeat([]byte{'x'}, 100)...)
		alias := b.B
		s.h.Release(b)
		if bytes.Contains(alias, []byte{'x'}) {
			t.Error("the bytes of a released buffer are still there")
		}
	})
}

func testDiskOrder(t *testing.T, start startFunc) {
	s := &script{}
	w := single(t, start, s)
	f := w.file(1, s, "f", 0)
	var order []string
	w.Do(1, func() {
		note := func(op *engine.DiskOp) {
			if op.Err != nil {
				t.Errorf("operation of kind %d: %v", op.Kind, op.Err)
			}
			order = append(order, fmt.Sprint(op.Kind, "@", op.Pos))
		}
		for range 5 {
			s.h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("12345"), Done: note})
		}
		s.h.Disk(&engine.DiskOp{Kind: engine.OpSyncFile, File: f, Done: note})
		s.h.Disk(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: 12, Done: note})
		s.h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: f, Data: []byte("end"), Done: note})
		if len(order) != 0 {
			t.Error("Disk called Done before it returned")
		}
	})
	w.await(1, "eight completions", func() bool { return len(order) == 8 })
	want := []string{"4@0", "4@5", "4@10", "4@15", "4@20", "14@0", "7@0", "4@12"}
	w.Do(1, func() {
		if !slices.Equal(order, want) {
			t.Errorf("completed %v, want %v", order, want)
		}
	})
	if op := w.disk(1, s, &engine.DiskOp{Kind: engine.OpReadAt, File: f, Data: make([]byte, 100)}); string(op.Data[:op.N]) != "123451234512end" {
		t.Errorf("the file holds %q", op.Data[:op.N])
	}
	if n := get(w, 1, func() int { return s.h.Volumes() }); n != 1 {
		t.Errorf("%d volumes, want 1", n)
	}
}
