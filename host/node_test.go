package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trial/clock"
	"trial/engine"
	"trial/engine/echo"
	"trial/engine/enginetest"
	"trial/internal/must"
)

func start(t testing.TB, spec Spec) *Node {
	t.Helper()
	spec.Limits.Poison = true
	n, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n
}

func ctx(t testing.TB, d time.Duration) context.Context {
	c, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return c
}

var anyPort = []Listener{{Addr: "127.0.0.1:0"}}

func server() engine.Program { return echo.New(echo.Config{Serve: true}) }

func TestTakenPortIsAClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	spec := Spec{ID: 7, Factory: server, Volumes: []string{dir}, Listeners: []Listener{anyPort[0], {Addr: l.Addr().String()}}}
	n, err := Start(spec)
	if err == nil {
		n.Kill()
		t.Fatal("no error")
	}
	for _, word := range []string{"node 7", "listener 1", l.Addr().String(), "in use"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	spec.Listeners = anyPort
	start(t, spec) // the directory and the first port are free again
}

func TestUnusableDirectoryIsAClearError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/proc/self", file, filepath.Join(dir, "missing")} {
		n, err := Start(Spec{ID: 7, Factory: server, Volumes: []string{dir, path}})
		if err == nil {
			n.Kill()
			t.Errorf("%s: no error", path)
		} else if !strings.Contains(err.Error(), "node 7: volume 1") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q", path, err)
		}
	}
	start(t, Spec{ID: 1, Factory: server, Volumes: []string{dir}})
	if n, err := Start(Spec{ID: 2, Factory: server, Volumes: []string{dir}}); err == nil {
		n.Kill()
		t.Error("two nodes share a directory")
	}
}

func TestBoundListenerIsTakenOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, Spec{ID: 1, Factory: server, Listeners: []Listener{{Bound: l}}})
	if n.Addr(0) != l.Addr().String() {
		t.Errorf("address %s, want %s", n.Addr(0), l.Addr())
	}
	c := dial(t, n.Addr(0))
	c.roundTrip("hello")
	n.Kill()
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is open behind the end of the node")
	}
}

func TestEveryAddressOfTheMachine(t *testing.T) {
	n := start(t, Spec{ID: 1, Factory: server, Listeners: []Listener{{Addr: ":0"}, {Addr: "localhost:0"}}})
	_, port, _ := net.SplitHostPort(n.Addr(0))
	dial(t, "127.0.0.1:"+port).roundTrip("hello")
	if host, _, _ := net.SplitHostPort(n.Addr(1)); host != "localhost" {
		t.Errorf("address %s has lost the name it was given", n.Addr(1))
	}
}

// client is a plain socket that speaks frames.
type client struct {
	t testing.TB
	net.Conn
}

func dial(t testing.TB, addr string) client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return client{t, nc}
}

func framed(data string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

func (c client) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		k, err := c.Read(b[got:])
		if err != nil {
			c.t.Fatalf("after %d of %d bytes: %v", got, n, err)
		}
		got += k
	}
	return b
}

func (c client) roundTrip(data string) {
	c.t.Helper()
	c.Write(framed(data))
	if got := c.read(4 + len(data)); string(got[4:]) != data {
		c.t.Errorf("sent %q, got %q", data, got)
	}
}

func TestTenThousandPipelinedFrames(t *testing.T) {
	n := start(t, Spec{ID: 1, Factory: server, Listeners: anyPort})
	c := dial(t, n.Addr(0))
	var want bytes.Buffer
	for i := range 10_000 {
		want.Write(framed(fmt.Sprintf("frame %d", i)))
	}
	go c.Write(want.Bytes())
	if got := c.read(want.Len()); !bytes.Equal(got, want.Bytes()) {
		t.Error("the frames did not come back as they were")
	}
	s := n.Stats()
	if s.FramesIn != 10_000 || s.FramesOut != 10_000 {
		// The counters are published when the loop has nothing to do.
		time.Sleep(10 * time.Millisecond)
		s = n.Stats()
	}
	if s.FramesIn != 10_000 || s.FramesOut != 10_000 || s.Usage.Requests != 0 {
		t.Errorf("stats %+v", s)
	}
}

// part is a program that does nothing, to be embedded.
type part struct{ h engine.Host }

func (p *part) Boot(h engine.Host) { p.h = h }
func (p *part) Stop()              { p.h.Exit(nil) }
func (p *part) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler {
	return nil
}
func (p *part) Opened(engine.ConnID)             {}
func (p *part) Frame(engine.ConnID, *engine.Buf) {}
func (p *part) Closed(engine.ConnID, error)      {}

// script is a program made of functions.
type script struct {
	part
	boot   func(h engine.Host)
	frame  func(c engine.ConnID, b *engine.Buf)
	closed func(c engine.ConnID, err error)
	window int
	stop   func()
}

func (s *script) Boot(h engine.Host) {
	s.h = h
	if s.boot != nil {
		s.boot(h)
	}
}

func (s *script) Accept(c engine.ConnID, _ engine.ListenerID, _ string) engine.ConnHandler {
	if s.window > 0 {
		s.h.SetWindow(c, s.window)
	}
	return s
}

func (s *script) Frame(c engine.ConnID, b *engine.Buf) { s.frame(c, b) }

func (s *script) Closed(c engine.ConnID, err error) {
	if s.closed != nil {
		s.closed(c, err)
	}
}

func (s *script) Stop() {
	if s.stop != nil {
		s.stop()
		return
	}
	s.h.Exit(nil)
}

// onNil returns a map that cannot be written.
func (s *script) onNil() map[int]int { return nil }

func startScript(t testing.TB, s *script, spec Spec) *Node {
	spec.ID, spec.Listeners = 1, anyPort
	spec.Factory = func() engine.Program { return s }
	if s.boot == nil {
		s.boot = func(h engine.Host) { h.Listen(0) }
	}
	return start(t, spec)
}

func TestBigRegionsAreSentAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 48<<20)
	enginetest.FillPattern(data, 0)
	if err := os.WriteFile(filepath.Join(dir, "log"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	var file engine.FileID
	s := &script{}
	s.boot = func(h engine.Host) {
		h.Disk(&engine.DiskOp{Kind: engine.OpOpen, Path: "log", Done: func(op *engine.DiskOp) {
			must.Hold(op.Err == nil && op.Size == int64(len(data)), "open: size %d, %v", op.Size, op.Err)
			file = op.File
			h.Listen(0)
		}})
	}
	s.frame = func(c engine.ConnID, b *engine.Buf) {
		pos, n := binary.BigEndian.Uint32(b.B), binary.BigEndian.Uint32(b.B[4:])
		b.B = append(b.B[:0], "head"...)
		tail := s.h.Buf(4)
		tail.B = append(tail.B, "tail"...)
		s.h.SendParts(c, []engine.Part{{Buf: b}, {File: file, Pos: int64(pos), Len: int(n)}, {Buf: tail}})
	}
	n := startScript(t, s, Spec{Volumes: []string{dir}})
	var c client
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if nc, err := net.Dial("tcp", n.Addr(0)); err == nil {
			c = client{t, nc}
			defer nc.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	for _, r := range [][2]uint32{{0, 48 << 20}, {1, 20 << 20}, {12345, 1}, {40<<20 - 1, 8 << 20}} {
		c.Write(framed(string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, r[0]), r[1]))))
		got := c.read(4 + 4 + int(r[1]) + 4)
		if string(got[4:8]) != "head" || !bytes.Equal(got[8:8+r[1]], data[r[0]:r[0]+r[1]]) || string(got[8+r[1]:]) != "tail" {
			t.Errorf("region of %d bytes at %d arrived changed", r[1], r[0])
		}
	}
}

func TestSlowReaderHoldsNoMoreThanTheBudget(t *testing.T) {
	s := &script{window: 1 << 30}
	s.frame = func(c engine.ConnID, b *engine.Buf) {
		s.h.Release(b)
		for range 10 { // ten times as much out as in
			a := s.h.Buf(10_000)
			a.B = a.B[:10_000]
			s.h.Send(c, a)
		}
	}
	spec := Spec{}
	spec.Limits.OutputPerConn = 1 << 20
	spec.Limits.Budget.Requests = 1 << 20
	n := startScript(t, s, spec)
	c := dial(t, n.Addr(0))
	sent := make(chan struct{})
	go func() { // it never reads
		defer close(sent)
		for range 20_000 {
			if _, err := c.Write(framed(string(make([]byte, 10_000)))); err != nil {
				return
			}
		}
	}()
	time.Sleep(300 * time.Millisecond)
	// What was on its way to the program when the limit was reached is answered,
	// tenfold; 2 GB were to come.
	u := n.Stats().Usage
	if u.PeakOutput < 1<<20 || u.PeakOutput > 12<<20 || u.PeakRequests > 2<<20 {
		t.Errorf("usage of a node whose peer does not read: %+v", u)
	}
	other := dial(t, n.Addr(0)) // others are served
	other.Write(framed("x"))
	other.read(10 * 10_004)
	c.Close()
	<-sent
}

func TestPanicEndsItsNodeOnly(t *testing.T) {
	healthy := start(t, Spec{ID: 2, Factory: server, Listeners: anyPort})
	for name, c := range map[string]struct {
		crash func(h engine.Host)
		want  string
	}{
		"broken invariant": {func(engine.Host) { must.Hold(1 > 2, "high watermark %d above log end %d", 2, 1) }, "high watermark 2 above log end 1"},
		"nil map":          {func(engine.Host) { (&script{}).onNil()[1] = 1 }, "nil map"},
		"released twice":   {func(h engine.Host) { b := h.Buf(1); h.Release(b); h.Release(b) }, "released twice"},
		"in a timer": {func(h engine.Host) {
			h.SetTimer(&engine.Timer{Fire: func() { must.Fail("timer broke") }}, h.Now())
		}, "timer broke"},
		"in a job": {func(h engine.Host) {
			h.Offload(&engine.Job{Run: func() { must.Fail("job broke") }, Done: func() {}})
		}, "job broke"},
		"in a completion": {func(h engine.Host) {
			h.Disk(&engine.DiskOp{Kind: engine.OpList, Path: ".", Done: func(*engine.DiskOp) { must.Fail("disk broke") }})
		}, "disk broke"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{frame: func(engine.ConnID, *engine.Buf) {}}
			var log bytes.Buffer
			n := startScript(t, s, Spec{Volumes: []string{t.TempDir()}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			peer := dial(t, n.Addr(0))
			n.Do(func() { c.crash(s.h) })
			var crash *Crash
			err := n.Wait()
			if !errors.As(err, &crash) || !strings.Contains(err.Error(), c.want) || len(crash.Stack) == 0 {
				t.Errorf("ended with %v", err)
			}
			if violation := (must.Violation{}); strings.Contains(c.want, "broke") && !errors.As(err, &violation) {
				t.Error("the violation is not in the error's chain")
			}
			if !strings.Contains(log.String(), c.want) {
				t.Errorf("the log does not tell: %s", log.String())
			}
			if ended, _ := n.Exited(); ended {
				t.Error("a crash counts as an exit")
			}
			if _, err := peer.Read(make([]byte, 1)); err == nil {
				t.Error("the connection is open")
			}
			if err := n.Do(func() {}); !errors.Is(err, ErrEnded) {
				t.Errorf("Do on a dead node: %v", err)
			}
		})
	}
	dial(t, healthy.Addr(0)).roundTrip("still there")
}

func TestStopWaitsForExitAndKillsAProgramThatDoesNot(t *testing.T) {
	good := startScript(t, &script{}, Spec{})
	if err := good.Stop(ctx(t, 5*time.Second)); err != nil {
		t.Errorf("orderly stop: %v", err)
	}
	mine := errors.New("no")
	s := &script{}
	s.stop = func() { s.h.Exit(mine) }
	if err := startScript(t, s, Spec{}).Stop(ctx(t, 5*time.Second)); !errors.Is(err, mine) {
		t.Errorf("stop of a program that exits with an error: %v", err)
	}
	deaf := startScript(t, &script{stop: func() {}}, Spec{})
	if err := deaf.Stop(ctx(t, 20*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop of a deaf program: %v", err)
	}
	if err := deaf.Wait(); !errors.Is(err, ErrKilled) {
		t.Errorf("the deaf program ended with %v", err)
	}
}

func TestExitSendsTheLastAnswer(t *testing.T) {
	s := &script{}
	s.frame = func(c engine.ConnID, b *engine.Buf) {
		b.B = append(b.B, make([]byte, 1<<20)...)
		s.h.Send(c, b)
		s.h.Exit(nil)
	}
	n := startScript(t, s, Spec{})
	c := dial(t, n.Addr(0))
	c.Write(framed("bye"))
	time.Sleep(10 * time.Millisecond)
	if got := c.read(4 + 3 + 1<<20); string(got[4:7]) != "bye" {
		t.Error("the last answer was changed")
	}
	c.Close()
	if err := n.Wait(); err != nil {
		t.Error(err)
	}
}

// TestPipelinedFramesBeforeTheEndAreDelivered is what a producer that does not
// wait for answers relies on: send, send, send, close.
func TestPipelinedFramesBeforeTheEndAreDelivered(t *testing.T) {
	var got []string
	s := &script{}
	s.frame = func(c engine.ConnID, b *engine.Buf) {
		got = append(got, string(b.B))
		s.h.Release(b)
		s.h.SetTimer(&engine.Timer{Fire: func() { s.h.Unmute(c) }}, s.h.Now().Add(clock.Millisecond))
	}
	closed := make(chan error, 1)
	s.closed = func(_ engine.ConnID, err error) { closed <- err }
	n := startScript(t, s, Spec{})
	c := dial(t, n.Addr(0))
	for i := range 20 {
		c.Write(framed(fmt.Sprint(i)))
	}
	c.Close()
	if err := <-closed; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("closed with %v", err)
	}
	n.Do(func() {
		if len(got) != 20 || got[19] != "19" {
			t.Errorf("frames %v before the end", got)
		}
	})
}

func TestKillUnderLoad(t *testing.T) {
	for round := range 5 {
		dir := t.TempDir()
		var servers []*enginetest.LogServer
		g := NewGroup()
		_, err := g.Start(Spec{ID: 1, Listeners: anyPort, Volumes: []string{dir}, Factory: func() engine.Program {
			servers = append(servers, &enginetest.LogServer{})
			return servers[len(servers)-1]
		}})
		if err != nil {
			t.Fatal(err)
		}
		addr := g.Node(1).Addr(0)
		var clients []*enginetest.LogClient
		for id := engine.NodeID(2); id <= 4; id++ {
			clients = append(clients, &enginetest.LogClient{Addr: addr, Chunk: 5000, Sync: 10, Reads: 2, Keeps: true})
			if _, err := g.Start(Spec{ID: id, Factory: func() engine.Program { return clients[id-2] }}); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			var acked int64
			for end := time.Now().Add(10 * time.Second); acked < 100_000 && time.Now().Before(end); time.Sleep(time.Millisecond) {
				g.Node(2).Do(func() { acked = clients[0].ReadBytes })
			}
			time.Sleep(time.Duration(round) * time.Millisecond)
			g.Node(1).Kill()
			if err := g.Node(1).Wait(); !errors.Is(err, ErrKilled) {
				t.Fatalf("the server ended with %v", err)
			}
			if _, err := g.Restart(1); err != nil {
				t.Fatal(err)
			}
			if got := g.Node(1).Addr(0); got != addr {
				t.Fatalf("the server came back at %s, was at %s", got, addr)
			}
			g.Node(2).Do(func() { clients[0].ReadBytes = 0 })
		}
		for id := engine.NodeID(2); id <= 4; id++ {
			if err := g.Node(id).Stop(ctx(t, 5*time.Second)); err != nil {
				t.Errorf("client %d: %v", id, err)
			}
		}
		for ready := false; !ready; { // it cannot stop while it recovers
			if err := g.Node(1).Do(func() { ready = servers[len(servers)-1].Ready }); err != nil {
				t.Fatal(g.Node(1).Wait())
			}
		}
		if err := g.Stop(ctx(t, 5*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

func TestGroupKnowsItsNodes(t *testing.T) {
	g := NewGroup()
	defer g.Kill()
	var incarnations []engine.Incarnation
	spec := Spec{ID: 1, Listeners: anyPort}
	spec.Factory = func() engine.Program {
		s := &script{}
		s.boot = func(h engine.Host) { incarnations = append(incarnations, h.Incarnation()) }
		return s
	}
	if _, err := g.Start(spec); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Start(spec); err == nil {
		t.Error("the same node was started twice")
	}
	if _, err := g.Restart(1); err == nil {
		t.Error("a running node was restarted")
	}
	if _, err := g.Restart(2); err == nil {
		t.Error("an unknown node was restarted")
	}
	g.Node(1).Kill()
	if _, err := g.Restart(1); err != nil {
		t.Fatal(err)
	}
	if g.Node(2) != nil || len(g.Nodes()) != 1 {
		t.Error("the group knows nodes that it has not")
	}
	if err := g.Stop(ctx(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	if len(incarnations) != 2 || incarnations[0] != 1 || incarnations[1] != 2 {
		t.Errorf("incarnations %v", incarnations)
	}
}

func TestSeedsFixTheStreams(t *testing.T) {
	draw := func(id engine.NodeID, seed uint64, inc engine.Incarnation) (x uint64) {
		s := &script{}
		n := start(t, Spec{ID: id, Seed: seed, Incarnation: inc, Factory: func() engine.Program { return s }})
		n.Do(func() { x = s.h.Stream("a").Uint64() })
		return x
	}
	base := draw(1, 5, 1)
	if draw(1, 5, 1) != base {
		t.Error("one seed gave two streams")
	}
	drawn, again := draw(1, 0, 1), draw(1, 0, 1)
	if draw(2, 5, 1) == base || draw(1, 6, 1) == base || draw(1, 5, 2) == base || drawn == again {
		t.Error("two nodes, seeds or incarnations share a stream")
	}
}

func TestLogFactsAndProbes(t *testing.T) {
	var log bytes.Buffer
	var facts []string
	s := &script{}
	n := start(t, Spec{
		ID: 3, Factory: func() engine.Program { return s }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Facts: func(id engine.NodeID, f engine.Fact) { facts = append(facts, fmt.Sprint(id, f.FactName())) },
	})
	n.Do(func() {
		s.h.Logf(engine.Debug, "hidden %d", 1)
		s.h.Logf(engine.Warn, "shown %d", 2)
		if !s.h.Observed() || s.h.Site("x").Hit() {
			t.Error("facts are not observed, or a site hits")
		}
		s.h.Emit(fact("append"))
		s.h.Probe("rare")
		s.h.Probe("rare")
	})
	if got := log.String(); strings.Contains(got, "hidden") || !strings.Contains(got, `level=WARN msg="shown 2" node=3`) {
		t.Errorf("log %q", got)
	}
	if len(facts) != 1 || facts[0] != "3append" || n.Probes()["rare"] != 2 {
		t.Errorf("facts %v, probes %v", facts, n.Probes())
	}
}

type fact string

func (f fact) FactName() string { return string(f) }

func TestOffloadRunsBesideTheLoop(t *testing.T) {
	s := &script{}
	n := start(t, Spec{ID: 1, Factory: func() engine.Program { return s }})
	hold, done := make(chan struct{}), make(chan struct{})
	n.Do(func() {
		s.h.Offload(&engine.Job{Run: func() { <-hold }, Done: func() { close(done) }})
	})
	n.Do(func() {}) // the loop goes on
	close(hold)
	<-done
}
