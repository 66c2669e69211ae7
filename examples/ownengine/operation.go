package ownengine

import (
	"slices"

	"trial/clock"
	"trial/engine"
)

// operation is a get or a put that this server coordinates: first it asks, then
// it has the value stored, each time until a majority has answered.
type operation struct {
	id      uint64
	asked   message // what the client wants
	doing   message // what the servers are asked now: query or store
	best    message // the newest that any has told
	heard   []bool  // which servers have answered
	answer  func(message)
	timeout engine.Timer
}

// patience is how long a server tries to hear from a majority.
const patience = 2 * clock.Second

func (s *Server) begin(m message, answer func(message)) {
	s.next++
	o := &operation{id: s.next, asked: m, answer: answer}
	o.timeout.Fire = func() { s.end(o, message{Kind: failed}) }
	s.h.SetTimer(&o.timeout, s.h.Now().Add(patience))
	s.ops = append(s.ops, o)
	s.ask(o, message{Kind: query, Op: o.id, Key: m.Key})
}

// ask sends the same question to all servers, this one among them.
func (s *Server) ask(o *operation, m message) {
	o.doing, o.heard = m, make([]bool, len(s.cfg.Servers))
	for _, p := range s.peers {
		if p != nil {
			p.ask(m)
		}
	}
	if m.Kind == query {
		e := s.entry(m.Key)
		s.heard(s.cfg.Self, message{Kind: told, Op: o.id, Tag: e.tag, Value: e.value})
		return
	}
	s.keep(m, func() { s.heard(s.cfg.Self, message{Kind: kept, Op: o.id}) })
}

// heard takes the answer of a server.
func (s *Server) heard(from int, m message) {
	i := slices.IndexFunc(s.ops, func(o *operation) bool { return o.id == m.Op })
	if i < 0 {
		return // a majority was faster, or patience has ended
	}
	o := s.ops[i]
	if (m.Kind == told) != (o.doing.Kind == query) || o.heard[from] {
		return
	}
	o.heard[from] = true
	if m.Kind == told && o.best.Tag.Less(m.Tag) {
		o.best = m
	}
	n := 0
	for _, yes := range o.heard {
		if yes {
			n++
		}
	}
	if 2*n > len(o.heard) {
		s.majority(o)
	}
}

// majority goes on with an operation that a majority has answered.
func (s *Server) majority(o *operation) {
	switch {
	case o.doing.Kind == store:
		s.end(o, message{Kind: done, Value: o.doing.Value})
	case o.asked.Kind == put:
		tag := Tag{o.best.Tag.Number + 1, s.tags.Uint64()}
		s.ask(o, message{Kind: store, Op: o.id, Tag: tag, Key: o.asked.Key, Value: o.asked.Value})
	case o.best.Tag == Tag{}:
		s.end(o, message{Kind: done}) // nobody has ever put anything
	default: // who reads a value must see to it that nobody reads an older one later
		s.ask(o, message{Kind: store, Op: o.id, Tag: o.best.Tag, Key: o.asked.Key, Value: o.best.Value})
	}
}

func (s *Server) end(o *operation, answer message) {
	s.h.StopTimer(&o.timeout)
	i := slices.Index(s.ops, o)
	s.ops = slices.Delete(s.ops, i, i+1)
	answer.Op = o.asked.Op
	o.answer(answer)
}
