package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// patience is how long a check of these tests may take. net/http waits for a second
// at most before it accepts again after an error, which has to fit into two thirds.
const patience = 2 * time.Second

// check checks the server where on says.
func (w *world) check(on interface{ Addr() net.Addr }) (doubt, err error) {
	w.tb.Helper()
	ctx, done := context.WithTimeout(w.tb.Context(), patience)
	defer done()
	return w.server.Check(ctx, on.Addr())
}

// listening is a listener of a test's.
func listening(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

// is makes a server take everybody for a user.
func is(uid uint32) func(*server.Config) {
	return func(c *server.Config) {
		c.Who = func(net.Conn) *peer.Client { return &peer.Client{Socket: peer.Socket{UID: uid}} }
	}
}

// us is our own user.
func us() uint32 { return uint32(os.Geteuid()) }

func TestACheckLeavesNoTrace(t *testing.T) {
	ln := listening(t)
	w := startOn(t, ln, always(credentials(nil)), is(us()))
	for range 150 { // more than a caller may be refused
		if doubt, err := w.check(ln); doubt != nil || err != nil {
			t.Fatalf("Check: got %v, %v", doubt, err)
		}
	}
	if got := w.record(); got != "" {
		t.Errorf("the record: got %s, want nothing", got)
	}
	if got := w.audit.Refusals(""); len(got) != 0 {
		t.Errorf("Refusals: got %v, want none", got)
	}
	if got := w.audit.Counts(); len(got) != 0 {
		t.Errorf("Counts: got %v, want none", got)
	}
	if got := w.log.String(); got != "" {
		t.Errorf("the log: got %s, want nothing", got)
	}
	if got := w.ask("GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: " + w.server.CheckToken() + "\n\n"); got.status != 401 {
		t.Errorf("a stranger after the checks: got %d, want 401, with a reason", got.status)
	}
}

// Who says what a check says is on record all the same.
func TestNobodyElseGoesUnrecorded(t *testing.T) {
	for name, test := range map[string]struct {
		uid     uint32
		request func(w *world) string
	}{
		"the header, and a guess": {us(), func(w *world) string {
			return "GET /v1/credentials HTTP/1.1\r\nHost: " + w.addr + "\r\nAuthorization: x\r\nVendord-Check: ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n\r\n"
		}},
		"the very secret, over a connection that is no check's": {us(), func(w *world) string { return w.server.CheckRequest(w.addr) }},
		"the secret twice": {us(), func(w *world) string {
			return strings.Replace(w.server.CheckRequest(w.addr), "Vendord-Check:", "Vendord-Check: x\r\nVendord-Check:", 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ln := listening(t)
			w := startOn(t, ln, always(credentials(nil)), is(test.uid))
			var checks sync.WaitGroup
			ctx, done := context.WithCancel(t.Context())
			checks.Go(func() { // while checks go on, too
				for ctx.Err() == nil {
					_, _ = w.server.Check(ctx, ln.Addr())
				}
			})
			if got := w.ask(strings.ReplaceAll(test.request(w), "\r\n", "\n")); got.status != 401 {
				t.Errorf("got %d, want 401", got.status)
			}
			done()
			checks.Wait()
			if got := w.audit.Refusals(""); len(got) != 1 || got[0].Status != 401 {
				t.Errorf("Refusals: got %v, want the one", got)
			}
		})
	}
}

// If the kernel said that another user asks, it would be no check.
func TestACheckOfAnotherUserIsRecorded(t *testing.T) {
	ln := listening(t)
	w := startOn(t, ln, always(credentials(nil)), is(us()+1))
	if doubt, err := w.check(ln); doubt != nil || err != nil {
		t.Fatalf("Check: got %v, %v", doubt, err)
	}
	if got := w.audit.Refusals(""); len(got) != 1 {
		t.Errorf("Refusals: got %v, want one", got)
	}
}

// Programs of our own user wait for AWS at every place there is.
func TestACheckNeedsNoPlace(t *testing.T) {
	slow := newSlowly()
	ln := listening(t)
	w := startOn(t, ln, slow.Get, func(c *server.Config) { c.MaxConns = 2; is(us())(c) })
	defer close(slow.goOn)
	w.own(us())
	for range 2 {
		if _, err := w.dial().Write([]byte(w.fill(plain))); err != nil {
			t.Fatal(err)
		}
		<-slow.asked
	}
	if doubt, err := w.check(ln); doubt != nil || err != nil {
		t.Errorf("Check of a full house: got %v, %v", doubt, err)
	}
	if got := w.server.Connections(); got != 2 {
		t.Errorf("Connections: got %d, want 2", got)
	}
}

// odd is a listener whose Accept is a test's, and perhaps its address.
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

// closedPort is an address where nobody listens.
func closedPort(tb testing.TB) net.Addr {
	tb.Helper()
	ln := listening(tb)
	_ = ln.Close()
	return ln.Addr()
}

// What hangs fails; what is crowded, or attacked, or lacks what all programs of a
// machine share, does not, unless it hangs as well.
func TestCheckTellsAHungServerFromABusyOne(t *testing.T) {
	forever := make(chan struct{})
	var letGo sync.Once
	t.Cleanup(func() { letGo.Do(func() { close(forever) }) })
	hang := func() { <-forever }
	busy := func() (net.Conn, error) {
		select {
		case <-forever:
			return nil, net.ErrClosed
		default:
			return nil, &net.OpError{Op: "accept", Err: syscall.ENFILE} // net/http waits and tries again
		}
	}
	away := &net.TCPAddr{IP: net.IPv4(169, 254, 170, 2), Port: 80} // not one of this machine's
	for name, test := range map[string]struct {
		ln         func(odd) *odd
		who        func()
		clock      func()
		doubt, err string // how they begin
	}{
		"it works": {},
		"nobody accepts": {ln: func(o odd) *odd { o.accept = func() (net.Conn, error) { hang(); return nil, net.ErrClosed }; return &o },
			err: "nobody is let in: "},
		"whoever is accepted is never known": {who: hang, err: "nobody is let in: "},
		"no request is decided":              {clock: hang, err: "no answer as it must be: "},
		"others are let in all the time": {ln: func(o odd) *odd { o.accept = busy; return &o },
			doubt: "too crowded to be let in"},
		"others are let in, and nobody is answered": {ln: func(o odd) *odd { o.accept = busy; return &o }, clock: hang,
			doubt: "too crowded to be let in", err: "no request is answered: context deadline exceeded"},
		"no port is left, or the address has gone": {ln: func(o odd) *odd { o.addr = away; return &o },
			doubt: "this machine has no connection left for it: dial tcp 169.254.170.2:80: "},
		"it was never reached": {ln: func(o odd) *odd { o.addr = closedPort(t); return &o },
			doubt: "could never be reached from here: dial tcp 127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := &odd{Listener: listening(t)}
			defer on.Close()
			if test.ln != nil {
				on = test.ln(*on)
			}
			w := startOn(t, on, always(credentials(nil)), func(c *server.Config) {
				was := c.Now
				c.Now = func() time.Time {
					if test.clock != nil {
						test.clock()
					}
					return was()
				}
				c.Who = func(net.Conn) *peer.Client {
					if test.who != nil {
						test.who()
					}
					return &peer.Client{Socket: peer.Socket{UID: us()}}
				}
			})
			w.stop = func() error { return nil } // what hangs does not end
			began := time.Now()
			doubt, err := w.check(on)
			if !begins(doubt, test.doubt) || !begins(err, test.err) {
				t.Errorf("Check: got %v, %v, want %q, %q", doubt, err, test.doubt, test.err)
			}
			if took := time.Since(began); took > 5*patience {
				t.Errorf("Check: took %v of %v", took, patience)
			}
		})
	}
}

func begins(err error, with string) bool {
	return err == nil && with == "" || err != nil && with != "" && strings.HasPrefix(err.Error(), with)
}

func TestCheckWhereNobodyListens(t *testing.T) {
	w := start(t, always(credentials(nil)))
	if doubt, err := w.check(&odd{addr: closedPort(t)}); doubt != nil || err == nil || err.Error() != "nobody listens" {
		t.Errorf("Check: got %v, %v", doubt, err)
	}
}

// A listener that was closed behind the server's back was reached before.
func TestCheckOfAListenerThatWentAway(t *testing.T) {
	var closed atomic.Bool
	real := listening(t)
	on := &odd{Listener: real, accept: func() (net.Conn, error) {
		c, err := real.Accept()
		if closed.Load() {
			<-t.Context().Done() // as one that hangs, and whose socket is gone
		}
		return c, err
	}}
	w := startOn(t, on, always(credentials(nil)), is(us()))
	if doubt, err := w.check(on); doubt != nil || err != nil {
		t.Fatalf("Check: got %v, %v", doubt, err)
	}
	w.stop = func() error { return nil } // it ends as what went away makes it
	closed.Store(true)
	_ = real.Close()
	if doubt, err := w.check(on); doubt != nil || !begins(err, "nobody is let in: dial tcp "+on.Addr().String()) {
		t.Errorf("Check: got %v, %v, want that nobody is let in", doubt, err)
	}
}

// Something else answers: a panic, or another program that took the port.
func TestCheckOfAnOddAnswer(t *testing.T) {
	ln := listening(t)
	var once atomic.Bool
	w := startOn(t, ln, failing(session.AsError(fmt.Errorf("x"))), func(c *server.Config) {
		was := c.Now
		c.Now = func() time.Time {
			if once.CompareAndSwap(true, false) {
				panic("a mistake")
			}
			return was()
		}
		is(us())(c)
	})
	if doubt, err := w.check(ln); doubt != nil || err != nil {
		t.Fatalf("Check: got %v, %v", doubt, err)
	}
	once.Store(true)
	const want = `no answer as it must be: status 503 "NotReady" instead of 401 "NotRecognized"`
	if doubt, err := w.check(ln); doubt != nil || err == nil || err.Error() != want {
		t.Errorf("Check: got %v, %v, want %s", doubt, err, want)
	}
}
