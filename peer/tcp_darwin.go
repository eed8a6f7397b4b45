package peer

import (
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// TCP reads the kernel's table of all TCP sockets for every question (macOS; not
// run there yet), which needs no privilege. Its methods may be called at the same
// time. What they return has no Inode, and no Cgroup.
type TCP struct {
	mu sync.Mutex // one table at a time: they can be large
}

func openTCP() (*TCP, error) { return &TCP{}, nil }

// Close does nothing: nothing is kept open.
func (*TCP) Close() error { return nil }

// connected returns the client's end of the connection from client to server.
func (t *TCP) connected(client, server netip.AddrPort) (Socket, error) {
	table, err := t.table()
	if err != nil {
		return Socket{}, err
	}
	e, err := findConnected(table, client, server)
	return Socket{UID: e.uid, Cookie: e.cookie}, err
}

// listening returns the socket that a connection to addr would reach.
func (t *TCP) listening(addr netip.AddrPort) (Socket, error) {
	table, err := t.table()
	if err != nil {
		return Socket{}, err
	}
	e, err := findListening(table, addr)
	return Socket{UID: e.uid, Cookie: e.cookie}, err
}

// table reads the table. The kernel asks for room for an eighth more sockets than
// there are, and fails where that was not enough.
func (t *TCP) table() ([]entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range 10 {
		b, err := unix.SysctlRaw("net.inet.tcp.pcblist_n")
		switch {
		case err == unix.ENOMEM:
			continue
		case err != nil:
			return nil, fmt.Errorf("reading net.inet.tcp.pcblist_n: %w", err)
		}
		return parsePCBList(b)
	}
	return nil, fmt.Errorf("the table of sockets grows while it is read: %w", ErrBusy)
}
