package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// OpenTCP returns a TCP that knows the users of this machine's loopback
// connections, after trying it on a connection of its own. It fails with
// errors.ErrUnsupported in its chain where the system, a sandbox or a user
// namespace does not tell. Other errors pass, and can be another user's doing,
// who has used up all ports for example: they are no reason to do without.
func OpenTCP() (*TCP, error) {
	t, err := openTCP()
	if err != nil {
		return nil, fmt.Errorf("users of loopback connections: %w", err)
	}
	if err := t.test(); err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("users of loopback connections: trying it: %w", err)
	}
	return t, nil
}

// OfConn is Of for the client of an accepted connection.
func (t *TCP) OfConn(c net.Conn) (Peer, error) {
	client, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return Peer{}, fmt.Errorf("user of a connection: it is one of %s", c.RemoteAddr().Network())
	}
	server, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return Peer{}, fmt.Errorf("user of a connection: it is one of %s", c.LocalAddr().Network())
	}
	return t.Of(client.AddrPort(), server.AddrPort())
}

// Of returns the user who made the socket that is connected from client to
// server, both of this machine and network namespace: UID alone. It asks the
// kernel, waits for nobody, and fails where the kernel knows no user: the
// client has closed the socket or belongs to another namespace. Such a caller
// is unknown, and never root, though the kernel shows their number as 0.
//
// The user is the one of socket(2): a process that changes its user later, or
// is given the socket by another, does not change it, so that one answer holds
// as long as the connection does.
func (t *TCP) Of(client, server netip.AddrPort) (Peer, error) {
	uid, err := t.connected(plain(client), plain(server))
	if err != nil {
		return Peer{}, fmt.Errorf("user of %s: %w", client, err)
	}
	return Peer{UID: uid}, nil
}

// OfListener returns the user of the socket that a connection to addr, on this
// machine, would reach: UID alone. It fails where nobody listens.
func (t *TCP) OfListener(addr netip.AddrPort) (Peer, error) {
	uid, err := t.listening(plain(addr))
	if err != nil {
		return Peer{}, fmt.Errorf("user who listens on %s: %w", addr, err)
	}
	return Peer{UID: uid}, nil
}

// plain is an address as the kernel compares it: Java's sockets have IPv4
// addresses mapped to IPv6.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// test connects to itself and expects itself.
func (t *TCP) test() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	// Nobody needs to accept: the connection is made by the kernel.
	// That it is there is certain, so who does not know it knows none.
	found, err := t.Of(client.LocalAddr().(*net.TCPAddr).AddrPort(), client.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return errors.Join(err, errors.ErrUnsupported)
	}
	if own := os.Geteuid(); int(found.UID) != own {
		return fmt.Errorf("it is said to be user %d's, and is %d's: %w", found.UID, own, errors.ErrUnsupported)
	}
	return nil
}
