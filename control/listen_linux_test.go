package control_test

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/vendord/vendord/control"
)

// Linux tells a full socket from a dead one.
func TestListenWhereOneIsBusy(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	fd := fullSocket(t, path)
	defer syscall.Close(fd)
	_, err := control.Listen(path, 0o600)
	wantSaid(t, "Listen", err, "control socket "+path+": cannot tell whether a vendord answers there: resource temporarily unavailable"+
		" | stop what does, or choose another place: --socket PATH")
	_, err = control.Dial(t.Context(), path)
	wantSaid(t, "Dial", err, "control socket "+path+": resource temporarily unavailable | try again, or name another socket with --socket")
}

// fullSocket returns a socket that listens, accepts nobody and has no room for
// another to wait.
func fullSocket(t *testing.T, path string) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", path)
		if err != nil {
			return fd
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}
