package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

func TestServeNeedsALoopbackAddress(t *testing.T) {
	for _, test := range []struct {
		network, address, want string
	}{
		{"tcp4", "0.0.0.0:0", "listen 0.0.0.0:PORT: not a loopback address"},
		{"unix", "SOCKET", "listen SOCKET: not a loopback address"},
	} {
		t.Run(test.network+" "+test.address, func(t *testing.T) {
			socket := t.TempDir() + "/s"
			ln, err := net.Listen(test.network, strings.ReplaceAll(test.address, "SOCKET", socket))
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			err = server.New(server.Config{}).Serve(t.Context(), ln, server.Endpoint{})
			e := session.AsError(err)
			if want := strings.NewReplacer("PORT", port, "SOCKET", socket).Replace(test.want); e == nil || e.Public != want || e.Hint != "listen on 127.0.0.1" || e.Class != session.Configuration {
				t.Errorf("Serve: got %v, want %s", err, want)
			}
			if _, err := ln.Accept(); err == nil {
				t.Error("the listener is still open")
			}
		})
	}
}

func TestServeOnIPv6(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 here: %v", err) // a container without it has nothing to serve on
		return
	}
	w := startOn(t, ln, always(credentials(nil)), nil)
	for _, host := range []string{"ADDR", "[::1]", "::1", "localhost:PORT", "127.0.0.1:PORT"} {
		if got := w.ask("GET /v1/credentials HTTP/1.1\nHost: " + host + "\nAuthorization: TOKEN\n\n"); got.status != 200 {
			t.Errorf("Host: %s: got %d %s", host, got.status, got.body)
		}
	}
}

func TestServeOnAnotherLoopbackAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Logf("no 127.0.0.2 here: %v", err) // macOS has only 127.0.0.1
		return
	}
	w := startOn(t, ln, always(credentials(nil)), nil)
	for host, want := range map[string]int{"ADDR": 200, "127.0.0.2": 200, "127.0.0.3:PORT": 403} {
		if got := w.ask("GET /v1/credentials HTTP/1.1\nHost: " + host + "\nAuthorization: TOKEN\n\n"); got.status != want {
			t.Errorf("Host: %s: got %d %s, want %d", host, got.status, got.body, want)
		}
	}
}

func TestServeSaysWhyItEnded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	err = server.New(server.Config{}).Serve(t.Context(), ln, server.Endpoint{})
	if err == nil || !strings.HasPrefix(err.Error(), "serving "+addr+": ") {
		t.Errorf("Serve: got %v, want serving %s: …", err, addr)
	}
}

// slowly is a Credentials that says when it is asked and waits to be let go.
type slowly struct{ asked, goOn chan struct{} }

func newSlowly() slowly { return slowly{make(chan struct{}, 1000), make(chan struct{})} }

func (s slowly) Get(ctx context.Context, _ session.Key, _ time.Duration) (*session.Credentials, error) {
	s.asked <- struct{}{}
	select {
	case <-s.goOn:
		return credentials(nil), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	slow := newSlowly()
	w := start(t, slow.Get)
	c := w.dial()
	in := bufio.NewReader(c)
	idle := w.dial() // a connection with nothing under way does not hold it up
	got := make(chan reply)
	go func() { got <- w.askOn(c, in, plain) }()
	<-slow.asked
	stopped := make(chan error)
	go func() { stopped <- w.stop() }()
	for { // until it no longer accepts
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(slow.goOn)
	if r := <-got; r.status != 200 || r.body != golden {
		t.Errorf("got %d %s, want 200", r.status, r.body)
	}
	_ = idle.Close()
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestAnUnreadBodyDoesNotEatTheAnswer sends more than net/http reads of a body
// that nobody wants. To hang up on it at once would reset the connection, and
// the client would see that instead of the answer.
func TestAnUnreadBodyDoesNotEatTheAnswer(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c := w.dial()
	go func() {
		_, _ = io.WriteString(c, w.fill("POST /v1/credentials HTTP/1.1\nHost: ADDR\nContent-Length: 10000000\n\n"))
		_, _ = io.WriteString(c, strings.Repeat("x", 1_000_000)) // fails when the server hangs up
	}()
	answer := make([]byte, 12)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 405" {
		t.Errorf("got %q, %v, want 405", answer, err)
	}
}

func TestParallelRequests(t *testing.T) {
	const n = 500
	slow := newSlowly()
	w := start(t, slow.Get)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			_, _ = io.WriteString(c, w.fill("GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nConnection: close\n\n"))
			answer, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(answer), golden) {
				t.Errorf("got %s, %v", answer, err)
			}
		})
	}
	for range n {
		<-slow.asked // all are under way at once
	}
	close(slow.goOn)
	wg.Wait()
	if n := strings.Count(w.record(), "\n"); n != 500 {
		t.Errorf("record: got %d lines, want 500", n)
	}
}
