package tcpnet

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// directBytes is how much Flush writes itself before it leaves the rest to a
// goroutine, so that one fast peer does not hold up the loop.
const directBytes = 256 << 10

// Flush starts sending what is queued: as much as the socket takes at once, the
// rest by a goroutine.
func (c *Conn) Flush() {
	o := &c.out
	o.mu.Lock()
	if o.writing || c.nc == nil || len(o.queue) == 0 || o.aborted {
		o.mu.Unlock()
		return
	}
	o.take()
	direct := c.raw != nil && canWriteNow
	if direct {
		o.inline()
	}
	left := 0
	for i := range o.flight {
		left += len(o.flight[i].b)
		direct = direct && o.flight[i].file == nil
	}
	o.mu.Unlock()
	if direct && left <= directBytes {
		n, err := o.writeNow(o.flight)
		if err != nil {
			o.fail(err)
			return
		}
		if o.advance(n); len(o.flight) == 0 {
			o.done()
			return
		}
	}
	if c.edge.begin() {
		go o.write()
	}
}

// inlineBytes is how much of the regions in flight is read into memory at once,
// so that it leaves with what surrounds it, without a goroutine. More is better
// sent from the page cache.
const inlineBytes = 64 << 10

// inline turns small regions in flight into buffers if their bytes can be had
// without waiting for the disk. Called with mu held and nobody writing.
func (o *output) inline() {
	left := inlineBytes
	for i := range o.flight {
		p := &o.flight[i]
		if p.file == nil || p.n > left {
			continue
		}
		b := o.conn.edge.Pool.Get(p.n)
		if !readNow(p, b.B[:p.n]) {
			o.conn.edge.Pool.Put(b)
			return // the writer finds out why
		}
		left -= p.n
		p.file.Unpin()
		b.B = b.B[:p.n]
		o.conn.queued.Add(int64(p.n)) // bounded by inlineBytes
		o.conn.edge.Budget.output.add(int64(p.n))
		*p = piece{buf: b, b: b.B}
	}
}

// take moves the queue to flight. Called with mu held.
func (o *output) take() {
	o.writing = true
	o.flight, o.queue, o.spare = o.queue, o.spare[:0], nil
	o.base = o.flight
}

// advance drops n sent bytes from the front of flight, which are all buffers.
func (o *output) advance(n int) {
	o.mu.Lock()
	whole := 0
	for whole < len(o.flight) && o.flight[whole].file == nil && n >= len(o.flight[whole].b) {
		n -= len(o.flight[whole].b)
		whole++
	}
	sent := o.flight[:whole]
	o.flight = o.flight[whole:]
	if n > 0 {
		o.flight[0].b = o.flight[0].b[n:]
	}
	o.mu.Unlock()
	o.release(sent)
}

// done ends a turn of writing after which nothing is in flight; it reports
// whether more was queued meanwhile and is now in flight.
func (o *output) done() (more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spare, o.base, o.flight = o.base[:0], nil, nil
	if len(o.queue) > 0 && !o.aborted {
		o.take()
		return true
	}
	o.writing = false
	if o.closing {
		o.shutdown()
	}
	return false
}

// write is the writer's life: until nothing is queued.
func (o *output) write() {
	defer o.conn.edge.tasks.Done()
	for {
		if err := o.writeAll(); err != nil {
			o.fail(err)
			return
		}
		if !o.done() {
			return
		}
	}
}

// writeAll sends what is in flight and waits for the socket as needed.
func (o *output) writeAll() error {
	for len(o.flight) > 0 {
		if p := &o.flight[0]; p.file != nil {
			if err := o.sendRegion(p); err != nil {
				return err
			}
			o.mu.Lock()
			sent := o.flight[:1]
			o.flight = o.flight[1:]
			o.mu.Unlock()
			o.release(sent)
			continue
		}
		n, err := o.writeBuffers()
		if err != nil {
			return err
		}
		o.advance(n)
	}
	return nil
}

// gather collects the leading buffers of pieces.
func (o *output) gather(pieces []piece) (bufs [][]byte, more bool) {
	o.vec = o.vec[:0]
	for _, p := range pieces {
		if p.file != nil || len(o.vec) == maxVec {
			return o.vec, true
		}
		o.vec = append(o.vec, p.b)
	}
	return o.vec, false
}

// maxVec is the number of buffers in one write; the system's limit is 1024.
const maxVec = 512

// writeBuffers writes leading buffers of what is in flight and waits until the
// socket takes some of them.
func (o *output) writeBuffers() (int, error) {
	if o.conn.raw != nil && canWriteNow {
		return o.sendmsg(o.flight, true)
	}
	bufs, _ := o.gather(o.flight)
	vec := net.Buffers(bufs)
	n, err := vec.WriteTo(o.conn.nc)
	clear(bufs)
	return int(n), err
}

// fail ends writing after an error.
func (o *output) fail(err error) {
	c := o.conn
	o.mu.Lock()
	closing, flight, queue := o.closing, o.flight, o.queue
	o.flight, o.queue, o.writing, o.aborted = nil, nil, false, true
	o.mu.Unlock()
	o.release(flight)
	o.release(queue)
	switch {
	case closing:
		c.Abort()
	case c.dialed && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)):
		// The peer has gone, but what it said before (why it refuses, perhaps) may
		// still be unread. The reader finds the end.
	default:
		c.over.Store(true)
		c.ended(err)
	}
}

// close shuts the socket down now or when the writer has finished.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	if !o.writing && len(o.queue) == 0 {
		o.shutdown()
	}
}

// shutdown tells the peer that nothing more comes. The socket itself is closed
// when the reader has seen the peer's end. Called with mu held.
func (o *output) shutdown() {
	if o.shut {
		return
	}
	o.shut = true
	if half, ok := o.conn.nc.(interface{ CloseWrite() error }); ok && !o.deaf && half.CloseWrite() == nil {
		o.conn.nc.SetReadDeadline(time.Now().Add(o.conn.edge.opt.Linger))
		return
	}
	o.conn.nc.Close()
	o.conn.edge.detach(o.conn)
}

// readerEnded notes that the reader has ended.
func (o *output) readerEnded() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deaf = true
	if o.shut || o.aborted {
		o.conn.nc.Close()
		o.conn.edge.detach(o.conn)
	}
}

// abort drops the queue and keeps regions from being sent.
func (o *output) abort() {
	o.mu.Lock()
	queue := o.queue
	o.queue, o.aborted = nil, true
	o.mu.Unlock()
	o.release(queue)
	o.fileMu.Lock()
	o.dead = true
	o.fileMu.Unlock()
}
