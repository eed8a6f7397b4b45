package main

import (
	"net/netip"
	"os"

	"github.com/vendord/vendord/peer"
)

// heldAlone refuses an inherited socket beside which another user has one bound. The
// service manager sets SO_REUSEADDR, so that what alone keeps away could be there
// since before it listened. Nobody can come later, since to bind the port beside a
// listener is refused, but at AWS's link-local addresses: beside a socket that is bound to
// the loopback link one can be bound to another link, at a port of 1024 or more. It is
// never connected to from here, and found at the next start: check warns of such ports.
//
// Before Linux 6.8 no kernel tells of such sockets, and there is no other way: the
// port is then as safe as the order of the boot, in which sockets come before
// users, or as a port below 1024, which only root binds.
func heldAlone(at netip.AddrPort) error {
	users, err := peer.Bound(at)
	if err != nil {
		return nil // not to be told of is no reason to be down
	}
	for _, uid := range users {
		if uid != 0 && int(uid) != os.Getuid() {
			return fail("end that user's programs, then restart vendord", "%s: user %s has a socket bound there, from which it could be reached instead of vendord",
				at, peer.UserName(uid))
		}
	}
	return nil
}
