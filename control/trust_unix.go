//go:build unix

package control

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	writableByOthers  = 0o002
	writableByAnybody = 0o022
)

// checkDir refuses a directory for a socket of ours: it must be ours or root's
// and writable by its owner alone, for whoever can write to it can put a
// socket of theirs in our place, and be told what we are told.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !trusted(info):
		return fmt.Errorf("the directory %s belongs to another user", dir)
	case info.Mode()&writableByAnybody != 0:
		return fmt.Errorf("others can write to the directory %s (mode %04o)", dir, info.Mode().Perm())
	}
	return checkPlace(dir)
}

// checkPlace refuses a path that somebody else could have put there: one that
// is, or is below, an entry in a directory that everybody can write to (such
// as /tmp), unless that directory is sticky and the entry ours or root's. Both
// the path as it is written and what its symbolic links lead to are looked at.
//
// Directories that a group can write to are let pass: a user's private group
// is common, and whoever is in another one can change more than this socket.
func checkPlace(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, entry := range []string{path, resolved} {
		for entry != filepath.Dir(entry) {
			if err := checkEntry(entry); err != nil {
				return err
			}
			entry = filepath.Dir(entry)
		}
	}
	return nil
}

func checkEntry(path string) error {
	parent, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if parent.Mode()&writableByOthers == 0 {
		return nil
	}
	entry, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case parent.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("everybody can replace %s", path)
	case !trusted(entry):
		return fmt.Errorf("another user put %s there", path)
	}
	return nil
}

// trusted reports whether a file belongs to us or to root.
func trusted(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
