package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstFD = 3    // SD_LISTEN_FDS_START
	maxFDs  = 1024 // more than any unit has; a number beyond is garbage
)

// Open reads what the manager gave this process, and takes hold of the inherited
// descriptors: nothing that the process starts gets them. It returns nil, nil where
// there is no manager. It can be called once: the descriptors are the Manager's then.
//
// What is meant for another process, by its number, is left alone. A descriptor that
// is neither a listening TCP or Unix socket nor stored memory is an error.
func Open(environ []string) (*Manager, error) {
	m := &Manager{}
	var err error
	if m.notify, err = openNotifier(lookup(environ, "NOTIFY_SOCKET")); err != nil {
		return nil, err
	}
	// systemd says since version 254 how much it stores.
	m.stores = m.notify != nil && lookup(environ, "FDSTORE") != "0"
	if m.watchdog, err = watchdog(environ); err != nil {
		return nil, errors.Join(err, m.notify.close())
	}
	if err := m.inherit(environ); err != nil {
		for _, l := range m.sockets {
			_ = l.Close()
		}
		return nil, errors.Join(err, m.notify.close())
	}
	if m.notify == nil && m.sockets == nil && m.stored == nil && m.watchdog == 0 {
		return nil, nil
	}
	return m, nil
}

// meantForUs reports whether a variable with a process's number names this one.
func meantForUs(name, pid string) (bool, error) {
	n, err := strconv.ParseUint(pid, 10, 31)
	if err != nil {
		return false, fmt.Errorf("%s=%q: not the number of a process", name, pid)
	}
	return int(n) == os.Getpid(), nil
}

// watchdog reads how often a sign of life is expected of this process.
func watchdog(environ []string) (time.Duration, error) {
	every := lookup(environ, "WATCHDOG_USEC")
	if every == "" {
		return 0, nil
	}
	if pid := lookup(environ, "WATCHDOG_PID"); pid != "" {
		if ours, err := meantForUs("WATCHDOG_PID", pid); err != nil || !ours {
			return 0, err
		}
	}
	usec, err := strconv.ParseInt(every, 10, 64)
	if err != nil || usec <= 0 || usec > int64((365*24*time.Hour)/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC=%q: not a time in microseconds", every)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// inherit takes hold of the descriptors that LISTEN_FDS counts.
func (m *Manager) inherit(environ []string) error {
	pid, count := lookup(environ, "LISTEN_PID"), lookup(environ, "LISTEN_FDS")
	if pid == "" || count == "" {
		return nil
	}
	if ours, err := meantForUs("LISTEN_PID", pid); err != nil || !ours {
		return err
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return fmt.Errorf("LISTEN_FDS=%q: not a number of descriptors", count)
	}
	names := make([]string, n)
	if given := lookup(environ, "LISTEN_FDNAMES"); given != "" {
		copy(names, strings.Split(given, ":"))
	}
	files := make([]*os.File, n)
	for i := range n { // all of them, before anything can fail
		unix.CloseOnExec(firstFD + i)
		files[i] = os.NewFile(uintptr(firstFD+i), names[i])
	}
	for i, f := range files {
		if err := m.take(f); err != nil {
			closeAll(files[i:])
			return fmt.Errorf("inherited descriptor %d (%q): %w", firstFD+i, names[i], err)
		}
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// take sorts an inherited descriptor. What it keeps of a socket is a copy.
func (m *Manager) take(f *os.File) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return errors.New("not open")
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		l, err := listener(f)
		if err == nil {
			m.sockets = append(m.sockets, l)
			err = f.Close()
		}
		return err
	case unix.S_IFREG:
		if !isSealed(int(f.Fd())) {
			return errors.New("a file, and neither a listening socket nor something stored")
		}
		if i, ours := parseItem(f.Name()); ours {
			i.data = f
			m.stored = append(m.stored, i)
			return nil
		}
		return f.Close() // of another version, perhaps
	}
	return errors.New("not a listening socket")
}

// listener makes a listener of an inherited socket: a stream that listens, over
// TCP itself (a connection of Multipath TCP can outlive its addresses, which the
// kernel is asked about) or Unix.
func listener(f *os.File) (net.Listener, error) {
	fd := int(f.Fd())
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listens == 0 {
		return nil, errors.New("not a listening socket")
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return nil, errors.New("not a stream")
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	switch l := l.(type) {
	case *net.UnixListener:
		l.SetUnlinkOnClose(false)
		return l, nil
	case *net.TCPListener:
		if protocol == unix.IPPROTO_TCP {
			return l, nil
		}
	}
	_ = l.Close()
	return nil, errors.New("neither a TCP nor a Unix socket")
}

// Journal reports whether what is written to f goes to the journal, line by line.
func Journal(environ []string, f *os.File) bool {
	var stat unix.Stat_t
	if f == nil || unix.Fstat(int(f.Fd()), &stat) != nil {
		return false
	}
	return lookup(environ, "JOURNAL_STREAM") == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
