package bubble

import (
	"encoding/binary"

	"trial/engine"
)

// gate is the program of a machine: it passes frames on. The world calls it, and
// so the driver does.
type gate struct {
	d *driver
	m *Machine
	h engine.Host
}

// Boot begins a life of the machine; connections of an earlier one have broken.
func (g *gate) Boot(h engine.Host) {
	g.h = h
	g.m.down = false
	for _, c := range g.m.conns {
		g.d.arrived(arrival{c: c, end: true, err: engine.ErrReset})
	}
}

// Accept refuses: nobody connects to a client.
func (g *gate) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the machine's life.
func (g *gate) Stop() { g.h.Exit(nil) }

// line is the gate's handler of one connection.
type line struct {
	g *gate
	c *Conn
}

// Opened tells that the dial has succeeded.
func (l line) Opened(engine.ConnID) { l.g.d.arrived(arrival{c: l.c, open: true}) }

// Frame puts the length in front again.
func (l line) Frame(_ engine.ConnID, b *engine.Buf) {
	frame := make([]byte, 4, 4+len(b.B))
	binary.BigEndian.PutUint32(frame, uint32(len(b.B)))
	frame = append(frame, b.B...)
	l.g.h.Release(b)
	l.g.d.arrived(arrival{c: l.c, frame: frame})
}

// Closed tells why the connection has ended.
func (l line) Closed(_ engine.ConnID, err error) {
	l.g.d.arrived(arrival{c: l.c, end: true, err: err})
}

// order is what a client wants of one connection at one instant.
type order struct {
	c      *Conn
	dial   bool
	frames [][]byte
	end    bool
}

// carry does what clients want, as one event of the machine.
func (g *gate) carry(orders []order) {
	for _, o := range orders {
		c := o.c
		if o.dial {
			c.id = g.h.Dial(c.to, line{g, c})
		}
		if c.id == 0 {
			continue // it has ended meanwhile
		}
		for _, f := range o.frames {
			b := g.h.Buf(len(f))
			b.B = append(b.B, f...)
			g.h.Send(c.id, b)
		}
		if o.end {
			g.h.Close(c.id)
			g.d.forget(c)
			continue
		}
		g.d.measure(c)
	}
}

var _ engine.Program = (*gate)(nil)
