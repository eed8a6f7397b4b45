package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/profiles"
	"golang.org/x/sys/unix"
)

// The addresses for containers are not vendord's to make: it says what to do.
func TestListenOnTheAddressForContainers(t *testing.T) {
	needsRoot(t, "have a network of one's own")
	up := netUp(&profiles.Config{Path: "/home/ann/my vendord.toml"}, false)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if want := "sudo " + self + " net up --config '/home/ann/my vendord.toml'"; up != want {
		t.Errorf("netUp of a user's: got %s, want %s", up, want)
	}
	if got, want := netUp(&profiles.Config{}, true), "sudo vendord net up --system"; got != want {
		t.Errorf("netUp of the machine's: got %s, want %s", got, want)
	}
	alone := func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return loopbackUp() // without any address of its own, Linux takes all for its own
	}
	withoutIPv6 := func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return nil
	}
	powerless := func() error {
		if err := alone(); err != nil {
			return err
		}
		// Of this thread alone, which dies with it.
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, stranger, stranger, stranger); errno != 0 {
			return errno
		}
		return nil
	}
	for _, test := range []struct {
		at      string
		prepare func() error
		want    string
		hint    string
	}{
		{"169.254.170.2:80", alone, "endpoints.ecs.listen: 169.254.170.2 is not an address of this machine", up},
		{"[fd00:ec2::23]:80", alone, "endpoints.ecs.listen: fd00:ec2::23 is not an address of this machine", up},
		{"[::1]:80", withoutIPv6, "endpoints.ecs.listen: this machine has no ::1", "listen at 127.0.0.1"},
		{"127.0.0.1:80", powerless, "endpoints.ecs.listen: port 80 is root's", "set a port above 1023; the machine's service can have this one: sudo " + self + " service install"},
	} {
		onThread(t, test.prepare, func() error {
			_, err := listenEndpoint(ecsAt(test.at), up)
			if err == nil || err.Error() != test.want || hintOf(err) != test.hint {
				return fmt.Errorf("listenEndpoint(%s): got %v, hint %q, want %s, hint %q", test.at, err, hintOf(err), test.want, test.hint)
			}
			return nil
		})
	}
	held, err := bind("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err = listenEndpoint(ecsAt(held.Addr().String()), up); err == nil || !strings.Contains(err.Error(), "in use by") ||
		hintOf(err) != "stop it, or set another port in endpoints.ecs.listen" {
		t.Errorf("listenEndpoint where somebody listens: got %v, hint %q", err, hintOf(err))
	}
}

func ecsAt(listen string) profiles.Endpoint {
	return profiles.Endpoint{Kind: profiles.ECS, Listen: netip.MustParseAddrPort(listen)}
}

// loopbackUp gives a network its loopback addresses.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// Who asks for Multipath TCP is answered in TCP: the kernel is asked about the
// addresses of one connection.
func TestNoMultipathTCP(t *testing.T) {
	listener, err := bind("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	asks, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer asks.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for who, c := range map[string]net.Conn{"our end": accepted, "the client's": asks} {
		if several, err := c.(*net.TCPConn).MultipathTCP(); several || err != nil {
			t.Errorf("%s: got Multipath TCP %v, %v, want TCP", who, several, err)
		}
	}
}
