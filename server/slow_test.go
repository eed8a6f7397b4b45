package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are made in memory, so that time is
// the tests' own: nobody waits for these clients but themselves.
type pipes struct {
	conns  chan net.Conn
	fail   chan error
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), fail: make(chan error, 10), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select { // failures first
	case err := <-p.fail:
		return nil, err
	default:
	}
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.fail:
		return nil, err
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9797} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// serve runs a server with h for its handler until the test ends.
func serve(t *testing.T, most int, h http.HandlerFunc) *pipes {
	ln := newPipes()
	log := slog.New(slog.DiscardHandler)
	own := &listener{Listener: ln, probes: newProbes(), places: newPlaces(most, nil, log), who: unknown, log: log}
	hs := newHTTPServer(t.Context(), h, log)
	done := make(chan error, 1)
	go func() { done <- hs.Serve(own) }()
	t.Cleanup(func() {
		_ = hs.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// closedAfter returns how long it takes until the other end hangs up.
func closedAfter(c net.Conn) time.Duration {
	start := time.Now()
	_, _ = io.Copy(io.Discard, c)
	return time.Since(start)
}

func TestASlowHeaderIsCutOff(t *testing.T) {
	for _, test := range []struct {
		name string
		send func(c net.Conn)
	}{
		{"nothing at all", func(net.Conn) {}},
		{"half a header", func(c net.Conn) { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo") }},
		{"a byte now and then", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "G"); err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serve(t, 10, ok).dial()
				var sending sync.WaitGroup
				defer sending.Wait()
				sending.Go(func() { test.send(c) })
				if took := closedAfter(c); took < 1750*time.Millisecond || took > 2250*time.Millisecond {
					t.Errorf("hung up after %v, want 2 s, give or take a sweep", took)
				}
			})
		})
	}
}

func TestAnIdleConnectionIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, 10, ok).dial()
		in := bufio.NewReader(c)
		for range 3 {
			_, _ = io.WriteString(c, request)
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			time.Sleep(59 * time.Second)
		}
		if took := closedAfter(c); took != time.Second {
			t.Errorf("hung up %v after a minute's silence, want at once", took-time.Second)
		}
	})
}

func TestASlowReaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, 10, ok).dial()
		start := time.Now()
		for { // asks and asks, and never reads
			if _, err := io.WriteString(c, request); err != nil {
				break
			}
		}
		if took := time.Since(start); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("hung up after %v, want 9 to 10 s", took)
		}
	})
}

func TestALateAnswerHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, 10, ok).dial()
		in := bufio.NewReader(c)
		for i := range 5 { // the deadline that was kept is over by the second
			_, _ = io.WriteString(c, request)
			time.Sleep(8 * time.Second)
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			time.Sleep(30 * time.Second)
		}
	})
}

func TestASlowBodyIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(Config{}).Serve(ctx, ln, Endpoint{}) }()
		c := ln.dial()
		var sending sync.WaitGroup
		defer sending.Wait()
		sending.Go(func() {
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n")
			for {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		start := time.Now()
		answer, _ := io.ReadAll(c)
		if took := time.Since(start); took > 1100*time.Millisecond || !strings.HasPrefix(string(answer), "HTTP/1.1 405 ") {
			t.Errorf("got %q, and hung up after %v, want 405 and at most 1.1 s", answer, took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestAcceptFailsAndServeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := serve(t, 10, ok)
		for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EMFILE} {
			ln.fail <- &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept", errno)}
		}
		c := ln.dial()
		_, _ = io.WriteString(c, request)
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Errorf("after EMFILE: %v", err)
		}
	})
}

func TestShutdownCutsOffAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(Config{}).Serve(ctx, ln, Endpoint{}) }()
		c := ln.dial()
		go func() { _, _ = io.WriteString(c, request) }()
		synctest.Wait() // its answer hangs: nobody reads it
		start := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Serve: took %v to end, want 5 s", took)
		}
	})
}
