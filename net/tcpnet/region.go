package tcpnet

import (
	"errors"
	"fmt"
	"io"
	"net"

	"trial/engine"
)

// Holds reports whether a region of that file which ends beyond size waits to
// be sent.
func (c *Conn) Holds(id engine.FileID, size int64) bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fileMu.Lock() // the front of flight may be moving
	defer o.fileMu.Unlock()
	for _, pieces := range [2][]piece{o.flight, o.queue} {
		for i := range pieces {
			if p := &pieces[i]; p.file != nil && p.n > 0 && p.pos+int64(p.n) > size && p.file.Same(id) {
				return true
			}
		}
	}
	return false
}

// sendRegion sends one region, by sendfile where the system has it. It moves
// the region's start as it goes, with fileMu held.
func (o *output) sendRegion(p *piece) error {
	if o.conn.raw != nil && canSendfile {
		return o.sendfile(p)
	}
	return o.copyRegion(p)
}

// copyRegion reads a region and writes it.
func (o *output) copyRegion(p *piece) error {
	b := o.conn.edge.Pool.Get(min(p.n, copyBytes))
	defer o.conn.edge.Pool.Put(b)
	for p.n > 0 {
		chunk := b.B[:min(p.n, copyBytes)]
		o.fileMu.Lock()
		if o.dead {
			o.fileMu.Unlock()
			return net.ErrClosed
		}
		n, err := p.file.ReadAt(chunk, p.pos)
		o.fileMu.Unlock()
		if n < len(chunk) {
			return errRegion(err)
		}
		if _, err := o.conn.nc.Write(chunk); err != nil {
			return err
		}
		o.fileMu.Lock()
		p.pos, p.n = p.pos+int64(n), p.n-n
		o.fileMu.Unlock()
	}
	return nil
}

const copyBytes = 64 << 10

// errRegion is the end of a connection that announced bytes it cannot read.
func errRegion(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the file ends before")
	}
	return fmt.Errorf("%w (a region of a file cannot be read: %v)", engine.ErrReset, err)
}
