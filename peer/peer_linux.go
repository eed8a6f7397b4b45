package peer

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ofSocket asks for SO_PEERCRED and SO_PEERGROUPS (Linux, unix(7)): both are
// what the peer had at connect(2), whatever it dropped, or whom it gave the
// socket, since then.
func ofSocket(fd uintptr) (ids, error) {
	cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return ids{}, fmt.Errorf("asking for SO_PEERCRED: %w", err)
	}
	groups, err := peerGroups(fd)
	if err != nil {
		return ids{}, fmt.Errorf("asking for SO_PEERGROUPS: %w", err)
	}
	return ids{uid: cred.Uid, gids: append([]uint32{cred.Gid}, groups...), pid: int(cred.Pid)}, nil
}

// peerGroups returns the supplementary groups. The process's own are asked for
// and not the database's, in which it may be by now, or no longer. A kernel
// older than 4.13 does not tell, which can only take rights away.
func peerGroups(fd uintptr) ([]uint32, error) {
	gids := make([]uint32, 32)
	for {
		size := uint32(4 * len(gids))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(unsafe.SliceData(gids))), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return gids[:size/4], nil
		case unix.ERANGE: // size is now what it needs; fixed at connect, so once is enough
			gids = make([]uint32, size/4)
		case unix.ENOPROTOOPT:
			return nil, nil
		default:
			return nil, errno
		}
	}
}
