//go:build unix

package control_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// What a command has asked is answered although the daemon ends meanwhile.
func TestTheEndAnswersWhatIsUnderWay(t *testing.T) {
	d := newDaemon(control.Steer)
	begun, finish := make(chan struct{}), make(chan struct{})
	d.reload = func(ctx context.Context) ([]string, error) {
		close(begun)
		select {
		case <-finish:
			return []string{"done"}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	path, stop := d.serve(t, 0o600)
	said := make(chan error, 1)
	go func() { _, err := dial(t, path).Reload(t.Context()); said <- err }()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for { // it lets nobody in any more
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(finish)
	if err := <-said; err != nil {
		t.Errorf("Reload: got %v, want its answer", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Who is in and has not yet asked may, for a moment. On a busy machine the moment can be
// over before this test asks.
func TestTheEndAnswersWhoHasJustConnected(t *testing.T) {
	for range 20 {
		if late := endsWithOneConnected(t); late < 100*time.Millisecond {
			return
		}
	}
	t.Error("this test never asked within a moment, so it shows nothing")
}

// endsWithOneConnected ends a daemon with one connected who asks then, and one who does
// not. It returns how late the one was, and nothing is wrong if that was too late.
func endsWithOneConnected(t *testing.T) (late time.Duration) {
	t.Helper()
	d := newDaemon(control.Steer)
	path, stop := d.serve(t, 0o600)
	asks, _ := net.Dial("unix", path)
	silent, _ := net.Dial("unix", path)
	defer asks.Close()
	defer silent.Close()
	if err := status(t.Context(), dial(t, path)); err != nil { // who came before is in by now
		t.Fatal(err)
	}
	began, ended := time.Now(), make(chan error, 1)
	go func() { ended <- stop() }()
	for {
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	_, _ = io.WriteString(asks, get("/status", "Host: vendord", "Vendord-Control: 1"))
	late = time.Since(began)
	if code, said := exchange(t, asks, ""); code != http.StatusOK && late < 100*time.Millisecond {
		t.Errorf("GET /status: got %d %s, want 200", code, said)
	}
	if err := <-ended; err != nil || time.Since(began) > 3*time.Second && late < 100*time.Millisecond {
		t.Errorf("the end: got %v after %s, want it not to wait for who is silent", err, time.Since(began))
	}
	return late
}

// What has no end of its own gets one.
func TestTheEndIsBounded(t *testing.T) {
	t.Parallel()
	d := newDaemon(control.Steer)
	begun := make(chan struct{})
	d.reload = func(ctx context.Context) ([]string, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	path, stop := d.serve(t, 0o600)
	h, err := dial(t, path).Hold(t.Context(), tok("claude", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() { _, err := dial(t, path).Reload(t.Context()); said <- err }()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case <-h.Gone():
	case err := <-said:
		t.Errorf("Reload: got %v before the held token was given up", err)
	}
	wantSaid(t, "Reload", <-said, "daemon: stopping | try again when it runs")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Where somebody else holds the socket too, who comes after the last one that was let
// in waits there for the next daemon.
func TestTheNextDaemonAnswersWhoWaits(t *testing.T) {
	path := filepath.Join(socketDir(t), "control.sock")
	kept, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	config := newDaemon(control.Steer).config()
	for range 3 {
		stop := serveToo(t, kept, config)
		asking := make(chan error, 1)
		go func() {
			for range 200 {
				if err := status(t.Context(), dial(t, path)); err != nil {
					asking <- err
					return
				}
			}
			asking <- nil
		}()
		time.Sleep(20 * time.Millisecond) // anywhere among them
		stop()
		stop = serveToo(t, kept, config)
		if err := <-asking; err != nil {
			t.Errorf("Status over a restart: got %s", strings.ReplaceAll(err.Error(), path, "PATH"))
		}
		stop()
	}
}

// serveToo serves a socket that stays open when stop is called.
func serveToo(t *testing.T, kept net.Listener, config control.Config) (stop func()) {
	t.Helper()
	f, err := kept.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- control.New(config).Serve(ctx, ln) }()
	return func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}
