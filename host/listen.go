package host

import (
	"errors"
	"net"
	"time"

	"trial/engine"
)

// listener is an address that was bound at start and, once the program listens,
// accepts connections.
type listener struct {
	addr   string
	bound  socket       // nil from Listen on
	net    net.Listener // nil until Listen
	closed chan struct{}
}

// socket is a bound address. Exactly one of its methods is called.
type socket interface {
	listen() (net.Listener, error)
	close()
}

// ready is a socket that is listening already.
type ready struct{ l net.Listener }

func (r ready) listen() (net.Listener, error) { return r.l, nil }
func (r ready) close()                        { r.l.Close() }

func bind(l Listener) (*listener, error) {
	if l.Bound != nil {
		return &listener{addr: l.Bound.Addr().String(), bound: ready{l.Bound}, closed: make(chan struct{})}, nil
	}
	s, addr, err := bindAddr(l.Addr)
	if err != nil {
		return nil, err
	}
	return &listener{addr: addr, bound: s, closed: make(chan struct{})}, nil
}

func (m *machine) Listen(id engine.ListenerID) {
	if id < 0 || int(id) >= len(m.listeners) {
		m.Logf(engine.Error, "there is no listener %d", id)
		return
	}
	l := m.listeners[id]
	if l.bound == nil || m.exited {
		return
	}
	ln, err := l.bound.listen()
	l.bound = nil
	if err != nil {
		m.local = append(m.local, event{kind: evCrash, err: err})
		return
	}
	l.net = ln
	m.edgeTasks.Add(1)
	go m.accept(l, id)
}

// acceptPause is how long accepting rests after an error, such as too many open
// files.
const acceptPause = 50 * time.Millisecond

// accept is a goroutine of the edge.
func (m *machine) accept(l *listener, id engine.ListenerID) {
	defer m.edgeTasks.Done()
	for {
		nc, err := l.net.Accept()
		if err == nil {
			if !m.in.post(event{kind: evAccepted, x: nc, n: int(id)}) {
				nc.Close()
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		m.log.Warn("cannot accept a connection", "node", m.spec.ID, "listener", l.addr, "error", err)
		select {
		case <-l.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

func (m *machine) closeListeners() {
	for _, l := range m.listeners {
		close(l.closed)
		if l.bound != nil {
			l.bound.close()
		}
		if l.net != nil {
			l.net.Close()
		}
	}
}
