package simnet

import (
	"trial/engine"
	"trial/internal/must"
)

// Host is the machine as the network sees it.
type Host interface {
	// Ready tells that e has an event for its program: call e.Take once when the
	// program is free to take it. Never call it from within Ready.
	Ready(e *End)
	// ReadRegion fills b from an open file of the process.
	ReadRegion(file engine.FileID, pos int64, b []byte) error
}

// Budget bounds the bytes that a machine lets programs hold; 0 for no limit.
// Over budget the machine stops reading from accepted connections.
type Budget struct {
	In      int64 // frames handed over and not answered
	Out     int64 // frames sent and not transmitted
	Appends int64 // disk writes under way
}

// Machine is a node of the network.
type Machine struct {
	net      *Net
	id       engine.NodeID
	index    int
	name     string
	host     Host
	maxFrame int
	budget   Budget

	powered bool   // the operating system answers
	alive   bool   // a process runs
	open    []bool // listeners, by id

	ends     []*End  // of living connections, in no particular but a deterministic order
	stalled  []*pipe // packets that wait for power
	starving []*End

	in, out int64
	// Appends is the bytes of disk writes under way; the machine's owner counts them.
	Appends int64
}

// Boot starts a process on the machine, with the power on and nothing listening.
func (m *Machine) Boot() {
	must.Hold(!m.alive, "simnet: node %d is running", m.id)
	m.alive = true
	if m.powered {
		return
	}
	m.powered = true
	stalled := m.stalled
	m.stalled = nil
	for _, p := range stalled {
		p.retransmit(m.net.limits.MaxBackoff)
	}
}

// Listen opens a listener.
func (m *Machine) Listen(l engine.ListenerID) {
	must.Hold(l >= 0 && int(l) < len(m.open), "simnet: node %d has no listener %d", m.id, l)
	m.open[l] = true
}

// Exit ends the process in an orderly way: what its connections have queued is
// still sent, except what would have to be read from files.
func (m *Machine) Exit() {
	now := m.net.tl.Now()
	m.down()
	for _, e := range m.living() {
		if e.out.regions > 0 {
			e.Refuse()
			continue
		}
		e.Close(now)
	}
}

// Kill ends the process: what was transmitted arrives, what was queued does not,
// and the operating system resets the connections.
func (m *Machine) Kill() {
	m.down()
	for _, e := range m.living() {
		if e.state == stateFailing {
			e.die()
			continue
		}
		e.out.clearQueue()
		reset := packet{kind: packetRST}
		if m.net.draw.Chance(1, 2) { // systems differ in what becomes of unread data
			reset.kind = packetRSTFlush
		}
		e.out.transmit(reset, m.net.tl.Now())
		e.die()
	}
}

// PowerOff ends the process and the operating system: nobody is told anything.
func (m *Machine) PowerOff() {
	m.down()
	m.powered = false
	for _, e := range m.living() {
		e.out.clearQueue()
		e.die()
	}
}

func (m *Machine) down() {
	m.alive = false
	clear(m.open)
}

// living returns a copy of the list of ends: ending one changes the list.
func (m *Machine) living() []*End { return append([]*End(nil), m.ends...) }

// CutRegions resets every connection that has a region queued for which match
// holds.
func (m *Machine) CutRegions(match func(file engine.FileID, pos int64, n int) bool) {
	for _, e := range m.living() {
		if e.out.regions > 0 && e.out.pins(match) {
			e.abort(engine.ErrReset)
		}
	}
}

func (p *pipe) pins(match func(file engine.FileID, pos int64, n int) bool) bool {
	for i := range p.queue.n {
		for _, pc := range p.queue.at(i).pieces {
			if pc.file != 0 && match(pc.file, pc.pos, pc.n) {
				return true
			}
		}
	}
	return false
}

func (m *Machine) add(e *End) { m.ends = append(m.ends, e) }

func (m *Machine) drop(e *End) {
	for i, x := range m.ends {
		if x == e {
			last := len(m.ends) - 1
			m.ends[i] = m.ends[last]
			m.ends[last] = nil
			m.ends = m.ends[:last]
			return
		}
	}
}

// Over reports whether a byte budget is exhausted.
func (m *Machine) Over() bool {
	b := &m.budget
	return b.In > 0 && m.in >= b.In || b.Out > 0 && m.out >= b.Out || b.Appends > 0 && m.Appends >= b.Appends
}

func (m *Machine) starve(e *End) {
	if !e.starving {
		e.starving = true
		m.starving = append(m.starving, e)
	}
}

// feed lets connections that waited for the budget go on.
func (m *Machine) feed() {
	if len(m.starving) == 0 || m.Over() {
		return
	}
	starving := m.starving
	m.starving = nil
	for _, e := range starving {
		e.starving = false
		e.wake()
	}
}

// Fed tells that Appends has become smaller.
func (m *Machine) Fed() { m.feed() }

// Connections is the number of living ends.
func (m *Machine) Connections() int { return len(m.ends) }
