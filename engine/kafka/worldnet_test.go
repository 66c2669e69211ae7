package kafka

import (
	"fmt"

	"trial/clock"
	"trial/engine"
)

// latency is how long anything takes to the other end.
const latency = 200 * clock.Microsecond

// end is one end of a connection.
type end struct {
	l        *life
	id       engine.ConnID
	peer     *end
	handler  engine.ConnHandler
	accepted bool
	opened   bool
	closed   bool
	window   int
	unread   [][]byte
	waiting  int // frames handed over and not answered
	early    [][]byte
}

func (l *life) newEnd() *end {
	l.nextConn++
	e := &end{l: l, id: l.nextConn, window: 1}
	l.conns[e.id] = e
	return e
}

func (l *life) Dial(addr string, h engine.ConnHandler) engine.ConnID {
	e := l.newEnd()
	e.handler = h
	l.event(latency, func() { e.connect(addr) })
	return e.id
}

func (e *end) connect(addr string) {
	if e.closed {
		return
	}
	to, ok := e.l.w.addrs[addr]
	var target *life
	if ok {
		target = e.l.w.nodes[to.node].life
	}
	if target == nil || target.dead || !target.listening[to.l] || e.l.w.isCut(e.l.id, to.node) {
		e.shut(engine.ErrRefused)
		return
	}
	p := target.newEnd()
	p.accepted, p.peer, e.peer = true, e, p
	p.handler = target.prog.Accept(p.id, to.l, fmt.Sprintf("node%d", e.l.id))
	if p.handler == nil {
		delete(target.conns, p.id)
		p.closed = true
		e.shut(engine.ErrRefused)
		return
	}
	e.opened, p.opened = true, true
	e.handler.Opened(e.id)
	early := e.early
	e.early = nil
	for _, o := range early {
		e.transmit(o)
	}
}

// shut ends a connection and tells both programs.
func (e *end) shut(err error) {
	if e.closed {
		return
	}
	e.closed = true
	delete(e.l.conns, e.id)
	if !e.l.dead {
		e.l.event(0, func() { e.handler.Closed(e.id, err) })
	}
	if e.peer != nil {
		e.peer.shut(err)
	}
}

func (l *life) Close(c engine.ConnID) {
	e := l.conns[c]
	if e == nil {
		return
	}
	e.closed = true
	delete(l.conns, c)
	if p := e.peer; p != nil {
		p.l.event(latency, func() { p.shut(engine.ErrClosed) })
	}
}

func (l *life) Send(c engine.ConnID, b *engine.Buf) { l.SendParts(c, []engine.Part{{Buf: b}}) }

func (l *life) SendParts(c engine.ConnID, parts []engine.Part) {
	var frame []byte
	for _, p := range parts {
		if p.Buf != nil {
			frame = append(frame, p.Buf.B...)
			l.Release(p.Buf)
			continue
		}
		f := l.files[p.File]
		if f == nil || p.Pos+int64(p.Len) > int64(len(f.data)) {
			l.w.t.Fatalf("node %d sends a region that is not there", l.id)
		}
		frame = append(frame, f.data[p.Pos:p.Pos+int64(p.Len)]...)
	}
	e := l.conns[c]
	if e == nil {
		return
	}
	if e.accepted {
		e.waiting--
	}
	e.transmit(frame)
	e.pump()
}

func (e *end) transmit(frame []byte) {
	if !e.opened {
		e.early = append(e.early, frame)
		return
	}
	p := e.peer
	e.l.w.after(latency, func() {
		if p.closed || p.l.dead || e.l.w.isCut(e.l.id, p.l.id) {
			return
		}
		p.unread = append(p.unread, frame)
		p.pump()
	})
}

// pump hands over what the window allows, one frame an event.
func (e *end) pump() {
	e.l.event(0, func() {
		if e.closed || len(e.unread) == 0 || e.accepted && e.waiting >= e.window {
			return
		}
		data := e.unread[0]
		e.unread = e.unread[1:]
		if e.accepted {
			e.waiting++
		}
		b := e.l.Buf(len(data))
		b.B = append(b.B, data...)
		e.handler.Frame(e.id, b)
		e.pump()
	})
}

func (l *life) Unmute(c engine.ConnID) {
	if e := l.conns[c]; e != nil {
		e.waiting--
		e.pump()
	}
}

func (l *life) SetWindow(c engine.ConnID, n int) { l.conns[c].window = n }
