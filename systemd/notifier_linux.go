package systemd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the manager is waited for, each time.
const patience = time.Second

// notifier sends messages to the manager's socket. It has its own open from the
// start: a daemon whose files have all been used up must still be able to say that
// it lives. It is not connected, so that a manager that was itself started anew
// is found under its address.
type notifier struct {
	fd int
	to unix.SockaddrUnix
}

// openNotifier returns nil where there is no manager to notify.
func openNotifier(address string) (*notifier, error) {
	if address == "" {
		return nil, nil
	}
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") || len(address) < 2 {
		return nil, fmt.Errorf("NOTIFY_SOCKET=%q: neither a path nor an abstract socket", address)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	return &notifier{fd: fd, to: unix.SockaddrUnix{Name: address}}, nil
}

func (n *notifier) close() error {
	if n == nil {
		return nil
	}
	return unix.Close(n.fd)
}

// send sends one message, with descriptors. It waits at most a second.
func (n *notifier) send(message string, fds ...int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	for end := time.Now().Add(patience); ; {
		to := n.to // Sendmsg writes into it
		err := unix.Sendmsg(n.fd, []byte(message), rights, &to, unix.MSG_NOSIGNAL)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR) && time.Now().Before(end):
			continue
		}
		return fmt.Errorf("notifying the service manager: %w", err)
	}
}

// barrier returns when the manager has done what it was told before. It closes the
// descriptor that it is sent; the other end of the pipe notices.
func (n *notifier) barrier() error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer func() { _ = unix.Close(pipe[0]) }()
	err := n.send("BARRIER=1", pipe[1])
	_ = unix.Close(pipe[1])
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; {
		left := time.Until(end).Milliseconds()
		if left <= 0 {
			return errors.New("the service manager has not answered within a second")
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe[0])}}, int(left))
		switch {
		case ready > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return os.NewSyscallError("poll", err)
		}
	}
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// sealed returns memory that nobody can change any more. Its name is for
// /proc/PID/fd.
func sealed(name string, parts ...[]byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(os.NewSyscallError("fcntl", err), f.Close())
	}
	return f, nil
}

// isSealed reports whether a descriptor is memory that nobody can change: what is
// checked stays what is used.
func isSealed(fd int) bool {
	has, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && has&seals == seals
}

// readSealed reads all of a stored memory, wherever its offset is: it is shared with
// who stored it.
func readSealed(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > int64(headerSize+maxStored) {
		return nil, errors.New("too long")
	}
	text := make([]byte, info.Size())
	_, err = io.ReadFull(io.NewSectionReader(f, 0, info.Size()), text)
	return text, err
}

// monotonic is CLOCK_MONOTONIC, which systemd compares with its own.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
