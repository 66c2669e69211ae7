package enginetest

import (
	"testing"

	"trial/engine"
)

// world is a harness whose failures fail the test.
type world struct {
	t *testing.T
	Harness
}

// await fails the test at once if cond does not come to hold.
func (w *world) await(n engine.NodeID, what string, cond func() bool) {
	w.t.Helper()
	if !w.Await(n, cond) {
		w.t.Fatalf("node %d: waited in vain for %s", n, what)
	}
}

// get computes a value in an event of a node.
func get[T any](w *world, n engine.NodeID, f func() T) T {
	var v T
	w.Do(n, func() { v = f() })
	return v
}

// script is a program made of functions.
type script struct {
	h       engine.Host
	boot    func(s *script)
	accept  func(s *script, c engine.ConnID) engine.ConnHandler
	stop    func(s *script)
	conns   []*conn // accepted, when there is no accept function
	onFrame func(k *conn, b *engine.Buf)
}

func (s *script) Boot(h engine.Host) {
	s.h = h
	if s.boot != nil {
		s.boot(s)
	}
}

func (s *script) Accept(c engine.ConnID, _ engine.ListenerID, _ string) engine.ConnHandler {
	if s.accept != nil {
		return s.accept(s, c)
	}
	k := &conn{h: s.h, id: c, onFrame: s.onFrame}
	s.conns = append(s.conns, k)
	return k
}

func (s *script) Stop() {
	if s.stop == nil {
		s.h.Exit(nil)
		return
	}
	s.stop(s)
}

// dial opens a recorded connection.
func (s *script) dial(addr string) *conn {
	k := &conn{h: s.h, onFrame: s.onFrame}
	k.id = s.h.Dial(addr, k)
	return k
}

// conn records what happens to a connection.
type conn struct {
	h       engine.Host
	id      engine.ConnID
	onFrame func(k *conn, b *engine.Buf) // owns b; nil keeps a copy in frames

	opened int
	frames []string
	closed int
	err    error
	late   int // events behind Closed
}

func (k *conn) Opened(engine.ConnID) {
	k.opened++
	k.note()
}

func (k *conn) Frame(_ engine.ConnID, b *engine.Buf) {
	k.note()
	if k.onFrame != nil {
		k.onFrame(k, b)
		return
	}
	k.frames = append(k.frames, string(b.B))
	k.h.Release(b)
}

func (k *conn) Closed(_ engine.ConnID, err error) {
	k.note()
	k.closed++
	k.err = err
}

func (k *conn) note() {
	if k.closed > 0 {
		k.late++
	}
}

func (k *conn) send(data string) {
	b := k.h.Buf(len(data))
	b.B = append(b.B, data...)
	k.h.Send(k.id, b)
}

// listen is a boot function that opens listener 0.
func listen(s *script) { s.h.Listen(0) }

// echoFrame is an onFrame function that sends everything back.
func echoFrame(k *conn, b *engine.Buf) { k.h.Send(k.id, b) }

// pair starts a server (node 1, listener 0, one volume) and a client (node 2).
func pair(t *testing.T, start startFunc, server, client *script) *world {
	t.Helper()
	w := &world{t: t, Harness: start(t, Spec{Nodes: []NodeSpec{
		{ID: 1, New: func() engine.Program { return server }, Listeners: 1, Volumes: 1},
		{ID: 2, New: func() engine.Program { return client }, Listeners: 1, Volumes: 1},
	}})}
	w.Start(1)
	w.Start(2)
	return w
}
