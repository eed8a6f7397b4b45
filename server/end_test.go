package server_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// ending tells a server to end.
func (w *world) ending(t *testing.T) (ended <-chan error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- w.stop() }()
	return done
}

// kept is a connection over which something was asked, and that is kept.
func (w *world) kept() (net.Conn, *bufio.Reader) {
	w.tb.Helper()
	c := w.dial()
	in := bufio.NewReader(c)
	if r := w.askOn(c, in, plain); r.status != 200 || r.closes {
		w.tb.Fatalf("before the end: got %d %s, closes: %v, want 200, and another may follow", r.status, r.body, r.closes)
	}
	return c, in
}

// Who asks once more over a connection that is kept is told that it was the last time.
func TestTheEndTellsKeptConnections(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c, in := w.kept()
	ended := w.ending(t)
	for closes := false; !closes; { // a request can come before the end does
		r := w.askOn(c, in, plain)
		if closes = r.closes; r.status != 200 || r.body != golden {
			t.Fatalf("at the end: got %d %s, want 200", r.status, r.body)
		}
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("after the last answer: got %q, %v, want the end of the connection", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Who has connected and not asked yet is waited for.
func TestTheEndAnswersWhoHasConnected(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c := w.dial()
	_ = w.ask(plain) // accepted after c
	ended := w.ending(t)
	for { // until nobody is let in any more
		late, err := net.Dial("tcp", w.addr)
		if err != nil {
			break
		}
		_ = late.Close()
	}
	if r := w.askOn(c, bufio.NewReader(c), plain); r.status != 200 || r.body != golden || !r.closes {
		t.Errorf("got %d %s, closes: %v, want 200, and no other", r.status, r.body, r.closes)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// Connections that say nothing do not keep a successor waiting.
func TestTheEndDoesNotWaitForTheSilent(t *testing.T) {
	for name, open := range map[string]func(*world) net.Conn{
		"one that is kept":           func(w *world) net.Conn { c, _ := w.kept(); return c },
		"one that has asked nothing": func(w *world) net.Conn { return w.dial() },
		"one with half a request": func(w *world) net.Conn {
			c := w.dial()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo")
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, always(credentials(nil)))
			c := open(w)
			_ = w.ask(plain) // accepted after c
			began := time.Now()
			if err := w.stop(); err != nil {
				t.Fatalf("Serve: %v", err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the end took %s, want well below a second", took)
			}
			if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
				t.Errorf("the connection: got %q, %v, want its end", rest, err)
			}
		})
	}
}
