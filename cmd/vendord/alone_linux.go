package main

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// alone has a socket bound only where no other user has one bound, even if that
// does not listen. With SO_REUSEADDR, which Go sets, the kernel minds listeners
// alone, and another user's sockets, bound to our port before our start, could
// connect from it to the ports that clients will come from (TCP's simultaneous
// open): a client that then connects to us is connected to them, and the kernel
// shows nothing but our listener.
//
// Without it, what is left of our own connections of a minute ago would keep us
// from starting again. SO_REUSEPORT allows for sockets of the same user, so it is
// looked first whether one of those listens. A port that the kernel chooses has
// neither, or it could choose one of another vendord's.
func alone(_, address string, socket syscall.RawConn) (err error) {
	if at, parsed := netip.ParseAddrPort(address); parsed == nil && listensAt(at) {
		return syscall.EADDRINUSE
	}
	control := socket.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
		if err == nil && !strings.HasSuffix(address, ":0") {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
	})
	return errors.Join(control, err)
}

// listensAt reports whether anybody is seen to listen at an address.
func listensAt(at netip.AddrPort) bool {
	if at.Port() == 0 {
		return false
	}
	_, err := peer.Listener(at)
	return err == nil
}
