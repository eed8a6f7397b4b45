package peer_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/vendord/vendord/peer"
)

func openKernel(t testing.TB) *peer.Kernel {
	t.Helper()
	k, err := peer.OpenKernel()
	if err != nil {
		t.Fatalf("OpenKernel: %v", err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// own is a connection of ours to ourselves.
func own(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// What a system does not tell is off for a reason, and its clients say the same.
func TestWhatAKernelDoesNotTell(t *testing.T) {
	k := openKernel(t)
	_, server := own(t)
	c := k.Client(server)
	if c.Addr.String() != "127.0.0.1" {
		t.Errorf("Client: got the address %s, want 127.0.0.1", c.Addr)
	}
	for _, a := range []peer.Ability{peer.Users, peer.Cgroup, peer.Processes, peer.Others} {
		off := k.Off(a)
		if off != nil && !errors.Is(off, errors.ErrUnsupported) {
			t.Errorf("Off(%s): got %v, want errors.ErrUnsupported in it", a, off)
		}
		if runtime.GOOS == "linux" && off != nil && a != peer.Others {
			t.Logf("Off(%s): %v", a, off)
		}
	}
	_, noGroup := c.Cgroup()
	_, noProcess := c.Processes()
	for _, test := range []struct {
		of       string
		got, off error
	}{{"Err", c.Err, k.Off(peer.Users)}, {"Cgroup", noGroup, k.Off(peer.Cgroup)}, {"Processes", noProcess, k.Off(peer.Processes)}} {
		if (test.got == nil) != (test.off == nil) {
			t.Errorf("%s: got %v, though what it needs is off with %v", test.of, test.got, test.off)
		}
	}
}

func TestAZeroClientIsNobody(t *testing.T) {
	var c peer.Client
	_, group := c.Cgroup()
	_, processes := c.Processes()
	for _, err := range []error{group, processes, c.Still()} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a Client of no Kernel: got %v, want errors.ErrUnsupported", err)
		}
	}
	if p, ok := c.Process(); ok {
		t.Errorf("a Client of no Kernel: got process %+v", p)
	}
}

// A connection that is not TCP, or closed, has no client.
func TestConnectionsWithoutAClient(t *testing.T) {
	k := openKernel(t)
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if c := k.Client(a); c.Err == nil || c.Err.Error() != "user of a connection: it is one of pipe" {
		t.Errorf("Client of a pipe: got %v", c.Err)
	}
	client, server := own(t)
	before := k.Client(server)
	_ = client.Close()
	if k.Off(peer.Users) == nil && (before.Err != nil || before.Still() == nil || k.Client(server).Err == nil) {
		t.Errorf("a client that has closed: got %v before it, %v, %v", before.Err, before.Still(), k.Client(server).Err)
	}
}

func TestOwnProcess(t *testing.T) {
	k := openKernel(t)
	if err := k.Off(peer.Processes); err != nil {
		if os.Getenv("CI") != "" && peer.CanTell(peer.Processes) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_, server := own(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := k.Client(server)
	found, err := c.Processes()
	if err != nil || len(found) != 1 || found[0].PID != os.Getpid() || found[0].Exe != exe || found[0].UID != c.Socket.UID {
		t.Errorf("Processes: got %+v, %v, want ours, %s", found, err, exe)
	}
	for range 2 { // the second time by what the first found
		if p, ok := c.Process(); !ok || len(found) != 1 || p != found[0] {
			t.Errorf("Process: got %+v, %v, want %+v", p, ok, found)
		}
	}
}
