//go:build unix

package audit

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// noFollow refuses a symbolic link as the last element, and does not wait for
// a reader where somebody put a pipe.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// trust refuses what somebody else owns or may write to.
func trust(path string, info os.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return refuse(path, "has no owner that can be told", "", nil)
	}
	mode := info.Mode()
	switch {
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return refuse(path, fmt.Sprintf("belongs to user %d", stat.Uid), "use a place of your own", nil)
	case mode.IsDir() && mode&os.ModeSticky != 0:
		return nil // others may add names there, and neither rename nor remove ours
	case mode.Perm()&0o002 != 0:
		return refuse(path, "may be written to by everybody", "chmod o-w "+path, nil)
	case mode.Perm()&0o020 != 0 && !private(stat.Gid):
		return refuse(path, fmt.Sprintf("may be written to by group %d", stat.Gid), "chmod g-w "+path, nil)
	}
	return nil
}

// private reports whether a group is root's, or ours alone by the custom of
// naming a user's own group after the user, under which umask is 002.
func private(gid uint32) bool {
	if gid == 0 {
		return true
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10))
	if err != nil {
		return false
	}
	me, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	return err == nil && me.Username == group.Name && me.Gid == group.Gid
}

// reason is err without the path, which the message has already.
func reason(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return err.Error()
}
