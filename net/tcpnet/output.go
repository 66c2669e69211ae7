package tcpnet

import (
	"encoding/binary"
	"fmt"
	"sync"

	"trial/engine"
)

// piece is a part of the stream to be sent: bytes or a region of a file.
type piece struct {
	buf  *engine.Buf // nil for a region
	b    []byte      // what is left of buf
	file File
	pos  int64
	n    int
}

// output is the writing half of a connection.
type output struct {
	conn *Conn

	mu      sync.Mutex
	queue   []piece
	flight  []piece // being written, by Flush or by the writer; its regions may still be read
	base    []piece // the array of flight, of which the sent front is gone
	spare   []piece
	writing bool
	closing bool // shut the socket down when the queue is empty
	shut    bool // that has been done
	deaf    bool // the reader has ended
	aborted bool // nothing is sent any more

	fileMu sync.Mutex // held while a region is being sent
	dead   bool       // guarded by fileMu: no region may be sent any more

	vec [][]byte // scratch of whoever is writing
	io  ioState
}

const (
	stageBytes = 4 << 10 // size of a staging buffer for prefixes and small frames
	smallFrame = 1 << 10 // frames up to this size are copied into it
)

// stage appends bytes to the last piece if that is a staging buffer with room,
// else to a new one. Called with mu held.
func (o *output) stage(parts ...[]byte) {
	need := 0
	for _, p := range parts {
		need += len(p)
	}
	var last *piece
	if len(o.queue) > 0 {
		last = &o.queue[len(o.queue)-1]
	}
	if last == nil || last.file != nil || last.n != staging || cap(last.buf.B)-len(last.buf.B) < need {
		o.queue = append(o.queue, piece{buf: o.conn.edge.Pool.Get(max(need, stageBytes)), n: staging})
		last = &o.queue[len(o.queue)-1]
	}
	for _, p := range parts {
		last.buf.B = append(last.buf.B, p...)
	}
	last.b = last.buf.B
}

// staging marks, in piece.n, a buffer of the connection's own.
const staging = -1

// Queue queues one frame and takes ownership of b. The connection ends if too
// much is queued.
func (c *Conn) Queue(b *engine.Buf) {
	o := &c.out
	var prefix [prefixBytes]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(len(b.B)))
	o.mu.Lock()
	if o.aborted || o.closing {
		o.mu.Unlock()
		c.edge.Pool.Put(b)
		return
	}
	small := len(b.B) <= smallFrame
	if small {
		o.stage(prefix[:], b.B)
	} else {
		o.stage(prefix[:])
		o.queue = append(o.queue, piece{buf: b, b: b.B})
	}
	o.mu.Unlock()
	c.account(prefixBytes + len(b.B))
	if small {
		c.edge.Pool.Put(b)
	}
}

// Part is one piece of a frame: a buffer or a region of a pinned file.
type Part struct {
	Buf  *engine.Buf
	File File
	Pos  int64
	Len  int
}

// QueueParts queues one frame made of parts and takes ownership of the buffers
// and the pins.
func (c *Conn) QueueParts(parts []Part) {
	o := &c.out
	total, bytes := 0, prefixBytes
	for _, p := range parts {
		if p.Buf != nil {
			total, bytes = total+len(p.Buf.B), bytes+len(p.Buf.B)
		} else {
			total += p.Len
		}
	}
	var prefix [prefixBytes]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(total))
	o.mu.Lock()
	if o.aborted || o.closing {
		o.mu.Unlock()
		for _, p := range parts {
			drop(c, piece{buf: p.Buf, file: p.File})
		}
		return
	}
	o.stage(prefix[:])
	for _, p := range parts {
		switch {
		case p.Buf == nil:
			o.queue = append(o.queue, piece{file: p.File, pos: p.Pos, n: p.Len})
		case len(p.Buf.B) <= smallFrame:
			o.stage(p.Buf.B)
			c.edge.Pool.Put(p.Buf)
		default:
			o.queue = append(o.queue, piece{buf: p.Buf, b: p.Buf.B})
		}
	}
	o.mu.Unlock()
	c.account(bytes)
}

// account notes queued bytes and ends a connection with too many of them.
func (c *Conn) account(n int) {
	c.edge.Budget.output.add(int64(n))
	if q := c.queued.Add(int64(n)); q > int64(c.edge.opt.OutputLimit) {
		c.ended(fmt.Errorf("%w (%d bytes were queued and not read)", engine.ErrReset, q))
		c.over.Store(true)
		c.out.abort()
	}
}

// release gives back pieces that were sent or dropped.
func (o *output) release(pieces []piece) {
	c, bytes := o.conn, int64(0)
	for i := range pieces {
		if p := &pieces[i]; p.file != nil {
			p.file.Unpin()
		} else {
			bytes += int64(len(p.buf.B))
		}
	}
	c.edge.Pool.putPieces(pieces)
	clear(pieces)
	if bytes > 0 {
		was := c.queued.Add(-bytes) + bytes
		c.edge.Budget.sub(&c.edge.Budget.output, bytes)
		if limit := int64(c.edge.opt.OutputPerConn); was > limit && was-bytes <= limit {
			c.in.wake()
		}
	}
}

// drop releases a piece that was never queued.
func drop(c *Conn, p piece) {
	if p.file != nil {
		p.file.Unpin()
	}
	c.edge.Pool.Put(p.buf)
}

// Drop gives up parts that will not be queued.
func (c *Conn) Drop(parts []Part) {
	for _, p := range parts {
		drop(c, piece{buf: p.Buf, file: p.File})
	}
}
