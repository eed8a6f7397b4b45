package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"testing"
)

// Whatever keeps exec from running its command, its status is not one that the
// command could have had.
func TestExecWithoutAHome(t *testing.T) {
	p, said := newProgram([]string{"exec", "x", "--", "true"}), &bytes.Buffer{}
	p.home, p.stderr = "", said
	if got := run(t.Context(), p); got != execFailed {
		t.Errorf("exec without a home: got status %d, want %d: %s", got, execFailed, said)
	}
	if got, want := said.String(), "vendord: home directory: not known\nhint: set HOME to a directory of yours\n"; got != want {
		t.Errorf("exec without a home: got %q, want %q", got, want)
	}
}

// A signal may come when everything is ready but the command: it is not begun.
func TestRunChildAfterASignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	child := &exec.Cmd{Path: "/no/such/command", Args: []string{"x"}}
	if err := newProgram(nil).runChild(ctx, func() {}, child, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("runChild after a signal: got %v, want that it is not begun", err)
	}
}
