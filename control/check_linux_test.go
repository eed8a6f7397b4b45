package control_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// self serves a config on a listener until the test ends.
func self(t *testing.T, config control.Config, ln net.Listener) *control.Server {
	t.Helper()
	s := control.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		<-served
	})
	return s
}

func socketOf(t *testing.T) net.Listener {
	t.Helper()
	ln, err := control.Listen(filepath.Join(socketDir(t), "control.sock"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// check checks a server that answers, or of which it is known at once that it does not.
func check(t *testing.T, s *control.Server, at net.Addr) (doubt, err error) {
	t.Helper()
	return checkWithin(t, s, at, time.Minute)
}

// checkWithin checks a server that may take all the time that there is.
func checkWithin(t *testing.T, s *control.Server, at net.Addr, patience time.Duration) (doubt, err error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	return s.Check(ctx, at)
}

// A directory that hangs, and users who take every place, keep nobody from seeing
// that the daemon lives; and Check waits for no other check, not even its own.
func TestCheckNeedsNeitherNamesNorPlaces(t *testing.T) {
	d := newDaemon(control.Steer)
	forever := make(chan struct{})
	d.rights = func(peer.Peer) (control.Rights, error) { <-forever; return 0, errors.New("no") }
	config := d.config()
	config.Health = func(context.Context) control.Health { <-forever; return control.Health{} }
	ln := socketOf(t)
	s := self(t, config, ln)
	defer close(forever)
	for range control.Total { // all there is, as of users who steered before
		c, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range 3 {
		if doubt, err := check(t, s, ln.Addr()); doubt != nil || err != nil {
			t.Errorf("Check: got %v, %v", doubt, err)
		}
	}
	if got := d.logged(); got != "" {
		t.Errorf("the log: got %s, want nothing", got)
	}
}

// The header of a check, without the connection and the secret of one, is nothing.
func TestNobodyElseIsACheck(t *testing.T) {
	d := newDaemon(0)
	ln := socketOf(t)
	self(t, d.config(), ln)
	c, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, secret := range []string{"", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		code, said := exchange(t, c, get("/health", vendordHost, "Vendord-Check: "+secret))
		if code != 403 || !strings.Contains(said, "has no rights here") {
			t.Errorf("secret %q: got %d %s, want 403", secret, code, said)
		}
	}
}

// odd is a listener whose Accept, or address, is a test's.
type odd struct {
	net.Listener
	accept func() (net.Conn, error)
	addr   net.Addr
}

func (o *odd) Accept() (net.Conn, error) {
	if o.accept == nil {
		return o.Listener.Accept()
	}
	return o.accept()
}

func (o *odd) Addr() net.Addr {
	if o.addr != nil {
		return o.addr
	}
	return o.Listener.Addr()
}

// What hangs fails; what is crowded, or whose socket was taken away, does not.
func TestCheckTellsAHungSocketFromABusyOne(t *testing.T) {
	hang := func(o *odd, forever chan struct{}) {
		o.accept = func() (net.Conn, error) { <-forever; return nil, net.ErrClosed }
	}
	busy := func(o *odd, forever chan struct{}) {
		o.accept = func() (net.Conn, error) {
			select {
			case <-forever:
				return nil, net.ErrClosed
			default:
				return nil, &net.OpError{Op: "accept", Err: syscall.ENFILE} // net/http waits and tries again
			}
		}
	}
	lose := func(o *odd, _ chan struct{}) {
		o.accept = func() (net.Conn, error) {
			c, err := o.Listener.Accept()
			if err == nil {
				_, _ = c.Read(make([]byte, 4096)) // what it says is lost
			}
			return c, err
		}
	}
	remove := func(o *odd, _ chan struct{}) { _ = os.Remove(o.Addr().String()) }
	replace := func(o *odd, _ chan struct{}) {
		path := o.Addr().String()
		_ = os.Remove(path)
		other, err := control.Listen(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		self(t, newDaemon(control.Steer).health(), other)
	}
	for name, test := range map[string]struct {
		change     func(o *odd, forever chan struct{})
		patience   time.Duration
		doubt, err string // what they have
	}{
		"it works":                 {func(*odd, chan struct{}) {}, time.Minute, "", ""},
		"nobody accepts":           {hang, time.Second / 2, "", "nobody is let in: i/o timeout"},
		"others come all the time": {busy, time.Second, "too crowded to be let in", ""},
		"nobody answers":           {lose, time.Minute, "", "no answer as it must be: "},
		"somebody removed it":      {remove, time.Minute, "it cannot be reached: no such file or directory", ""},
		"another has its path":     {replace, time.Minute, "leads to somebody else", ""},
	} {
		t.Run(name, func(t *testing.T) {
			on, forever := &odd{Listener: socketOf(t)}, make(chan struct{})
			test.change(on, forever)
			s := self(t, newDaemon(control.Steer).config(), on)
			t.Cleanup(func() { close(forever) })
			doubt, err := checkWithin(t, s, on.Addr(), test.patience)
			if !says(doubt, test.doubt) || !says(err, test.err) {
				t.Errorf("Check: got %v, %v, want %q, %q", doubt, err, test.doubt, test.err)
			}
		})
	}
}

func says(err error, words string) bool {
	return err == nil && words == "" || err != nil && words != "" && strings.Contains(err.Error(), words)
}

// A server that cannot be asked since no more connections fit the queue: the kernel
// says so at once, and it is asked again until the time is over.
func TestCheckOfAFullQueue(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(socketDir(t), "s")
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	var waiting atomic.Bool
	forever := make(chan struct{})
	on := &odd{Listener: ln, accept: func() (net.Conn, error) { waiting.Store(true); <-forever; return nil, net.ErrClosed }}
	s := self(t, newDaemon(control.Steer).config(), on)
	t.Cleanup(func() { close(forever) })
	for range 3 {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err != nil {
			break
		}
		defer c.Close()
	}
	if doubt, err := checkWithin(t, s, on.Addr(), time.Second/2); doubt != nil || err == nil || !strings.HasPrefix(err.Error(), "nobody is let in: ") {
		t.Errorf("Check: got %v, %v", doubt, err)
	}
	if doubt, err := checkWithin(t, s, &net.UnixAddr{Name: "/elsewhere", Net: "unix"}, time.Second/2); doubt != nil || err == nil || err.Error() != "nobody listens" {
		t.Errorf("Check of another address: got %v, %v", doubt, err)
	}
}
