package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// interrupted is why a context ended: by a signal.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted: " + i.signal.String() }

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP ends
// instead of the process, so that what a command deferred is done: a private
// daemon holds keys, and its directories are to go with it. A second signal
// ends the process. Release gives the signals back.
func interruptible(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	notify(caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-caught:
			signal.Stop(caught)
			number, _ := s.(syscall.Signal)
			cancel(interrupted{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		cancel(nil)
	}
}

// orSignal returns the exit status of what a signal ended, else err. The person
// who pressed Ctrl-C needs no words about it.
func orSignal(ctx context.Context, err error) error {
	if i, ok := errors.AsType[interrupted](context.Cause(ctx)); ok {
		return exitError{code: execSignal + int(i.signal)}
	}
	return err
}

// notify is signal.Notify, but leaves alone what we were started to ignore, by
// nohup or a shell's "&": to ask for a signal would undo that, for a command
// that we run as well.
func notify(c chan<- os.Signal, signals ...os.Signal) {
	if heard := slices.DeleteFunc(signals, signal.Ignored); len(heard) > 0 { // none would mean all
		signal.Notify(c, heard...)
	}
}
