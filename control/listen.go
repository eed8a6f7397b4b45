package control

import (
	"errors"
	"net"
	"os"

	"github.com/vendord/vendord/session"
)

// ErrRunning is in the chain of Listen's error where another daemon answers.
var ErrRunning = errors.New("another vendord is running")

// Listen listens on a Unix socket of the given mode: 0600 for the user's own,
// 0666 where every local user may connect. A missing directory is created,
// 0700, or 0755 if the mode lets others connect. Errors are *session.Error.
//
// The directory must be one in which nobody else can put a socket of theirs. A
// socket that nobody listens on is replaced; if one answers, the error is
// ErrRunning. Closing the listener removes the socket, unless it is another
// by then.
func Listen(path string, mode os.FileMode) (net.Listener, error) {
	ln, err := listen(path, mode)
	if err != nil {
		return nil, err
	}
	return ln, nil
}

// Inherit takes a listener for path that a service manager made. The same holds for
// its directory as of Listen's, and the path must still be there: closing the
// listener does not remove it, and commands that come then wait for a successor.
func Inherit(ln net.Listener, path string) (net.Listener, error) {
	if err := inherited(ln, path); err != nil {
		return nil, err
	}
	return ln, nil
}

// badSocket is an error about the place where a socket is, or should be.
func badSocket(path, problem, hint string, err error) error {
	return &session.Error{Class: session.Configuration,
		Public: "control socket " + path + ": " + problem, Hint: hint, Err: err}
}

// reason returns the innermost cause of a network error: its outer ones repeat
// the path.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
