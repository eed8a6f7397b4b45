//go:build unix

package main

import "golang.org/x/sys/unix"

// connections returns how many connections from programs there may be: 0 for
// the server's own bound, or half of the files that this process may open where
// that is less. The other half is for AWS, for sources, and for the control
// socket, so that programs cannot keep the daemon from renewing.
func connections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= 2048 {
		return 0
	}
	return max(1, int(limit.Cur)/2)
}

// ownerOf returns whose a file is.
func ownerOf(path string) (uid int, ok bool) {
	var info unix.Stat_t
	err := unix.Stat(path, &info)
	return int(info.Uid), err == nil
}
