//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// held is a control socket on which nobody answers yet, as a service manager has it.
func held(t *testing.T) (net.Listener, *control.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vendord-held-") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(c.Close)
	return ln, c
}

// answering serves the control socket, for callers who may do nothing.
func answering(t *testing.T, ln net.Listener) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	server := control.New(control.Config{Rights: func(peer.Peer) (control.Rights, error) { return 0, nil }})
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() { cancel(); <-done })
}

// While the daemon is restarted a command waits, and says so where it takes long.
func TestACommandWaitsForAServiceThatStarts(t *testing.T) {
	ln, c := held(t)
	said := &safeBuffer{}
	done := make(chan error, 1)
	go func() { done <- (&program{stderr: said}).await(t.Context(), c) }()
	for range 500 {
		if strings.Contains(said.String(), "waiting") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	answering(t, ln)
	if err := <-done; err != nil {
		t.Errorf("await: got %v, want no error: a refusal is an answer too", err)
	}
	if want := "waiting for vendord: its service is being started, or does not answer\n"; said.String() != want {
		t.Errorf("await: said %q, want %q", said.String(), want)
	}
}

// What a daemon that crashes had accepted is asked again.
func TestACommandAsksAgainAfterACrash(t *testing.T) {
	ln, c := held(t)
	said := &bytes.Buffer{}
	done := make(chan error, 1)
	go func() { done <- (&program{stderr: said}).await(t.Context(), c) }()
	for range 2 { // Dial looked who is there, and await asks
		lost, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		lost.Close()
	}
	answering(t, ln)
	if err := <-done; err != nil || said.Len() > 0 {
		t.Errorf("await: got %v, said %q, want nothing", err, said)
	}
}

func TestACommandDoesNotWaitForever(t *testing.T) {
	_, c := held(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := (&program{stderr: &bytes.Buffer{}}).await(ctx, c)
	if err == nil || err.Error() != "control socket "+c.Path()+": the service manager holds it, and no vendord answers" ||
		hintOf(err) != "see: vendord service status, vendord service logs" {
		t.Errorf("await: got %v (hint %q), want that nobody answers", err, hintOf(err))
	}
}

// systemd closes the socket of a service that it has given up.
func TestACommandDoesNotWaitForAServiceThatWasGivenUp(t *testing.T) {
	ln, c := held(t)
	go ln.Close()
	if err := (&program{stderr: &bytes.Buffer{}}).await(t.Context(), c); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("await: got %v, want that there is no daemon", err)
	}
}

func TestWhoHoldsTheSocketIsNoManager(t *testing.T) {
	if _, c := held(t); c.ByManager() {
		t.Error("ByManager of this test's own socket: got true")
	}
}

func TestHowToStart(t *testing.T) {
	for _, row := range []struct {
		p         program
		installed bool
		want      string
	}{
		{program{}, false, "start it: vendord serve"},
		{program{system: true}, false, "start it: vendord serve --system"},
		{program{socket: "/run/x"}, true, "start it: vendord serve --socket /run/x"},
		{program{system: true}, true, "sudo vendord service start; vendord service logs --system says why it is down"},
		{program{}, true, "sudo vendord service start; vendord service logs --system says why it is down; or run one of your own: vendord serve"},
	} {
		if got := row.p.howToStart(row.installed); got != row.want {
			t.Errorf("howToStart(%v) of %+v: got %q, want %q", row.installed, row.p, got, row.want)
		}
	}
}
