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

// Socket is the client's end of a loopback connection, as the kernel knows it.
// All of it was fixed when the socket was made, by socket(2): a process that
// changes its user or its control group later, or is given the socket by another,
// does not change it.
type Socket struct {
	// UID is the user who made it.
	UID uint32
	// Inode is its number in /proc/PID/fd, never 0, which another socket can
	// have once this one is closed. On macOS sockets have none, and it is 0.
	Inode uint32
	// Cookie is the kernel's own name for it, which no other socket gets until
	// the machine starts again.
	Cookie uint64
	// Cgroup is the id of the control group that it was made in, or 0 where the
	// kernel does not tell.
	Cgroup uint64
}

// errExchanged is for an address that another socket has by now.
var errExchanged = errors.New("it is another one by now")

// OfConn is Of for the client of an accepted connection.
func (t *TCP) OfConn(c net.Conn) (Socket, error) {
	client, server, err := ends(c.RemoteAddr(), c.LocalAddr())
	if err != nil {
		return Socket{}, err
	}
	return t.Of(client, server)
}

// Still fails unless the client of an accepted connection is the one that OfConn
// returned for it: neither closed since, nor in another's hands.
func (t *TCP) Still(c net.Conn, was Socket) error {
	client, server, err := ends(c.RemoteAddr(), c.LocalAddr())
	if err != nil {
		return err
	}
	return t.still(client, server, was)
}

// still is Still by the addresses.
func (t *TCP) still(client, server netip.AddrPort, was Socket) error {
	is, err := t.Of(client, server)
	if err == nil && is != was {
		err = fmt.Errorf("user of %s: %w", client, errExchanged)
	}
	return err
}

// ends returns the two ends of an accepted connection as the kernel compares them.
func ends(client, server net.Addr) (from, to netip.AddrPort, err error) {
	for _, end := range []struct {
		of net.Addr
		at *netip.AddrPort
	}{{client, &from}, {server, &to}} {
		tcp, ok := end.of.(*net.TCPAddr)
		if !ok {
			return from, to, fmt.Errorf("user of a connection: it is one of %s", end.of.Network())
		}
		*end.at = plain(tcp.AddrPort())
	}
	return from, to, nil
}

// Of returns the socket that is connected from client to server, both of this
// machine and network namespace. It asks the kernel, waits for nobody, and fails
// where the kernel knows no user: the client has closed the socket or belongs to
// another namespace. Such a caller is unknown, and never root, though the kernel
// shows their number as 0.
func (t *TCP) Of(client, server netip.AddrPort) (Socket, error) {
	s, err := t.connected(plain(client), plain(server))
	if err != nil {
		return Socket{}, fmt.Errorf("user of %s: %w", client, err)
	}
	return s, nil
}

// OfListener returns the socket that a connection to addr, on this machine, would
// reach. It fails where nobody listens.
func (t *TCP) OfListener(addr netip.AddrPort) (Socket, error) {
	s, err := t.listening(plain(addr))
	if err != nil {
		return Socket{}, fmt.Errorf("user who listens on %s: %w", addr, err)
	}
	return s, nil
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
	if errors.Is(err, ErrBusy) {
		return err // this one anybody can bring about
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	if own := os.Geteuid(); int(found.UID) != own {
		return fmt.Errorf("it is said to be user %d's, and is %d's: %w", found.UID, own, errors.ErrUnsupported)
	}
	return nil
}
