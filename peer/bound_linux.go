package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stateSynSent       = 2       // TCP_SYN_SENT
	stateBoundInactive = 13      // TCP_BOUND_INACTIVE: bound, and nothing else; told since Linux 6.8
	dumpPatience       = 2       // seconds
	dumpBuffer         = 1 << 16 // bytes; the kernel fills less at a time
)

// Bound returns the users of the sockets that are bound to an address, or to all
// addresses, and its port, and that do not listen, nor are connected. With
// SO_REUSEADDR one can be bound before another socket listens there, and connect
// from there to the ports that clients come from (TCP's simultaneous open). It is a
// dump, and slow; the error is errors.ErrUnsupported before Linux 6.8.
func Bound(at netip.AddrPort) ([]uint32, error) {
	if err := probe(); err != nil {
		return nil, err
	}
	var users []uint32
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		all, err := dump(family, at.Port())
		if err != nil {
			return nil, fmt.Errorf("asking who is bound to %s: %w", at, err)
		}
		for _, d := range all {
			if d.of.Addr() == at.Addr() || d.of.Addr().IsUnspecified() {
				users = append(users, d.found.UID)
			}
		}
	}
	return users, nil
}

// probe finds out whether the kernel tells of such sockets, by one of our own.
func probe() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	own, _ := name.(*unix.SockaddrInet4)
	all, err := dump(unix.AF_INET, uint16(own.Port))
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("this kernel does not tell of sockets that are only bound: %w", errors.ErrUnsupported)
	}
	return err
}

// dump returns the sockets of a family that are bound to a port and do no more, or
// are about to connect from there.
func dump(family byte, port uint16) ([]diagnosis, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: dumpPatience}); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if _, err := unix.Write(fd, appendDump(nil, family, port)); err != nil {
		return nil, os.NewSyscallError("write", err)
	}
	var all []diagnosis
	buffer := make([]byte, dumpBuffer)
	for end := time.Now().Add(dumpPatience * time.Second); time.Now().Before(end); {
		n, err := unix.Read(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("read", err)
		}
		some, done, err := parseDump(buffer[:n])
		for _, d := range some {
			if d.of.Port() == port {
				all = append(all, d)
			}
		}
		if done || err != nil {
			return all, err
		}
	}
	return nil, os.ErrDeadlineExceeded
}

// appendDump appends the request for all sockets of a port.
func appendDump(b []byte, family byte, port uint16) []byte {
	nowhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	b = appendQuestion(b, 1, netip.AddrPortFrom(nowhere.Addr(), port), nowhere, 0)
	native := binary.NativeEndian
	native.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[headerLen+reqFamily] = family
	native.PutUint32(b[headerLen+reqStates:], 1<<stateBoundInactive|1<<stateSynSent)
	return b
}

// parseDump reads a part of the answer; done says that it was the last.
func parseDump(b []byte) (all []diagnosis, done bool, err error) {
	native := binary.NativeEndian
	for len(b) >= headerLen {
		length := int(native.Uint32(b))
		if length < headerLen || length > len(b) {
			return all, true, errors.New("an answer that is none")
		}
		if native.Uint16(b[4:]) == unix.NLMSG_DONE {
			return all, true, nil
		}
		d, ours, err := parseAnswer(b[:length], 1)
		if err != nil {
			return all, true, err
		}
		if ours {
			all = append(all, d)
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return all, false, nil
}
