package tcpnet

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	canWriteNow = true
	canSendfile = true
	// sendfileBytes is sent in one system call, during which Abort waits.
	sendfileBytes = 512 << 10
)

// ioState passes arguments to and results from a call on the raw socket, whose
// function is made once.
type ioState struct {
	send  func(fd uintptr) bool
	file  func(fd uintptr) bool
	bufs  [][]byte
	flags int
	wait  bool
	piece *piece // region being sent
	n     int
	err   error
}

// writeNow writes what the socket takes without waiting.
func (o *output) writeNow(pieces []piece) (int, error) { return o.sendmsg(pieces, false) }

// sendmsg writes leading buffers of pieces and tells how many bytes were taken.
func (o *output) sendmsg(pieces []piece, wait bool) (int, error) {
	s := &o.io
	if s.send == nil {
		s.send = s.doSend
	}
	var more bool
	s.bufs, more = o.gather(pieces)
	s.n, s.err, s.wait, s.flags = 0, nil, wait, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT
	if more { // what follows belongs into the same packet
		s.flags |= unix.MSG_MORE
	}
	err := o.conn.raw.Write(s.send)
	clear(s.bufs)
	if s.err != nil {
		err = s.err
	}
	return s.n, err
}

func (s *ioState) doSend(fd uintptr) bool {
	for {
		var err error
		s.n, err = unix.SendmsgBuffers(int(fd), s.bufs, nil, nil, s.flags)
		switch err {
		case nil:
			return true
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			s.n = 0
			return !s.wait
		}
		s.n, s.err = 0, err
		return true
	}
}

// readNow reads a whole region if the page cache holds it.
func readNow(p *piece, b []byte) bool {
	n, err := unix.Preadv2(int(p.file.FD()), [][]byte{b}, p.pos, unix.RWF_NOWAIT)
	return err == nil && n == len(b)
}

// sendfile sends a region without copying it through this process.
func (o *output) sendfile(p *piece) error {
	s := &o.io
	if s.file == nil {
		s.file = o.doSendfile
	}
	s.piece, s.err = p, nil
	err := o.conn.raw.Write(s.file)
	if s.err != nil {
		err = s.err
	}
	s.piece = nil
	return err
}

func (o *output) doSendfile(fd uintptr) bool {
	s := &o.io
	for s.piece.n > 0 {
		n, err := o.sendChunk(int(fd), s.piece)
		switch {
		case n > 0 || err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err == syscall.EPIPE, err == syscall.ECONNRESET, err == net.ErrClosed:
			s.err = err
			return true
		default:
			s.err = errRegion(err)
			return true
		}
	}
	return true
}

func (o *output) sendChunk(fd int, p *piece) (int, error) {
	o.fileMu.Lock()
	defer o.fileMu.Unlock()
	if o.dead {
		return 0, net.ErrClosed
	}
	pos := p.pos
	n, err := syscall.Sendfile(fd, int(p.file.FD()), &pos, min(p.n, sendfileBytes))
	if n > 0 {
		p.pos, p.n = p.pos+int64(n), p.n-n
	}
	return n, err
}
