package host

import (
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// fdSocket is bound and not listening: peers are refused, and nobody else can
// have the port.
type fdSocket int

func bindAddr(addr string) (socket, string, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, "", err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", err
	}
	var fd int
	switch ip4 := a.IP.To4(); {
	case a.IP == nil:
		// All addresses: both families on one socket if the machine has IPv6.
		if fd, err = bindFD(unix.AF_INET6, &unix.SockaddrInet6{Port: a.Port}); err == unix.EAFNOSUPPORT {
			fd, err = bindFD(unix.AF_INET, &unix.SockaddrInet4{Port: a.Port})
		}
	case ip4 != nil:
		fd, err = bindFD(unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip4)})
	default:
		fd, err = bindFD(unix.AF_INET6, &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP), ZoneId: zone(a.Zone)})
	}
	if err != nil {
		return nil, "", err
	}
	port, err := portOf(fd)
	if err != nil {
		unix.Close(fd)
		return nil, "", err
	}
	return fdSocket(fd), net.JoinHostPort(host, strconv.Itoa(port)), nil
}

func zone(name string) uint32 {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return uint32(ifi.Index)
}

func bindFD(family int, sa unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if in6, ok := sa.(*unix.SockaddrInet6); ok && err == nil && in6.Addr == [16]byte{} {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

func portOf(fd int) (int, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port, nil
	case *unix.SockaddrInet6:
		return sa.Port, nil
	}
	return 0, unix.EAFNOSUPPORT
}

func (s fdSocket) listen() (net.Listener, error) {
	f := os.NewFile(uintptr(s), "listener")
	defer f.Close() // FileListener duplicates it
	if err := unix.Listen(int(s), unix.SOMAXCONN); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(f)
}

func (s fdSocket) close() { unix.Close(int(s)) }
