package enginetest

import (
	"strings"
	"testing"

	"trial/engine"
)

// disk runs one disk operation of a node to its completion.
func (w *world) disk(n engine.NodeID, s *script, op *engine.DiskOp) *engine.DiskOp {
	w.t.Helper()
	done := false
	op.Done = func(*engine.DiskOp) { done = true }
	w.Do(n, func() { s.h.Disk(op) })
	w.await(n, "a disk operation", func() bool { return done })
	return op
}

// file makes a file with n bytes of the pattern.
func (w *world) file(n engine.NodeID, s *script, path string, size int) engine.FileID {
	w.t.Helper()
	op := w.disk(n, s, &engine.DiskOp{Kind: engine.OpCreate, Path: path})
	if op.Err != nil {
		w.t.Fatal(op.Err)
	}
	for at := 0; at < size; {
		data := make([]byte, min(size-at, 1<<20))
		FillPattern(data, int64(at))
		a := w.disk(n, s, &engine.DiskOp{Kind: engine.OpAppend, File: op.File, Data: data})
		if a.Err != nil || a.N <= 0 {
			w.t.Fatalf("append: %d bytes, %v", a.N, a.Err)
		}
		at += a.N
	}
	return op.File
}

func testParts(t *testing.T, start startFunc) {
	server, client := &script{boot: listen}, &script{}
	w := pair(t, start, server, client)
	f := w.file(1, server, "f", 300_000)
	server.onFrame = func(k *conn, b *engine.Buf) {
		k.h.Release(b)
		head, mid := k.h.Buf(4), k.h.Buf(4)
		head.B, mid.B = append(head.B, "head"...), append(mid.B, "mid"...)
		parts := []engine.Part{
			{Buf: head}, {File: f, Pos: 5, Len: 7}, {Buf: mid}, {File: f, Pos: 1000, Len: 250_000}, {File: f, Pos: 0, Len: 0},
		}
		k.h.SendParts(k.id, parts)
		clear(parts) // the slice stays ours
		k.send("behind")
	}
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("go") })
	w.await(2, "two frames", func() bool { return len(k.frames) == 2 })
	region := make([]byte, 250_000)
	FillPattern(region[:7], 5)
	want := "head" + string(region[:7]) + "mid"
	FillPattern(region, 1000)
	want += string(region)
	w.Do(2, func() {
		if k.frames[0] != want || k.frames[1] != "behind" {
			t.Errorf("a frame of %d bytes, want %d; then %q", len(k.frames[0]), len(want), k.frames[1])
		}
	})
}

func testBadRegion(t *testing.T, start startFunc) {
	server, client := &script{boot: listen}, &script{}
	w := pair(t, start, server, client)
	f := w.file(1, server, "f", 1000)
	server.onFrame = func(k *conn, b *engine.Buf) {
		k.h.Release(b)
		k.send("fine")
		k.h.SendParts(k.id, []engine.Part{{File: f, Pos: 500, Len: 1000}}) // the file ends in the middle
		k.send("never")
	}
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("go") })
	w.await(2, "the end at the client", func() bool { return k.closed == 1 })
	w.await(1, "the end at the server", func() bool { return server.conns[0].closed == 1 })
	w.Do(2, func() {
		if got := strings.Join(k.frames, ","); got != "fine" && got != "" {
			t.Errorf("the client got %d frames, want at most the first one", len(k.frames))
		}
	})
}

// testTruncateRegion has node 1 push regions to readers on node 2 that read
// nothing: they accepted the connections, and do not answer.
func testTruncateRegion(t *testing.T, start startFunc) {
	const frames, bytes, keep = 64, 1 << 20, 1 << 20
	server := &script{}
	good := 0
	reader := &script{boot: listen, onFrame: func(k *conn, b *engine.Buf) {
		if len(b.B) == bytes && IsPattern(b.B, 0) == bytes {
			good++
		}
		k.h.Release(b)
		k.frames = append(k.frames, "")
	}}
	w := pair(t, start, server, reader)
	f := w.file(1, server, "f", 2*bytes)
	g := w.file(1, server, "g", bytes)
	var doomed, below, other *conn
	push := func(f engine.FileID, pos int64) *conn {
		k := server.dial(w.Addr(2, 0))
		for range frames {
			k.h.SendParts(k.id, []engine.Part{{File: f, Pos: pos, Len: bytes}})
		}
		return k
	}
	w.Do(1, func() {
		doomed = push(f, bytes) // above the cut
		below = push(f, 0)      // ends exactly at the cut
		other = push(g, 0)      // another file
	})
	w.await(2, "the first frame of each reader", func() bool {
		n := 0
		for _, k := range reader.conns {
			n += len(k.frames)
		}
		return n >= 3
	})
	op := w.disk(1, server, &engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: keep})
	if op.Err != nil {
		t.Fatal(op.Err)
	}
	w.await(1, "the end of the connection whose region was cut", func() bool { return doomed.closed == 1 })
	w.Do(2, func() {
		good = 0
		for _, k := range reader.conns {
			k.h.SetWindow(k.id, frames+1) // read on
		}
	})
	w.await(2, "all frames of the two other readers", func() bool { return good >= 2*(frames-1) })
	w.Do(1, func() {
		if below.closed+other.closed != 0 {
			t.Errorf("connections that did not overlap the cut ended: %v, %v", below.err, other.err)
		}
	})
}

func testLogCopy(t *testing.T, start startFunc) {
	server, client := &LogServer{}, &LogClient{Chunk: 3000, Until: 600_000, Sync: 7, Reads: 2, Keeps: true, Alone: true}
	reader := &LogClient{Chunk: 2000, Until: 1, Reads: 0}
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1, Volumes: 1},
		{ID: 2, New: func() engine.Program { return client }},
		{ID: 3, New: func() engine.Program { return reader }},
	}})}
	client.Addr, reader.Addr = w.Addr(1, 0), w.Addr(1, 0)
	w.Start(1)
	w.await(1, "recovery of an empty log", func() bool { return server.Ready })
	w.Start(2)
	w.await(2, "the whole copy", client.Done)
	w.Start(3)
	w.await(3, "a second client that sees it", func() bool { return reader.End >= 600_000 })
	w.Do(2, func() {
		if client.ReadBytes == 0 || client.Synced == 0 || client.Lost != 0 {
			t.Errorf("read %d bytes, synced to %d, lost %d connections", client.ReadBytes, client.Synced, client.Lost)
		}
	})
}

func testFullVolume(t *testing.T, start startFunc) {
	server, client := &LogServer{}, &LogClient{Chunk: 1000, Until: 50_000, Reads: 1, Keeps: true, Alone: true}
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1, Volumes: 1},
		{ID: 2, New: func() engine.Program { return client }},
	}})}
	limiter, ok := w.Harness.(VolumeLimiter)
	if !ok {
		t.Skip("this harness cannot make a volume full")
	}
	client.Addr = w.Addr(1, 0)
	w.Start(1)
	w.await(1, "recovery", func() bool { return server.Ready })
	limiter.LimitVolume(1, 0, 10_500)
	w.Start(2)
	w.await(2, "a refusal", func() bool { return client.Refused > 0 })
	w.Do(1, func() {
		if server.end > 10_500 {
			t.Errorf("the volume had room for 10500 bytes, the file has %d", server.end)
		}
	})
	limiter.LimitVolume(1, 0, -1)
	w.await(2, "the whole copy, now that there is room", client.Done)
}
