package tcpnet

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"trial/engine"
)

// Options are the limits of a node's connections. Zero fields get the defaults.
type Options struct {
	// FrameLimit is the largest frame that is accepted; 100 MiB as Kafka's
	// socket.request.max.bytes.
	FrameLimit int
	// ReadAhead is how many bytes of frames beyond the window a reader may hand
	// over; 64 KiB.
	ReadAhead int
	// OutputPerConn is how many bytes may be queued on an accepted connection
	// before its reader stops; 8 MiB.
	OutputPerConn int
	// OutputLimit is how many bytes may be queued on any connection before it is
	// ended; 1 GiB.
	OutputLimit int
	// DialTimeout bounds the setup of a connection; 10 s as Kafka's
	// socket.connection.setup.timeout.ms.
	DialTimeout time.Duration
	// CloseTimeout bounds how long a closed connection goes on sending what was
	// queued; 30 s. Linger bounds how long it then waits for the peer to close; 2 s.
	CloseTimeout, Linger time.Duration
	// Budget bounds the node's memory.
	Budget BudgetLimits
	// Poison makes use of a released buffer visible, for tests.
	Poison bool
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.FrameLimit, 100<<20)
	def(&o.ReadAhead, 64<<10)
	def(&o.OutputPerConn, 8<<20)
	def(&o.OutputLimit, 1<<30)
	def64((*int64)(&o.DialTimeout), int64(10*time.Second))
	def64((*int64)(&o.CloseTimeout), int64(30*time.Second))
	def64((*int64)(&o.Linger), int64(2*time.Second))
	def64(&o.Budget.Requests, 256<<20)
	def64(&o.Budget.Output, 256<<20)
	def64(&o.Budget.Appends, 256<<20)
	return o
}

// Edge is what the connections of one node share: limits, buffers, and the
// knowledge of what is still open. It is safe for concurrent use.
type Edge struct {
	Pool   *Pool
	Budget *Budget

	opt    Options
	ctx    context.Context // ends with Kill
	cancel context.CancelFunc
	tasks  sync.WaitGroup // every goroutine of every connection

	mu     sync.Mutex
	closed bool
	open   map[*Conn]struct{} // with a socket
}

// NewEdge returns an edge without connections.
func NewEdge(opt Options) *Edge {
	opt = opt.withDefaults()
	e := &Edge{Pool: NewPool(opt.Poison), Budget: NewBudget(opt.Budget), opt: opt, open: make(map[*Conn]struct{})}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Dial connects in the background and calls done from another goroutine, with
// an error of the contract if it failed. After Kill done may not be called.
func (e *Edge) Dial(addr string, done func(net.Conn, error)) {
	if !e.begin() {
		return
	}
	go func() {
		defer e.tasks.Done()
		nc, err := e.connect(addr)
		switch {
		case e.ctx.Err() != nil:
			if nc != nil {
				nc.Close()
			}
		case err != nil:
			done(nil, failure(err))
		default:
			done(nc, nil)
		}
	}()
}

func (e *Edge) connect(addr string) (net.Conn, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: e.opt.DialTimeout}
	return d.DialContext(e.ctx, "tcp", addr)
}

// begin counts a goroutine that is about to start; false after the end.
func (e *Edge) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Add(1)
	return true
}

// attach notes an open connection; false after the end.
func (e *Edge) attach(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.open[c] = struct{}{}
	return true
}

func (e *Edge) detach(c *Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, c)
}

func (e *Edge) conns() []*Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*Conn, 0, len(e.open))
	for c := range e.open {
		all = append(all, c)
	}
	return all
}

// Truncating breaks every connection with a region of that file which ends
// beyond size and has not been sent.
func (e *Edge) Truncating(file engine.FileID, size int64) {
	for _, c := range e.conns() {
		if c.Holds(file, size) {
			c.Break(fmt.Errorf("%w (a region to be sent is truncated)", engine.ErrReset))
		}
	}
}

// Shutdown closes every connection in an orderly way, waits for at most grace
// until what was queued has been sent, and then kills what is left.
func (e *Edge) Shutdown(grace time.Duration) {
	for _, c := range e.conns() {
		c.Close()
	}
	for end := time.Now().Add(grace); len(e.conns()) > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	e.Kill()
}

// Kill ends every connection at once and returns when no goroutine is left.
func (e *Edge) Kill() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	for _, c := range e.conns() {
		c.Abort()
	}
	e.tasks.Wait()
}
