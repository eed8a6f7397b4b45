// Package peer tells who is at the other end of a Unix socket or of a loopback
// connection, and who holds a TCP port, as far as the operating system says so.
//
// OfUnix asks the kernel, never the caller, and answers at once: what it returns
// is what the process had when it connected, in numbers. Peer.Named asks for
// the names, in a user database that may be far away. A user or group without
// a name is written "#1234", which is no name that a token or a configuration
// could hold by accident, and a user of another user namespace, whom the kernel
// shows as the overflow user, is an error and not that user. PID is for
// messages: a process id is used again once its process has gone, and decisions
// taken by it can be raced.
//
// TCP tells the user of a loopback connection, by one exact question to the
// kernel that no other socket can answer (Linux), or from the kernel's table of all
// sockets (macOS; not run there yet). What it cannot tell for sure is an error.
//
// Listener is for one message, "port taken by …". It reads tables that other
// processes influence, and nothing may be decided by what it says.
package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
	"unicode"
)

// overflowID is the user and group that Linux shows for one that has no number
// in our user namespace (Linux, user_namespaces(7)). Somebody of a container
// looks like that, and so does "nobody"; who could be either is not known.
const overflowID = 65534

// noID is the number that the kernel keeps for "none".
const noID = 1<<32 - 1

// Peer is the process at the other end of a connection. One without User, such
// as the zero value, is not known; UID 0 alone does not mean root.
type Peer struct {
	// UID is the effective user id with which it connected.
	UID uint32
	// User is the name of UID, or "#" and its number where it has none.
	User string
	// Groups are the names of its groups when it connected, the primary one
	// first, each written like User.
	Groups []string
	// PID is its process id, or 0 where that is not to be seen from here.
	PID int

	gids []uint32 // what Groups are the names of; nil if the kernel was not asked
}

// OfUnix returns the process that connected c, or accepted it if this end
// connected, without names: see Named. It waits for nobody. It fails where the
// operating system has no such call, and for a user whom our user namespace
// does not know.
func OfUnix(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("peer of a unix socket: %w", err)
	}
	var id ids
	var asked error
	if err := raw.Control(func(fd uintptr) { id, asked = ofSocket(fd) }); err != nil {
		return Peer{}, fmt.Errorf("peer of a unix socket: %w", err)
	}
	if asked != nil {
		return Peer{}, fmt.Errorf("peer of a unix socket: %w", asked)
	}
	if id.uid == overflowID {
		return Peer{}, fmt.Errorf("peer of a unix socket: user %d is nobody, or of another user namespace", id.uid)
	}
	return Peer{UID: id.uid, PID: id.pid, gids: id.gids}, nil
}

// Named returns p, which came from OfUnix, with User and Groups. It asks the
// system's user database, which can be a directory on the network: it may take
// long, and cannot be interrupted.
func (p Peer) Named() Peer {
	if p.gids == nil {
		return Peer{} // not one of OfUnix's
	}
	p.User, p.Groups = name(p.UID, userName), nil
	for i, gid := range p.gids {
		// The primary group is often among the others as well.
		if gid != overflowID && (i == 0 || gid != p.gids[0]) {
			p.Groups = append(p.Groups, name(gid, groupName))
		}
	}
	return p
}

// ids is what the kernel knows of a peer: numbers. gids begins with the
// primary group.
type ids struct {
	uid  uint32
	gids []uint32
	pid  int
}

// name returns the name of an id, or "#" and its number. A looked-up name that
// begins with "#" is not believed: it would be some other id's number.
func name(id uint32, lookup func(string) (string, error)) string {
	number := strconv.FormatUint(uint64(id), 10)
	found, err := lookup(number)
	if err != nil || found == "" || found[0] == '#' {
		return "#" + number
	}
	return found
}

// ErrNobody is in the error for the user "nobody", 65534: the kernel shows every
// user of another namespace by that number, so it is nobody's in particular.
var ErrNobody = errors.New("users of other namespaces look the same")

// UserID returns the number of a user: of "#1234", 1234, else that of the name.
// Like Named it may take long.
func UserID(name string) (uint32, error) {
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		found, err := user.Lookup(name)
		if err != nil {
			return 0, fmt.Errorf("number of user %q: %w", name, err)
		}
		number = found.Uid // not one on Windows
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err == nil && id == overflowID {
		return 0, fmt.Errorf("number of user %q: %w", name, ErrNobody)
	}
	if err != nil || id == noID {
		return 0, fmt.Errorf("number of user %q: %q is none", name, number)
	}
	return uint32(id), nil
}

// UserName returns the name of a user, or "#" and the number of one who has none.
// It may take long.
func UserName(uid uint32) string { return name(uid, userName) }

// userName is user.LookupId for a name. For our own uid os/user falls back on
// $USER where no user database has it, as under systemd's DynamicUser; whoever
// set that variable started this daemon and can deceive only themselves.
func userName(number string) (string, error) {
	u, err := user.LookupId(number)
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func groupName(number string) (string, error) {
	g, err := user.LookupGroupId(number)
	if err != nil {
		return "", err
	}
	return g.Name, nil
}

// Holder is the process that listens on a port. What is not known is empty.
type Holder struct {
	// User is the name of the user who made the socket.
	User    string
	PID     int
	Command string
}

// String returns the holder for a message: "nginx (pid 12, user www)", "a
// process of user www", or "an unknown process".
func (h Holder) String() string {
	switch {
	case h.PID != 0 && h.User != "":
		return fmt.Sprintf("%s (pid %d, user %s)", h.command(), h.PID, h.User)
	case h.PID != 0:
		return fmt.Sprintf("%s (pid %d)", h.command(), h.PID)
	case h.User != "":
		return "a process of user " + h.User
	}
	return "an unknown process"
}

// command returns Command fit for a terminal. Any process names itself, and
// one called "\x1b[2J" or "x (pid 1, user root)" would write our message.
func (h Holder) command() string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune("(),", r) {
			return '?'
		}
		return r
	}, h.Command)
	if clean == "" {
		return "a process"
	}
	return clean
}

// ListenersAt returns where somebody listens at an address itself, of whatever port: those
// whom nobody reaches any more when it is gone. A wildcard is none of them.
func ListenersAt(addr netip.Addr) ([]netip.AddrPort, error) {
	all, err := listenersAt(addr.Unmap())
	if err != nil {
		return nil, fmt.Errorf("listeners at %s: %w", addr, err)
	}
	return all, nil
}

// Listener returns who listens on addr, on a wildcard address that covers it,
// or, if addr is a wildcard itself, on its port at any address. It is known as
// far as /proc shows it: a process of another user often by its user alone. It
// fails where nobody is seen to listen, and on systems without /proc.
func Listener(addr netip.AddrPort) (Holder, error) {
	h, err := listener(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
	if err != nil {
		return Holder{}, fmt.Errorf("listener on %s: %w", addr, err)
	}
	return h, nil
}
