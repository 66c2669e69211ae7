package tcpnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"trial/engine"
)

// failure turns an error of the operating system into one of the contract's,
// keeping its text for the operator.
func failure(err error) error {
	var dns *net.DNSError
	var addr *net.AddrError
	var parse *net.ParseError
	var netErr net.Error
	kind := engine.ErrReset
	switch {
	case errors.Is(err, engine.ErrFrameSize), errors.Is(err, engine.ErrReset), errors.Is(err, engine.ErrClosed):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return engine.ErrClosed
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		kind = engine.ErrRefused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT),
		errors.As(err, &netErr) && netErr.Timeout():
		kind = engine.ErrTimeout
	case errors.As(err, &dns), errors.As(err, &addr), errors.As(err, &parse), errors.Is(err, syscall.EADDRNOTAVAIL),
		errors.As(err, new(net.UnknownNetworkError)), errors.As(err, new(net.InvalidAddrError)):
		kind = engine.ErrBadAddress
	}
	return fmt.Errorf("%w (%v)", kind, err)
}
