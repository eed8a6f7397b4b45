package peer

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seen looks through processes. It is the memory that this takes, for one look at
// a time.
type seen struct {
	files dir
	// pids are all processes, the highest number first: most that ask have just
	// been started. Those of one user come before all others.
	pids []int
	own  int // how many are that user's
	link [64]byte
}

// look looks at the processes of the sockets' user, and then at those of others for
// a moment: nobody can hide their own behind another's, or keep another from being
// answered, who pays for the time, by opening files.
func (s *seen) look(l *look) error {
	began := time.Now()
	if err := s.list(l.uid); err != nil {
		return err
	}
	for _, pid := range s.pids[:s.own] {
		if time.Since(began) > lookFor {
			return ErrBusy
		}
		if err := s.through(pid, l, time.Time{}); err != nil {
			l.hidden++
		}
	}
	until := time.Now().Add(othersFor)
	for _, pid := range s.pids[s.own:] {
		if time.Now().After(until) {
			break
		}
		_ = s.through(pid, l, until) // what cannot be seen of theirs is not missed
	}
	return nil
}

// one returns a process that has a socket: the one guessed, or the newest of its
// user's.
func (s *seen) one(of Socket, guess int) (Process, bool) {
	l := &look{uid: of.UID, inodes: map[uint32][]holding{of.Inode: nil}}
	if guess == 0 || !s.first([]int{guess}, l) {
		if s.list(of.UID) != nil || !s.first(s.pids[:s.own], l) {
			return Process{}, false
		}
	}
	at := l.inodes[of.Inode][0]
	h, err := take(at.pid, at.fd, of.Inode)
	if err != nil {
		return Process{}, false
	}
	h.close()
	return h.Process, true
}

// first looks until the socket was found, or for recordFor.
func (s *seen) first(pids []int, l *look) bool {
	began := time.Now()
	for _, pid := range pids {
		_ = s.through(pid, l, time.Time{})
		for _, held := range l.inodes {
			if len(held) > 0 {
				return true
			}
		}
		if time.Since(began) > recordFor {
			return false
		}
	}
	return false
}

// list lists all processes, those of a user first.
func (s *seen) list(uid uint32) error {
	s.pids = s.pids[:0]
	var others []int
	var stat unix.Stat_t
	err := s.files.each(unix.AT_FDCWD, "/proc", func(at int, name []byte, _ byte) bool {
		pid, ok := number(name)
		switch {
		case !ok || unix.Fstatat(at, string(name), &stat, unix.AT_SYMLINK_NOFOLLOW) != nil:
		case stat.Uid == uid:
			s.pids = append(s.pids, pid)
		default:
			others = append(others, pid)
		}
		return len(s.pids)+len(others) < mostProcesses
	})
	if len(s.pids)+len(others) == mostProcesses { // the newest are missing
		return ErrBusy
	}
	newest := func(a, b int) int { return cmp.Compare(b, a) }
	slices.SortFunc(s.pids, newest)
	slices.SortFunc(others, newest)
	s.own = len(s.pids)
	s.pids = append(s.pids, others...)
	return err
}

// through looks through the open files of a process, until a time if there is one. It
// fails if they may not be seen, or are too many.
func (s *seen) through(pid int, l *look, until time.Time) error {
	var files int
	err := s.files.each(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/fd", func(at int, name []byte, _ byte) bool {
		inode := socketInode(s.readlink(at, name))
		if held, wanted := l.inodes[inode]; wanted && (len(held) == 0 || held[len(held)-1].pid != pid) {
			l.inodes[inode] = append(held, holding{pid, string(name)})
			if len(l.inodes) == 1 {
				return false
			}
		}
		files++
		late := files%512 == 0 && !until.IsZero() && time.Now().After(until)
		return files < mostOpen && !late
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case files >= mostOpen:
		return ErrBusy
	}
	return nil // or it has ended
}

// readlink is readlinkat(2) for a name that a directory returned, which has its
// zero byte behind it. It allocates nothing.
func (s *seen) readlink(at int, name []byte) []byte {
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(at), uintptr(unsafe.Pointer(unsafe.SliceData(name))),
		uintptr(unsafe.Pointer(&s.link)), unsafe.Sizeof(s.link), 0, 0)
	if errno != 0 {
		return nil
	}
	return s.link[:n]
}
