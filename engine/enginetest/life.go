package enginetest

import (
	"errors"
	"testing"

	"trial/clock"
	"trial/engine"
)

func testExit(t *testing.T, start startFunc) {
	server, client := &script{boot: listen, onFrame: echoFrame}, &script{}
	fired := false
	timer := engine.Timer{Fire: func() { fired = true }}
	server.stop = func(s *script) {
		s.h.SetTimer(&timer, s.h.Now())
		s.h.Exit(nil)
		s.h.SetTimer(&timer, s.h.Now()) // calls behind Exit do nothing
		s.h.Send(1, s.h.Buf(1))
	}
	w := pair(t, start, server, client)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("x") })
	w.await(2, "an answer", func() bool { return len(k.frames) == 1 })
	if ended, _ := w.Ended(1); ended {
		t.Error("a running node is said to have ended")
	}
	first := get(w, 1, func() engine.Incarnation { return server.h.Incarnation() })
	w.Stop(1)
	if !w.AwaitEnd(1) {
		t.Fatal("the node did not end")
	}
	if ended, err := w.Ended(1); !ended || err != nil {
		t.Errorf("ended %v, error %v", ended, err)
	}
	w.await(2, "the end of the connection", func() bool { return k.closed == 1 })
	var refused *conn
	w.Do(2, func() { refused = client.dial(w.Addr(1, 0)) })
	w.await(2, "a refusal", func() bool { return refused.closed == 1 })
	if fired {
		t.Error("a timer fired after Exit")
	}
	w.Start(1)
	if second := get(w, 1, func() engine.Incarnation { return server.h.Incarnation() }); first != 1 || second != 2 {
		t.Errorf("incarnations %d and %d, want 1 and 2", first, second)
	}
	var again *conn
	w.Do(2, func() { again = client.dial(w.Addr(1, 0)); again.send("y") })
	w.await(2, "an answer of the second incarnation", func() bool { return len(again.frames) == 1 })
}

func testExitError(t *testing.T, start startFunc) {
	mine := errors.New("my disk is on fire")
	s := &script{}
	w := single(t, start, s)
	w.Do(1, func() { s.h.Exit(mine) })
	if !w.AwaitEnd(1) {
		t.Fatal("the node did not end")
	}
	if ended, err := w.Ended(1); !ended || !errors.Is(err, mine) {
		t.Errorf("ended %v, error %v", ended, err)
	}
}

func testKillRestart(t *testing.T, start startFunc) {
	var server *LogServer
	client := &LogClient{Chunk: 700, Until: 100_000, Reads: 1, Keeps: true, Alone: true}
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { server = &LogServer{}; return server }, Listeners: 1, Volumes: 1},
		{ID: 2, New: func() engine.Program { return client }},
	}})}
	client.Addr = w.Addr(1, 0)
	w.Start(1)
	w.await(1, "recovery", func() bool { return server.Ready })
	w.Start(2)
	for round := int64(1); round <= 3; round++ {
		w.await(2, "some appends", func() bool { return client.Acked >= round*20_000 })
		w.Kill(1)
		if ended, _ := w.Ended(1); ended {
			t.Error("a killed node is said to have ended by Exit")
		}
		w.Start(1)
	}
	w.await(2, "the whole copy", client.Done)
	w.Do(2, func() {
		if client.Lost == 0 {
			t.Error("the client never lost its connection")
		}
	})
}

func testKillSeen(t *testing.T, start startFunc) {
	server, client := &script{boot: listen}, &script{}
	w := pair(t, start, server, client)
	var k *conn
	w.Do(2, func() { k = client.dial(w.Addr(1, 0)); k.send("x") })
	w.await(1, "the frame", func() bool { return len(server.conns) == 1 && len(server.conns[0].frames) == 1 })
	w.Kill(1)
	w.await(2, "the end of the connection", func() bool { return k.closed == 1 })
	w.Do(2, func() {
		if k.err == nil || k.late != 0 {
			t.Errorf("error %v, %d events behind it", k.err, k.late)
		}
	})
}

func testDeadSilent(t *testing.T, start startFunc) {
	var current *script
	dead, events := false, 0
	note := func() {
		if dead {
			events++
		}
	}
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { current = &script{}; return current }, Listeners: 1, Volumes: 1},
	}})}
	w.Start(1)
	first := current
	timer := engine.Timer{Fire: note}
	w.Do(1, func() {
		h := first.h
		h.SetTimer(&timer, h.Now().Add(5*clock.Millisecond))
		h.Disk(&engine.DiskOp{Kind: engine.OpCreate, Path: "f", Done: func(*engine.DiskOp) { note() }})
		h.Offload(&engine.Job{Run: func() {}, Done: note})
	})
	w.Kill(1)
	dead = true
	w.Start(1)
	fired := false
	later := engine.Timer{Fire: func() { fired = true }}
	w.Do(1, func() { current.h.SetTimer(&later, current.h.Now().Add(30*clock.Millisecond)) })
	w.await(1, "a timer of the second incarnation", func() bool { return fired })
	w.Do(1, func() {
		if events != 0 {
			t.Errorf("%d events reached a dead incarnation", events)
		}
	})
}
