package host

import (
	"net"
	"runtime/debug"
	"time"

	"trial/clock"
	"trial/engine"
)

// roundEvents is the number of events after which timers are looked at and
// output is flushed, however full the inbox is.
const roundEvents = 128

// main is the loop's goroutine.
func (m *machine) main() {
	defer m.shutdown() // also when a test ends the goroutine from within an event
	defer func() {
		if r := recover(); r != nil {
			m.failed = &Crash{Reason: r, Stack: debug.Stack()}
		}
	}()
	m.begin()
	m.program.Boot(m)
	m.flush()
	close(m.node.booted)
	m.loop()
}

func (m *machine) alive() bool { return !m.exited && m.failed == nil && !m.node.killed.Load() }

func (m *machine) loop() {
	var batch, local []event
	for m.alive() {
		batch = m.in.take(batch)
		m.counts.batches++
		for from := 0; from < len(batch) && m.alive(); from += roundEvents {
			m.round(batch[from:min(len(batch), from+roundEvents)])
			m.fire()
			m.flush()
		}
		if len(batch) == 0 {
			m.fire()
		}
		local, m.local = m.local, local[:0]
		m.round(local)
		m.flush()
		m.publish()
		if m.alive() && len(m.local) == 0 {
			m.sleep()
		}
	}
}

// round delivers events and clears them.
func (m *machine) round(events []event) {
	for i := range events {
		if !m.alive() {
			return
		}
		m.begin()
		m.dispatch(&events[i])
		events[i] = event{}
	}
}

// begin starts an event: the clock may move.
func (m *machine) begin() {
	m.fresh = false
	m.counts.events++
}

func (m *machine) dispatch(e *event) {
	switch e.kind {
	case evFrame:
		m.onFrame(e.conn, e.buf)
	case evReady:
		m.onReady(e.conn)
	case evDisk:
		m.onDisk(e.op)
	case evEnded:
		m.onEnded(e.conn, e.err)
	case evDialed:
		nc, _ := e.x.(net.Conn)
		m.onDialed(e.conn, nc, e.err)
	case evAccepted:
		m.onAccepted(e.x.(net.Conn), engine.ListenerID(e.n))
	case evJob:
		e.x.(*engine.Job).Done()
	case evStop:
		m.program.Stop()
	case evFunc:
		e.x.(func())()
	case evCrash:
		m.failed = e.err
	}
}

// fire delivers the timers that are due now. One that sets itself again for now
// waits for the next turn.
func (m *machine) fire() {
	if len(m.timers.heap) == 0 {
		return
	}
	now, limit := m.clock.Now(), m.timers.seq
	for m.alive() {
		t := m.timers.due(now, limit)
		if t == nil {
			return
		}
		m.begin()
		t.Fire()
	}
}

// flush hands the output of the last events to the edge.
func (m *machine) flush() {
	if !m.node.killed.Load() && m.failed == nil {
		if first := m.first; first != nil {
			m.first, m.last = nil, nil
			m.disk.Submit(first)
		}
		for _, c := range m.dirty {
			c.dirty = false
			c.tcp.Flush()
		}
	}
	clear(m.dirty)
	m.dirty = m.dirty[:0]
}

// sleep waits for the edge or the next timer.
func (m *machine) sleep() {
	at, timed := m.timers.next()
	var wait clock.Duration
	if timed {
		if wait = at.Sub(m.clock.Now()); wait <= 0 {
			return
		}
	}
	if !m.in.sleep() {
		return
	}
	m.counts.sleeps++
	if !timed {
		<-m.in.wake
		return
	}
	m.setAlarm(at, wait)
	select {
	case <-m.in.wake:
	case <-m.alarm.C:
		m.alarmAt = clock.Never
	}
}

// setAlarm makes the runtime's timer tick at an instant; most often it does
// already.
func (m *machine) setAlarm(at clock.Instant, wait clock.Duration) {
	switch {
	case m.alarm == nil:
		m.alarm = time.NewTimer(time.Duration(wait))
	case m.alarmAt != at:
		m.alarm.Reset(time.Duration(wait))
	}
	m.alarmAt = at
}

func (m *machine) publish() {
	c, p := &m.counts, &m.published
	p.events.Store(c.events)
	p.batches.Store(c.batches)
	p.sleeps.Store(c.sleeps)
	p.framesIn.Store(c.framesIn)
	p.framesOut.Store(c.framesOut)
}

// shutdown ends everything at the edge, in an orderly way after Host.Exit.
func (m *machine) shutdown() {
	n := m.node
	orderly := m.exited && m.failed == nil && !n.killed.Load()
	if m.alarm != nil {
		m.alarm.Stop()
	}
	m.closeListeners()
	if orderly {
		m.flush()
	}
	m.in.close()
	if orderly {
		m.edge.Shutdown(m.spec.Limits.ExitGrace)
		m.disk.Close()
	} else {
		m.edge.Kill()
		m.disk.Kill()
	}
	m.edgeTasks.Wait()
	m.jobs.end()
	m.publish()
	switch {
	case m.failed != nil:
		n.err = m.failed
		m.log.Error("node failed", "node", m.spec.ID, "error", m.failed)
	case m.exited:
		n.exited, n.err = true, m.exitErr
	default:
		n.err = ErrKilled
	}
	close(n.done)
}
