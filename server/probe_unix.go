//go:build unix

package server

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindTo returns a net.Dialer's Control that takes a free port of an address, and
// says which, before anything is sent.
func bindTo(from netip.Addr, took func(netip.AddrPort)) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		outer := c.Control(func(fd uintptr) {
			var port int
			if port, err = bind(int(fd), from); err == nil {
				took(netip.AddrPortFrom(from, uint16(port)))
			}
		})
		if err == nil {
			err = outer
		}
		return err
	}
}

// bind binds a socket to a free port of an address.
func bind(fd int, from netip.Addr) (port int, err error) {
	var at unix.Sockaddr = &unix.SockaddrInet6{Addr: from.As16()}
	if from.Is4() {
		at = &unix.SockaddrInet4{Addr: from.As4()}
	}
	if err := unix.Bind(fd, at); err != nil {
		return 0, err
	}
	if at, err = unix.Getsockname(fd); err != nil {
		return 0, err
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		port = at.Port
	case *unix.SockaddrInet6:
		port = at.Port
	}
	return port, nil
}
