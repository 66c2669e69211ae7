package simnet

import (
	"trial/clock"
	"trial/clock/virtual"
	"trial/engine"
)

type packetKind uint8

const (
	packetFrame packetKind = iota + 1
	packetSYN
	packetSYNACK
	packetRefuse
	packetFIN
	packetRST
	packetRSTFlush // the receiver forgets what it has not read yet
)

// packet is on its way.
type packet struct {
	kind packetKind
	at   clock.Instant
	b    *engine.Buf // of a frame
}

// piece is a part of a queued frame: the next n bytes of its buffer, or a region.
type piece struct {
	file engine.FileID // 0 for buffer bytes
	pos  int64
	n    int
}

// outgoing is a frame that has not been transmitted. Without pieces it is b.
type outgoing struct {
	b      *engine.Buf
	pieces []piece
	n      int
}

// frameOverhead is the length prefix and a share of headers, on the wire only.
const frameOverhead = 4 + 40

// pipe is one direction of a connection.
type pipe struct {
	from, to *End
	link     *link

	queue    ring[outgoing]
	flight   ring[packet]
	lastAt   clock.Instant // arrivals never overtake
	inFlight int64         // bytes transmitted and not yet taken by the other program
	regions  int           // queued frames with file regions

	arrival  virtual.ID
	pumping  virtual.ID
	expiry   virtual.ID
	full     bool // the window is full; the next frame waits for credit
	reading  bool // the pump task is the end of the transmission of a region frame
	stalled  bool // the first packet waits for a link or a machine
	unacked  bool // packets arrive, acknowledgements do not
	ending   bool // a FIN or RST is queued or in flight
	flushing bool // a FIN follows the last queued frame
}

// The three tasks of a pipe on the timeline.
type (
	arrivalTask pipe
	pumpTask    pipe
	expiryTask  pipe
)

func (p *pipe) net() *Net { return p.from.m.net }

// put queues a frame or transmits it at once.
func (p *pipe) put(o outgoing, at clock.Instant) {
	if p.queue.n == 0 && o.pieces == nil && p.pumping == 0 && p.from.state == stateOpen && p.fits(o.n) {
		p.transmitFrame(o.b, at)
		return
	}
	p.queue.push(o)
	p.from.m.out += int64(o.n)
	if o.pieces != nil {
		p.regions++
	}
	p.pump(at)
}

func (p *pipe) fits(n int) bool {
	return p.inFlight == 0 || p.inFlight+int64(n) <= p.net().limits.WindowBytes
}

// pump transmits queued frames as far as the window allows.
func (p *pipe) pump(at clock.Instant) {
	if p.from.state != stateOpen && p.from.state != stateClosing || p.pumping != 0 || p.from.embryo {
		return
	}
	for p.queue.n > 0 {
		head := p.queue.at(0)
		if !p.fits(head.n) {
			p.full = true
			return
		}
		if head.pieces != nil {
			// The file is read when the last byte leaves.
			p.reading = true
			p.pumping = p.net().tl.Add(p.link.serialize(head.n+frameOverhead, at), (*pumpTask)(p))
			return
		}
		o := p.dequeue()
		p.transmitFrame(o.b, at)
	}
	if p.flushing {
		p.flushing = false
		p.transmit(packet{kind: packetFIN}, p.link.serialize(frameOverhead, at))
		p.from.die()
	}
}

func (p *pipe) dequeue() outgoing {
	o := p.queue.pop()
	p.from.m.out -= int64(o.n)
	if o.pieces != nil {
		p.regions--
	}
	p.from.m.feed()
	return o
}

func (p *pipe) schedulePump(at clock.Instant) {
	if p.pumping == 0 {
		p.pumping = p.net().tl.Add(at, (*pumpTask)(p))
	}
}

// Fire ends the transmission of a region frame, or takes note that the other end
// has room again.
func (t *pumpTask) Fire() {
	p := (*pipe)(t)
	p.pumping = 0
	now := p.net().tl.Now()
	if !p.reading {
		if back := p.to.out.link; back.blocked() {
			p.awaitAck(back)
			return
		}
		p.full = false
		p.pump(now)
		return
	}
	p.reading = false
	o := p.dequeue()
	b := p.assemble(o)
	if b == nil {
		p.from.abort(engine.ErrReset)
		return
	}
	p.flyFrame(b, now)
	p.pump(now)
}

// assemble reads the regions of a frame; nil if one cannot be read in full.
func (p *pipe) assemble(o outgoing) *engine.Buf {
	b := p.net().pool.Get(o.n)
	b.B = b.B[:o.n]
	at, src := 0, o.b.B
	for _, pc := range o.pieces {
		dst := b.B[at : at+pc.n]
		at += pc.n
		if pc.file == 0 {
			src = src[copy(dst, src):]
		} else if err := p.from.m.host.ReadRegion(pc.file, pc.pos, dst); err != nil {
			p.net().pool.Put(b)
			b = nil
			break
		}
	}
	p.net().recycle(o)
	return b
}

// transmitFrame puts a frame on the link at the given instant.
func (p *pipe) transmitFrame(b *engine.Buf, at clock.Instant) {
	p.flyFrame(b, p.link.serialize(len(b.B)+frameOverhead, at))
}

// flyFrame puts a frame whose last byte leaves at the given instant into flight.
func (p *pipe) flyFrame(b *engine.Buf, left clock.Instant) {
	p.inFlight += int64(len(b.B))
	for _, a := range p.net().alters {
		a.change(p.from.m.id, p.to.m.id, b.B)
	}
	if len(p.net().holds) > 0 {
		left = left.Add(p.net().held(p.from.m.id, p.to.m.id, b.B))
	}
	p.transmit(packet{kind: packetFrame, b: b}, left)
}

// transmit puts a packet that leaves at the given instant into flight.
func (p *pipe) transmit(k packet, left clock.Instant) {
	k.at = max(left.Add(p.link.latency()), p.lastAt)
	p.lastAt = k.at
	if k.kind >= packetFIN {
		p.ending = true
	}
	p.flight.push(k)
	if p.arrival == 0 && !p.stalled {
		p.arrival = p.net().tl.Add(k.at, (*arrivalTask)(p))
	}
}

// Fire lets the first packet arrive, or stall.
func (t *arrivalTask) Fire() {
	p := (*pipe)(t)
	p.arrival = 0
	if p.link.blocked() {
		p.stalled = true
		p.link.stalled = append(p.link.stalled, p)
		if p.link.cut {
			p.expireAfter(p.net().limits.UserTimeout)
		}
		return
	}
	if !p.to.m.powered {
		p.stalled = true
		p.to.m.stalled = append(p.to.m.stalled, p)
		p.expireAfter(p.net().limits.UserTimeout)
		return
	}
	k := p.flight.pop()
	if p.flight.n > 0 {
		p.arrival = p.net().tl.Add(p.flight.at(0).at, (*arrivalTask)(p))
	}
	if k.kind >= packetFIN {
		p.ending = false
	}
	if back := p.to.out.link; back.cut && k.kind < packetFIN && !p.unacked {
		p.awaitAck(back)
		p.expireAfter(p.net().limits.UserTimeout)
	}
	p.to.arrive(k)
}

// awaitAck waits for the link on which acknowledgements and credit come back.
func (p *pipe) awaitAck(back *link) {
	if !p.unacked {
		p.unacked = true
		back.unacked = append(back.unacked, p)
	}
}

// retransmit goes on after an outage; TCP's timer has backed off meanwhile.
func (p *pipe) retransmit(outage clock.Duration) {
	if !p.stalled {
		return
	}
	p.stalled = false
	p.settle()
	if p.flight.n == 0 {
		return
	}
	wait := p.link.latency()
	if most := min(outage, p.net().limits.MaxBackoff); most > 0 {
		wait += clock.Duration(p.link.draw.N(int64(most)))
	}
	at := max(p.net().tl.Now().Add(wait), p.flight.at(0).at)
	p.lastAt = max(p.lastAt, at)
	p.arrival = p.net().tl.Add(at, (*arrivalTask)(p))
}

// expireAfter lets the sending end give up unless something gets through.
func (p *pipe) expireAfter(d clock.Duration) {
	if p.expiry == 0 {
		p.expiry = p.net().tl.Add(p.net().tl.Now().Add(d), (*expiryTask)(p))
	}
}

// opened ends the countdown of the dial.
func (p *pipe) opened() {
	if p.expiry != 0 {
		p.net().tl.Remove(p.expiry)
		p.expiry = 0
	}
	if p.stalled || p.unacked {
		p.expireAfter(p.net().limits.UserTimeout)
	}
}

// settle ends the countdown if there is no reason for it any more.
func (p *pipe) settle() {
	if p.expiry != 0 && !p.stalled && !p.unacked && p.from.state != stateDialing {
		p.net().tl.Remove(p.expiry)
		p.expiry = 0
	}
}

// Fire gives up: nothing got through for too long.
func (t *expiryTask) Fire() {
	p := (*pipe)(t)
	p.expiry = 0
	p.clear()
	for p.flight.n > 0 { // nobody sends a reset twice
		p.flight.pop()
	}
	if p.arrival != 0 {
		p.net().tl.Remove(p.arrival)
		p.arrival = 0
	}
	p.ending = false
	p.from.fail(engine.ErrTimeout)
}

// clear drops everything queued and in flight, except resets, which are not
// from this end: whatever broke the connection sent them.
func (p *pipe) clear() {
	p.ending = false
	for range p.flight.n {
		switch k := p.flight.pop(); k.kind {
		case packetRST, packetRSTFlush:
			p.flight.push(k)
			p.ending = true
		case packetFrame:
			p.net().pool.Put(k.b)
		}
	}
	if p.arrival != 0 {
		p.net().tl.Remove(p.arrival)
		p.arrival = 0
		if p.flight.n > 0 {
			p.arrival = p.net().tl.Add(p.flight.at(0).at, (*arrivalTask)(p))
		}
	}
	p.inFlight = 0
	p.clearQueue()
}

// clearQueue drops what has not been transmitted.
func (p *pipe) clearQueue() {
	for p.queue.n > 0 {
		p.net().recycle(p.dequeue())
	}
	if p.pumping != 0 {
		p.net().tl.Remove(p.pumping)
		p.pumping = 0
	}
	if p.flushing { // its FIN has not left
		p.flushing, p.ending = false, false
	}
	p.full, p.reading = false, false
}
