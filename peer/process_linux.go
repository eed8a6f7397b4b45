package peer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Holders returns the processes that hold a socket, as far as we may look, those
// with the highest number first: most that ask have just been started. A socket
// that was inherited, or passed on, has several. hidden says that there are
// processes that we may not look into: those of other users, but for root, and
// our own user's that cannot be dumped.
//
// It looks at every open file of every process, which takes milliseconds.
func Holders(s Socket) (holders []Process, hidden bool, err error) {
	pids, err := processes()
	if err != nil {
		return nil, false, fmt.Errorf("processes: %w", err)
	}
	for _, pid := range pids {
		holds, err := holds(pid, s.Inode)
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden = true
			continue
		case err != nil || !holds: // it ended meanwhile
			continue
		}
		if p, err := process(pid); err == nil {
			holders = append(holders, p)
		}
	}
	return holders, hidden, nil
}

// FindHolder returns a process that holds a socket, the first that is found among
// those of its user, newest first: for the record, where nothing is decided by it.
func FindHolder(s Socket) (Process, bool) {
	pids, _ := processes()
	for _, pid := range pids {
		var stat unix.Stat_t
		if unix.Stat("/proc/"+strconv.Itoa(pid), &stat) != nil || stat.Uid != s.UID {
			continue
		}
		if found, err := holds(pid, s.Inode); err != nil || !found {
			continue
		}
		if p, err := process(pid); err == nil {
			return p, true
		}
	}
	return Process{}, false
}

// processes returns the numbers of all processes, the highest first.
func processes() ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer func() { _ = proc.Close() }()
	names, err := proc.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, func(a, b int) int { return cmp.Compare(b, a) })
	return pids, err
}

// holds reports whether a process has a socket open.
func holds(pid int, inode uint32) (bool, error) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return false, err
	}
	defer func() { _ = dir.Close() }()
	want := strconv.AppendUint([]byte("socket:["), uint64(inode), 10)
	want = append(want, ']')
	at := int(dir.Fd())
	names, err := dir.Readdirnames(-1)
	var link [64]byte
	for _, name := range names {
		if n, err := unix.Readlinkat(at, name, link[:]); err == nil && bytes.Equal(link[:n], want) {
			return true, nil
		}
	}
	return false, err
}

// process returns what /proc says of a process.
func process(pid int) (Process, error) {
	at := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(at + "/stat")
	if err != nil {
		return Process{}, err
	}
	p := Process{PID: pid}
	if p.Started, err = parseStarted(text); err != nil {
		return Process{}, err
	}
	var stat unix.Stat_t
	if err := unix.Stat(at, &stat); err != nil {
		return Process{}, err
	}
	p.UID = stat.Uid
	if p.Exe, err = os.Readlink(at + "/exe"); err != nil {
		return p, nil // a kernel's thread, or not ours to see
	}
	if err := unix.Stat(at+"/exe", &stat); err == nil {
		p.Device, p.Inode = stat.Dev, stat.Ino
	}
	return p, nil
}

// parseStarted reads field 22 of /proc/PID/stat (Linux, proc(5)). The second is
// the command's name in brackets, which can have brackets and spaces of its own:
// what counts comes after the last one.
func parseStarted(stat []byte) (uint64, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, errors.New("a stat of /proc that is none")
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
