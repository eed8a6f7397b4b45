package peer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// handle is a process, held by its directory in /proc: what is read through it is
// that process's, or an error once it has ended, whoever has its number by then.
type handle struct {
	Process
	dir int
	fd  string // where it has the socket: fd/7
}

// take returns the process that has a socket as its open file fd.
func take(pid int, fd string, inode uint32) (handle, error) {
	at, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return handle{}, err
	}
	h := handle{dir: at, fd: "fd/" + fd}
	if h.Process, err = h.look(pid, inode); err != nil {
		h.close()
	}
	return h, err
}

func (h handle) close() { _ = unix.Close(h.dir) }

// again fails unless the process is what it was, and has the socket still.
func (h handle) again(inode uint32) error {
	is, err := h.look(h.PID, inode)
	if err == nil && is != h.Process {
		err = errChanging
	}
	return err
}

// look reads what /proc says of the process, and then that it has the socket.
func (h handle) look(pid int, inode uint32) (Process, error) {
	p := Process{PID: pid}
	var buf [4096]byte
	text, err := h.read("stat", buf[:])
	if err != nil {
		return p, err
	}
	if p.Started, err = parseStarted(text); err != nil {
		return p, err
	}
	// The owner of the directory itself is the effective user, also of a process
	// that cannot be dumped, all below which is root's (Linux, proc(5)).
	var stat unix.Stat_t
	if err := unix.Fstat(h.dir, &stat); err != nil {
		return p, err
	}
	p.UID = stat.Uid
	// Without an executable it is a thread of the kernel's, or one that may not
	// be looked into any more.
	if n, err := unix.Readlinkat(h.dir, "exe", buf[:]); err == nil {
		p.Exe = string(buf[:n])
		if err := unix.Fstatat(h.dir, "exe", &stat, 0); err != nil {
			return p, err
		}
		p.Device, p.Inode = stat.Dev, stat.Ino
	}
	// Last, since what has ended in between has none, and root for its owner.
	n, err := unix.Readlinkat(h.dir, h.fd, buf[:])
	if err == nil && socketInode(buf[:n]) != inode {
		err = errChanging
	}
	return p, err
}

// read returns what one of its files begins with.
func (h handle) read(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(h.dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
}

// socketInode reads what /proc/PID/fd/N links to: socket:[4711] for a socket. It
// returns 0, which none has, for anything else. The kernel writes no other link
// so: of a file it is the path, which begins with a slash, or with
// "(unreachable)".
func socketInode(link []byte) uint32 {
	text, isSocket := bytes.CutPrefix(link, []byte("socket:["))
	text, whole := bytes.CutSuffix(text, []byte("]"))
	if !isSocket || !whole || len(text) == 0 || len(text) > 10 || text[0] == '0' {
		return 0
	}
	n := uint64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	if n > 1<<32-1 {
		return 0
	}
	return uint32(n)
}

var errNoProc = errors.New("not a file of /proc")

// parseStarted reads field 22 of /proc/PID/stat (Linux, proc(5)). The second is
// the command's name in brackets, which can have brackets and spaces of its own:
// what counts comes after the last one.
func parseStarted(stat []byte) (uint64, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("stat: %w", errNoProc)
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
