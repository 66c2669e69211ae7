// Package climate says how links and disks behave in a run when no fault strikes:
// latencies, bandwidth, time-outs. Plans of every system hold a climate and print it
// field by field; a world takes it as what net/simnet and disk/simdisk want.
//
// Not here: what range a plan allows, how its text is read, and what faults add.
package climate

import (
	"trial/clock"
	"trial/disk/simdisk"
	"trial/engine"
	"trial/net/simnet"
)

// Net is the climate of the links.
type Net struct {
	Latency, Jitter clock.Duration // every packet: Latency plus a draw up to Jitter
	TailOneIn       int64          // one packet in so many takes up to Tail longer; 0 never
	Tail            clock.Duration
	BytesPerMs      int64          // bandwidth of a link
	TCPTimeout      clock.Duration // until an end that gets nothing through gives up
}

// Disk is the climate of the disks.
type Disk struct {
	Latency, Jitter clock.Duration
	Sync            clock.Duration // a sync takes this longer, or twice
	BytesPerMs      int64
}

// Field is one name=value of a climate in the text of a plan, bound to where its
// value lives: a span or else a number.
type Field struct {
	Name string
	Span *clock.Duration
	Num  *int64
}

// Fields are those of n, in the order in which plans print them.
func (n *Net) Fields() []Field {
	return []Field{
		{Name: "latency", Span: &n.Latency}, {Name: "jitter", Span: &n.Jitter}, {Name: "tail.one.in", Num: &n.TailOneIn},
		{Name: "tail", Span: &n.Tail}, {Name: "bytes.per.ms", Num: &n.BytesPerMs}, {Name: "tcp.timeout", Span: &n.TCPTimeout},
	}
}

// Fields are those of d, in the order in which plans print them.
func (d *Disk) Fields() []Field {
	return []Field{
		{Name: "latency", Span: &d.Latency}, {Name: "jitter", Span: &d.Jitter}, {Name: "sync", Span: &d.Sync},
		{Name: "bytes.per.ms", Num: &d.BytesPerMs},
	}
}

func us(s *engine.Stream, lo, hi int64) clock.Duration {
	return clock.Duration(s.Between(lo, hi)) * clock.Microsecond
}

// DrawNet draws links from a data center's to a slow, uneven wide area's.
func DrawNet(s *engine.Stream) Net {
	return Net{
		Latency: us(s, 50, 2000), Jitter: us(s, 0, 3000), BytesPerMs: s.Between(10_000, 1_000_000),
		TailOneIn: s.N(3) * s.Between(100, 2000), Tail: us(s, 5_000, 200_000), TCPTimeout: clock.Ms(s.Between(4_000, 30_000)),
	}
}

// DrawDisk draws disks from a fast solid state's to one whose syncs take long.
func DrawDisk(s *engine.Stream) Disk {
	return Disk{Latency: us(s, 5, 100), Jitter: us(s, 0, 300), Sync: us(s, 200, 20_000), BytesPerMs: s.Between(50_000, 2_000_000)}
}

// Links is the climate as simulated links take it.
func (n *Net) Links() simnet.Climate {
	c := simnet.Climate{Base: n.Latency, Jitter: n.Jitter, BytesPerSec: n.BytesPerMs * 1000}
	if n.TailOneIn > 0 {
		c.Rare, c.Slow = max(1, 10_000/n.TailOneIn), n.Tail
	}
	return c
}

// Limits are those of simulated connections.
func (n *Net) Limits() simnet.Limits {
	l := simnet.DefaultLimits()
	l.UserTimeout = n.TCPTimeout
	return l
}

// Costs is the climate as simulated disks take it.
func (d *Disk) Costs() simdisk.Climate {
	perKiB := clock.Duration(int64(clock.Millisecond) * 1024 / d.BytesPerMs)
	cost := simdisk.Cost{Base: d.Latency, PerKiB: perKiB, Jitter: d.Jitter}
	sync := simdisk.Cost{Base: d.Sync, PerKiB: perKiB, Jitter: d.Sync}
	return simdisk.Climate{Write: cost, Read: cost, Sync: sync, Name: cost}
}
