package control_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// Whoever fills the queue before the socket keeps others waiting, and does not have
// their commands fail: room comes as soon as the daemon lets somebody in.
func TestDialWaitsForRoom(t *testing.T) {
	path := filepath.Join(socketDir(t), "control.sock")
	fd := unixSocket(t)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	full := false
	for range 10 {
		stranger := unixSocket(t)
		if err := errors.Join(syscall.SetNonblock(stranger, true), syscall.Connect(stranger, &syscall.SockaddrUnix{Name: path})); err != nil {
			full = errors.Is(err, syscall.EAGAIN)
			break
		}
	}
	if !full {
		t.Fatal("the queue is not full")
	}
	dialed := make(chan error, 1)
	go func() {
		_, err := control.Dial(t.Context(), path)
		dialed <- err
	}()
	select {
	case err := <-dialed:
		t.Fatalf("Dial: got %v, want it to wait for room", err)
	case <-time.After(200 * time.Millisecond):
	}
	guest, _, err := syscall.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(guest)
	if err := <-dialed; err != nil {
		t.Errorf("Dial: got %v, want it to be let in", err)
	}
}

func unixSocket(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return fd
}
