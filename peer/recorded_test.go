//go:build darwin || windows

package peer_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
)

// TestRecorded: our own process is the one that connected to us, over either
// family, and its user is ours where users have numbers.
func TestRecorded(t *testing.T) {
	k, err := peer.OpenKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			ln, err := net.Listen("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ln.Close() }()
			own, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = own.Close() }()
			accepted, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = accepted.Close() }()
			client := k.Client(accepted)
			if got, ok := client.Process(); !ok || got.PID != os.Getpid() || got.Started == 0 || !strings.EqualFold(filepath.Base(got.Exe), filepath.Base(exe)) {
				t.Errorf("Process: got %+v, %v, want %d, %s", got, ok, os.Getpid(), exe)
			}
			if runtime.GOOS == "darwin" && (client.Err != nil || int(client.Socket.UID) != os.Geteuid() || client.Still() != nil) {
				t.Errorf("Client: got %+v, want user %d", client, os.Geteuid())
			}
			_ = own.Close()
			if got, ok := client.Process(); ok {
				t.Errorf("Process of one that closed: got %+v", got)
			}
		})
	}
}
