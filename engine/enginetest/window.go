package enginetest

import (
	"fmt"
	"testing"

	"trial/engine"
)

// flood starts a server that keeps what it gets and answers only when told, and
// a client that sends n frames. It returns the server's end after the first one.
func flood(t *testing.T, start startFunc, n int) (w *world, server *script, k, peer *conn) {
	t.Helper()
	server, client := &script{boot: listen}, &script{}
	w = pair(t, start, server, client)
	w.Do(2, func() {
		k = client.dial(w.Addr(1, 0))
		for i := range n {
			k.send(fmt.Sprint(i))
		}
	})
	w.await(1, "the first frame", func() bool { return len(server.conns) == 1 && len(server.conns[0].frames) > 0 })
	// A round trip on another connection gives the rest time to arrive.
	settle(w, client)
	return w, server, k, get(w, 1, func() *conn { return server.conns[0] })
}

// settle waits for a fresh connection from node 2 to node 1 to open.
func settle(w *world, client *script) {
	var other *conn
	w.Do(2, func() { other = client.dial(w.Addr(1, 0)) })
	w.await(2, "another connection", func() bool { return other.opened == 1 })
	w.Do(2, func() { other.h.Close(other.id) })
}

func (w *world) wantFrames(n engine.NodeID, k *conn, want int) {
	w.t.Helper()
	w.await(n, fmt.Sprint(want, " frames"), func() bool { return len(k.frames) >= want })
	if got := get(w, n, func() int { return len(k.frames) }); got != want {
		w.t.Errorf("%d frames were handed over, want %d", got, want)
	}
}

func testWindowOne(t *testing.T, start startFunc) {
	w, _, k, peer := flood(t, start, 5)
	for i := 1; i <= 5; i++ {
		w.wantFrames(1, peer, i)
		w.Do(1, func() {
			peer.send(fmt.Sprint("answer ", i))
			if len(peer.frames) != i {
				t.Error("Send handed over the next frame before it returned")
			}
		})
	}
	w.await(2, "five answers", func() bool { return len(k.frames) == 5 })
	w.Do(2, func() {
		for i, f := range k.frames {
			if f != fmt.Sprint("answer ", i+1) {
				t.Errorf("answer %d is %q", i, f)
			}
		}
	})
}

func testUnmute(t *testing.T, start startFunc) {
	w, _, k, peer := flood(t, start, 4)
	for i := 1; i <= 4; i++ {
		w.wantFrames(1, peer, i)
		w.Do(1, func() { peer.h.Unmute(peer.id) })
	}
	w.Do(1, func() { peer.send("only one") })
	w.await(2, "the answer", func() bool { return len(k.frames) == 1 })
}

func testWindowWide(t *testing.T, start startFunc) {
	w, _, k, peer := flood(t, start, 10)
	w.wantFrames(1, peer, 1)
	w.Do(1, func() { peer.h.SetWindow(peer.id, 4) })
	w.wantFrames(1, peer, 4)
	w.Do(1, func() { peer.send("a"); peer.send("b") })
	w.wantFrames(1, peer, 6)
	w.Do(1, func() { peer.h.SetWindow(peer.id, 100) })
	w.wantFrames(1, peer, 10)
	w.Do(1, func() {
		for i, f := range peer.frames {
			if f != fmt.Sprint(i) {
				t.Errorf("frame %d is %q", i, f)
			}
		}
	})
	w.await(2, "two answers", func() bool { return len(k.frames) == 2 })
}

func testNoWindow(t *testing.T, start startFunc) {
	server := &script{boot: listen, onFrame: func(k *conn, b *engine.Buf) {
		k.h.Release(b)
		for i := range 20 {
			k.send(fmt.Sprint(i))
		}
	}}
	client := &script{}
	w := pair(t, start, server, client)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("go") })
	w.await(2, "twenty frames that nobody answered", func() bool { return len(k.frames) == 20 })
}
