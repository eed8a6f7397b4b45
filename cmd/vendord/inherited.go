package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/systemd"
)

// inherited are the sockets that a service manager holds for the daemon: nobody else
// can have their addresses while it is down, and who connects meanwhile waits. They
// are told apart by where they listen. A socket is taken once.
type inherited struct {
	sockets []net.Listener
	system  bool
	any     bool // whether there were any
}

// underManager finds out whether a service manager started the daemon, and keeps what it
// gave from the commands that the daemon runs: whoever has its notification socket
// could say that it is ready, or leave it something for its next start.
func (p *program) underManager() (*systemd.Manager, error) {
	manager, err := systemd.Open(p.environ)
	if err != nil {
		return nil, fail("see the unit: vendord takes listening sockets alone, and needs no OpenFile=", "service manager: %w", err)
	}
	p.environ = slices.DeleteFunc(slices.Clone(p.environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(systemd.Variables, name)
	})
	for _, name := range systemd.Variables {
		_ = os.Unsetenv(name)
	}
	return manager, nil
}

func inheritedFrom(m *systemd.Manager, system bool) *inherited {
	sockets := m.Sockets()
	return &inherited{sockets: sockets, system: system, any: len(sockets) > 0}
}

// take returns the socket of an address, and nil where it is not among them.
func (i *inherited) take(is func(net.Addr) bool) net.Listener {
	for n, l := range i.sockets {
		if is(l.Addr()) {
			i.sockets = slices.Delete(i.sockets, n, n+1)
			return l
		}
	}
	return nil
}

func (i *inherited) tcp(at netip.AddrPort) net.Listener {
	return i.take(func(a net.Addr) bool {
		tcp, ok := a.(*net.TCPAddr)
		return ok && tcp.AddrPort() == at
	})
}

func (i *inherited) unix(path string) net.Listener {
	path, _ = filepath.Abs(path)
	return i.take(func(a net.Addr) bool { return a.Network() == "unix" && filepath.Clean(a.String()) == path })
}

// need refuses to go on where there are inherited sockets, and not one for what the
// configuration names: to listen there beside them would work until the next crash,
// after which somebody else may be quicker.
func (i *inherited) need(what, address string) error {
	if !i.any {
		return nil
	}
	return fail(i.anew(), "%s: %s is not among the sockets that the service manager holds for vendord", what, address)
}

// rest takes the sockets that are left: a reload may have taken their endpoints out of
// the configuration, which must not keep the others down. It refuses to go on where one
// is in the way of what the configuration names, or of who asks nobody knows where.
func (i *inherited) rest(c *profiles.Config) (left []net.Listener, err error) {
	var wrong []string
	for _, l := range i.sockets {
		if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !leftOut(c, tcp.AddrPort()) {
			wrong = append(wrong, l.Addr().String())
		}
	}
	if wrong != nil {
		return nil, fail(i.anew(), "%s: the service manager holds it for vendord, and %s does not name it", strings.Join(wrong, ", "), c.Path)
	}
	left, i.sockets = i.sockets, nil
	return left, nil
}

// leftOut reports whether a socket can be that of an endpoint which was taken out of the
// configuration. One that covers an address of the configuration would take what is sent
// there. Without daemon.listen, it may be the one at which programs show their tokens.
func leftOut(c *profiles.Config, at netip.AddrPort) bool {
	vend, err := netip.ParseAddrPort(c.Daemon.Listen)
	if err != nil {
		return false
	}
	named := []netip.AddrPort{vend}
	for _, e := range c.Endpoints {
		named = append(named, e.Listen)
	}
	return !slices.ContainsFunc(named, func(n netip.AddrPort) bool {
		return n.Port() == at.Port() && (n.Addr() == at.Addr() || at.Addr().IsUnspecified())
	})
}

// anew says how to make the unit and the configuration agree again.
func (i *inherited) anew() string {
	if i.system {
		return "as root, write the units anew: vendord service install --system"
	}
	return "write the units anew: vendord service install --user"
}

// turnAway ends each connection that comes to a socket whose endpoint is not named any
// more, until ctx ends. To close the socket would not do: the service manager has it
// too, and whoever connects would wait in it for an answer.
func turnAway(ctx context.Context, ln net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	for ctx.Err() == nil {
		c, err := ln.Accept()
		if err == nil {
			reset(c)
			continue
		}
		select { // no descriptor is left, perhaps
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// reset closes a connection as if nobody listened.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// close closes what nobody took.
func (i *inherited) close() {
	for _, l := range i.sockets {
		_ = l.Close()
	}
}

// doors are where a daemon answers: programs, containers, and commands.
type doors struct {
	vend, ctl net.Listener
	endpoints []endpoint
	left      []net.Listener // inherited, of endpoints that are not named any more
}

func (d doors) close() {
	for _, l := range append([]net.Listener{d.ctl, d.vend}, d.left...) {
		if l != nil {
			_ = l.Close()
		}
	}
	for _, e := range d.endpoints {
		_ = e.ln.Close()
	}
}

// openDoors opens where the configuration says, with sockets that are inherited where
// there are any.
func (p *program) openDoors(c *profiles.Config, from *inherited) (d doors, err error) {
	defer func() {
		if err != nil {
			d.close()
			from.close()
		}
	}()
	if d.ctl, err = p.openControl(from); err != nil {
		return d, err
	}
	if d.vend, err = openVend(c.Daemon.Listen, p.stateDirectory(), from); err != nil {
		return d, err
	}
	for _, e := range c.Endpoints {
		ln, err := openEndpoint(e, from, netUp(c, p.system))
		if err != nil {
			return d, err
		}
		if ln == nil {
			continue // which unserved finds
		}
		local := localOnly(c, e)
		d.endpoints = append(d.endpoints, endpoint{Endpoint: e, ln: ln, local: local, doubt: bindLocal(e, ln, local, p.system)})
	}
	d.left, err = from.rest(c)
	return d, err
}

// openControl opens the control socket. A user's service makes its own, unless its
// socket unit has one: nobody else can put one into the user's directory.
func (p *program) openControl(from *inherited) (net.Listener, error) {
	if l := from.unix(p.ownSocket()); l != nil {
		return control.Inherit(l, p.ownSocket())
	}
	if p.system {
		if err := from.need("control socket", p.ownSocket()); err != nil {
			return nil, err
		}
	}
	return control.Listen(p.ownSocket(), p.socketMode())
}

// openVend opens where programs ask.
func openVend(address, state string, from *inherited) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return listen(address, state) // a free port, which is kept
	}
	if l := from.tcp(at); l != nil {
		return l, heldAlone(at)
	}
	if err := from.need("daemon.listen", address); err != nil {
		return nil, err
	}
	return listen(address, state)
}
