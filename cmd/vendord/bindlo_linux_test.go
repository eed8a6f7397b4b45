package main

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/profiles"
)

// An inherited socket is as the daemon before has left it. Who is nobody special may
// bind one, and not bind it to something else.
func TestBindingAnInheritedSocket(t *testing.T) {
	const unbound, lo, other = "", "lo", "br0"
	for name, row := range map[string]struct {
		was       string
		local     bool
		root      bool
		is        string
		err, hint string
	}{
		"made local":                  {unbound, true, false, lo, "", ""},
		"local, as it was":            {lo, true, false, lo, "", ""},
		"open, as it was":             {unbound, false, false, unbound, "", ""},
		"opened by nobody special":    {lo, false, false, lo, "endpoints.ecs.listen: its socket is bound to this machine's own programs, as it was before, and containers do not reach it", "systemctl restart vendord.socket"},
		"opened by root":              {lo, false, true, unbound, "", ""},
		"bound elsewhere, made local": {other, true, false, other, "endpoints.ecs.listen: its socket is bound to another link than lo, and programs of this machine do not reach it", "systemctl restart vendord.socket"},
		"bound elsewhere, by root":    {other, true, true, lo, "", ""},
		"a link that is gone":         {"gone", true, false, "", "endpoints.ecs.listen: its socket is bound to another link than lo, and programs of this machine do not reach it", "systemctl restart vendord.socket"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.ip("link add br0 type bridge", "link add gone type bridge")
			n.in(func() error {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				defer func() { _ = ln.Close() }()
				fd := descriptorOf(t, ln)
				if err := unix.BindToDevice(fd, row.was); err != nil {
					return err
				}
				if row.was == "gone" {
					if err := exec.Command("ip", "link", "del", "gone").Run(); err != nil {
						return err
					}
				}
				return asUser(row.root, func() error {
					err := bindLocal(ecsAt("169.254.170.2:80"), ln, row.local, true)
					is, _ := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
					if errorText(err) != row.err || hintOf(err) != row.hint || is != row.is {
						t.Errorf("bindLocal: got %v, hint %q, bound to %q, want %q, hint %q, bound to %q", err, hintOf(err), is, row.err, row.hint, row.is)
					}
					return nil
				})
			})
		})
	}
}

// Whoever had a socket beside the listener's, at the same address and port, would keep
// vendord from starting again: the kernel lets anybody bind one to another link.
func TestNobodyBindsBesideAMetadataPort(t *testing.T) {
	n := newNetwork(t)
	n.ip("link add d0 type veth peer name d1", "link set d0 up")
	e := profiles.Endpoint{Kind: profiles.IMDS, Listen: netip.MustParseAddrPort("127.0.0.1:9254")}
	n.in(func() error {
		ln, err := bind(e.Listen.String(), "")
		if err != nil {
			return err
		}
		defer func() { _ = ln.Close() }()
		if err := bindLocal(e, ln, localOnly(&profiles.Config{}, e), true); err != nil {
			return err
		}
		beside, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(beside) }()
		if err := unix.BindToDevice(beside, "d0"); err != nil {
			return err
		}
		if err := unix.Bind(beside, &unix.SockaddrInet4{Port: 9254, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("bind of another socket, at another link: got %v, want %v", err, unix.EADDRINUSE)
		}
		return nil
	})
}

func descriptorOf(t *testing.T, ln net.Listener) (fd int) {
	t.Helper()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(is uintptr) { fd = int(is) })
	}
	if err != nil {
		t.Error(err)
	}
	return fd
}

// asUser does something as root, or on this thread, which is gone then, as a stranger.
func asUser(root bool, f func() error) error {
	if root {
		return f()
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, stranger, stranger, stranger); errno != 0 {
		return errno
	}
	return f()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What a program of this machine sends counts as arrived by the link that has the
// address: a listener that is bound to lo is not reached at another link's.
func TestAddressesThatAreAstray(t *testing.T) {
	const another = "is on another link than lo, and programs of this machine reach vendord there alone"
	for name, row := range map[string]struct {
		prepare string
		local   bool
		want    string
		reached bool
	}{
		"on lo":                    {"addr add 169.254.170.2/32 dev lo", true, "", true},
		"on lo, for all":           {"addr add 169.254.170.2/32 dev lo", false, "", true},
		"on another link":          {"addr add 169.254.170.2/32 dev br0", true, another, false},
		"on another link, for all": {"addr add 169.254.170.2/32 dev br0", false, "", true},
		"on no link":               {"addr add 169.254.170.3/32 dev br0", true, "is not an address of this machine", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.ip("link add br0 type bridge", "link set br0 up", row.prepare)
			e := endpoint{Endpoint: ecsAt("169.254.170.2:80"), local: row.local}
			n.in(func() (err error) {
				if e.ln, err = freeBind.Listen(t.Context(), "tcp", e.Listen.String()); err == nil {
					err = bindLocal(e.Endpoint, e.ln, e.local, true)
				}
				if got := e.astray(); got != row.want {
					t.Errorf("astray: got %q, want %q", got, row.want)
				}
				return err
			})
			defer func() { _ = e.ln.Close() }()
			c, err := n.dial("", e.Listen.String())
			if reached := err == nil; reached != row.reached {
				t.Errorf("dial: got %v, want it reached: %t", err, row.reached)
			}
			if err == nil {
				_ = c.Close()
			}
		})
	}
}

// freeBind listens at addresses that may come later, as systemd does.
var freeBind = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
	control := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1) })
	return errors.Join(control, err)
}}
