package main

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// refuseSquatter ends a command that would hand out, or ask at, an address
// where somebody else than the daemon listens. Whoever gets hold of the port in
// the moment in which no daemon has it is sent the tokens of every program that
// asks, and can answer with keys of their own, for the program to put its data
// into their account. Root may listen for the daemon: it is whom systemd's
// sockets belong to, and needs no port to do what it likes.
func refuseSquatter(c *control.Client, address string) error {
	daemon, known := c.Daemon()
	u, err := url.Parse(address)
	if err != nil || !known {
		return err
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")))
	if err != nil {
		return fail("", "vendord's address %s: not one of this machine", address)
	}
	tcp, err := peer.OpenTCP()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fail("try again", "%w", err)
	}
	defer func() { _ = tcp.Close() }()
	listens, err := tcp.OfListener(at)
	switch {
	case err != nil:
		return fail("is vendord stopping, or does it run in a container of its own?", "%s: nobody is seen to listen there", address)
	case listens.UID == daemon || listens.UID == 0:
		return nil
	}
	who := "user " + peer.UserName(listens.UID)
	if holder, err := peer.Listener(at); err == nil {
		who = holder.String()
	}
	return fail("do not send it tokens: end that program, then restart vendord", "%s: %s listens there, and not vendord", address, who)
}
