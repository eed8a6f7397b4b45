package main

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Another user has a socket bound to our port before our start, and does not
// listen: from there it could connect to the ports that our clients come from.
func TestAPortThatAnotherUserHasBound(t *testing.T) {
	needsRoot(t, "be another user")
	free, err := bind("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().(*net.TCPAddr)
	_ = free.Close()
	for name, option := range map[string]int{"with SO_REUSEADDR": unix.SO_REUSEADDR, "with SO_REUSEPORT": unix.SO_REUSEPORT} {
		t.Run(name, func(t *testing.T) {
			var fd int
			asStranger(t, func() (err error) {
				if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
					return err
				}
				if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
					return err
				}
				return unix.Bind(fd, &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}})
			})
			ln, err := bind(address.String(), "stop it")
			if err == nil {
				_ = ln.Close()
			}
			if err == nil || err.Error() != address.String()+": in use by another program" {
				t.Errorf("bind: got %v, want it refused", err)
			}
			_ = syscall.Close(fd)
		})
	}
}

// Connections of a moment ago, of the very first start too, whose port the kernel
// chose, do not keep vendord from starting again at the same port.
func TestARestartAtTheSamePort(t *testing.T) {
	state := t.TempDir()
	for start := range 3 {
		ln, err := listen("", state)
		if err != nil {
			t.Fatalf("start %d: %v", start+1, err)
		}
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }() // after all: the server's end waits for it
		server, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bind(ln.Addr().String(), "stop it"); err == nil || !strings.Contains(err.Error(), "in use by ") {
			t.Errorf("bind beside ourselves: got %v, want it refused", err)
		}
		_, _ = server.Close(), ln.Close()
	}
}
