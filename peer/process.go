package peer

import "errors"

// Process is a process that holds a socket. One that ends gives its number away;
// number and start together are nobody else's, until the machine starts again.
type Process struct {
	PID int
	// Started is when it began: in clock ticks since the machine did (Linux), in
	// µs since 1970 (macOS), in units of 100 ns since 1601 (Windows).
	Started uint64
	// UID is its effective user, which need not be the socket's: it can have
	// been given the socket, or have changed its user since it made it. It is
	// 65534 for a user of another namespace, and 1<<32 - 1 for one who has no
	// number (Windows).
	UID uint32
	// Exe is the path of its executable, as it is seen where the process lives:
	// it can have a mount namespace of its own, in which /usr/bin/aws is
	// anything. The file itself is Device and Inode. Empty if it is not to be seen.
	Exe           string
	Device, Inode uint64
}

var (
	// ErrBusy is in the error where a user has asked for processes more often
	// than we look for them, or there are too many to look through. It may come
	// right in a second.
	ErrBusy = errors.New("too much asked at once")

	errNobodySeen = errors.New("none that may be looked into holds the socket")
	errCrowd      = errors.New("too many to tell who asks")
	errChanging   = errors.New("those that hold the socket do not stay the same")
)
