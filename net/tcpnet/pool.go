package tcpnet

import (
	"sync"

	"trial/engine"
)

// Pool is an engine.Pool that readers, writers and the event loop share.
type Pool struct {
	mu   sync.Mutex
	pool engine.Pool
}

// NewPool returns an empty pool. Poison is for tests: see engine.Pool.
func NewPool(poison bool) *Pool { return &Pool{pool: engine.Pool{Poison: poison}} }

// Get returns an empty buffer with room for at least n bytes.
func (p *Pool) Get(n int) *engine.Buf {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pool.Get(n)
}

// Put takes buffers back. Putting one twice panics.
func (p *Pool) Put(bufs ...*engine.Buf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range bufs {
		p.pool.Put(b)
	}
}

// putPieces takes the buffers of written pieces back.
func (p *Pool) putPieces(pieces []piece) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range pieces {
		p.pool.Put(pieces[i].buf)
	}
}
