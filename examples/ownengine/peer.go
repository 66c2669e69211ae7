package ownengine

import (
	"trial/clock"
	"trial/engine"
)

// peer is the connection to another server. It is dialed again whenever it is
// lost, and what is not answered yet is asked again.
type peer struct {
	s     *Server
	index int
	addr  string
	conn  engine.ConnID
	open  bool
	retry engine.Timer
	// silent fires when nothing has come back for too long: a machine that has lost
	// its power tells nobody.
	silent engine.Timer
}

const (
	redial  = 100 * clock.Millisecond
	silence = clock.Second
)

func newPeer(s *Server, index int, addr string) *peer {
	p := &peer{s: s, index: index, addr: addr}
	p.retry.Fire = p.dial
	p.silent.Fire = func() {
		p.s.h.Close(p.conn)
		p.lost()
	}
	p.dial()
	return p
}

func (p *peer) dial() {
	p.conn = p.s.h.Dial(p.addr, p)
	p.watch()
}

func (p *peer) watch() { p.s.h.SetTimer(&p.silent, p.s.h.Now().Add(silence)) }

// ask sends a question if the connection is there; Opened sends it otherwise.
func (p *peer) ask(m message) {
	if p.open {
		send(p.s.h, p.conn, m)
		if !p.silent.Armed() {
			p.watch()
		}
	}
}

// Opened asks everything that this server has not answered.
func (p *peer) Opened(engine.ConnID) {
	p.open = true
	p.s.h.StopTimer(&p.silent)
	for _, o := range p.s.ops {
		if !o.heard[p.index] {
			p.ask(o.doing)
		}
	}
}

// Frame takes an answer.
func (p *peer) Frame(_ engine.ConnID, b *engine.Buf) {
	m, err := parse(b.B)
	p.s.h.Release(b)
	p.s.h.StopTimer(&p.silent)
	if err != nil || m.Kind != told && m.Kind != kept {
		p.s.h.Close(p.conn)
		p.lost()
		return
	}
	p.s.heard(p.index, m)
	for _, o := range p.s.ops {
		if !o.heard[p.index] && !p.silent.Armed() {
			p.watch()
		}
	}
}

// Closed is told when the connection was refused or has ended.
func (p *peer) Closed(engine.ConnID, error) { p.lost() }

func (p *peer) lost() {
	p.open = false
	p.s.h.StopTimer(&p.silent)
	p.s.h.SetTimer(&p.retry, p.s.h.Now().Add(redial))
}
