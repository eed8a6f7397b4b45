//go:build !unix

package control

import (
	"errors"
	"net"
	"os"
	"runtime"
)

var errNoPeers = errors.New("not supported on " + runtime.GOOS + ": its sockets do not tell who is at the other end")

// listen refuses: without the peer's credentials every caller would have to be
// refused, or believed (Windows, as of 2026-11).
func listen(path string, _ os.FileMode) (net.Listener, error) {
	return nil, badSocket(path, errNoPeers.Error(), "vendord exec works without a daemon", errNoPeers)
}

// inherited refuses: nothing is inherited here.
func inherited(_ net.Listener, path string) error {
	return badSocket(path, errNoPeers.Error(), "vendord exec works without a daemon", errNoPeers)
}

// checkPlace refuses every daemon on such a system: it is not one of ours.
func checkPlace(string) error { return errNoPeers }
