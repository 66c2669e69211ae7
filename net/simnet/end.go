package simnet

import (
	"trial/clock"
	"trial/engine"
)

type endState uint8

const (
	stateDialing endState = iota + 1 // no answer to the SYN yet
	stateOpen
	stateFailing // only Closed is still to be told
	stateClosing // the program called Close; what was queued is being sent
	stateDead
)

// EventKind says what an end has to tell its program.
type EventKind uint8

// The events of an end.
const (
	Accepted EventKind = iota + 1
	Opened
	Frame
	Closed
)

// Event is one thing that an end tells its program.
type Event struct {
	Kind EventKind
	Buf  *engine.Buf // of Frame; belongs to the program
	Err  error       // of Closed
}

// End is one end of a connection. The fields in capitals belong to the machine.
type End struct {
	ID       engine.ConnID
	Handler  engine.ConnHandler
	Listener engine.ListenerID // of an accepted connection

	m        *Machine
	peer     *End
	out      pipe
	state    endState
	accepted bool
	embryo   bool // the SYN has not arrived yet
	broken   bool // reset in the middle: nothing passes any more
	queued   bool // Host.Ready was called and Take was not
	starving bool // waits for the machine's budget
	known    bool // the program has been told of it
	unread   bool // somebody outside leaves what arrives unread, see SetReading

	recv       ring[Event]
	finished   bool // Closed is in recv
	window     int
	unanswered ring[int] // sizes of frames handed over and not answered
}

// Peer is the name of the machine at the other end.
func (e *End) Peer() string { return e.peer.m.name }

// PeerID is the node at the other end.
func (e *End) PeerID() engine.NodeID { return e.peer.m.id }

// PeerGone reports whether the other end has ended the connection, whatever has
// arrived here of that.
func (e *End) PeerGone() bool {
	return e.peer.state == stateClosing || e.peer.state == stateFailing || e.peer.state == stateDead
}

// Machine is where the end is.
func (e *End) Machine() *Machine { return e.m }

// arrive takes a packet from the network.
func (e *End) arrive(k packet) {
	if e.embryo && k.kind != packetSYN {
		// The SYN was lost on the way: there never was a connection to end.
		e.embryo, e.state = false, stateDead
		return
	}
	switch k.kind {
	case packetSYN:
		e.arriveSYN()
	case packetSYNACK:
		if e.state != stateDialing {
			if e.state == stateDead && !e.out.ending {
				e.out.transmit(packet{kind: packetRST}, e.m.net.tl.Now())
			}
			break
		}
		e.state = stateOpen
		e.out.opened()
		e.tell(Event{Kind: Opened})
		e.out.pump(e.m.net.tl.Now())
	case packetRefuse:
		e.fail(engine.ErrRefused)
	case packetFrame:
		e.arriveFrame(k.b)
	case packetFIN:
		if e.state == stateOpen && !e.finished {
			e.finished = true
			e.tell(Event{Kind: Closed, Err: engine.ErrClosed})
		}
	case packetRST:
		if e.state == stateOpen && !e.finished {
			e.finished = true
			e.out.clear()
			e.tell(Event{Kind: Closed, Err: engine.ErrReset})
		} else if e.state != stateOpen {
			e.fail(engine.ErrReset)
		}
	case packetRSTFlush:
		e.fail(engine.ErrReset)
	}
}

// arriveSYN answers in the place of the operating system: it accepts as soon as
// the listener is open, whatever the process is doing.
func (e *End) arriveSYN() {
	e.embryo = false
	if !e.m.alive || !e.m.open[e.Listener] {
		e.state = stateDead
		e.out.transmit(packet{kind: packetRefuse}, e.m.net.tl.Now())
		return
	}
	e.state = stateOpen
	e.m.add(e)
	e.out.transmit(packet{kind: packetSYNACK}, e.m.net.tl.Now())
	e.tell(Event{Kind: Accepted})
}

func (e *End) arriveFrame(b *engine.Buf) {
	if e.state == stateOpen && !e.finished {
		e.tell(Event{Kind: Frame, Buf: b})
		return
	}
	e.m.net.pool.Put(b)
	if e.state != stateClosing && !e.out.ending && !e.broken {
		// Nobody is here: the operating system answers with a reset.
		e.out.transmit(packet{kind: packetRST}, e.m.net.tl.Now())
	}
}

func (e *End) tell(ev Event) {
	e.recv.push(ev)
	e.wake()
}

// wake tells the machine if there is something that it may take.
func (e *End) wake() {
	if !e.queued && e.mayTake() {
		e.queued = true
		e.m.host.Ready(e)
	}
}

// mayTake reports whether the next event may be handed over. Frames and the end
// behind them wait for the window of an accepted connection and for the budget
// of its machine.
func (e *End) mayTake() bool {
	if e.recv.n == 0 {
		return false
	}
	if e.unread && e.state == stateOpen && e.recv.at(0).Kind != Accepted {
		return false
	}
	if !e.accepted || e.state != stateOpen || e.recv.at(0).Kind == Accepted {
		return true
	}
	if e.unanswered.n >= e.window {
		return false
	}
	if e.m.Over() {
		e.m.starve(e)
		return false
	}
	return true
}

// Take hands over the next event; false if there is none after all. The caller
// calls it once for every Host.Ready, and Next when it has dealt with the event.
func (e *End) Take() (Event, bool) {
	e.queued = false
	if !e.mayTake() {
		return Event{}, false
	}
	ev := e.recv.pop()
	e.known = true
	switch ev.Kind {
	case Frame:
		return e.takeFrame(ev)
	case Closed:
		e.out.clearQueue()
		e.die()
	}
	return ev, true
}

func (e *End) takeFrame(ev Event) (Event, bool) {
	n := len(ev.Buf.B)
	if e.m.maxFrame > 0 && n > e.m.maxFrame {
		e.m.net.pool.Put(ev.Buf)
		e.hangUp()
		e.die()
		return Event{Kind: Closed, Err: engine.ErrFrameSize}, true
	}
	if e.accepted {
		e.unanswered.push(n)
		e.m.in += int64(n)
	}
	p := &e.peer.out
	p.inFlight = max(0, p.inFlight-int64(n))
	if p.full && p.pumping == 0 {
		p.schedulePump(e.m.net.tl.Now().Add(e.out.link.latency()))
	}
	return ev, true
}

// Next asks for the event after the one that was taken.
func (e *End) Next() {
	if e.recv.n > 0 {
		e.wake()
	}
}

// answer gives one place in the window back.
func (e *End) answer() {
	if e.unanswered.n > 0 {
		e.m.in -= int64(e.unanswered.pop())
		e.m.feed()
		e.wake()
	}
}

// fail ends the connection on this side: the program is told err as soon as it
// is free, and nothing else any more. What was sent and has not arrived is lost.
func (e *End) fail(err error) {
	e.out.clear()
	e.conclude(err)
}

// conclude leaves nothing to tell but err, and not even that if the program is
// not waiting for it.
func (e *End) conclude(err error) {
	if e.state != stateOpen && e.state != stateDialing || e.accepted && !e.known {
		e.die()
		return
	}
	e.dropRecv()
	e.state = stateFailing
	e.finished = true
	e.tell(Event{Kind: Closed, Err: err})
}

// abort fails this side and resets the other one, behind what is in flight.
func (e *End) abort(err error) {
	e.hangUp()
	e.conclude(err)
}

// hangUp resets the other side.
func (e *End) hangUp() {
	e.out.clearQueue()
	e.out.transmit(packet{kind: packetRST}, e.m.net.tl.Now())
}

func (e *End) dropRecv() {
	for e.recv.n > 0 {
		if ev := e.recv.pop(); ev.Buf != nil {
			e.m.net.pool.Put(ev.Buf)
		}
	}
}

// die is the end of an end: no event of it follows.
func (e *End) die() {
	if e.state == stateDead {
		return
	}
	e.state = stateDead
	e.dropRecv()
	for e.unanswered.n > 0 {
		e.m.in -= int64(e.unanswered.pop())
	}
	e.out.settle()
	e.m.drop(e)
	e.m.feed()
}

// Send transmits a copy of b at the given instant and releases b.
func (e *End) Send(b *engine.Buf, at clock.Instant) {
	pool := e.m.net.pool
	if e.accepted {
		e.answer()
	}
	if !e.maySend() {
		pool.Put(b)
		return
	}
	c := pool.Get(len(b.B))
	c.B = append(c.B, b.B...)
	pool.Put(b)
	e.out.put(outgoing{b: c, n: len(c.B)}, at)
}

// SendParts transmits a frame of buffers and regions.
func (e *End) SendParts(parts []engine.Part, at clock.Instant) {
	pool := e.m.net.pool
	if e.accepted {
		e.answer()
	}
	o, plain := e.m.net.gather(parts)
	for i := range parts {
		if parts[i].Buf != nil {
			pool.Put(parts[i].Buf)
		}
	}
	if !e.maySend() {
		e.m.net.recycle(o)
		return
	}
	if plain {
		o.pieces = nil
	}
	e.out.put(o, at)
}

// maySend reports whether a frame would go anywhere.
func (e *End) maySend() bool {
	if e.state != stateOpen && e.state != stateDialing {
		return false
	}
	if e.broken {
		e.peer.out.hurryReset()
		return false
	}
	return !e.out.ending
}

// Unmute gives back one place in the window without an answer.
func (e *End) Unmute() {
	if e.accepted {
		e.answer()
	}
}

// SetWindow sets how many unanswered frames are handed over.
func (e *End) SetWindow(n int) {
	e.window = max(1, n)
	e.wake()
}

// SetReading says whether frames, and an orderly end behind them, are handed over
// or wait unread, so that the window closes. A reset is told in any case.
func (e *End) SetReading(on bool) {
	e.unread = !on
	e.wake()
}

// Close ends the connection after what was queued has been sent. The program is
// told nothing more.
func (e *End) Close(at clock.Instant) {
	switch e.state {
	case stateDialing:
		e.cancelDial()
	case stateOpen:
		e.dropRecv()
		if e.finished || e.broken { // the other side has ended it already
			e.out.clearQueue()
			e.die()
			return
		}
		e.state = stateClosing
		e.out.flushing = true
		e.out.ending = true
		e.out.pump(at)
	case stateFailing:
		e.dropRecv()
		e.die()
	}
}

// cancelDial gives up a connection that is not open yet. The listener may see it
// open and end.
func (e *End) cancelDial() {
	e.hangUp()
	e.die()
}

// Refuse ends an accepted connection that the program does not want.
func (e *End) Refuse() {
	if e.state == stateOpen {
		e.hangUp()
		e.die()
	}
}
