package tcpnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trial/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what it gets.
type sink struct {
	mu     sync.Mutex
	cond   *sync.Cond
	frames []string
	bufs   []*engine.Buf // of keep
	keep   bool          // do not release
	pool   *Edge
	err    error
	ends   int
}

func newSink(e *Edge) *sink {
	s := &sink{pool: e}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *sink) Frames(frames []*engine.Buf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range frames {
		s.frames = append(s.frames, string(b.B))
		if s.keep {
			s.bufs = append(s.bufs, b)
			continue
		}
		s.pool.Budget.Released(len(b.B))
		s.pool.Pool.Put(b)
	}
	s.cond.Broadcast()
}

func (s *sink) Ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.ends++
	s.cond.Broadcast()
}

// await waits until cond holds, or fails the test after 10 s.
func (s *sink) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	late := false
	timer := time.AfterFunc(10*time.Second, func() {
		s.mu.Lock()
		late = true
		s.cond.Broadcast()
		s.mu.Unlock()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !cond() {
		if late {
			t.Fatalf("waited in vain for %s: %d frames, ended %d times with %v", what, len(s.frames), s.ends, s.err)
		}
		s.cond.Wait()
	}
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames)
}

// sockets returns both ends of a connection over the loopback device.
func sockets(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func newEdge(t *testing.T, opt Options) *Edge {
	opt.Poison = true
	e := NewEdge(opt)
	t.Cleanup(e.Kill)
	return e
}

func attach(e *Edge, nc net.Conn, window int) (*Conn, *sink) {
	s := newSink(e)
	c := e.NewConn(s, window)
	c.Attach(nc)
	return c, s
}

func buf(e *Edge, data string) *engine.Buf {
	b := e.Pool.Get(len(data))
	b.B = append(b.B, data...)
	return b
}

func frame(data string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// file is a File.
type file struct {
	*os.File
	pins *atomic.Int32
}

func (f file) FD() uintptr                { return f.Fd() }
func (f file) Same(id engine.FileID) bool { return id == 7 }
func (f file) Unpin()                     { f.pins.Add(-1) }

func newFile(t *testing.T, size int) (file, []byte) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*17
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return file{f, new(atomic.Int32)}, data
}

func (f file) part(pos int64, n int) Part {
	f.pins.Add(1)
	return Part{File: f, Pos: pos, Len: n}
}

func TestFramesAndRegionsArriveWhole(t *testing.T) {
	pipe := func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }
	for name, ends := range map[string]func(*testing.T) (net.Conn, net.Conn){"socket": sockets, "any connection": pipe} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, Options{})
			f, data := newFile(t, 4<<20)
			x, y := ends(t)
			a, _ := attach(e, x, 0)
			_, sb := attach(e, y, 0)
			var want []string
			for i, n := range []int{0, 1, 1023, 1024, 1025, 4096, 70_000, 5} {
				s := string(bytes.Repeat([]byte{byte(i)}, n))
				want = append(want, s)
				a.Queue(buf(e, s))
				parts := []Part{{Buf: buf(e, "head")}, f.part(int64(i), n), {Buf: buf(e, s)}, f.part(1<<20, 2<<20+5)}
				want = append(want, "head"+string(data[i:i+n])+s+string(data[1<<20:3<<20+5]))
				a.QueueParts(parts)
				if i%3 == 0 {
					a.Flush()
				}
			}
			a.Flush()
			sb.await(t, "all frames", func() bool { return len(sb.frames) == len(want) })
			for i := range want {
				if sb.frames[i] != want[i] {
					t.Errorf("frame %d of %d bytes arrived as %d bytes", i, len(want[i]), len(sb.frames[i]))
				}
			}
			for end := time.Now().Add(5 * time.Second); f.pins.Load() != 0 || a.Queued() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("everything was sent, %d regions are pinned and %d bytes queued", f.pins.Load(), a.Queued())
				}
			}
			if u := e.Budget.Usage(); u.Output != 0 || u.Requests != 0 || u.PeakOutput == 0 {
				t.Errorf("usage afterwards: %+v", u)
			}
		})
	}
}

func TestReaderStopsAtTheWindowAndTheReadAhead(t *testing.T) {
	e := newEdge(t, Options{ReadAhead: 1000})
	x, y := sockets(t)
	c, s := attach(e, y, 2)
	for range 100 {
		x.Write(frame(string(make([]byte, 100))))
	}
	x.Write(frame(string(make([]byte, 5000)))) // more than may be read ahead
	s.await(t, "the window or the read-ahead", func() bool { return len(s.frames) >= 10 })
	time.Sleep(20 * time.Millisecond)
	if n := s.count(); n != 10 { // 1000 bytes, which includes the window here
		t.Errorf("%d frames were handed over, want 10", n)
	}
	for i := range 100 {
		s.await(t, "the next frame", func() bool { return len(s.frames) > i })
		c.Taken(100)
		c.Answered()
		if n := s.count(); n > i+1+10 {
			t.Fatalf("%d frames were handed over when %d were answered", n, i+1)
		}
	}
	s.await(t, "the rest", func() bool { return len(s.frames) == 101 })
}

func TestWiderWindowReadsOn(t *testing.T) {
	e := newEdge(t, Options{ReadAhead: 1})
	x, y := sockets(t)
	c, s := attach(e, y, 1)
	for range 10 {
		x.Write(frame("0123456789"))
	}
	s.await(t, "the first frame", func() bool { return len(s.frames) == 1 })
	c.SetWindow(4)
	s.await(t, "four frames", func() bool { return len(s.frames) == 4 })
	time.Sleep(10 * time.Millisecond)
	if n := s.count(); n != 4 {
		t.Errorf("%d frames were handed over in a window of 4", n)
	}
}

func TestBudgetStopsReadersOfAcceptedConnections(t *testing.T) {
	e := newEdge(t, Options{Budget: BudgetLimits{Requests: 100_000}})
	big, small := string(make([]byte, 50_000)), string(make([]byte, 100))
	x, y := sockets(t)
	_, hog := attach(e, y, 100)
	hog.mu.Lock()
	hog.keep = true
	hog.mu.Unlock()
	go func() {
		for range 4 {
			x.Write(frame(big))
		}
	}()
	hog.await(t, "frames up to the budget", func() bool { return len(hog.frames) == 2 })

	x2, y2 := sockets(t)
	_, follower := attach(e, y2, 100)
	x2.Write(frame(small))
	follower.await(t, "a small frame over the budget", func() bool { return len(follower.frames) == 1 })
	x3, y3 := sockets(t)
	_, dialed := attach(e, y3, 0)
	x3.Write(frame(big))
	dialed.await(t, "a frame of a dialed connection", func() bool { return len(dialed.frames) == 1 })

	time.Sleep(20 * time.Millisecond)
	if n := hog.count(); n != 2 {
		t.Errorf("%d frames were read over the budget", n)
	}
	for _, b := range hog.bufs {
		e.Budget.Released(len(b.B))
	}
	hog.await(t, "the rest, after the release", func() bool { return len(hog.frames) == 4 })
}

func TestTooMuchOutputEndsTheConnection(t *testing.T) {
	e := newEdge(t, Options{OutputLimit: 1 << 20})
	x, _ := sockets(t)
	c, s := attach(e, x, 0)
	for range 20 {
		c.Queue(buf(e, string(make([]byte, 100_000)))) // never flushed
	}
	s.await(t, "the end", func() bool { return s.ends == 1 })
	if !errors.Is(s.err, engine.ErrReset) {
		t.Errorf("ended with %v", s.err)
	}
	if q := c.Queued(); q != 0 {
		t.Errorf("%d bytes are still queued", q)
	}
}

func TestFrameLengthsAreChecked(t *testing.T) {
	for name, prefix := range map[string][]byte{"negative": {0xff, 0, 0, 0}, "over the limit": {0, 0, 0, 101}} {
		e := newEdge(t, Options{FrameLimit: 100})
		x, y := sockets(t)
		_, s := attach(e, y, 1)
		x.Write(append(frame(string(make([]byte, 100))), prefix...))
		s.await(t, "the end", func() bool { return s.ends == 1 })
		if !errors.Is(s.err, engine.ErrFrameSize) || len(s.frames) != 1 {
			t.Errorf("%s: %d frames, then %v", name, len(s.frames), s.err)
		}
	}
}

func TestAnnouncedBytesAreNotAllocatedInAdvance(t *testing.T) {
	e := newEdge(t, Options{})
	x, y := sockets(t)
	_, s := attach(e, y, 1)
	x.Write([]byte{6, 0, 0, 0}) // 96 MiB to come
	x.Write(make([]byte, 10_000))
	time.Sleep(10 * time.Millisecond)
	in := &s.pool.conns()[0].in
	x.Close()
	s.await(t, "the end", func() bool { return s.ends == 1 })
	if len(in.buf) > maxReadBytes {
		t.Errorf("the reader's buffer has grown to %d bytes", len(in.buf))
	}
	if u := e.Budget.Usage(); u.Requests != 0 || u.PeakRequests != 96<<20 {
		t.Errorf("usage %+v; the announced size counts until the connection ends", u)
	}
	if !errors.Is(s.err, engine.ErrClosed) {
		t.Errorf("ended with %v", s.err)
	}
}

func TestCloseSendsWhatWasQueuedThoughThePeerGoesOn(t *testing.T) {
	e := newEdge(t, Options{})
	x, y := sockets(t)
	c, s := attach(e, y, 1)
	go func() { // a peer that pipelines and does not read until later
		for range 1000 {
			if _, err := x.Write(frame(string(make([]byte, 1000)))); err != nil {
				return
			}
		}
	}()
	s.await(t, "a frame", func() bool { return len(s.frames) > 0 })
	for range 100 {
		c.Queue(buf(e, string(make([]byte, 50_000))))
	}
	c.Flush()
	c.Close()
	time.Sleep(5 * time.Millisecond)
	got, err := io.ReadAll(x)
	if err != nil || len(got) != 100*50_004 {
		t.Errorf("the peer got %d bytes, want %d; error %v", len(got), 100*50_004, err)
	}
	x.Close()
	for end := time.Now().Add(5 * time.Second); len(e.conns()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the closed connection stays open")
		}
	}
	if s.ends != 0 {
		t.Errorf("the side that closed was told %v", s.err)
	}
}

func TestCloseGivesUpOnAPeerThatDoesNotRead(t *testing.T) {
	e := newEdge(t, Options{CloseTimeout: 50 * time.Millisecond})
	x, y := sockets(t)
	defer x.Close()
	c, _ := attach(e, y, 1)
	c.Queue(buf(e, string(make([]byte, 30<<20))))
	c.Flush()
	c.Close()
	for end := time.Now().Add(5 * time.Second); len(e.conns()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the closed connection stays open")
		}
	}
}

func TestLastWordsAreReadThoughWritingFails(t *testing.T) {
	e := newEdge(t, Options{})
	x, y := sockets(t)
	c, s := attach(e, x, 0)
	y.Write(frame("go away"))
	y.Close()
	for range 50 { // the second write meets a reset
		c.Queue(buf(e, "hello"))
		c.Flush()
	}
	s.await(t, "the end", func() bool { return s.ends == 1 })
	if len(s.frames) != 1 || s.frames[0] != "go away" {
		t.Errorf("frames %q before the end", s.frames)
	}
}

func TestAbortKeepsRegionsFromBeingSent(t *testing.T) {
	e := newEdge(t, Options{})
	f, _ := newFile(t, 40<<20)
	x, y := sockets(t)
	c, _ := attach(e, y, 1)
	c.QueueParts([]Part{f.part(0, 40<<20)})
	c.Flush()
	time.Sleep(5 * time.Millisecond)
	if !c.Holds(7, 30<<20) || c.Holds(8, 0) || c.Holds(7, 40<<20) {
		t.Error("the region that waits is not known, or another is")
	}
	e.Truncating(7, 10)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(x)
	if len(got) >= 40<<20 {
		t.Error("the whole region was sent")
	}
	e.Kill()
	if n := f.pins.Load(); n != 0 {
		t.Errorf("%d pins are left", n)
	}
}

func TestShortRegionEndsTheConnection(t *testing.T) {
	e := newEdge(t, Options{})
	f, _ := newFile(t, 1000)
	x, y := sockets(t)
	c, s := attach(e, y, 1)
	c.QueueParts([]Part{f.part(500, 501)})
	c.Flush()
	s.await(t, "the end", func() bool { return s.ends == 1 })
	if !errors.Is(s.err, engine.ErrReset) {
		t.Errorf("ended with %v", s.err)
	}
	c.Abort()
	if got, _ := io.ReadAll(x); len(got) >= prefixBytes+501 {
		t.Errorf("the peer got %d bytes", len(got))
	}
}

func TestDialTellsWhyItFailed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	e := newEdge(t, Options{DialTimeout: 50 * time.Millisecond})
	for addr, want := range map[string]error{
		free: engine.ErrRefused, "nonsense": engine.ErrBadAddress, "127.0.0.1:port?": engine.ErrBadAddress, "": engine.ErrBadAddress,
	} {
		got := make(chan error)
		e.Dial(addr, func(_ net.Conn, err error) { got <- err })
		if err := <-got; !errors.Is(err, want) {
			t.Errorf("dialing %q: %v, want %v", addr, err, want)
		}
	}
}

func TestErrorsGetTheContractsNames(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{io.EOF, engine.ErrClosed},
		{io.ErrUnexpectedEOF, engine.ErrClosed},
		{syscall.ECONNRESET, engine.ErrReset},
		{syscall.EPIPE, engine.ErrReset},
		{&net.OpError{Err: syscall.ECONNREFUSED}, engine.ErrRefused},
		{&net.OpError{Err: os.ErrDeadlineExceeded}, engine.ErrTimeout},
		{syscall.ETIMEDOUT, engine.ErrTimeout},
		{&net.DNSError{Err: "no such host"}, engine.ErrBadAddress},
		{&net.AddrError{Err: "missing port"}, engine.ErrBadAddress},
		{errRegion(io.EOF), engine.ErrReset},
		{fmt.Errorf("%w (x)", engine.ErrFrameSize), engine.ErrFrameSize},
	} {
		if got := failure(c.err); !errors.Is(got, c.want) {
			t.Errorf("%v becomes %v, want %v", c.err, got, c.want)
		}
	}
}
