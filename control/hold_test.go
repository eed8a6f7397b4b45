//go:build unix

package control_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestHold(t *testing.T) {
	t.Run("lives until Close", func(t *testing.T) {
		d := newDaemon(control.Vend)
		path, _ := d.serve(t, 0o600)
		h, err := dial(t, path).Hold(t.Context(), tok("claude", "", ""))
		if err != nil {
			t.Fatalf("Hold: got %v, want a token", err)
		}
		want := control.Issued{ID: "new", App: "claude", User: me(), Profile: "readonly",
			URL: "http://127.0.0.1:9797/v1/credentials", Region: "eu-west-1", Expires: noon.Add(30 * time.Minute)}
		if h.Issued != want {
			t.Errorf("Hold: got %+v, want %+v", h.Issued, want)
		}
		if d.heldNow() != 1 || isClosed(h.Gone()) {
			t.Errorf("held: got %d, gone %t, want 1, false", d.heldNow(), isClosed(h.Gone()))
		}
		for range 2 {
			if err := h.Close(); err != nil {
				t.Errorf("Close: got %v, want nil", err)
			}
		}
		d.waitReleased(t, 1)
		if isClosed(h.Gone()) {
			t.Errorf("Gone after Close: got closed, want open: the daemon is there")
		}
	})
	t.Run("outlives the context of its registration", func(t *testing.T) {
		d := newDaemon(control.Vend)
		path, _ := d.serve(t, 0o600)
		ctx, cancel := context.WithCancel(t.Context())
		h, err := dial(t, path).Hold(ctx, tok("claude", "", ""))
		if err != nil {
			t.Fatalf("Hold: got %v, want a token", err)
		}
		cancel()
		if err := status(t.Context(), dial(t, path)); !strings.Contains(said(err), "no rights") || d.heldNow() != 1 {
			t.Errorf("held after its context ended: got %d (%v), want 1", d.heldNow(), err)
		}
		_ = h.Close()
	})
	t.Run("ends when it is revoked, and is told so", func(t *testing.T) {
		d := newDaemon(control.Vend | control.Steer)
		path, stop := d.serve(t, 0o600)
		h, err := dial(t, path).Hold(t.Context(), tok("claude", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dial(t, path).Revoke(t.Context(), "uploader", "other-app"); err != nil || isClosed(h.Gone()) {
			t.Errorf("Revoke of another: got %v, and gone %t, want nil and false", err, isClosed(h.Gone()))
		}
		if n, err := dial(t, path).Revoke(t.Context(), "claude", "new"); n != 1 || err != nil {
			t.Fatalf("Revoke: got %d, %v, want 1", n, err)
		}
		_ = stop() // what was said before is read all the same
		select {
		case <-h.Gone():
			if !h.Revoked() {
				t.Error("Revoked: got false, want true: it would be registered again")
			}
		case <-time.After(30 * time.Second):
			t.Error("Gone: still open 30 s after the token was revoked")
		}
	})
	t.Run("revoked while it was made", func(t *testing.T) {
		d := newDaemon(control.Vend | control.Steer)
		d.ended = true
		path, _ := d.serve(t, 0o600)
		h, err := dial(t, path).Hold(t.Context(), tok("claude", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-h.Gone():
			if !h.Revoked() {
				t.Error("Revoked: got false, want true")
			}
		case <-time.After(30 * time.Second):
			t.Error("Gone: still open after 30 s, of a token that is none")
		}
	})
	t.Run("ends with the daemon", func(t *testing.T) {
		d := newDaemon(control.Vend)
		path, stop := d.serve(t, 0o600)
		h, err := dial(t, path).Hold(t.Context(), tok("claude", "", ""))
		if err != nil {
			t.Fatalf("Hold: got %v, want a token", err)
		}
		if err := stop(); err != nil || d.heldNow() != 0 {
			t.Errorf("Serve: got %v with %d held, want nil and 0", err, d.heldNow())
		}
		select {
		case <-h.Gone():
			if h.Revoked() {
				t.Error("Revoked: got true, want false: the next daemon may know it")
			}
		case <-time.After(30 * time.Second):
			t.Errorf("Gone: still open 30 s after the daemon stopped")
		}
		_ = h.Close()
	})
	t.Run("by many at once", func(t *testing.T) {
		const n = 50
		d := newDaemon(control.Steer)
		path, _ := d.serve(t, 0o600)
		c := dial(t, path)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				h, err := c.Hold(t.Context(), tok("claude", "", ""))
				if err != nil {
					t.Errorf("Hold: got %v, want a token", err)
					return
				}
				_ = h.Close()
			})
		}
		wg.Wait()
		d.waitReleased(t, n)
		if d.heldNow() != 0 {
			t.Errorf("held: got %d, want 0", d.heldNow())
		}
	})
}

// A client that goes away while AWS is asked ends the asking.
func TestHoldAbandoned(t *testing.T) {
	d := newDaemon(control.Vend)
	asking, asked := make(chan struct{}), make(chan error, 1)
	d.issue = func(ctx context.Context) error {
		close(asking)
		<-ctx.Done()
		asked <- ctx.Err()
		return ctx.Err()
	}
	path, _ := d.serve(t, 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asking; cancel() }()
	_, err := dial(t, path).Hold(ctx, tok("claude", "", ""))
	wantSaid(t, "Hold", err, "control socket "+path+": interrupted")
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("the daemon's side: got %v, want context canceled", err)
	}
}

// Bytes that no client of ours sends do not keep a token alive: net/http would
// stop watching a connection after the first.
func TestHoldTalkative(t *testing.T) {
	for _, when := range []string{"with the request", "after the answer"} {
		t.Run(when, func(t *testing.T) {
			d := newDaemon(control.Vend)
			path, _ := d.serve(t, 0o600)
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			request := post("/hold", `{"app":"claude","hash":"`+hash+`"}`)
			if when == "with the request" {
				request += "x"
			}
			if _, err := conn.Write([]byte(request)); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("hold: got %v %v, want 200", answer, err)
			}
			if when == "after the answer" {
				if d.heldNow() != 1 {
					t.Errorf("held: got %d, want 1", d.heldNow())
				}
				_, _ = conn.Write([]byte("x"))
			}
			d.waitReleased(t, 1)
		})
	}
}
