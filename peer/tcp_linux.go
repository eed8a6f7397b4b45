package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// TCP asks the kernel for single sockets over one NETLINK_SOCK_DIAG socket
// (Linux, sock_diag(7)), which takes 1.5 µs, whatever number of sockets there
// is, and no privilege. Its methods may be called at the same time.
//
// It is not done by a netlink library because those that were looked at (2026)
// ask for a dump, which the kernel filters by ports alone: whoever binds
// 127.0.0.2 and a victim's port is then taken for the victim. They also take
// five times as long.
type TCP struct {
	mu  sync.Mutex // one question at a time; guards the rest
	fd  int
	lo  uint32 // the loopback interface's index, or 0
	seq uint32
	buf [1024]byte
}

// The kernel's structures (linux/netlink.h, linux/inet_diag.h): offsets from
// their beginning.
const (
	headerLen = 16 // struct nlmsghdr

	// struct inet_diag_req_v2
	reqFamily   = 0
	reqProtocol = 1
	reqStates   = 4
	reqID       = 8
	reqLen      = 56

	// struct inet_diag_msg
	msgState = 1
	msgID    = 4
	msgUID   = 64
	msgInode = 68
	msgLen   = 72

	// struct inet_diag_sockid: ports and addresses are in network order, an
	// IPv4 address is the first four of its sixteen bytes.
	idSport  = 0
	idDport  = 2
	idSrc    = 4
	idDst    = 20
	idIf     = 36
	idCookie = 40

	attrCgroup = 21 // INET_DIAG_CGROUP_ID, eight bytes, which comes unasked (Linux 5.8)

	stateListen = 10 // TCP_LISTEN (net/tcp_states.h)
)

var (
	errGone    = errors.New("the kernel knows no such socket, or it is closed")
	errForeign = fmt.Errorf("user 65534, nobody: %w", ErrNobody)
)

func openTCP() (*TCP, error) {
	if text, err := os.ReadFile("/proc/sys/kernel/overflowuid"); err == nil { // systemd's ProcSubset=pid hides it
		if err := checkOverflow(text); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	switch err {
	case nil:
	case unix.EPERM, unix.EACCES, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ENOSYS: // a sandbox's, or a kernel's without it
		return nil, fmt.Errorf("opening a netlink socket: %w: %w", err, errors.ErrUnsupported)
	default:
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	// Connected to the kernel, so that nobody else's message is ever read,
	// and write(2) will do, which allocates nothing.
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connecting a netlink socket: %w", err)
	}
	t := &TCP{fd: fd}
	if lo, err := net.InterfaceByName("lo"); err == nil {
		t.lo = uint32(lo.Index)
	}
	return t, nil
}

// checkOverflow refuses a system on which users of other namespaces look like
// another than nobody, and so like somebody.
func checkOverflow(text []byte) error {
	if number := strings.TrimSpace(string(text)); number != strconv.Itoa(overflowID) {
		return fmt.Errorf("kernel.overflowuid is %q, and not %d: %w", number, overflowID, errors.ErrUnsupported)
	}
	return nil
}

// Close ends it. Of fails from then on.
func (t *TCP) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := t.fd
	t.fd = -1
	return unix.Close(fd)
}

// ask asks for the one socket with these four numbers, and if there is none, for
// the one that is bound to the loopback interface as well, as anybody may bind
// theirs: it would be a way to come without a user.
func (t *TCP) ask(client, server netip.AddrPort) (diagnosis, error) {
	d, err := t.askAt(client, server, 0)
	if err == errGone && t.lo != 0 {
		d, err = t.askAt(client, server, t.lo)
	}
	return d, err
}

func (t *TCP) askAt(client, server netip.AddrPort, device uint32) (diagnosis, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	question := appendQuestion(t.buf[:0], t.seq, client, server, device)
	if _, err := unix.Write(t.fd, question); err != nil {
		return diagnosis{}, fmt.Errorf("asking: %w", err)
	}
	for {
		// The answer is there when write returns: the kernel does not do
		// this later. What an earlier question left is not for us.
		n, err := unix.Read(t.fd, t.buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return diagnosis{}, fmt.Errorf("reading the answer: %w", err)
		}
		if d, ours, err := parseAnswer(t.buf[:n], t.seq); ours {
			return d, err
		}
	}
}

// connected returns the client's end of the connection from client to server. The
// answer must be about that very one: where there is none the kernel answers
// with the socket that listens on the client's port, which can be anybody's.
func (t *TCP) connected(client, server netip.AddrPort) (Socket, error) {
	d, err := t.ask(client, server)
	if err == nil && (d.of != client || d.to != server || d.state == stateListen) {
		err = errGone
	}
	if err != nil {
		return Socket{}, err
	}
	return d.socket()
}

// listening returns the socket that a connection to addr would
// reach: of a connection from there to nowhere there is none, so the kernel
// answers with the listener.
func (t *TCP) listening(addr netip.AddrPort) (Socket, error) {
	nowhere := netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	if addr.Addr().Is4() {
		nowhere = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	d, err := t.ask(addr, nowhere)
	if err == nil && (d.of.Port() != addr.Port() || d.state != stateListen) {
		err = errGone
	}
	if err != nil {
		return Socket{}, err
	}
	return d.socket()
}

// appendQuestion appends the request for one socket, as its owner sees it:
// from client to server. It is no dump, so the kernel compares all four.
func appendQuestion(b []byte, seq uint32, client, server netip.AddrPort, device uint32) []byte {
	const length = headerLen + reqLen
	b = append(b, make([]byte, length)...)
	native := binary.NativeEndian
	native.PutUint32(b[0:], length)
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	native.PutUint32(b[8:], seq)

	request := b[headerLen:]
	request[reqFamily] = family(client.Addr())
	request[reqProtocol] = unix.IPPROTO_TCP
	native.PutUint32(request[reqStates:], ^uint32(0))
	putID(request[reqID:], client, server)
	native.PutUint32(request[reqID+idIf:], device)
	native.PutUint64(request[reqID+idCookie:], ^uint64(0)) // any
	return b
}

// family is that of an address. For IPv4 the kernel finds sockets of AF_INET6
// with mapped addresses as well.
func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func putID(b []byte, client, server netip.AddrPort) {
	binary.BigEndian.PutUint16(b[idSport:], client.Port())
	binary.BigEndian.PutUint16(b[idDport:], server.Port())
	copy(b[idSrc:], client.Addr().AsSlice())
	copy(b[idDst:], server.Addr().AsSlice())
}

// diagnosis is what the kernel says of a socket.
type diagnosis struct {
	of, to netip.AddrPort
	state  byte
	found  Socket
}

// socket returns the socket, if it is anybody's. One that is closed, and lives on in
// the kernel until all is said, has no inode, and user 0 from then on.
func (d diagnosis) socket() (Socket, error) {
	switch {
	case d.found.Inode == 0:
		return Socket{}, errGone
	case d.found.UID == overflowID:
		return Socket{}, errForeign
	}
	return d.found, nil
}

// parseAnswer reads the kernel's answer to the question with seq; ours is false
// for an answer to another.
func parseAnswer(b []byte, seq uint32) (d diagnosis, ours bool, err error) {
	native := binary.NativeEndian
	if len(b) < headerLen || native.Uint32(b[8:]) != seq {
		return d, false, nil
	}
	body := b[headerLen:min(len(b), max(headerLen, int(native.Uint32(b))))]
	switch kind := native.Uint16(b[4:]); {
	case kind == unix.NLMSG_ERROR && len(body) >= 4:
		if errno := unix.Errno(-int32(native.Uint32(body))); errno != unix.ENOENT {
			return d, true, errno
		}
		return d, true, errGone
	case kind != unix.SOCK_DIAG_BY_FAMILY || len(body) < msgLen:
		return d, true, errors.New("an answer that is none")
	}
	d = diagnosis{state: body[msgState], found: Socket{UID: native.Uint32(body[msgUID:]), Inode: native.Uint32(body[msgInode:]),
		Cookie: native.Uint64(body[msgID+idCookie:]), Cgroup: cgroupID(body[msgLen:])}}
	d.of, d.to = readID(body[0], body[msgID:])
	return d, true, nil
}

// cgroupID finds the control group's id among the attributes (netlink(7)) after an
// answer, or returns 0.
func cgroupID(attributes []byte) uint64 {
	native := binary.NativeEndian
	for len(attributes) >= 4 {
		length := int(native.Uint16(attributes))
		if length < 4 || length > len(attributes) {
			return 0
		}
		if native.Uint16(attributes[2:]) == attrCgroup && length == 4+8 {
			return native.Uint64(attributes[4:])
		}
		attributes = attributes[min(len(attributes), (length+3)&^3):]
	}
	return 0
}

// readID reads what putID wrote.
func readID(family byte, b []byte) (of, to netip.AddrPort) {
	length := 16
	if family == unix.AF_INET {
		length = 4
	}
	src, _ := netip.AddrFromSlice(b[idSrc : idSrc+length])
	dst, _ := netip.AddrFromSlice(b[idDst : idDst+length])
	return netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(b[idSport:])),
		netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(b[idDport:]))
}
