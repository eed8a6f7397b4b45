package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	access "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// What the daemon does with files. It runs none, and makes no devices.
const (
	toRead  = access.AccessFSReadFile | access.AccessFSReadDir
	toWrite = toRead | access.AccessFSWriteFile | access.AccessFSTruncate | access.AccessFSMakeReg | access.AccessFSMakeDir |
		access.AccessFSMakeSock | access.AccessFSRemoveFile | access.AccessFSRemoveDir
	ofFiles = access.AccessFSReadFile | access.AccessFSWriteFile | access.AccessFSTruncate
)

// closeOff is landlocked by this kernel.
func closeOff(read, write []string) error {
	return landlocked(access.LandlockGetABIVersion, read, write)
}

// landlocked lets all threads of this process, from now on and for good, open only
// what is below these paths (landlock(7)). An older kernel closes off less, such as
// truncating; none at all is an error. version tells what this kernel has.
func landlocked(version func() (int, error), read, write []string) error {
	if v, err := version(); err != nil || v < 1 {
		return noLandlock(err)
	}
	var rules []landlock.Rule
	for _, list := range []struct {
		paths []string
		to    landlock.AccessFSSet
	}{{read, toRead}, {write, toWrite}} {
		for _, path := range list.paths {
			info, err := os.Stat(path)
			if err != nil {
				continue // it is not there, or not for us to see
			}
			to := list.to
			if !info.IsDir() {
				to &= ofFiles
			}
			rules = append(rules, landlock.PathAccess(to, path).IgnoreIfMissing())
		}
	}
	if err := landlock.V7.BestEffort().RestrictPaths(rules...); err != nil {
		return fmt.Errorf("it fails: %w", err)
	}
	return nil
}

// noLandlock says why there is none.
func noLandlock(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errors.New("the service's sandbox refuses it (SystemCallFilter= of its unit)")
	case errors.Is(err, unix.EOPNOTSUPP):
		return errors.New("this kernel has it switched off (lsm= of its command line)")
	}
	return errors.New("this kernel has none; Linux 5.13 was the first")
}
