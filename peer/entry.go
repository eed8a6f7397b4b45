package peer

import (
	"errors"
	"net/netip"
)

// entry is a line of a system's table of all TCP sockets, where no single one can
// be asked for (macOS, Windows). What has nothing to be found by is not kept.
type entry struct {
	local, remote netip.AddrPort // without mapped addresses
	state         state
	dual          bool // one of IPv6 that takes IPv4 too
	// anybody says that the line names an owner who can be believed; uid and
	// cookie mean nothing without it. A line that does not is looked at
	// nevertheless: it may be the one that was asked for.
	anybody bool
	uid     uint32
	cookie  uint64
	// pid is the process that used it last (macOS) or made it (Windows), and
	// since when that was, in units of 100 ns since 1601, or 0.
	pid   uint32
	since uint64
}

// state is what a socket is good for.
type state int

const (
	other state = iota
	listens
	connected // its owner may still read, or write
)

var (
	errNoEntry = errors.New("the kernel knows no such socket, or it is closed")
	errNoOwner = errors.New("the kernel does not say whose socket it is")
	errSeveral = errors.New("the kernel shows several such sockets")
)

// findConnected returns the client's end of the connection from client to server.
// All four numbers are compared: somebody else can bind 127.0.0.2 and the port of
// a victim on 127.0.0.1. Two such sockets cannot be; a table in which they are is
// not one to decide by.
func findConnected(table []entry, client, server netip.AddrPort) (found entry, err error) {
	err = errNoEntry
	for _, e := range table {
		if e.state != connected || e.local != client || e.remote != server {
			continue
		}
		if err == nil {
			return entry{}, errSeveral
		}
		found, err = e, nil
	}
	return found.owned(err)
}

// findListening returns the socket that a connection to addr would reach: one that
// is bound to that very address goes before those of all addresses.
func findListening(table []entry, addr netip.AddrPort) (found entry, err error) {
	const none = 3
	nearest := none
	err = errNoEntry
	for _, e := range table {
		if e.state != listens || e.local.Port() != addr.Port() {
			continue
		}
		distance := none
		switch at := e.local.Addr(); {
		case at == addr.Addr():
			distance = 0
		case at.IsUnspecified() && at.Is4() == addr.Addr().Is4():
			distance = 1
		case at.IsUnspecified() && e.dual && addr.Addr().Is4():
			distance = 2
		}
		switch {
		case distance < nearest:
			found, nearest, err = e, distance, nil
		case distance < none && distance == nearest && (e.anybody != found.anybody || e.uid != found.uid || e.pid != found.pid):
			err = errSeveral // which of those that share the port gets it is not to be seen
		}
	}
	return found.owned(err)
}

// owned returns e if it is somebody's.
func (e entry) owned(err error) (entry, error) {
	if err == nil && !e.anybody {
		err = errNoOwner
	}
	if err != nil {
		return entry{}, err
	}
	return e, nil
}
