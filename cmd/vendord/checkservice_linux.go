package main

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// serviceUser returns the number of the system service's user. It has no entry in
// /etc/passwd (DynamicUser=), but its state directory is its own, from the first
// start on. Before that, or where only root may look, it is nobody whose files could
// be trusted, which root stands for: root's files are trusted in any case.
func serviceUser(state string) int {
	if u, err := user.Lookup("vendord"); err == nil {
		if uid, err := strconv.Atoi(u.Uid); err == nil {
			return uid
		}
	}
	if info, err := os.Stat(state); err == nil {
		return int(info.Sys().(*syscall.Stat_t).Uid)
	}
	return 0
}

// mayUse reports whether a user that is in no group may do with a file what a bit of
// the others' mode stands for. What cannot be looked at is not found fault with.
func mayUse(file string, uid int, bit fs.FileMode) bool {
	info, err := os.Stat(file)
	if err != nil {
		return true
	}
	if uid != 0 && int(info.Sys().(*syscall.Stat_t).Uid) == uid {
		bit <<= 6
	}
	return info.Mode().Perm()&bit != 0
}
