package bubble

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"trial/engine"
)

// addr is the address of one end, as a socket would name it.
type addr string

// Network is tcp: clients look at it.
func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

// errno is what the operating system would say of the end of a connection; nil
// for an orderly end.
func errno(err error) error {
	switch {
	case errors.Is(err, engine.ErrClosed):
		return nil
	case errors.Is(err, engine.ErrRefused):
		return syscall.ECONNREFUSED
	case errors.Is(err, engine.ErrTimeout):
		return syscall.ETIMEDOUT
	default:
		return syscall.ECONNRESET
	}
}

// refused is why a dial that ended with err has failed.
func refused(to string, err error) error {
	if errors.Is(err, engine.ErrBadAddress) {
		host, _, split := net.SplitHostPort(to)
		if split != nil {
			host = to
		}
		return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	no := errno(err)
	if no == nil {
		no = syscall.ECONNRESET
	}
	return os.NewSyscallError("connect", no)
}

// cancelled is what net.Dial makes of the end of its context.
func cancelled(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded // a timeout, to whoever asks
	}
	return err
}

// dialError is how net.Dial would report a dial that failed.
func dialError(network, to string, err error) error {
	return &net.OpError{Op: "dial", Net: network, Addr: addr(to), Err: err}
}

// fail is how a connection reports that op went wrong.
func (c *Conn) fail(op string, err error) error {
	if no, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, no)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
