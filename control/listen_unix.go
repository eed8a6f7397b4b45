//go:build unix

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// backlog is how many connections wait to be accepted. More than the system
// allows is what the system allows.
const backlog = 4096

// maxPath is the longest path that a socket can have, without the NUL.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

const elsewhere = "choose another place: --socket PATH"

func listen(path string, mode os.FileMode) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, badSocket(path, err.Error(), elsewhere, err)
	}
	if len(path) > maxPath {
		return nil, badSocket(path, fmt.Sprintf("its path has %d bytes, and a socket's can have %d", len(path), maxPath), elsewhere, nil)
	}
	dir := filepath.Dir(path)
	if err := makeDir(dir, mode); err != nil {
		return nil, badSocket(path, "making its directory: "+err.Error(), elsewhere, err)
	}
	if err := checkDir(path, dir); err != nil {
		return nil, err
	}
	if err := removeDead(path); err != nil {
		return nil, err
	}
	ln, err := bind(path, mode)
	if err != nil {
		return nil, badSocket(path, err.Error(), elsewhere, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		_ = ln.Close()
		return nil, badSocket(path, err.Error(), elsewhere, err)
	}
	return &socket{Listener: ln, path: path, own: info}, nil
}

// makeDir creates a missing directory. The mode is set once more, since the
// umask of a service is often 077, which would lock other users out.
func makeDir(dir string, socket os.FileMode) error {
	mode := os.FileMode(0o700)
	if socket&0o077 != 0 {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(dir), mode); err != nil {
		return err
	}
	err := os.Mkdir(dir, mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return os.Chmod(dir, mode)
}

// removeDead removes a socket on which nobody listens. That is found out by
// connecting (macOS says the same of one with a full backlog, as of 2026-11). Race accepted: of two daemons that start at the
// same moment, each can find the same dead socket, or the other's before it
// listens, and remove it. The lock on their state directory, which is taken
// before, lets only one of them come here.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return badSocket(path, err.Error(), elsewhere, err)
	case info.Mode()&fs.ModeSocket == 0:
		return badSocket(path, "there is something else of that name", "remove it, or "+elsewhere, nil)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return badSocket(path, ErrRunning.Error(), "stop it, or "+elsewhere, ErrRunning)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		// Busy, or not ours to connect to: alive, as far as we know.
		return badSocket(path, "cannot tell whether a vendord answers there: "+reason(err), "stop what does, or "+elsewhere, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return badSocket(path, "removing a dead socket: "+reason(err), elsewhere, err)
	}
	return nil
}

// bind makes the socket and sets its mode before it listens. A socket has the
// mode that the umask leaves it from bind(2) on, and net.Listen leaves no room
// between that and listen(2); until then connecting to it fails.
func bind(path string, mode os.FileMode) (net.Listener, error) {
	syscall.ForkLock.RLock() // or a child started just now inherits it
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { _ = f.Close() }() // FileListener makes a copy
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	if err := syscall.Listen(fd, backlog); err != nil {
		return nil, errors.Join(os.NewSyscallError("listen", err), os.Remove(path))
	}
	return net.FileListener(f)
}

// inherited refuses a listener that commands would not find at its path, or where
// they could find another's.
func inherited(ln net.Listener, path string) error {
	const again = "systemctl restart vendord.socket"
	unix, ok := ln.(*net.UnixListener)
	if !ok {
		return badSocket(path, "inherited as a socket of "+ln.Addr().Network(), again, nil)
	}
	unix.SetUnlinkOnClose(false)
	if err := checkInheritedDir(path, filepath.Dir(path)); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return badSocket(path, "inherited, but nothing is at its path any more", again, err)
	case err != nil:
		return badSocket(path, err.Error(), again, err)
	case info.Mode()&fs.ModeSocket == 0:
		return badSocket(path, "inherited, but there is something else of that name now", again, nil)
	}
	return nil
}

// socket removes itself from the file system when it is closed.
type socket struct {
	net.Listener
	path string
	own  os.FileInfo
}

// Close removes the socket if it is still this one. The order matters: as long
// as it is open no other file can have its inode number.
func (s *socket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.own) {
		_ = os.Remove(s.path)
	}
	return s.Listener.Close()
}
