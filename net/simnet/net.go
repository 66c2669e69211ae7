package simnet

import (
	"fmt"

	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
	"trial/internal/must"
)

// Net is all machines and the links between them.
type Net struct {
	tl     *virtual.Timeline
	pool   *engine.Pool
	limits Limits
	draw   *engine.Stream // choices that belong to no link

	machines []*Machine
	links    [][]*link // by index of sender and receiver
	addrs    map[string]address
	holds    []*hold
	alters   []*alter
	pieces   [][]piece // recycled
}

type address struct {
	m *Machine
	l engine.ListenerID
}

// hold delays matching frames.
type hold struct {
	match func(from, to engine.NodeID, frame []byte) bool
	delay clock.Duration
}

// alter damages frames.
type alter struct {
	change func(from, to engine.NodeID, frame []byte)
}

// Spec describes a machine.
type Spec struct {
	ID        engine.NodeID
	Listeners []string // addresses
	MaxFrame  int      // bytes; 0 for no limit
	Budget    Budget
	Host      Host
}

// New returns a network of machines that are switched on, with no process yet.
// Every link begins with the climate.
func New(tl *virtual.Timeline, pool *engine.Pool, seed uint64, climate Climate, limits Limits, specs []Spec) *Net {
	n := &Net{
		tl: tl, pool: pool, limits: limits, addrs: map[string]address{},
		draw: engine.NewStream(seed, "net.reset"),
	}
	for i, s := range specs {
		m := &Machine{
			net: n, id: s.ID, index: i, name: fmt.Sprintf("n%d", s.ID), host: s.Host,
			maxFrame: s.MaxFrame, budget: s.Budget, powered: true, open: make([]bool, len(s.Listeners)),
		}
		for l, addr := range s.Listeners {
			_, taken := n.addrs[addr]
			must.Hold(!taken, "simnet: address %q belongs to two listeners", addr)
			n.addrs[addr] = address{m, engine.ListenerID(l)}
		}
		n.machines = append(n.machines, m)
	}
	for _, a := range n.machines {
		row := make([]*link, len(n.machines))
		for _, b := range n.machines {
			l := &link{from: a, to: b, factor: 1, draw: engine.NewStream(seed, fmt.Sprintf("net.link.%d.%d", a.id, b.id))}
			l.setClimate(climate)
			row[b.index] = l
		}
		n.links = append(n.links, row)
	}
	return n
}

// Machine returns the machine at an index of the specs.
func (n *Net) Machine(i int) *Machine { return n.machines[i] }

// Dial starts a connection; the end has its first event later.
func (m *Machine) Dial(addr string, at clock.Instant) *End {
	n := m.net
	e := &End{m: m, state: stateDialing}
	m.add(e)
	target, ok := n.addrs[addr]
	if !ok {
		// An end needs a peer; its own machine will do for one that never answers.
		e.connect(&End{m: m, state: stateDead})
		e.fail(engine.ErrBadAddress)
		return e
	}
	e.connect(&End{m: target.m, state: stateOpen, embryo: true, accepted: true, window: 1, Listener: target.l})
	e.out.transmit(packet{kind: packetSYN}, e.out.link.serialize(frameOverhead, at))
	e.out.expireAfter(n.limits.DialTimeout)
	return e
}

// connect ties two ends together.
func (e *End) connect(peer *End) {
	n := e.m.net
	e.peer, peer.peer = peer, e
	e.out = pipe{from: e, to: peer, link: n.links[e.m.index][peer.m.index]}
	peer.out = pipe{from: peer, to: e, link: n.links[peer.m.index][e.m.index]}
}

// gather copies the buffers of a frame into one and lists its pieces; plain says
// that there are no regions, so that the buffer is the frame.
func (n *Net) gather(parts []engine.Part) (o outgoing, plain bool) {
	plain = true
	bytes := 0
	for i := range parts {
		if parts[i].Buf != nil {
			bytes += len(parts[i].Buf.B)
		} else if parts[i].Len > 0 {
			plain = false
		}
	}
	o.b = n.pool.Get(bytes)
	if k := len(n.pieces); k > 0 {
		o.pieces = n.pieces[k-1][:0]
		n.pieces = n.pieces[:k-1]
	}
	for i := range parts {
		pc := piece{file: parts[i].File, pos: parts[i].Pos, n: parts[i].Len}
		if b := parts[i].Buf; b != nil {
			pc = piece{n: len(b.B)}
			o.b.B = append(o.b.B, b.B...)
		} else if pc.n <= 0 {
			continue
		}
		o.pieces = append(o.pieces, pc)
		o.n += pc.n
	}
	return o, plain
}

// recycle gives back what a queued frame holds.
func (n *Net) recycle(o outgoing) {
	n.pool.Put(o.b)
	if o.pieces != nil {
		n.pieces = append(n.pieces, o.pieces)
	}
}

// held is how long a frame is held back.
func (n *Net) held(from, to engine.NodeID, frame []byte) clock.Duration {
	var d clock.Duration
	for _, h := range n.holds {
		if h.match(from, to, frame) {
			d = max(d, h.delay)
		}
	}
	return d
}
