//go:build unix

package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"trial/engine"
	"trial/internal/must"
)

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// flow is a client that keeps a number of requests under way on one connection
// until it has got as many answers as it was told.
type flow struct {
	part
	addr   string
	window int
	make   func() *engine.Buf
	conn   engine.ConnID
	opened chan struct{}
	left   int // answers still wanted
	unsent int
	done   chan struct{}
	onGot  func(b *engine.Buf)
}

func (f *flow) Boot(h engine.Host) {
	f.h = h
	f.conn = h.Dial(f.addr, f)
}

// Closed tries again: the server may not be listening yet.
func (f *flow) Closed(_ engine.ConnID, err error) {
	must.Hold(errors.Is(err, engine.ErrRefused), "the connection ended: %v", err)
	f.conn = f.h.Dial(f.addr, f)
}

func (f *flow) Opened(engine.ConnID) { close(f.opened) }

// start is to be called in an event.
func (f *flow) start(n int) {
	f.left, f.unsent, f.done = n, n, make(chan struct{})
	for range min(n, f.window) {
		f.send()
	}
}

func (f *flow) send() {
	if f.unsent > 0 {
		f.unsent--
		f.h.Send(f.conn, f.make())
	}
}

func (f *flow) Frame(_ engine.ConnID, b *engine.Buf) {
	if f.onGot != nil {
		f.onGot(b)
	}
	f.h.Release(b)
	if f.left--; f.left == 0 {
		close(f.done)
		return
	}
	f.send()
}

// store is a server: a frame of one byte fetches the file's last chunk as a
// region, any other is appended and answered.
type store struct {
	part
	window int
	file   engine.FileID
	size   int64
	last   int
	echo   bool
}

func (s *store) Boot(h engine.Host) {
	s.h = h
	if s.echo {
		h.Listen(0)
		return
	}
	h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: "log", Done: func(op *engine.DiskOp) {
		s.file = op.File
		h.Listen(0)
	}})
}

func (s *store) Accept(c engine.ConnID, _ engine.ListenerID, _ string) engine.ConnHandler {
	s.h.SetWindow(c, s.window)
	return s
}

func (s *store) Frame(c engine.ConnID, b *engine.Buf) {
	switch {
	case s.echo:
		s.h.Send(c, b)
	case len(b.B) == 1:
		s.h.Release(b)
		head := s.h.Buf(64)
		head.B = head.B[:64]
		s.h.SendParts(c, []engine.Part{{Buf: head}, {File: s.file, Pos: s.size - int64(s.last), Len: s.last}})
	default:
		s.h.Disk(&engine.DiskOp{Kind: engine.OpAppend, File: s.file, Data: b.B, Done: func(op *engine.DiskOp) {
			s.size, s.last = op.Pos+int64(op.N), op.N
			s.h.Release(b)
			answer := s.h.Buf(64)
			answer.B = binary.BigEndian.AppendUint64(answer.B, uint64(s.size))
			s.h.Send(c, answer)
			if s.size > 64<<20 {
				s.h.Disk(&engine.DiskOp{Kind: engine.OpTruncate, File: s.file, Done: func(*engine.DiskOp) {}})
				s.size, s.last = 0, 0
			}
		}})
	}
}

func (f *flow) size(n int) func() *engine.Buf {
	return func() *engine.Buf {
		b := f.h.Buf(n)
		b.B = b.B[:n]
		return b
	}
}

// bench runs a flow against a store and reports CPU time per request, of both.
func bench(b *testing.B, s *store, f *flow) {
	server, err := Start(Spec{
		ID: 1, Factory: func() engine.Program { return s }, Listeners: []Listener{{Addr: "127.0.0.1:0"}},
		Volumes: []string{b.TempDir()},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Kill()
	f.addr, f.opened = server.Addr(0), make(chan struct{})
	client, err := Start(Spec{ID: 2, Factory: func() engine.Program { return f }})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Kill()
	<-f.opened
	run := func(n int) {
		var done chan struct{}
		client.Do(func() { f.start(n); done = f.done })
		select {
		case <-done:
		case <-client.Done():
			b.Fatal(client.Wait())
		}
	}
	run(100)
	b.ResetTimer()
	before, stats := cpu(), server.Stats()
	run(b.N)
	used, after := cpu()-before, server.Stats()
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(after.Sleeps-stats.Sleeps)/float64(b.N), "sleeps/op")
}

func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		for _, window := range []int{1, 100} {
			b.Run(fmt.Sprintf("size=%d/window=%d", size, window), func(b *testing.B) {
				f := &flow{window: window}
				f.make = f.size(size)
				bench(b, &store{echo: true, window: window}, f)
			})
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, window := range []int{1, 5} {
		b.Run(fmt.Sprintf("16KiB/window=%d", window), func(b *testing.B) {
			f := &flow{window: window}
			f.make = f.size(16 << 10)
			bench(b, &store{window: window}, f)
		})
	}
}

// BenchmarkAppendAndFetch alternates appends of 16 KiB and fetches of what was
// appended last: what one batch costs a leader and one of its followers, without
// the follower's disk.
func BenchmarkAppendAndFetch(b *testing.B) {
	f := &flow{window: 1}
	turn := 0
	big, small := f.size(16<<10), f.size(1)
	f.make = func() *engine.Buf {
		turn++
		if turn%2 == 1 {
			return big()
		}
		return small()
	}
	bench(b, &store{window: 1}, f)
}
