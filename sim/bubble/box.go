package bubble

import "sync"

// box is where clients leave what they want from the driver: connections that
// have news, and calls.
type box struct {
	mu     sync.Mutex
	conns  []*Conn
	calls  []*call
	closed bool
	bell   chan struct{} // holds one: somebody has left something
}

// call is a function that the driver runs between two events.
type call struct {
	f    func()
	done chan struct{}
}

func newBox() *box { return &box{bell: make(chan struct{}, 1)} }

// ring leaves a connection that has news. It is false when nobody looks any more.
func (b *box) ring(c *Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if !c.rung {
		c.rung = true
		b.conns = append(b.conns, c)
		b.wake()
	}
	return true
}

// do has the driver run f and waits until it has.
func (b *box) do(f func()) bool {
	k := &call{f: f, done: make(chan struct{})}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.calls = append(b.calls, k)
	b.wake()
	b.mu.Unlock()
	<-k.done
	return true
}

func (b *box) wake() {
	select {
	case b.bell <- struct{}{}:
	default:
	}
}

// take empties the box.
func (b *box) take() ([]*Conn, []*call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	conns, calls := b.conns, b.calls
	b.conns, b.calls = nil, nil
	for _, c := range conns {
		c.rung = false
	}
	return conns, calls
}

// close lets nothing in any more and returns what was left.
func (b *box) close() ([]*Conn, []*call) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.take()
}
