package main

import (
	"os/user"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// asOwner has root read what is at a path, and what that names, with the rights that a user has over files, and
// no others. A configuration names files, and what is wrong with them is shown: whoever
// may have root read theirs, as sudo lets some, would be shown root's own. It is also no
// use to them to exchange a file while it is read.
func asOwner(path string, uid int, read func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := leaveRoot(uid)
		if err == nil {
			read()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fail("chown root "+quoteWord(path)+", and its directory; or run it where root may become another user",
			"%s: belongs to another user, with whose rights it cannot be read: %w", path, err)
	}
	return nil
}

// leaveRoot has this thread look at files as a user does, by their own group and none
// besides. Root's right to pass over all of that goes with its number.
func leaveRoot(uid int) error {
	gid := nobodysGroup
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		if own, err := strconv.Atoi(u.Gid); err == nil {
			gid = own
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 { // unix.Setgroups is for all threads
		return errno
	}
	_, _ = unix.SetfsgidRetGid(gid) // neither says whether it was done
	_, _ = unix.SetfsuidRetUid(uid)
	if is, _ := unix.SetfsgidRetGid(-1); is != gid {
		return unix.EPERM
	}
	if is, _ := unix.SetfsuidRetUid(-1); is != uid {
		return unix.EPERM
	}
	return nil
}

// nobodysGroup is for a user whom the user database does not know.
const nobodysGroup = 65534
