package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// How long a command waits for a daemon whose socket a service manager holds: as long
// as a start may take (package install), and when it says what it waits for.
const (
	startPatience = 60 * time.Second
	tellAfter     = 1200 * time.Millisecond // completion gives up before
	triesApart    = 200 * time.Millisecond
)

// await waits until a daemon answers. Where systemd holds the socket, one can connect
// while the daemon is restarted, and also while it is down: then that starts it. What
// a crash took with it is asked again.
func (p *program) await(ctx context.Context, c *control.Client) error {
	waiting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- askUntilAnswered(waiting, c) }()
	slow := time.NewTimer(tellAfter)
	defer slow.Stop()
	for {
		select {
		case err := <-answer:
			return err
		case <-slow.C:
			fmt.Fprintln(p.stderr, "waiting for vendord: its service is being started, or does not answer")
		}
	}
}

// askUntilAnswered asks until there is an answer, or systemd has given the service up.
func askUntilAnswered(ctx context.Context, c *control.Client) error {
	for {
		err := c.Answers(ctx)
		gone := errors.Is(err, control.ErrNoDaemon) || errors.Is(ctx.Err(), context.Canceled)
		if err == nil || gone || session.AsError(err).Class != session.Retry {
			return err
		}
		select {
		case <-ctx.Done():
			return fail("see: vendord service status, vendord service logs", "control socket %s: the service manager holds it, and no vendord answers", c.Path())
		case <-time.After(triesApart):
		}
	}
}
