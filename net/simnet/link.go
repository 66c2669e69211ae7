package simnet

import (
	"trial/clock"
	"trial/engine"
)

// Climate is how a link behaves.
type Climate struct {
	// One-way latency of a packet: Base, plus up to Jitter, plus up to Slow in
	// Rare of 10,000 cases (a retransmission, a hiccup). Jitter below 4 s.
	Base, Jitter clock.Duration
	Rare         int64
	Slow         clock.Duration
	// BytesPerSec is the bandwidth; 0 for no limit.
	BytesPerSec int64
}

// DefaultClimate is a network within one data centre.
func DefaultClimate() Climate {
	return Climate{
		Base: 150 * clock.Microsecond, Jitter: 350 * clock.Microsecond,
		Rare: 5, Slow: 200 * clock.Millisecond,
		BytesPerSec: 1 << 30,
	}
}

// Limits are the constants of the machines' TCP.
type Limits struct {
	WindowBytes int64          // on the way and unread, per direction of a connection
	DialTimeout clock.Duration // until a dial without an answer fails
	UserTimeout clock.Duration // until an end that gets nothing through gives up
	MaxBackoff  clock.Duration // longest wait for a retransmission after a heal
	// HalfOpen of 1,000 resets leave one end in the dark for up to HalfOpenMax.
	HalfOpen    int64
	HalfOpenMax clock.Duration
}

// DefaultLimits are modest values for a cluster; Linux would give up only after
// a quarter of an hour, and Kafka's own timeouts come first in any case.
func DefaultLimits() Limits {
	return Limits{
		WindowBytes: 1 << 20, DialTimeout: 10 * clock.Second, UserTimeout: 60 * clock.Second,
		MaxBackoff: 2 * clock.Second, HalfOpen: 100, HalfOpenMax: 30 * clock.Second,
	}
}

// link is the way from one machine to another.
type link struct {
	from, to *Machine
	draw     *engine.Stream
	climate  Climate
	perByte  uint64         // nanoseconds, 20 binary places
	factor   int64          // latency is multiplied by it
	delay    clock.Duration // and this added
	free     clock.Instant

	cut, clog bool
	since     clock.Instant // of the cut or clog
	stalled   []*pipe       // packets wait for this link
	unacked   []*pipe       // of the other direction: their acknowledgements wait
}

func (l *link) setClimate(c Climate) {
	l.climate = c
	l.perByte = 0
	if c.BytesPerSec > 0 {
		l.perByte = uint64(clock.Second) << 20 / uint64(c.BytesPerSec)
	}
}

// latency draws the latency of one packet.
func (l *link) latency() clock.Duration {
	c := &l.climate
	x := l.draw.Uint64()
	d := c.Base + clock.Duration((uint64(c.Jitter)*(x&(1<<32-1)))>>32)
	if c.Rare > 0 && int64((x>>32)*10_000>>32) < c.Rare {
		d += clock.Duration(l.draw.N(int64(c.Slow) + 1))
	}
	return d*clock.Duration(l.factor) + l.delay
}

// serialize returns when the last of n bytes has left, if they may leave at the
// given instant.
func (l *link) serialize(n int, at clock.Instant) clock.Instant {
	at = max(at, l.free)
	l.free = at.Add(clock.Duration(uint64(n) * l.perByte >> 20))
	return l.free
}

func (l *link) blocked() bool { return l.cut || l.clog }

// resume lets everything that waits for the link go on.
func (l *link) resume() {
	if l.blocked() {
		return
	}
	net := l.from.net
	outage := net.tl.Now().Sub(l.since)
	stalled, unacked := l.stalled, l.unacked
	l.stalled, l.unacked = nil, nil
	for _, p := range stalled {
		p.retransmit(outage)
	}
	for _, p := range unacked {
		p.unacked = false
		p.settle()
		if p.full {
			p.schedulePump(net.tl.Now().Add(l.latency()))
		}
	}
}
