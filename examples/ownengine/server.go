package ownengine

import (
	"trial/clock"
	"trial/engine"
)

// ServerConfig is what a server knows of its world.
type ServerConfig struct {
	Servers []string // the addresses of all servers, in one order everywhere
	Self    int      // which of them it is
	// SyncDelay is how long a sync of the log waits for more to come.
	SyncDelay clock.Duration
	// AckBeforeSync is a planted bug: what is in the log counts as durable.
	AckBeforeSync bool
}

// Server is the program of one server.
type Server struct {
	cfg   ServerConfig
	h     engine.Host
	log   log
	tags  *engine.Stream
	keys  []string // of entries, in the order of their first put
	know  map[string]*entry
	peers []*peer // by index of the server; nil at Self
	ops   []*operation
	next  uint64 // operation id
}

// entry is the newest value of a key that this server has in its log.
type entry struct {
	tag   Tag
	value string
	end   int64 // of its record in the log
}

// NewServer returns a server that has not booted.
func NewServer(cfg ServerConfig) *Server {
	return &Server{cfg: cfg, know: map[string]*entry{}}
}

// Kept is the fact that a server has promised to keep a value: it is emitted
// when the server answers, and for every key when it has recovered.
type Kept struct {
	Key       string
	Tag       Tag
	Recovered bool
}

// FactName names the fact in traces.
func (k Kept) FactName() string {
	if k.Recovered {
		return "recovered"
	}
	return "kept"
}

// Boot recovers the log and only then talks to anybody.
func (s *Server) Boot(h engine.Host) {
	s.h, s.tags = h, h.Stream("tags")
	s.log.h, s.log.delay, s.log.tooEarly = h, s.cfg.SyncDelay, s.cfg.AckBeforeSync
	s.log.recover(func(m message) { s.learn(m, 0) }, s.all, func() {
		for _, m := range s.all() {
			h.Emit(Kept{m.Key, m.Tag, true})
		}
		h.Listen(0)
		for i, addr := range s.cfg.Servers {
			s.peers = append(s.peers, nil)
			if i != s.cfg.Self {
				s.peers[i] = newPeer(s, i, addr)
			}
		}
	})
}

// Stop ends the process: everything that was promised is durable.
func (s *Server) Stop() { s.h.Exit(nil) }

// Accept takes clients and other servers alike.
func (s *Server) Accept(c engine.ConnID, _ engine.ListenerID, _ string) engine.ConnHandler {
	s.h.SetWindow(c, 256)
	return (*session)(s)
}

// Newest is the tag of the newest value that the server knows of a key.
func (s *Server) Newest(key string) Tag { return s.entry(key).tag }

func (s *Server) entry(key string) *entry {
	if e := s.know[key]; e != nil {
		return e
	}
	return &entry{}
}

// all is what a fresh log must hold.
func (s *Server) all() []message {
	var out []message
	for _, key := range s.keys {
		e := s.know[key]
		out = append(out, message{Kind: store, Tag: e.tag, Key: key, Value: e.value})
	}
	return out
}

// learn takes over a value whose record ends at a position of the log.
func (s *Server) learn(m message, end int64) {
	e := s.know[m.Key]
	if e == nil {
		e = &entry{}
		s.know[m.Key] = e
		s.keys = append(s.keys, m.Key)
	}
	if e.tag.Less(m.Tag) {
		*e = entry{m.Tag, m.Value, end}
	}
}

// keep stores a value, or finds that it has a newer one, and calls then when
// that is durable.
func (s *Server) keep(m message, then func()) {
	promise := func(end int64) {
		s.log.await(end, func() {
			s.h.Emit(Kept{m.Key, m.Tag, false})
			then()
		})
	}
	if e := s.entry(m.Key); !e.tag.Less(m.Tag) {
		promise(e.end)
		return
	}
	s.log.append(m, func(end int64) {
		s.learn(m, end)
		promise(end)
	})
}

// session is the server as those see it who have connected to it.
type session Server

func (s *session) Opened(engine.ConnID) {}

func (s *session) Closed(engine.ConnID, error) {}

func (s *session) Frame(c engine.ConnID, b *engine.Buf) {
	m, err := parse(b.B)
	s.h.Release(b)
	if err != nil {
		s.h.Close(c)
		return
	}
	switch m.Kind {
	case query:
		e := (*Server)(s).entry(m.Key)
		send(s.h, c, message{Kind: told, Op: m.Op, Tag: e.tag, Value: e.value})
	case store:
		(*Server)(s).keep(m, func() { send(s.h, c, message{Kind: kept, Op: m.Op}) })
	case get, put:
		(*Server)(s).begin(m, func(answer message) { send(s.h, c, answer) })
	default:
		s.h.Close(c)
	}
}
