package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trial/engine"
	"trial/engine/echo"
)

var suite = []struct {
	name string
	run  func(t *testing.T, start startFunc)
}{
	{"EchoPlaysPingPong", testEcho},
	{"FramesSentBeforeOpenedArriveInOrder", testEarlyFrames},
	{"EmptyAndLargeFrames", testSizes},
	{"CloseSendsWhatWasQueued", testCloseFlushes},
	{"CloseBeforeOpenedTellsNothing", testCloseEarly},
	{"ClosedConnectionIgnoresCalls", testClosedCalls},
	{"DialRefused", testRefused},
	{"AcceptNilRefuses", testAcceptNil},
	{"FrameOverTheLimitEndsTheConnection", testFrameLimit},
	{"WindowOfOneMutes", testWindowOne},
	{"UnmuteGivesBackAPlace", testUnmute},
	{"SetWindowWidens", testWindowWide},
	{"DialedConnectionHasNoWindow", testNoWindow},

	{"PartsJoinBuffersAndRegions", testParts},
	{"RegionThatCannotBeReadEndsTheConnection", testBadRegion},
	{"TruncationClosesOverlappingRegionsOnly", testTruncateRegion},
	{"LogCopyComesBackWhole", testLogCopy},
	{"FullVolumeIsReportedAndSurvived", testFullVolume},

	{"TimersFireInOrderAndNeverEarly", testTimers},
	{"TimersMoveAndStop", testTimerMoves},
	{"NowStandsStillDuringAnEvent", testNow},
	{"StreamsHaveNames", testStreams},
	{"OffloadRunsThenTells", testOffload},
	{"ReleasedBuffersArePoisoned", testPoison},
	{"DiskCompletesLaterAndInOrder", testDiskOrder},

	{"ExitEndsTheIncarnation", testExit},
	{"ExitWithAnErrorIsTold", testExitError},
	{"KillAndRestartKeepsData", testKillRestart},
	{"KillIsSeenByPeers", testKillSeen},
	{"DeadIncarnationGetsNoEvents", testDeadSilent},
}

func testEcho(t *testing.T, start startFunc) {
	var h Harness
	programs := make([]*echo.Program, 4)
	spec := Spec{}
	for n := 1; n <= 3; n++ {
		spec.Nodes = append(spec.Nodes, NodeSpec{ID: engine.NodeID(n), Listeners: 1, New: func() engine.Program {
			peer := h.Addr(engine.NodeID(n%3+1), 0)
			programs[n] = echo.New(echo.Config{Serve: true, Peers: []string{peer}, Size: 64, Count: 200})
			return programs[n]
		}})
	}
	h = start(t, spec)
	w := &world{t: t, Harness: h}
	for n := engine.NodeID(1); n <= 3; n++ {
		w.Start(n)
	}
	for n := engine.NodeID(1); n <= 3; n++ {
		w.await(n, "200 pings", programs[n].Done)
	}
	for n := engine.NodeID(1); n <= 3; n++ {
		w.await(n, "200 served frames", func() bool { return programs[n].Served == 200 })
	}
}

func testEarlyFrames(t *testing.T, start startFunc) {
	server, client := &script{boot: listen, onFrame: echoFrame}, &script{}
	w := pair(t, start, server, client)
	var k *conn
	var want []string
	w.Do(2, func() {
		k = client.dial(w.Addr(1, 0))
		for i := range 50 {
			want = append(want, fmt.Sprint("frame ", i))
			k.send(want[i])
		}
		if k.opened != 0 || len(k.frames) != 0 {
			t.Error("Dial or Send called back before it returned")
		}
	})
	w.await(2, "50 answers", func() bool { return len(k.frames) == 50 })
	w.Do(2, func() {
		if !slices.Equal(k.frames, want) || k.opened != 1 || k.closed != 0 {
			t.Errorf("opened %d times, closed %d times, frames %v", k.opened, k.closed, k.frames)
		}
	})
}

func testSizes(t *testing.T, start startFunc) {
	server, client := &script{boot: listen, onFrame: echoFrame}, &script{}
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1, MaxFrame: 8 << 20},
		{ID: 2, New: func() engine.Program { return client }, MaxFrame: 8 << 20},
	}})}
	w.Start(1)
	w.Start(2)
	var k *conn
	var want []string
	for _, n := range []int{0, 1, 3, 0, 127, 128, 129, 65_535, 65_536, 5 << 20, 1} {
		b := make([]byte, n)
		FillPattern(b, int64(n))
		want = append(want, string(b))
	}
	w.Do(2, func() {
		k = client.dial(w.Addr(1, 0))
		for _, f := range want {
			k.send(f)
		}
	})
	w.await(2, "all answers", func() bool { return len(k.frames) == len(want) })
	w.Do(2, func() {
		for i := range want {
			if k.frames[i] != want[i] {
				t.Errorf("frame %d of %d bytes came back as %d bytes", i, len(want[i]), len(k.frames[i]))
			}
		}
	})
}

func testCloseFlushes(t *testing.T, start startFunc) {
	big := strings.Repeat("x", 100_000)
	server := &script{boot: listen, onFrame: func(k *conn, b *engine.Buf) {
		k.h.Release(b)
		for i := range 10 {
			k.send(fmt.Sprint(i, big))
		}
		k.h.Close(k.id)
	}}
	client := &script{}
	w := pair(t, start, server, client)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("go") })
	w.await(2, "the end", func() bool { return k.closed > 0 })
	w.Do(2, func() {
		if len(k.frames) != 10 || !errors.Is(k.err, engine.ErrClosed) || k.closed != 1 || k.late != 0 {
			t.Errorf("%d frames, then %d ends with %v", len(k.frames), k.closed, k.err)
		}
		for i, f := range k.frames {
			if f != fmt.Sprint(i, big) {
				t.Errorf("frame %d has %d bytes", i, len(f))
			}
		}
	})
	w.Do(1, func() {
		if c := server.conns[0]; c.closed != 0 {
			t.Errorf("the side that called Close was told %v", c.err)
		}
	})
}

func testCloseEarly(t *testing.T, start startFunc) {
	server, client := &script{boot: listen, onFrame: echoFrame}, &script{}
	w := pair(t, start, server, client)
	var k, other *conn
	w.Do(2, func() {
		k = client.dial(w.Addr(1, 0))
		k.h.Close(k.id)
		other = client.dial(w.Addr(1, 0))
		other.send("x")
	})
	w.await(2, "an answer on another connection", func() bool { return len(other.frames) == 1 })
	w.Do(2, func() {
		if k.opened+k.closed+len(k.frames) != 0 {
			t.Errorf("events after Close: %+v", k)
		}
	})
}

func testClosedCalls(t *testing.T, start startFunc) {
	server, client := &script{boot: listen, onFrame: echoFrame}, &script{}
	w := pair(t, start, server, client)
	var k, other *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("x") })
	w.await(2, "an answer", func() bool { return len(k.frames) == 1 })
	w.Do(2, func() {
		k.h.Close(k.id)
		k.send("into the void")
		k.h.SendParts(k.id, []engine.Part{{Buf: k.h.Buf(1)}})
		k.h.Unmute(k.id)
		k.h.SetWindow(k.id, 3)
		k.h.Close(k.id)
		k.h.Close(0)
		k.h.Send(1<<50, k.h.Buf(1))
		other = client.dial(w.Addr(1, 0))
		if other.id == k.id || other.id == 0 {
			t.Errorf("connection id %d is not fresh", other.id)
		}
		other.send("y")
	})
	w.await(2, "an answer on a new connection", func() bool { return len(other.frames) == 1 })
	w.Do(2, func() {
		if k.closed != 0 || len(k.frames) != 1 {
			t.Errorf("events after Close: %+v", k)
		}
	})
}

func testRefused(t *testing.T, start startFunc) {
	server, client := &script{}, &script{} // the server runs but does not listen
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1},
		{ID: 2, New: func() engine.Program { return client }},
		{ID: 3, New: func() engine.Program { return &script{} }, Listeners: 1}, // never started
	}})}
	w.Start(1)
	w.Start(2)
	for _, c := range []struct {
		addr string
		want error
	}{
		{w.Addr(1, 0), engine.ErrRefused},
		{w.Addr(3, 0), engine.ErrRefused},
		{"no address at all", engine.ErrBadAddress},
	} {
		var k *conn
		w.Do(2, func() {
			k = client.dial(c.addr)
			k.send("lost")
			if k.closed != 0 {
				t.Error("Dial called back before it returned")
			}
		})
		w.await(2, "the refusal", func() bool { return k.closed > 0 })
		w.Do(2, func() {
			if !errors.Is(k.err, c.want) || k.opened != 0 {
				t.Errorf("dialing %q ended with %v, want %v", c.addr, k.err, c.want)
			}
		})
	}
	w.Do(1, func() { server.h.Listen(0) })
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)) })
	w.await(2, "a connection, now that the listener is open", func() bool { return k.opened == 1 })
}

func testAcceptNil(t *testing.T, start startFunc) {
	server := &script{boot: listen, accept: func(*script, engine.ConnID) engine.ConnHandler { return nil }}
	client := &script{}
	w := pair(t, start, server, client)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("x") })
	w.await(2, "the end", func() bool { return k.closed == 1 })
	w.Do(2, func() {
		if len(k.frames) != 0 || k.err == nil {
			t.Errorf("%d frames, error %v", len(k.frames), k.err)
		}
	})
}

func testFrameLimit(t *testing.T, start startFunc) {
	server, client := &script{boot: listen}, &script{}
	server.onFrame = echoFrame
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1, MaxFrame: 1000},
		{ID: 2, New: func() engine.Program { return client }, MaxFrame: 5000},
	}})}
	w.Start(1)
	w.Start(2)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send(strings.Repeat("a", 1000)) })
	w.await(2, "the answer to a frame of exactly the limit", func() bool { return len(k.frames) == 1 })
	w.Do(2, func() { k.send(strings.Repeat("b", 1001)) })
	w.await(1, "the end at the server", func() bool { return server.conns[0].closed == 1 })
	w.await(2, "the end at the client", func() bool { return k.closed == 1 })
	w.Do(1, func() {
		if c := server.conns[0]; !errors.Is(c.err, engine.ErrFrameSize) || c.late != 0 {
			t.Errorf("the server was told %v, want %v", c.err, engine.ErrFrameSize)
		}
	})
}
