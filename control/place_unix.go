//go:build unix

package control

import (
	"os"

	"github.com/vendord/vendord/trust"
)

// checkDir refuses a directory for a socket of ours: whoever can write to it
// can put a socket of theirs in our place, and be told what we are told. A
// sticky directory and one of a private group are refused too, since nobody
// needs them for a socket.
func checkDir(path, dir string) error { return checkDirOf(path, dir, os.Geteuid()) }

// checkInheritedDir is checkDir for a socket that a service manager made: the
// directory is the manager's then, which is root, while the daemon is a user of its
// own.
func checkInheritedDir(path, dir string) error {
	err := checkDirOf(path, dir, os.Geteuid())
	if err != nil && checkDirOf(path, dir, 0) == nil {
		return nil
	}
	return err
}

// checkDirOf refuses a directory that is not one user's alone.
func checkDirOf(path, dir string, owner int) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return badSocket(path, err.Error(), elsewhere, err)
	case !info.IsDir():
		return badSocket(path, dir+" is not a directory", elsewhere, nil)
	}
	fault := trust.Own(dir, info, owner, 0o022)
	if fault == nil {
		_, fault = trust.Check(dir, os.Geteuid())
	}
	if fault != nil {
		return badSocket(path, fault.Error(), fault.HintOr(elsewhere), fault)
	}
	return nil
}

// checkPlace refuses a socket that may be a trap: one that somebody could have
// put there who was given no place there.
func checkPlace(path string) error {
	if fault := trust.Placed(path, os.Geteuid()); fault != nil {
		return fault
	}
	return nil
}
