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
	"github.com/vendord/vendord/install"
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
	go func() { done <- (&program{stderr: said}).await(t.Context(), c, starting) }()
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
	go func() { done <- (&program{stderr: said}).await(t.Context(), c, starting) }()
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
	err := (&program{stderr: &bytes.Buffer{}}).await(ctx, c, starting)
	if err == nil || err.Error() != "control socket "+c.Path()+": the service manager holds it, and no vendord answers" ||
		hintOf(err) != "see: vendord service status, vendord service logs" {
		t.Errorf("await: got %v (hint %q), want that nobody answers", err, hintOf(err))
	}
}

// systemd closes the socket of a service that it has given up.
func TestACommandDoesNotWaitForAServiceThatWasGivenUp(t *testing.T) {
	ln, c := held(t)
	go ln.Close()
	if err := (&program{stderr: &bytes.Buffer{}}).await(t.Context(), c, starting); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("await: got %v, want that there is no daemon", err)
	}
}

// starting is a service that has not failed.
func starting(context.Context) (install.State, error) {
	return install.State{Phase: install.Starting}, nil
}

// A manager that never gives up is no reason to wait for it: who waits is told soon.
func TestACommandDoesNotWaitForAServiceThatFailsEachTime(t *testing.T) {
	const hint = "see: vendord service logs; vendord check finds a mistake in the configuration"
	failed := func(phase install.Phase, restarts ...int) func(context.Context) (install.State, error) {
		looks := 0
		return func(context.Context) (install.State, error) {
			at := restarts[min(looks, len(restarts)-1)]
			looks++
			return install.State{Phase: phase, Restarts: at, Exit: "exit status 1"}, nil
		}
	}
	for name, row := range map[string]struct {
		look func(context.Context) (install.State, error)
		want string
	}{
		"started again and again": {failed(install.Crashing, 9, 9, 10),
			"vendord's service: fails each time when it starts (exit status 1), and is started again"},
		"given up": {failed(install.Failed, 0),
			"vendord's service: failed when it started (exit status 1), and is not started again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := held(t)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := (&program{stderr: &bytes.Buffer{}}).await(ctx, c, row.look)
			if err == nil || err.Error() != row.want || hintOf(err) != hint {
				t.Errorf("await: got %v (hint %q), want %s (hint %q)", err, hintOf(err), row.want, hint)
			}
		})
	}
}

// What has crashed once, before or meanwhile, is waited for.
func TestACommandWaitsForAServiceThatComesBack(t *testing.T) {
	for name, looks := range map[string][]install.State{
		"it crashed long ago":          {{Phase: install.Crashing, Restarts: 9}, {Phase: install.Crashing, Restarts: 9}},
		"somebody has started it anew": {{Phase: install.Crashing, Restarts: 9}, {Phase: install.Crashing, Restarts: 1}},
		"it runs":                      {{Phase: install.Running, Restarts: 9}, {Phase: install.Running, Restarts: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			left := looks
			if err := untilFailing(ctx, func(context.Context) (install.State, error) {
				if len(left) == 0 {
					cancel()
					return looks[len(looks)-1], nil
				}
				st := left[0]
				left = left[1:]
				return st, nil
			}); err != "" {
				t.Errorf("untilFailing: got %q, want nothing", err)
			}
		})
	}
	if err := untilFailing(t.Context(), func(context.Context) (install.State, error) { return install.State{}, errors.New("no systemd") }); err != "" {
		t.Errorf("untilFailing without a manager to ask: got %q, want nothing", err)
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
