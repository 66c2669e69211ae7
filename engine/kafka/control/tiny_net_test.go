package control

import (
	"trial/clock"
	"trial/engine"
)

// end is one end of a connection.
type end struct {
	n        *machine
	inc      engine.Incarnation
	id       engine.ConnID
	handler  engine.ConnHandler
	peer     *end // nil before the connection is established
	accepted bool
	closed   bool
	out      lane          // to the peer
	early    [][]byte      // sent before the connection was established
	inbox    []*engine.Buf // frames that wait for the window
	busy     bool
	to       engine.NodeID
}

// lane is one direction of a connection: what was sent arrives in order, also
// after a stall.
type lane struct {
	last  clock.Instant
	items []*item
}

type item struct {
	due bool
	run func()
}

// carry brings something from a node to another, later while the link is cut or
// the receiver is paused.
func (w *tinyWorld) carry(from, to *machine, inc engine.Incarnation, l *lane, run func()) {
	at := max(w.now.Add(clock.Duration(100+w.rng.N(400))*clock.Microsecond), l.last.Add(1))
	l.last = at
	it := &item{run: run}
	l.items = append(l.items, it)
	w.at(at, nil, func() {
		it.due = true
		w.drain(from, to, inc, l)
	})
}

func (w *tinyWorld) drain(from, to *machine, inc engine.Incarnation, l *lane) {
	for len(l.items) > 0 && l.items[0].due {
		if to.alive && to.inc == inc && (w.cut[[2]engine.NodeID{from.id, to.id}] || to.paused) {
			w.at(w.now.Add(20*clock.Millisecond), nil, func() { w.drain(from, to, inc, l) })
			return
		}
		it := l.items[0]
		l.items = l.items[1:]
		if to.alive && to.inc == inc {
			it.run()
		}
	}
}

func (n *machine) newEnd(h engine.ConnHandler) *end {
	n.lastID++
	e := &end{n: n, inc: n.inc, id: n.lastID, handler: h}
	n.conns[e.id] = e
	n.order = append(n.order, e)
	return e
}

// Dial implements engine.Host.
func (n *machine) Dial(addr string, h engine.ConnHandler) engine.ConnID {
	e := n.newEnd(h)
	to, l := n.w.byAddr(addr)
	if to == nil {
		n.later(e, engine.ErrBadAddress)
		return e.id
	}
	e.to = to.id
	var out, back lane
	inc := to.inc
	if !to.alive {
		n.later(e, engine.ErrRefused)
		return e.id
	}
	n.w.carry(n, to, inc, &out, func() {
		var a *end
		if to.listens[l] {
			a = to.newEnd(nil)
			if a.handler = to.prog.Accept(a.id, l, "n"); a.handler == nil {
				a = nil
			}
		}
		n.w.carry(to, n, e.inc, &back, func() {
			switch {
			case e.closed && a != nil:
				a.finish(engine.ErrClosed)
			case e.closed:
			case a == nil || a.closed:
				e.finish(engine.ErrRefused)
			default:
				a.accepted = true
				e.peer, a.peer = a, e
				e.handler.Opened(e.id)
				for _, f := range e.early {
					e.transmit(f)
				}
				e.early = nil
			}
		})
	})
	return e.id
}

func (n *machine) later(e *end, err error) {
	n.w.at(n.w.now.Add(100*clock.Microsecond), n, func() { e.finish(err) })
}

// finish closes an end from outside.
func (e *end) finish(err error) {
	if e.closed || !e.n.alive || e.n.inc != e.inc {
		return
	}
	e.closed = true
	e.drop()
	e.handler.Closed(e.id, err)
}

func (e *end) drop() {
	for _, b := range e.inbox {
		e.n.pool.Put(b)
	}
	e.inbox = nil
}

// peerGone tells the other end; a nil error (power loss) tells nothing until it
// has waited in vain.
func (e *end) peerGone(err error) {
	p := e.peer
	if p == nil {
		return
	}
	if err == nil {
		err = engine.ErrTimeout
		e.out.last = max(e.out.last, e.n.w.now).Add(3 * clock.Second)
	}
	e.n.w.carry(e.n, p.n, p.inc, &e.out, func() { p.finish(err) })
}

// Send implements engine.Host.
func (n *machine) Send(c engine.ConnID, b *engine.Buf) {
	e := n.conns[c]
	data := append([]byte(nil), b.B...)
	n.pool.Put(b)
	if e == nil || e.closed {
		return
	}
	switch {
	case e.peer == nil:
		e.early = append(e.early, data)
	default:
		e.transmit(data)
	}
	n.answered(c)
}

// SendParts implements engine.Host for buffers only.
func (n *machine) SendParts(c engine.ConnID, parts []engine.Part) {
	whole := n.pool.Get(64)
	for _, p := range parts {
		whole.B = append(whole.B, p.Buf.B...)
		n.pool.Put(p.Buf)
	}
	n.Send(c, whole)
}

func (e *end) transmit(data []byte) {
	p := e.peer
	e.n.w.carry(e.n, p.n, p.inc, &e.out, func() {
		if p.closed {
			return
		}
		b := p.n.pool.Get(len(data))
		b.B = append(b.B, data...)
		p.inbox = append(p.inbox, b)
		p.deliver()
	})
}

// deliver hands over frames: on an accepted connection one at a time.
func (e *end) deliver() {
	for len(e.inbox) > 0 && !e.closed && !(e.accepted && e.busy) {
		b := e.inbox[0]
		e.inbox = e.inbox[1:]
		e.busy = e.accepted
		e.handler.Frame(e.id, b)
	}
}

// answered lets the next request of an accepted connection in.
func (n *machine) answered(c engine.ConnID) {
	e := n.conns[c]
	if e == nil || !e.accepted || !e.busy {
		return
	}
	e.busy = false
	n.w.at(n.w.now, n, func() { e.deliver() })
}

// Close implements engine.Host.
func (n *machine) Close(c engine.ConnID) {
	if e := n.conns[c]; e != nil && !e.closed {
		e.closed = true
		e.drop()
		e.peerGone(engine.ErrClosed)
	}
}
