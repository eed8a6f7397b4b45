//go:build unix

package login

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes an exclusive lock without waiting, or returns errBusy. flock and not
// fcntl: that would be lost when any descriptor of the file is closed.
func lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	return errBusy
}

func syncDir(d *os.File) error { return d.Sync() }
