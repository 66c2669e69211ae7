package bubble

import (
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"trial/clock"
	"trial/engine"
	"trial/sim/cluster"
)

// driver owns the world and keeps it in step with the bubble's clock.
type driver struct {
	live     *cluster.Live
	box      *box
	gates    []*gate
	start    time.Time
	limit    time.Duration
	every    bool // wake for every event of the world
	watch    *watchdog
	ended    chan struct{}
	onBroken func(error) // the run has ended early

	news   []arrival // for clients, not handed over yet
	full   []*Conn   // have more under way than a send buffer
	dials  int
	quit   bool
	broken error // why the run has ended early

	stats Stats
}

// Stats count what a driver did.
type Stats struct {
	Sleeps  int64 // the driver slept
	Waits   int64 // calls of synctest.Wait
	Arrived int64 // openings, frames and ends handed to clients
	Frames  int64 // that clients sent
}

// arrival is something that reaches a client.
type arrival struct {
	c     *Conn
	open  bool
	frame []byte
	end   bool
	err   error
}

func (d *driver) now() clock.Instant { return clock.Instant(time.Since(d.start)) }

// loop is the driver's goroutine.
func (d *driver) loop() {
	defer close(d.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !d.quit {
		d.settle()
		if d.quit {
			break
		}
		d.heedLimit()
		d.stats.Sleeps++
		timer.Reset(d.quiet())
		select {
		case <-timer.C:
		case <-d.box.bell:
		}
	}
	d.close()
}

// grace is how long the test's function may go on after the run has ended early.
const grace = 2 * time.Minute

// heedLimit ends the process if the test's function does not end: nothing in a
// bubble can stop goroutines that are not its own.
func (d *driver) heedLimit() {
	switch {
	case time.Since(d.start) <= d.limit:
	case d.broken != nil:
		panic(fmt.Sprintf("bubble: %v; and the test's function has not returned %v later: a client goes on although Cluster.Context has ended", d.broken, grace))
	default:
		panic(fmt.Sprintf("bubble: the test's function has not returned after %v of virtual time: a client waits for something that does not come (Config.Limit raises the limit)", d.limit))
	}
}

// quiet is how long nothing can reach a client by itself.
func (d *driver) quiet() time.Duration {
	if d.broken != nil {
		return time.Second
	}
	until := d.live.QuietUntil()
	if d.every {
		until = d.live.NextAt()
	}
	return max(1, time.Duration(until.Sub(d.now())))
}

// settle exchanges news with the clients until nobody has any at this instant.
func (d *driver) settle() {
	for {
		d.wait()
		d.advance()
		conns, calls := d.box.take()
		d.serve(conns)
		for _, k := range calls {
			k.f()
			close(k.done)
		}
		if d.quit {
			return
		}
		d.advance()
		told := d.tell()
		if len(conns)+len(calls) == 0 && !told {
			return
		}
	}
}

// wait lets every goroutine of the bubble come to rest.
func (d *driver) wait() {
	d.stats.Waits++
	synctest.Wait()
}

// advance brings the world to the present instant of the bubble.
func (d *driver) advance() {
	if d.broken != nil {
		return
	}
	now := d.now()
	d.watch.at(time.Duration(now))
	if err := d.live.Advance(now); err != nil {
		d.breakOff(err)
	}
	d.drained()
}

// serve passes on what clients want, connection by connection: those that exist by
// number, then new ones by address.
func (d *driver) serve(conns []*Conn) {
	slices.SortStableFunc(conns, func(a, b *Conn) int {
		switch {
		case a.m != b.m:
			return a.m.index - b.m.index
		case a.num != b.num && a.num > 0 && b.num > 0:
			return a.num - b.num
		case a.num != b.num:
			return b.num - a.num // the one without a number yet comes later
		case a.to != b.to && a.to < b.to:
			return -1
		case a.to != b.to:
			return 1
		}
		return a.order - b.order
	})
	for _, g := range d.gates {
		var orders []order
		for _, c := range conns {
			if c.m == g.m {
				orders = append(orders, d.take(c))
			}
		}
		if len(orders) == 0 {
			continue
		}
		if d.broken != nil || !d.live.Call(g.m.index, func(engine.Host) { g.carry(orders) }) {
			for _, o := range orders {
				d.arrived(arrival{c: o.c, end: true, err: engine.ErrRefused})
			}
		}
	}
}

// take takes what a client wants of a connection.
func (d *driver) take(c *Conn) order {
	if c.num == 0 {
		d.dials++
		c.dialled(d.dials)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := order{c: c, dial: c.wantDial, frames: c.frames, end: c.wantEnd}
	if o.dial {
		c.m.conns = append(c.m.conns, c)
	}
	if c.stuck && len(c.in) <= receiveBuffer/2 {
		c.stuck = false
		d.live.SetReading(c.m.index, c.id, true)
	}
	d.stats.Frames += int64(len(c.frames))
	c.unsent += c.pending
	c.frames, c.pending, c.wantDial, c.wantEnd = nil, 0, false, false
	return o
}

// arrived notes what is to be handed over when the world stands still.
func (d *driver) arrived(a arrival) { d.news = append(d.news, a) }

// tell hands over what has arrived, one piece at a time.
func (d *driver) tell() bool {
	told := len(d.news) > 0
	for i := 0; i < len(d.news); i++ {
		a := d.news[i]
		d.news[i] = arrival{}
		if a.end {
			d.forget(a.c)
		}
		d.stats.Arrived++
		if a.c.hear(a) {
			d.live.SetReading(a.c.m.index, a.c.id, false)
		}
		if i+1 < len(d.news) {
			d.wait()
		}
	}
	d.news = d.news[:0]
	return told
}

// forget takes a connection that has ended off the lists.
func (d *driver) forget(c *Conn) {
	c.id = 0
	c.m.conns = slices.DeleteFunc(c.m.conns, func(x *Conn) bool { return x == c })
	d.full = slices.DeleteFunc(d.full, func(x *Conn) bool { return x == c })
}

// measure looks how much a connection has under way.
func (d *driver) measure(c *Conn) (n int) {
	n = int(d.live.Unsent(c.m.index, c.id))
	c.mu.Lock()
	if c.unsent >= sendBuffer && n < sendBuffer {
		c.change.Broadcast()
	}
	c.unsent = n
	c.mu.Unlock()
	if n >= sendBuffer && !slices.Contains(d.full, c) {
		d.full = append(d.full, c)
	}
	return n
}

// drained looks again at connections that had too much under way.
func (d *driver) drained() {
	for i := 0; i < len(d.full); {
		if d.measure(d.full[i]) < sendBuffer {
			d.full = slices.Delete(d.full, i, i+1)
		} else {
			i++
		}
	}
}

// breakOff ends every connection: the world has ended early.
func (d *driver) breakOff(why error) {
	d.broken = fmt.Errorf("the run has ended early: %w", why)
	d.limit = time.Since(d.start) + grace
	for _, g := range d.gates {
		for _, c := range g.m.conns {
			d.arrived(arrival{c: c, end: true, err: engine.ErrReset})
		}
	}
	d.onBroken(d.broken)
}

// close ends what is left when the driver ends.
func (d *driver) close() {
	conns, calls := d.box.close()
	for _, k := range calls {
		close(k.done)
	}
	for _, g := range d.gates {
		conns = append(conns, g.m.conns...)
	}
	for _, c := range conns {
		c.hear(arrival{c: c, end: true, err: engine.ErrReset})
	}
}

// hear takes in what has arrived. True says that there is no room for more.
func (c *Conn) hear(a arrival) (full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dialling := false
	select {
	case <-c.opened:
	default:
		dialling = true
	}
	switch {
	case a.open:
		close(c.opened)
	case a.end && dialling:
		c.dialErr = a.err
		c.breaks(errno(engine.ErrReset))
		close(c.opened)
	case a.end && errno(a.err) == nil:
		c.eof = true
		c.frames, c.part, c.pending, c.unsent = nil, nil, 0, 0
	case a.end:
		c.breaks(errno(a.err))
	case !c.ended:
		c.in = append(c.in, a.frame...)
		full = !c.stuck && len(c.in) >= receiveBuffer
		c.stuck = c.stuck || full
	}
	c.change.Broadcast()
	return full
}
