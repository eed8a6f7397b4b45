package peer_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// pair is a connection from client to server.
type pair struct{ client, server net.Conn }

func (p pair) of(t testing.TB, tcp *peer.TCP) (peer.Socket, error) {
	t.Helper()
	return tcp.OfConn(p.server)
}

func openTCP(t testing.TB) *peer.TCP {
	t.Helper()
	tcp, err := peer.OpenTCP()
	if err != nil {
		t.Fatalf("OpenTCP: %v", err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	return tcp
}

// connect connects to a listener on address with a dialer.
func connect(t testing.TB, network, address string, dial func(to string) (net.Conn, error)) pair {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if dial == nil {
		dial = func(to string) (net.Conn, error) { return net.Dial("tcp", to) }
	}
	client, err := dial(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return pair{client, server}
}

func TestUserOfAConnection(t *testing.T) {
	tcp := openTCP(t)
	mapped := func(to string) (net.Conn, error) { // as Java does: AF_INET6, ::ffff:127.0.0.1
		at := netip.MustParseAddrPort(to)
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}); err != nil {
			return nil, err
		}
		file := os.NewFile(uintptr(fd), "mapped")
		defer func() { _ = file.Close() }()
		return net.FileConn(file)
	}
	for _, test := range []struct {
		name, network, address string
		dial                   func(string) (net.Conn, error)
	}{
		{"IPv4", "tcp4", "127.0.0.1:0", nil},
		{"IPv6", "tcp6", "[::1]:0", nil},
		{"IPv4 mapped to IPv6", "tcp4", "127.0.0.1:0", mapped},
		{"another loopback address", "tcp4", "127.0.0.1:0", func(to string) (net.Conn, error) {
			return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}}).Dial("tcp", to)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := connect(t, test.network, test.address, test.dial)
			for range 3 {
				if got, err := p.of(t, tcp); err != nil || int(got.UID) != os.Geteuid() {
					t.Errorf("OfConn: got %+v, %v, want user %d", got, err, os.Geteuid())
				}
			}
		})
	}
}

// A client that has closed its socket is nobody, though the kernel shows a user
// 0 for it; one that only sends no more is still who it was.
func TestAClosedClientIsUnknown(t *testing.T) {
	tcp := openTCP(t)
	p := connect(t, "tcp4", "127.0.0.1:0", nil)
	if err := p.client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p.server) // its end is here
	if got, err := p.of(t, tcp); err != nil || int(got.UID) != os.Geteuid() {
		t.Errorf("half closed: got %+v, %v, want user %d", got, err, os.Geteuid())
	}
	_ = p.client.Close()
	got, err := p.of(t, tcp)
	want := "user of " + p.server.RemoteAddr().String() + ": the kernel knows no such socket, or it is closed"
	if err == nil || err.Error() != want || got != (peer.Socket{}) {
		t.Errorf("closed: got %+v, %v, want the error %q", got, err, want)
	}
}

// The kernel answers a question about a connection that is not there with the
// socket that listens on its port, which is somebody else's.
func TestAListenerIsNotTakenForAClient(t *testing.T) {
	tcp := openTCP(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	listening := netip.MustParseAddrPort(ln.Addr().String())
	if got, err := tcp.Of(listening, netip.MustParseAddrPort("127.0.0.1:9")); err == nil {
		t.Errorf("Of: got %+v, want an error", got)
	}
}

// A victim's connection has the port that the attacker uses from another
// loopback address. Who asks the kernel by ports gets the wrong one.
func TestAVictimsPortFromAnotherAddress(t *testing.T) {
	tcp := openTCP(t)
	attacker := anotherUser(t)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	victim, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Close() }()
	port := victim.LocalAddr().(*net.TCPAddr).Port
	as(t, attacker, func() error {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}
		c, err := (&net.Dialer{LocalAddr: from}).Dial("tcp4", ln.Addr().String())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	})
	for range 2 {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		want := uint32(os.Geteuid())
		if c.RemoteAddr().(*net.TCPAddr).IP.Equal(net.IPv4(127, 0, 0, 2)) {
			want = attacker
		}
		if got, err := tcp.OfConn(c); err != nil || got.UID != want {
			t.Errorf("OfConn of %s: got %+v, %v, want user %d", c.RemoteAddr(), got, err, want)
		}
	}
}

// A token that was stolen, and a socket that was made by who stole it.
func TestAnotherUsersConnection(t *testing.T) {
	tcp := openTCP(t)
	other := anotherUser(t)
	p := connect(t, "tcp4", "127.0.0.1:0", func(to string) (c net.Conn, err error) {
		as(t, other, func() error { c, err = net.Dial("tcp", to); return err })
		return c, err
	})
	if got, err := p.of(t, tcp); err != nil || got.UID != other {
		t.Errorf("OfConn: got %+v, %v, want user %d", got, err, other)
	}
}

// Anybody may bind a socket to the loopback interface, and is who they are.
func TestASocketBoundToTheLoopbackInterface(t *testing.T) {
	tcp := openTCP(t)
	other := anotherUser(t)
	p := connect(t, "tcp4", "127.0.0.1:0", func(to string) (c net.Conn, err error) {
		d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
			_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo") })
			return err
		}}
		as(t, other, func() error { c, err = d.Dial("tcp", to); return err })
		return c, err
	})
	if got, err := p.of(t, tcp); err != nil || got.UID != other {
		t.Errorf("OfConn: got %+v, %v, want user %d", got, err, other)
	}
}

func TestTheOverflowUserIsUnknown(t *testing.T) {
	tcp := openTCP(t)
	anotherUser(t)
	p := connect(t, "tcp4", "127.0.0.1:0", func(to string) (c net.Conn, err error) {
		as(t, 65534, func() error { c, err = net.Dial("tcp", to); return err })
		return c, err
	})
	if got, err := p.of(t, tcp); err == nil || !strings.HasSuffix(err.Error(), "user 65534, nobody: "+peer.ErrNobody.Error()) || !errors.Is(err, peer.ErrNobody) {
		t.Errorf("OfConn: got %+v, %v, want an error", got, err)
	}
}

// Who has the port that programs will ask.
func TestUserWhoListens(t *testing.T) {
	tcp := openTCP(t)
	other := anotherUser(t)
	for _, test := range []struct{ name, listen, ask string }{
		{"at the address", "127.0.0.1:0", "127.0.0.1"},
		{"at another of its family", "0.0.0.0:0", "127.0.0.1"},
		{"at all addresses", "[::]:0", "127.0.0.1"},
		{"IPv6", "[::1]:0", "::1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ln net.Listener
			as(t, other, func() (err error) { ln, err = net.Listen("tcp", test.listen); return err })
			at := netip.AddrPortFrom(netip.MustParseAddr(test.ask), uint16(ln.Addr().(*net.TCPAddr).Port))
			if got, err := tcp.OfListener(at); err != nil || got.UID != other {
				t.Errorf("OfListener: got %+v, %v, want user %d", got, err, other)
			}
			_ = ln.Close()
			want := "user who listens on " + at.String() + ": the kernel knows no such socket, or it is closed"
			if got, err := tcp.OfListener(at); err == nil || err.Error() != want {
				t.Errorf("OfListener of nobody: got %+v, %v, want the error %q", got, err, want)
			}
		})
	}
}

func TestUserID(t *testing.T) {
	for name, want := range map[string]uint32{"root": 0, "#1234": 1234, "#0": 0} {
		if got, err := peer.UserID(name); err != nil || got != want {
			t.Errorf("UserID(%q): got %d, %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"", "#", "#-1", "#65534", "#4294967295", "#4294967296", "nobody-has-this-name", "1234"} {
		if got, err := peer.UserID(name); err == nil {
			t.Errorf("UserID(%q): got %d, want an error", name, got)
		}
	}
}

func TestConnectionsThatAreNotTCP(t *testing.T) {
	tcp := openTCP(t)
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if _, err := tcp.OfConn(a); err == nil || err.Error() != "user of a connection: it is one of pipe" {
		t.Errorf("OfConn of a pipe: got %v", err)
	}
}

func TestAClosedTCPKnowsNobody(t *testing.T) {
	tcp := openTCP(t)
	p := connect(t, "tcp4", "127.0.0.1:0", nil)
	if err := tcp.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := p.of(t, tcp); !errors.Is(err, syscall.EBADF) {
		t.Errorf("OfConn: got %+v, %v, want EBADF", got, err)
	}
}

// anotherUser returns a user id that the test may act as.
func anotherUser(t *testing.T) uint32 {
	t.Helper()
	needRoot(t, "act as another user")
	return 20001
}

// as runs f with the file system user uid, which is the one that owns the
// sockets it makes.
func as(t testing.TB, uid uint32, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with the goroutine
		if err := unix.Setfsuid(int(uid)); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// BenchmarkUserOfAConnection has to be flat in the number of other sockets:
//
//	go test ./peer -run '^$' -bench User
func BenchmarkUserOfAConnection(b *testing.B) {
	tcp := openTCP(b)
	ask := func(b *testing.B) {
		p := connect(b, "tcp4", "127.0.0.1:0", nil)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.of(b, tcp); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("few sockets", ask)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	for range 8000 { // two sockets each
		c, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		s, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = s.Close() }()
	}
	b.Run("16000 sockets", ask)
}
