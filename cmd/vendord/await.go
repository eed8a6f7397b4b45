package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/session"
)

// How long a command waits for a daemon whose socket a service manager holds: as long
// as a start may take (package install), and when it says what it waits for.
const (
	startPatience = 60 * time.Second
	tellAfter     = 1200 * time.Millisecond // completion gives up before
	triesApart    = 200 * time.Millisecond
	looksApart    = 500 * time.Millisecond
)

// await waits until a daemon answers. Where systemd holds the socket, one can connect
// while the daemon is restarted, and also while it is down: then that starts it. What
// a crash took with it is asked again. A service that does not come up is started for
// as long as it takes: that is no reason to wait as long.
func (p *program) await(ctx context.Context, c *control.Client, look func(context.Context) (install.State, error)) error {
	waiting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- askUntilAnswered(waiting, c) }()
	slow := time.NewTimer(tellAfter)
	defer slow.Stop()
	failing := make(chan error, 1)
	for {
		select {
		case err := <-answer:
			return err
		case err := <-failing:
			return err
		case <-slow.C:
			fmt.Fprintln(p.stderr, "waiting for vendord: its service is being started, or does not answer")
			go func() {
				if how := untilFailing(waiting, look); how != "" {
					failing <- notComingUp(c, how)
				}
			}()
		}
	}
}

// untilFailing watches a service that is started, and returns how it fails once it has
// failed and been started again meanwhile. Where the manager cannot be asked, and when
// ctx ends, it returns "".
func untilFailing(ctx context.Context, look func(context.Context) (install.State, error)) string {
	var first install.State
	exit := ""
	for n := 0; ; n++ {
		st, err := look(ctx)
		if st.Exit != "" {
			exit = " (" + st.Exit + ")" // while it is started systemd does not know of it
		}
		switch {
		case err != nil:
			return ""
		case n == 0 || st.Restarts < first.Restarts: // or somebody has started it
			first = st
		case st.Phase == install.Crashing && st.Restarts > first.Restarts:
			return "fails each time when it starts" + exit + ", and is started again"
		case st.Phase == install.Failed && first.Phase == install.Failed:
			return "failed when it started" + exit + ", and is not started again"
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(looksApart):
		}
	}
}

func notComingUp(c *control.Client, how string) error {
	flag := ""
	if c.BySystem() {
		flag = " --system"
	}
	return fail("see: vendord service logs"+flag+"; vendord check"+flag+" finds a mistake in the configuration", "vendord's service: %s", how)
}

// managerOf is how the service is doing that holds a socket, by its own manager.
func (p *program) managerOf(c *control.Client) func(context.Context) (install.State, error) {
	its := *p
	its.system = c.BySystem()
	return its.systemd().State
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
