package main

import (
	"context"
	"errors"
	"time"
)

// startTakes is how long a start takes at least, where a service manager repeats it.
const startTakes = time.Second

// repeated reports whether it is systemd that starts this vendord, and so will again.
func (p *program) repeated() bool {
	return p.getenv("NOTIFY_SOCKET") != "" || p.getenv("LISTEN_FDS") != ""
}

// unhurried makes a start that failed take its time. A service manager that holds the
// sockets starts vendord again for as long as it takes, since it would close the
// sockets of a service that it gives up: then anybody could have their addresses. And
// whoever connects has it started at once. So what a loop costs is decided here: one
// start a second, and what that logs.
//
// The errors are told at once. Who wants it to end meanwhile does not wait, and is not
// told of a failure that they have ended.
func (p *program) unhurried(ctx context.Context, began time.Time, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	code := 1
	if _, ok := errors.AsType[usageError](err); ok {
		code = 2
	}
	p.printError(err)
	select {
	case <-time.After(startTakes - time.Since(began)):
		return exitError{code: code}
	case <-ctx.Done():
		return nil
	}
}
