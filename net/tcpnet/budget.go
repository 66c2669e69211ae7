package tcpnet

import (
	"sync"
	"sync/atomic"
)

// Budget bounds the bytes that one node holds. Over a limit the readers of
// accepted connections wait; dialed connections are always read, since their
// frames answer what the node itself has asked, and waiting on both sides of two
// nodes would never end.
//
// A frame of SmallFrame bytes or fewer passes until twice the limit: it may be
// the request (a follower's fetch) that lets larger ones be answered and
// released.
type Budget struct {
	requests counter // frames read and not released
	output   counter // buffers queued for sending
	appends  counter // data of disk writes under way

	waiting atomic.Int32
	mu      sync.Mutex
	cond    *sync.Cond
}

// SmallFrame is the size up to which frames may exceed the budget.
const SmallFrame = 8 << 10

// BudgetLimits are the limits in bytes.
type BudgetLimits struct{ Requests, Output, Appends int64 }

// Usage tells how many bytes are held, and the most that ever were.
type Usage struct{ Requests, Output, Appends, PeakRequests, PeakOutput, PeakAppends int64 }

type counter struct {
	n, peak atomic.Int64
	limit   int64
}

func (c *counter) add(n int64) {
	v := c.n.Add(n)
	for p := c.peak.Load(); v > p && !c.peak.CompareAndSwap(p, v); p = c.peak.Load() {
	}
}

// NewBudget returns a budget of which nothing is used.
func NewBudget(l BudgetLimits) *Budget {
	b := &Budget{requests: counter{limit: l.Requests}, output: counter{limit: l.Output}, appends: counter{limit: l.Appends}}
	b.cond = sync.NewCond(&b.mu)
	return b
}

// Usage returns the counters.
func (b *Budget) Usage() Usage {
	return Usage{
		b.requests.n.Load(), b.output.n.Load(), b.appends.n.Load(),
		b.requests.peak.Load(), b.output.peak.Load(), b.appends.peak.Load(),
	}
}

// Released notes that n bytes of frames were released.
func (b *Budget) Released(n int) { b.sub(&b.requests, int64(n)) }

// Appending notes that n bytes are being written to a disk, negative for
// finished ones.
func (b *Budget) Appending(n int) {
	if n < 0 {
		b.sub(&b.appends, int64(-n))
	} else {
		b.appends.add(int64(n))
	}
}

func (b *Budget) sub(c *counter, n int64) {
	c.n.Add(-n)
	if b.waiting.Load() > 0 && !b.over(0) {
		b.wake()
	}
}

// wake lets every waiting reader look again.
func (b *Budget) wake() {
	b.mu.Lock()
	b.cond.Broadcast()
	b.mu.Unlock()
}

// over reports whether a frame of that size must wait.
func (b *Budget) over(size int) bool {
	factor := int64(1)
	if size <= SmallFrame {
		factor = 2
	}
	return b.requests.n.Load() >= factor*b.requests.limit ||
		b.output.n.Load() >= factor*b.output.limit ||
		b.appends.n.Load() >= factor*b.appends.limit
}

// wait blocks while a frame of that size is over the budget and the connection
// goes on.
func (b *Budget) wait(size int, ended func() bool) {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.over(size) && !ended() {
		b.cond.Wait()
	}
}
