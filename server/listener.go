package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vendord/vendord/peer"
)

// listener knows who is at the other end of each connection, and lets nobody in
// from a network that no app names.
//
// A source address is what the network says: whoever may send what they like
// into the network that an app names can take any of its addresses, but of no
// other network whose answers they do not see, since to be connected is to have
// read ours. Linux's rp_filter keeps packets out that come from the wrong side
// already, where it is on; this does not rely on it, and no address alone is
// ever worth credentials.
type listener struct {
	net.Listener
	kind    Kind
	own     string // the address of an app's own, for the record; else ""
	places  *places
	who     func(net.Conn) *peer.Client
	expects func(netip.Addr) bool
	log     *slog.Logger
	ending  atomic.Bool // every answer is the last of its connection

	// For Check:
	probes  *probes
	addr    net.Addr
	host    string // as requests name it
	handler http.Handler
	turns   atomic.Uint64 // how often somebody was waited for
	reached atomic.Bool   // a check was let in once

	// Accept's alone:
	told   time.Time // when the log last heard of connections that nobody expects
	closed int       // of those, since then
}

// Accept returns the next connection, and makes room for it if need be. One
// that finds none is closed: its client sees a reset and tries again, while
// waiting in the kernel's queue would look like a daemon that hangs.
func (l *listener) Accept() (net.Conn, error) {
	for {
		l.turns.Add(1)
		c, err := l.Listener.Accept()
		// All of ours are open. (ENFILE is all of the machine's, and to close
		// connections would not help for long.)
		if errors.Is(err, syscall.EMFILE) && l.places.evict(party{uid: nobody}, false) {
			l.places.tell("no more files can be opened")
			continue
		}
		if err != nil {
			return nil, err // net/http waits and goes on, if it can come right
		}
		client := l.who(c)
		if p := l.probes.at(c.RemoteAddr()); p != nil {
			p.accepted.Store(true)
			return newConn(c, l.places, client, false), nil // for which it needs no place
		}
		remote := client.Err != nil && client.Addr.IsValid() && !ownAddress(c, client)
		if remote && !l.expects(client.Addr) {
			l.refuse(c, client.Addr)
			continue
		}
		own := newConn(c, l.places, client, remote)
		own.in = l
		if l.places.admit(own) {
			return own, nil
		}
		_ = c.Close()
	}
}

// ownAddress reports whether the address that c comes from is this machine's, so that
// its client can only be nobody, of whom the kernel knows the socket, or in another
// user namespace, or the system knows no users. The kernel takes no packet from
// outside that says it comes from us.
func ownAddress(c net.Conn, client *peer.Client) bool {
	at, ok := c.LocalAddr().(*net.TCPAddr)
	from := client.Addr
	return from.IsLoopback() || errors.Is(client.Err, peer.ErrNobody) || ok && from == at.AddrPort().Addr().Unmap().WithZone("")
}

// refuse closes a connection before a byte of it is read. The log hears of it
// once a minute.
func (l *listener) refuse(c net.Conn, from netip.Addr) {
	_ = c.Close()
	l.closed++
	if time.Since(l.told) < time.Minute {
		return
	}
	why := "no app has this address in its from"
	if l.kind == Metadata {
		why = "metadata is for this machine's users alone"
	}
	l.log.Warn("server: closed at once, since "+why, "address", from, "connections", l.closed)
	l.told, l.closed = time.Now(), 0
}

// changed follows net/http's own account of its connections.
func changed(c net.Conn, state http.ConnState) {
	own, ok := c.(*conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive: // the header is here
		own.enter(answering)
	case http.StateIdle:
		own.enter(idling)
	}
}
