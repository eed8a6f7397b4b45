//go:build unix

package apps

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/vendord/vendord/session"
)

// checkDir refuses a state directory that others can look into or exchange.
// What was opened is checked, not what has the name by now.
func checkDir(dir string, root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return dirError(dir, fmt.Sprintf("cannot be read: %v", reason(err)), "", err)
	}
	if err := private(info, "state directory", dir); err != nil {
		return err
	}
	// Whoever can rename the directory can put an older copy in its place, in
	// which revoked tokens are good again.
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dirError(dir, err.Error(), "give an absolute path", err)
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return dirError(dir, fmt.Sprintf("cannot be read: %v", reason(err)), "", err)
	}
	for _, path := range []string{abs, resolved} {
		for ; path != "/"; path = filepath.Dir(path) {
			if err := checkPath(dir, path); err != nil {
				return err
			}
		}
	}
	return checkPath(dir, "/")
}

// checkPath refuses a directory in which others can exchange ours, and a link
// of theirs, which leads where they want. In a sticky one, such as /tmp, they
// cannot touch what is not theirs.
func checkPath(dir, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return dirError(dir, fmt.Sprintf("%s on its path cannot be read: %v", path, reason(err)), "", err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	switch {
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return dirError(dir, fmt.Sprintf("%s on its path belongs to uid %d", path, stat.Uid), "name another with --state-dir", nil)
	case mode&(fs.ModeSticky|fs.ModeSymlink) != 0:
		return nil
	case mode&0o002 != 0 || mode&0o020 != 0 && !ownGroup(stat.Uid, stat.Gid):
		return dirError(dir, fmt.Sprintf("others can write to %s on its path (mode %04o)", path, mode.Perm()), "chmod go-w "+path, nil)
	}
	return nil
}

// ownGroup says whether a group is its owner's own, named like them: where
// umask is 002, all that people make is writable by it.
func ownGroup(uid, gid uint32) bool {
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return false
	}
	g, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	return err == nil && g.Name == u.Username
}

// private refuses what is not ours alone. The hint never says chown: what
// somebody else has made is not to be trusted for having been taken over.
func private(info fs.FileInfo, what, path string) error {
	what += " " + path
	mode := "600"
	if info.IsDir() {
		mode = "700"
	}
	stat := info.Sys().(*syscall.Stat_t)
	switch {
	case int(stat.Uid) != os.Geteuid():
		return &session.Error{Class: session.Configuration,
			Public: fmt.Sprintf("%s: belongs to uid %d, and vendord runs as uid %d", what, stat.Uid, os.Geteuid()),
			Hint:   "move it away, or name another state directory with --state-dir"}
	case info.Mode().Perm()&0o077 != 0:
		return &session.Error{Class: session.Configuration,
			Public: fmt.Sprintf("%s: open to others (mode %04o)", what, info.Mode().Perm()),
			Hint:   fmt.Sprintf("chmod %s %s", mode, path)}
	}
	return nil
}

// syncDir makes names in a directory last.
func syncDir(d *os.File) error { return d.Sync() }
