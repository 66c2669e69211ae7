//go:build !linux

package host

import "net"

// bindAddr binds and listens at once; peers are answered by the system before
// the program listens.
func bindAddr(addr string) (socket, string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, "", err
	}
	return ready{l}, l.Addr().String(), nil
}
