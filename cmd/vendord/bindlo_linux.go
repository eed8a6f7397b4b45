package main

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/profiles"
)

// bindLocal binds a listener to the loopback link, or leaves it to all of them. One that
// was inherited may be bound already: it keeps that over restarts of the daemon. What
// cannot be done is for people to know; who comes from elsewhere is looked at when they
// are let in as well, so that vendord need not stay down.
//
// One at 127.0.0.1 stays bound to no link: beside one that is, any user may bind a socket
// of theirs to another link, at the same port, which would keep vendord from starting
// again. (Ports below 1024, as AWS's addresses have, are root's.)
func bindLocal(e profiles.Endpoint, ln net.Listener, local, system bool) (doubt error) {
	socket, ok := ln.(*net.TCPListener)
	if !ok || e.Listen.Addr().IsLoopback() {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return fail("", "%s: %w", e.Key(), err)
	}
	var bound string
	control := raw.Control(func(fd uintptr) {
		var to string
		if local {
			to = link.Name
		}
		if bound, err = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil {
			bound = "a link that is gone"
		}
		if err = nil; bound != to {
			err = unix.BindToDevice(int(fd), to)
		}
	})
	switch err = errors.Join(control, err); {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM) && local && bound == "":
		return fail("Linux 5.7 and later let it", "%s: cannot be bound to the link %s, and is guarded by vendord's own look at addresses alone", e.Key(), link.Name)
	case errors.Is(err, unix.EPERM) && local:
		return fail(anewSocket(system), "%s: its socket is bound to another link than %s, and programs of this machine do not reach it", e.Key(), link.Name)
	case errors.Is(err, unix.EPERM):
		return fail(anewSocket(system), "%s: its socket is bound to this machine's own programs, as it was before, and containers do not reach it", e.Key())
	}
	return fail("", "%s: binding it to a link: %w", e.Key(), err)
}
